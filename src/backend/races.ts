/** A race from its file to its runs: checked, declared, queued, gone on with. */
import { availableParallelism } from 'node:os'
import { tokensOf } from '../core/fairness.ts'
import { gridCells } from '../core/sweep.ts'
import { type RaceCheck, type RaceFile, type StartedRace, sweepGroup } from '../shared/race.ts'
import type { Run } from '../shared/types.ts'
import { BackendError } from './errors.ts'
import { estimateRun } from './estimate.ts'
import { startOrResume } from './jobs/start-or-resume.ts'
import { type Supervisor, threadsOf } from './jobs/supervisor.ts'
import { type Entry, keptTexts, type Planned, planRace, type RecipeText } from './race-plan.ts'
import { isLeftOut, settleSweep } from './race-sweep.ts'
import { runIdsOfGroup } from './storage/comparisons.ts'
import type { Workspace } from './storage/open.ts'
import { declareRace, findRace, listRaces } from './storage/races.ts'
import { readLedger } from './storage/run-stages.ts'
import { lastDoneRun, requireRun } from './storage/runs.ts'

export function checkRace(file: RaceFile, textOf: RecipeText, workspace: Workspace): RaceCheck {
  const { planned, issues, methods } = planRace(file, textOf, workspace)
  const estimates = [...(planned?.sweeping ?? []), ...(planned?.entries ?? [])].map(({ recipe }) => ({ recipe, ...estimateRun(recipe, workspace) }))
  const known = (of: (estimate: (typeof estimates)[number]) => number | null): number[] | null => {
    const values = estimates.map(of)
    return values.length === 0 || values.includes(null) ? null : (values as number[])
  }
  const sum = (values: readonly number[] | null): number | null => values?.reduce((total, value) => total + value, 0) ?? null
  const lanes = Math.min(Math.max(1, estimates.length), Math.max(1, Math.floor(availableParallelism() / Math.max(1, ...estimates.map(({ recipe }) => threadsOf(recipe, workspace.path))))))
  const seconds = sum(known((estimate) => estimate.seconds))
  const peaks = known(({ memoryBytes }) => memoryBytes)
  const sweepRuns = file.sweep === undefined ? 0 : file.members.length * file.sweep.seeds.length * gridCells(file.sweep.grid).length
  return {
    issues: [...issues, ...budgetIssues(file, planned, workspace)], methods, runs: file.members.length * file.seeds.length, sweepRuns, lanes,
    seconds: seconds === null ? null : seconds / lanes, memoryBytes: sum(peaks?.toSorted((a, b) => b - a).slice(0, lanes) ?? null), diskBytes: sum(known(({ diskBytes }) => diskBytes)),
  }
}

/** Compute is equal where every run ends on one budget; races that were declared before there was one go on without. */
function budgetIssues({ regime }: RaceFile, planned: Planned | null, { db }: Workspace): RaceCheck['issues'] {
  const entries = planned?.entries ?? []
  if (regime !== 'equal-compute' || entries.every(({ recipe }) => recipe.token_budget !== null)) return []
  const took = [...new Set(entries.map(({ method }) => method))].flatMap((method) => {
    const run = lastDoneRun(db, method, entries.find((entry) => entry.method === method)!.recipe.model_name_or_path)
    return run === null ? [] : [`${method} ${tokensOf(readLedger(db, run)).toLocaleString('en-US')}`]
  })
  return [{ path: 'tokens', message: `equal-compute: expected how many tokens each run generates, scores and trains in all (tokens: 2000000), got none${took.length > 0 ? `. The last runs from the same base took ${took.join(', ')}` : ''}` }]
}

type Starter = Pick<Supervisor, 'start' | 'resume'>

/** Declares the race and queues what is not done; called again it goes on. */
export function startRace(file: RaceFile, textOf: RecipeText, workspace: Workspace, supervisor: Starter): StartedRace {
  if (findRace(workspace.db, file.name) === null) {
    const plan = planRace(file, textOf, workspace)
    const unbudgeted = budgetIssues(file, plan.planned, workspace)
    const { recipes } = requirePlan(unbudgeted.length > 0 ? { ...plan, planned: null, issues: unbudgeted } : plan, file.name)
    declareRace(workspace.db, file, recipes, new Date())
  } else declareRace(workspace.db, file, {}, new Date())
  return continueRace(file.name, textOf, workspace, supervisor)
}

/**
 * Queues what a declared race has not done: first its sweep, then, with what that chose, its own runs. Member by
 * member, so that seeds stand side by side and later members reuse what the first have made. What was done, killed or
 * decided before stays as it is, so that it may be called at any time.
 * @param textOf for races that were declared before their recipes were kept.
 */
export function continueRace(name: string, textOf: RecipeText, workspace: Workspace, supervisor: Starter): StartedRace {
  const { db } = workspace
  const race = findRace(db, name)
  if (race === null) throw new BackendError('not-found', `race: expected one that was declared, got "${name}". There are: ${listRaces(db).map((one) => one.name).join(', ') || 'none'}`)
  const { createdAt: _, ...file } = race
  const texts = keptTexts(db, name, textOf)
  const queue = (entries: readonly Entry[], group: string, leaves: (run: Run) => boolean): Run[] => {
    const present = new Map(runIdsOfGroup(db, group).map((id) => requireRun(db, id)).map((run) => [run.name, run]))
    return entries.map(({ name: run, method, yaml }) => {
      const before = present.get(run)
      return before !== undefined && leaves(before) ? before : startOrResume(supervisor, before, { yaml, name: run, group, method })
    })
  }
  const sweep = file.sweep === undefined ? null : settleSweep(db, file, texts)
  if (sweep !== null && sweep.decidedAt === null) {
    const { sweeping } = requirePlan(planRace(file, texts, workspace), name)
    return { race, runs: queue(sweeping, sweepGroup(name), isLeftOut) }
  }
  const chosen = new Map(sweep?.methods.map(({ method, cells, chosen: at }) => [method, cells[at!]!.setting]))
  return { race, runs: queue(requirePlan(planRace(file, texts, workspace, chosen), name).entries, name, () => false) }
}

function requirePlan({ planned, issues }: ReturnType<typeof planRace>, name: string): Planned {
  if (planned === null) throw new BackendError('bad-input', `race ${name}: ${issues.map(({ path, message }) => `${path}: ${message}`).join('; ')}`)
  return planned
}
