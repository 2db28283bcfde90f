/** A race from its file to its runs: checked, declared, queued, gone on with. */
import { availableParallelism } from 'node:os'
import { gridCells } from '../core/sweep.ts'
import { type RaceCheck, type RaceFile, type StartedRace, sweepGroup } from '../shared/race.ts'
import type { Run } from '../shared/types.ts'
import { BackendError } from './errors.ts'
import { estimateRun } from './estimate.ts'
import { startOrResume } from './jobs/start-or-resume.ts'
import type { Supervisor } from './jobs/supervisor.ts'
import { type Entry, keptTexts, type Planned, planRace, type RecipeText } from './race-plan.ts'
import { isLeftOut, settleSweep } from './race-sweep.ts'
import { runIdsOfGroup } from './storage/comparisons.ts'
import type { Workspace } from './storage/open.ts'
import { declareRace, findRace, listRaces } from './storage/races.ts'
import { requireRun } from './storage/runs.ts'

export function checkRace(file: RaceFile, textOf: RecipeText, workspace: Workspace): RaceCheck {
  const { planned, issues, methods } = planRace(file, textOf, workspace)
  const estimates = [...(planned?.sweeping ?? []), ...(planned?.entries ?? [])].map(({ recipe }) => ({ recipe, ...estimateRun(recipe, workspace) }))
  const total = (of: (estimate: (typeof estimates)[number]) => number | null): number | null => {
    const values = estimates.map(of)
    return values.length === 0 || values.includes(null) ? null : (values as number[]).reduce((sum, value) => sum + value, 0)
  }
  const lanes = Math.max(1, Math.floor(availableParallelism() / Math.max(1, ...estimates.map(({ recipe }) => recipe.threads ?? 1))))
  const seconds = total((estimate) => estimate.seconds)
  const sweepRuns = file.sweep === undefined ? 0 : file.members.length * file.sweep.seeds.length * gridCells(file.sweep.grid).length
  return { issues, methods, runs: file.members.length * file.seeds.length, sweepRuns, seconds: seconds === null ? null : seconds / Math.min(lanes, Math.max(1, estimates.length)), diskBytes: total(({ diskBytes }) => diskBytes) }
}

type Starter = Pick<Supervisor, 'start' | 'resume'>

/** Declares the race and queues what is not done; called again it goes on. */
export function startRace(file: RaceFile, textOf: RecipeText, workspace: Workspace, supervisor: Starter): StartedRace {
  if (findRace(workspace.db, file.name) === null) {
    const { recipes } = requirePlan(planRace(file, textOf, workspace), file.name)
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
