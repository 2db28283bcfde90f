/** From a race's file to its runs: every member under every seed. */
import { availableParallelism } from 'node:os'
import { parse, stringify } from 'yaml'
import { z } from 'zod'
import { type Race, type RaceCheck, type RaceFile, raceSchema } from '../shared/race.ts'
import { methodOf, type Recipe } from '../shared/recipe.ts'
import type { Run } from '../shared/types.ts'
import { BackendError } from './errors.ts'
import { estimateRun } from './estimate.ts'
import { startOrResume } from './jobs/start-or-resume.ts'
import type { Supervisor } from './jobs/supervisor.ts'
import { isMap, readRecipe, type Yaml } from './recipe-file.ts'
import { runIdsOfGroup } from './storage/comparisons.ts'
import type { Workspace } from './storage/open.ts'
import { declareRace } from './storage/races.ts'
import { requireRun } from './storage/runs.ts'

/** The text of a recipe that a member names. @throws where there is none. */
export type RecipeText = (name: string) => string

type Entry = { name: string; method: string; seed: number; yaml: string; recipe: Recipe }
type Planned = { file: RaceFile; entries: Entry[] }

/** Reads the text of a race. @throws BackendError naming each field that is wrong. */
export function readRaceFile(text: string): RaceFile {
  let value: unknown
  try {
    value = parse(text)
  } catch (error) {
    throw new BackendError('bad-input', `race: expected YAML, got text that is none (${(error as Error).message.split('\n')[0]})`)
  }
  const read = raceSchema.safeParse(value)
  if (!read.success) throw new BackendError('bad-input', `race: ${z.prettifyError(read.error).replaceAll('\n', ' ').replaceAll('✖', ';').replace(/^; /, '')}`)
  return read.data
}

/** All runs of a race, or what keeps it from starting. Nothing is written. */
function planRace(file: RaceFile, textOf: RecipeText, workspace: Workspace): { planned: Planned | null; issues: RaceCheck['issues']; methods: string[] } {
  const issues: RaceCheck['issues'] = []
  if (new Set(file.seeds).size !== file.seeds.length) issues.push({ path: 'seeds', message: `expected different seeds, got ${file.seeds.join(', ')}` })
  const methods: string[] = []
  const entries: Entry[] = []
  file.members.forEach(({ recipe: source, as, set }, i) => {
    const path = `members.${i}`
    let given: unknown
    try {
      given = parse(textOf(source))
    } catch (error) {
      return void issues.push({ path: `${path}.recipe`, message: (error as Error).message.split('\n')[0]! })
    }
    if (!isMap(given)) return void issues.push({ path: `${path}.recipe`, message: `expected a recipe ("key: value" lines), ${source} holds none` })
    const changed = structuredClone(given)
    const blocked = Object.entries(set).find(([key, value]) => !setAt(changed, key, value))?.[0]
    if (blocked !== undefined) return void issues.push({ path: `${path}.set`, message: `expected keys of a recipe, dots between levels (training.learning_rate), got ${blocked}, which lies below a value or is none` })
    if (as !== undefined && RESERVED.includes(as)) issues.push({ path: `${path}.as`, message: `expected a name of its own, got ${as}, which stands for every run's` })
    for (const seed of new Set(file.seeds)) {
      const yaml = stringify({ ...changed, seed }, (_, value: unknown) => (typeof value === 'string' ? value.replaceAll('{seed}', String(seed)) : value), { lineWidth: 0 })
      const read = readRecipe(yaml, workspace)
      if (read.recipe === null) return void issues.push(...read.issues.map((issue) => ({ path: `${path}, seed ${seed}: ${issue.path}`, message: issue.message })))
      const method = as ?? methodOf(read.recipe)
      if (seed === file.seeds[0]) {
        if (methods.includes(method)) issues.push({ path, message: `expected a name of its own (as:), got a second member that is shown as ${method}` })
        methods.push(method)
      }
      entries.push({ name: `${method}-seed${seed}`, method, seed, yaml, recipe: read.recipe })
    }
  })
  if (issues.length === 0) issues.push(...checkTogether(file, entries, methods))
  return { planned: issues.length === 0 ? { file, entries } : null, issues, methods }
}

/** In every table whatever the members are. */
const RESERVED = ['base', 'warm-start']
/** Levels that every object has of itself: none is a recipe's, and writing to one would change all objects. */
const INHERITED = ['__proto__', 'constructor', 'prototype']

/** Sets a dotted key, making the maps on its way that the recipe lacks. False where something on the way is no map. */
function setAt(recipe: Yaml, key: string, value: unknown): boolean {
  const levels = key.split('.')
  if (levels.some((level) => level === '' || INHERITED.includes(level))) return false
  let at = recipe
  for (const level of levels.slice(0, -1)) {
    const next = (at[level] ??= {})
    if (!isMap(next)) return false
    at = next
  }
  at[levels.at(-1)!] = value
  return true
}

/** What makes members incomparable, whatever the ledger says later. */
function checkTogether({ regime, declared, seeds }: RaceFile, entries: readonly Entry[], methods: readonly string[]): RaceCheck['issues'] {
  const issues: RaceCheck['issues'] = []
  const differ = (of: (recipe: Recipe) => unknown): string | null => {
    const values = [...new Set(entries.filter(({ seed }) => seed === seeds[0]).map(({ recipe }) => JSON.stringify(of(recipe))))]
    return values.length > 1 ? values.join(' and ') : null
  }
  const add = (path: string, message: string): void => void issues.push({ path, message })
  const evaluations = differ(({ evaluation }) => evaluation[0] ?? null)
  if (entries.some(({ recipe }) => recipe.evaluation.length === 0)) add('members', 'expected recipes with an evaluation: without one there is nothing to compare')
  else if (evaluations !== null) add('members', `expected one evaluation for all (evaluation.0), got ${evaluations}`)
  else if (!entries[0]!.recipe.evaluation[0]!.temperatures.includes(declared.temperature)) add('declared.temperature', `expected one that is evaluated (${entries[0]!.recipe.evaluation[0]!.temperatures.join(', ')}), got ${declared.temperature}`)
  if (declared.pairs.length === 0) add('declared.pairs', 'expected at least one pair of methods, as [drift, spin]: what the race is to decide')
  const known = [...RESERVED, ...methods]
  for (const name of declared.pairs.flat()) if (!known.includes(name)) add('declared.pairs', `expected methods of this race (${known.join(', ')}), got "${name}"`)
  if (regime === 'equal-pairs') {
    const pairs = differ(({ pairs_per_round, iterations }) => ({ pairs_per_round, iterations }))
    if (entries.some(({ recipe }) => recipe.pairs_per_round === null)) add('regime', 'equal-pairs: expected pairs_per_round in every recipe, at least one takes all rows')
    else if (pairs !== null) add('regime', `equal-pairs: expected the same pairs_per_round and iterations for all, got ${pairs}`)
  }
  const logs = regime === 'equal-logs' ? differ(({ dataset }) => dataset) : null
  if (logs !== null) add('regime', `equal-logs: expected one dataset for all, got ${logs}`)
  return issues
}

export function checkRace(file: RaceFile, textOf: RecipeText, workspace: Workspace): RaceCheck {
  const { planned, issues, methods } = planRace(file, textOf, workspace)
  const estimates = planned?.entries.map(({ recipe }) => ({ recipe, ...estimateRun(recipe, workspace) })) ?? []
  const total = (of: (estimate: (typeof estimates)[number]) => number | null): number | null => {
    const values = estimates.map(of)
    return values.length === 0 || values.includes(null) ? null : (values as number[]).reduce((sum, value) => sum + value, 0)
  }
  const lanes = Math.max(1, Math.floor(availableParallelism() / Math.max(1, ...estimates.map(({ recipe }) => recipe.threads ?? 1))))
  const seconds = total((estimate) => estimate.seconds)
  return { issues, methods, runs: file.members.length * file.seeds.length, seconds: seconds === null ? null : seconds / Math.min(lanes, Math.max(1, estimates.length)), diskBytes: total(({ diskBytes }) => diskBytes) }
}

/** Declares the race and queues what is not done; called again it goes on. Member by member, so that seeds stand side by side and later members reuse what the first have made. */
export function startRace(file: RaceFile, textOf: RecipeText, workspace: Workspace, supervisor: Pick<Supervisor, 'start' | 'resume'>): { race: Race; runs: Run[] } {
  const { planned, issues } = planRace(file, textOf, workspace)
  if (planned === null) throw new BackendError('bad-input', `race ${file.name}: ${issues.map(({ path, message }) => `${path}: ${message}`).join('; ')}`)
  const race = declareRace(workspace.db, file, new Date())
  const present = new Map(runIdsOfGroup(workspace.db, file.name).map((id) => requireRun(workspace.db, id)).map((run) => [run.name, run]))
  const runs = planned.entries.map(({ name, method, yaml }) => startOrResume(supervisor, present.get(name), { yaml, name, group: file.name, method }))
  return { race, runs }
}
