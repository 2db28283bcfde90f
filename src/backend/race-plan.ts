/** What a race's file asks for: its runs and those of its sweep, or what keeps it from starting. Nothing is written here. */
import { parse, stringify } from 'yaml'
import { gridCells, sharedPrompts } from '../core/sweep.ts'
import { type Declaration, declaredTemperatures, familyOf } from '../shared/comparison.ts'
import { COMPARED_KEYS, HELD_KEYS, type RaceCheck, type RaceFile, raceSchema, type Setting, settingWords } from '../shared/race.ts'
import { allIssues } from '../shared/plain-issues.ts'
import { methodOf, type Recipe } from '../shared/recipe.ts'
import { BackendError } from './errors.ts'
import { isMap, readRecipe, type Yaml } from './recipe-file.ts'
import { readDataset } from './storage/datasets.ts'
import type { ReadableDb, Workspace } from './storage/open.ts'
import { type RaceRecipes, recipesOfRace } from './storage/races.ts'

/** The text of a recipe that a member names. @throws where there is none. */
export type RecipeText = (name: string) => string

export type Entry = { name: string; method: string; seed: number; yaml: string; recipe: Recipe }
export type Planned = { file: RaceFile; /** The race's own runs. */ entries: Entry[]; /** Those of its sweep. */ sweeping: Entry[]; recipes: RaceRecipes }

/** Recipes as they were when the race was declared; `textOf` for those from before they were kept. */
export function keptTexts(db: ReadableDb, race: string, textOf: RecipeText): RecipeText {
  const kept = recipesOfRace(db, race)
  return (name) => kept?.[name] ?? textOf(name)
}

/** Reads the text of a race. @throws BackendError naming each field that is wrong. */
export function readRaceFile(text: string): RaceFile {
  let value: unknown
  try {
    value = parse(text)
  } catch (error) {
    throw new BackendError('bad-input', `race: expected YAML, got text that is none (${(error as Error).message.split('\n')[0]})`)
  }
  const read = raceSchema.safeParse(value)
  if (!read.success) throw new BackendError('bad-input', allIssues('race', read.error.issues, value))
  return read.data
}

/** Finds a sweep's run again. */
export const sweepRunName = (method: string, seed: number, setting: Setting): string => `${method}, seed ${seed}, ${Object.entries(setting).map(([key, value]) => `${key} ${JSON.stringify(value)}`).join(', ')}`

/** What a member runs, before seed and sweep. */
type Member = { path: string; method: string; recipe: Yaml }

/** The members' recipes with what the race changes, and their texts by name. Knows no workspace. */
export function readMembers(file: RaceFile, textOf: RecipeText): { members: Member[]; recipes: RaceRecipes; issues: RaceCheck['issues'] } {
  const issues: RaceCheck['issues'] = []
  const members: Member[] = []
  const recipes: RaceRecipes = {}
  file.members.forEach(({ recipe: source, as, set }, i) => {
    const path = `members.${i}`
    let given: unknown
    try {
      given = parse((recipes[source] ??= textOf(source)))
    } catch (error) {
      return void issues.push({ path: `${path}.recipe`, message: (error as Error).message.split('\n')[0]! })
    }
    if (!isMap(given)) return void issues.push({ path: `${path}.recipe`, message: `expected a recipe ("key: value" lines), ${source} holds none` })
    const recipe = structuredClone(given)
    const blocked = setAll(recipe, set)
    if (blocked !== null) return void issues.push({ path: `${path}.set`, message: `expected keys of a recipe, dots between levels (training.learning_rate), got ${blocked}, which lies below a value or is none` })
    if (as !== undefined && RESERVED.includes(familyOf(as))) issues.push({ path: `${path}.as`, message: `expected a name of its own, got ${as}, which stands for every run's` })
    members.push({ path, method: as ?? methodOf({ recipe: recipe['recipe'] as Recipe['recipe'], reward: (recipe['reward'] ?? 'learned') as Recipe['reward'] }), recipe })
  })
  return { members, recipes, issues }
}

/**
 * All runs of a race, or what keeps it from starting. Nothing is written.
 * @param chosen by method, once the sweep is decided; until then the race's own runs are planned with the first of the grid.
 */
export function planRace(file: RaceFile, textOf: RecipeText, workspace: Workspace, chosen: ReadonlyMap<string, Setting> = new Map()): { planned: Planned | null; issues: RaceCheck['issues']; methods: string[] } {
  const { members, recipes, issues } = readMembers(file, textOf)
  const { sweep } = file
  const add = (path: string, message: string): void => void (issues.some((one) => one.path === path && one.message === message) || issues.push({ path, message }))
  if (new Set(file.seeds).size !== file.seeds.length) add('seeds', `expected different seeds, got ${file.seeds.join(', ')}`)
  for (const { path, message } of sweep === undefined ? [] : checkGrid(file, sweep)) add(path, message)
  const [entries, sweeping, methods]: [Entry[], Entry[], string[]] = [[], [], []]
  const cells = sweep === undefined ? [] : gridCells(sweep.grid)
  for (const { path, method, recipe: given } of members) {
    const entryOf = (name: string, seed: number, setting: Setting, validate: boolean): Entry | null => {
      const changed = structuredClone(given)
      const blocked = setAll(changed, setting)
      if (blocked !== null) {
        add('sweep.grid', `expected keys of a recipe, dots between levels (training.learning_rate), got ${blocked}, which lies below a value of ${path} or is none`)
        return null
      }
      if (validate) onValidation(changed, file)
      if (file.regime === 'equal-compute' && file.tokens !== undefined) changed['token_budget'] = file.tokens
      const yaml = stringify({ ...changed, seed }, (_, value: unknown) => (typeof value === 'string' ? value.replaceAll('{seed}', String(seed)) : value), { lineWidth: 0 })
      const read = readRecipe(yaml, workspace)
      for (const issue of read.issues) add(`${path}, ${validate ? `sweep of ${settingWords(setting)}, ` : ''}seed ${seed}: ${issue.path}`, issue.message)
      return read.recipe === null ? null : { name, method, seed, yaml, recipe: read.recipe }
    }
    if (methods.includes(method)) add(path, `expected a name of its own (as:), got a second member that is shown as ${method}`)
    const own = [...new Set(file.seeds)].map((seed) => entryOf(`${method}-seed${seed}`, seed, chosen.get(method) ?? cells[0] ?? {}, false)).filter((entry) => entry !== null)
    if (own.length === 0) continue
    methods.push(method)
    entries.push(...own)
    if (issues.length > 0) continue
    for (const cell of cells) for (const seed of sweep!.seeds) sweeping.push(...[entryOf(sweepRunName(method, seed, cell), seed, cell, true)].filter((entry) => entry !== null))
  }
  if (issues.length === 0) issues.push(...checkTogether(file, entries, methods))
  else issues.splice(0, Infinity, ...ofAllSeeds(issues, new Set(file.seeds).size))
  if (issues.length === 0 && sweep !== undefined) issues.push(...checkApart(entries, sweeping, workspace))
  return { planned: issues.length === 0 ? { file, entries, sweeping, recipes } : null, issues, methods }
}

/** What is said of every seed alike, once, without them. */
function ofAllSeeds(issues: RaceCheck['issues'], seeds: number): RaceCheck['issues'] {
  const plain = ({ path, message }: RaceCheck['issues'][number]): string => `${path.replace(SEED, '')}\n${message}`
  const alike = Map.groupBy(issues, plain)
  return issues.flatMap((issue) => {
    const of = alike.get(plain(issue))!
    if (of.length < seeds || !SEED.test(issue.path)) return [issue]
    return of[0] === issue ? [{ path: issue.path.replace(SEED, ''), message: issue.message }] : []
  })
}
const SEED = /, seed -?\d+(?=: )/

/** The warmest that was declared: one choice for all of them. */
export const sweepTemperature = (declared: Pick<Declaration, 'temperature'>): number => Math.max(...declaredTemperatures(declared))

/** Scored on the sweep's requests alone, with what the choice is made by. */
function onValidation(recipe: Yaml, { sweep, declared }: RaceFile): void {
  const [evaluation] = Array.isArray(recipe['evaluation']) ? (recipe['evaluation'] as unknown[]) : []
  if (isMap(evaluation)) recipe['evaluation'] = [{ ...evaluation, dataset: sweep!.dataset, temperatures: [sweepTemperature(declared)], heldout_pairs: null }]
}

const MOST_CELLS = 200

function checkGrid({ regime, seeds, members }: RaceFile, { grid, seeds: own }: NonNullable<RaceFile['sweep']>): RaceCheck['issues'] {
  const issues: RaceCheck['issues'] = []
  const both = own.filter((seed) => seeds.includes(seed))
  if (both.length > 0 || new Set(own).size < own.length) issues.push({ path: 'sweep.seeds', message: `expected different seeds that the race's own runs do not have, got ${own.join(', ')}${both.length > 0 ? `; ${both.join(', ')} would be tuned on what is reported` : ''}` })
  const cells = Object.values(grid).reduce((product, values) => product * values.length, 1)
  if (cells < 2 || cells > MOST_CELLS) issues.push({ path: 'sweep.grid', message: `expected 2 to ${MOST_CELLS} settings, got ${cells}` })
  for (const [key, values] of Object.entries(grid)) {
    const [top] = key.split('.') as [string]
    if (COMPARED_KEYS.includes(top)) issues.push({ path: 'sweep.grid', message: `expected keys of how a method runs, got ${key}, which is what the race compares` })
    if (HELD_KEYS[regime].includes(top)) issues.push({ path: 'sweep.grid', message: `expected keys that ${regime} leaves free, got ${key}, which it holds equal` })
    if (new Set(values.map((value) => JSON.stringify(value))).size < values.length) issues.push({ path: 'sweep.grid', message: `${key}: expected different values, got ${values.map((value) => JSON.stringify(value)).join(', ')}` })
    members.forEach(({ set }, i) => key in set && issues.push({ path: `members.${i}.set`, message: `expected keys that the sweep does not try, got ${key}` }))
  }
  return issues
}

/** Sweep and test must not share requests (design section 7). */
function checkApart(entries: readonly Entry[], sweeping: readonly Entry[], { db }: Workspace): RaceCheck['issues'] {
  const datasets = (of: readonly Entry[]): string[] => [...new Set(of.flatMap(({ recipe }) => recipe.evaluation.map(({ dataset }) => dataset)))]
  return datasets(sweeping).flatMap((validation) => datasets(entries).flatMap((test) => {
    const shared = sharedPrompts(readDataset(db, validation, 'prompts'), readDataset(db, test, 'prompts'))
    return shared === 0 ? [] : [{ path: 'sweep.dataset', message: `expected requests that ${test} does not hold, ${shared} of ${validation} are in both: a setting must not be chosen on what is reported` }]
  }))
}

/** In every table whatever the members are. */
const RESERVED = ['base', 'warm-start']
/** Levels that every object has of itself: none is a recipe's, and writing to one would change all objects. */
const INHERITED = ['__proto__', 'constructor', 'prototype']

/** Sets dotted keys. @returns the first that cannot be set, null where all were. */
function setAll(recipe: Yaml, values: Setting): string | null {
  return Object.entries(values).find(([key, value]) => !setAt(recipe, key, value))?.[0] ?? null
}

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
function checkTogether({ regime, declared, seeds, tokens }: RaceFile, entries: readonly Entry[], methods: readonly string[]): RaceCheck['issues'] {
  const issues: RaceCheck['issues'] = []
  const differ = (of: (recipe: Recipe) => unknown): string | null => {
    const values = [...new Set(entries.filter(({ seed }) => seed === seeds[0]).map(({ recipe }) => JSON.stringify(of(recipe))))]
    return values.length > 1 ? values.join(' and ') : null
  }
  const add = (path: string, message: string): void => void issues.push({ path, message })
  const evaluations = differ(({ evaluation }) => evaluation[0] ?? null)
  if (entries.some(({ recipe }) => recipe.evaluation.length === 0)) add('members', 'expected recipes with an evaluation: without one there is nothing to compare')
  else if (evaluations !== null) add('members', `expected one evaluation for all (evaluation.0), got ${evaluations}`)
  else {
    const { temperatures } = entries[0]!.recipe.evaluation[0]!
    for (const temperature of declaredTemperatures(declared)) if (!temperatures.includes(temperature)) add('declared.temperature', `expected one that is evaluated (${temperatures.join(', ')}), got ${temperature}`)
  }
  if (declared.pairs.length === 0) add('declared.pairs', 'expected at least one pair of methods, as [drift, spin]: what the race is to decide')
  const known = [...RESERVED, ...methods]
  for (const name of declared.pairs.flat()) if (!known.includes(name)) add('declared.pairs', `expected methods of this race (${known.join(', ')}), got "${name}"`)
  if (regime === 'equal-pairs') {
    const pairs = differ(({ pairs_per_round, iterations }) => ({ pairs_per_round, iterations }))
    if (entries.some(({ recipe }) => recipe.pairs_per_round === null)) add('regime', 'equal-pairs: expected pairs_per_round in every recipe, at least one takes all rows')
    else if (pairs !== null) add('regime', `equal-pairs: expected the same pairs_per_round and iterations for all, got ${pairs}`)
  }
  const budgets = regime === 'equal-compute' ? differ(({ token_budget: budget }) => budget) : null
  if (budgets !== null) add('regime', `equal-compute: expected one token_budget for all, got ${budgets}; or say tokens in the race`)
  if (regime !== 'equal-compute' && tokens !== undefined) add('tokens', `expected it under regime equal-compute alone, got ${regime}`)
  const logs = regime === 'equal-logs' ? differ(({ dataset }) => dataset) : null
  if (logs !== null) add('regime', `equal-logs: expected one dataset for all, got ${logs}`)
  return issues
}
