/**
 * The built-in experiment as a job: prepare the workspace, run every method under every seed, done. It only uses
 * what any user has: recipes, runs, groups. Started again on the same workspace it continues what is unfinished.
 */
import type { Job, Run } from '../../shared/types.ts'
import { startOrResume } from '../jobs/start-or-resume.ts'
import { runIdsOfGroup } from '../storage/comparisons.ts'
import { declareRace } from '../storage/races.ts'
import { requireRun } from '../storage/runs.ts'
import type { Workspace } from '../storage/open.ts'
import type { PrepareProgress } from './prepare.ts'
import { demoMethods, type DemoMethod, demoRace, demoRecipe, type DemoSize, FULL, QUICK } from './settings.ts'

const POLL_MS = 150
/** Preparation as a share of the whole, for the ETA: measured on the quick experiment. */
const PREPARE_SHARE = 0.15

export type ExperimentPlan = { quick: boolean; seeds: number[]; size: DemoSize; methods: DemoMethod[]; group: string }

export function planExperiment({ quick, seed, seeds }: { quick: boolean; seed: number; seeds?: number | undefined }): ExperimentPlan {
  const size = quick ? QUICK : FULL
  const list = Array.from({ length: seeds ?? size.seeds }, (_, i) => seed + i)
  return { quick, seeds: list, size, methods: demoMethods(size), group: `built-in-${quick ? 'quick' : 'full'}-seed${list.length === 1 ? list[0] : `s${list[0]}-${list.at(-1)}`}` }
}

export type ExperimentHost = {
  workspace: Workspace
  /** Runs `prepareDemo` in a process of its own. */
  prepare(plan: ExperimentPlan, onProgress: PrepareProgress, signal: AbortSignal): Promise<void>
  start(recipe: { yaml: string; name: string; group: string }): Run
  resume(runId: string): Run
  pause(runId: string): Run
}

export type ExperimentProgress = Pick<Job, 'stage' | 'done' | 'total' | 'etaSeconds'>

/** @throws the signal's reason when cancelled (its runs are paused, not lost); an error naming the run when one fails. */
export async function runExperiment(host: ExperimentHost, plan: ExperimentPlan, onProgress: (progress: ExperimentProgress) => void, signal: AbortSignal): Promise<void> {
  const { db } = host.workspace
  const started = performance.now()
  const roundsOf = (method: DemoMethod): number => (method === 'warm-start' ? 1 : plan.size.iterations + 1)
  const runUnits = plan.seeds.length * plan.methods.reduce((sum, method) => sum + roundsOf(method), 0)
  const total = Math.round(runUnits / (1 - PREPARE_SHARE))
  const tell = (stage: string, done: number): void => {
    const elapsed = (performance.now() - started) / 1000
    onProgress({ stage, done: Math.floor(done), total, etaSeconds: done > 0 ? Math.round((elapsed / done) * (total - done)) : null })
  }
  await host.prepare(plan, (stage, done, of) => tell(stage, (done / of) * (total - runUnits)), signal)

  // Runs of a version that declared nothing go on as they were.
  if (runIdsOfGroup(db, plan.group).length === 0) {
    const race = demoRace(plan.group, plan.seeds, plan.methods)
    declareRace(db, race, Object.fromEntries(plan.methods.map((method) => [`recipes/${method}.yaml`, demoRecipe(method, plan.seeds[0]!, plan.size)])), new Date())
  }

  // The warm start is shared: computed first, so that every method of a seed reuses it.
  const waves: DemoMethod[][] = [plan.methods.filter((method) => method === 'warm-start'), plan.methods.filter((method) => method !== 'warm-start')]
  const before: string[] = []
  for (const wave of waves) {
    const ids = plan.seeds.flatMap((seed) => wave.map((method) => startOrContinue(host, plan, method, seed)))
    for (;;) {
      if (signal.aborted) {
        for (const id of ids) if (['queued', 'running'].includes(requireRun(db, id).status)) host.pause(id)
        throw signal.reason
      }
      const runs = ids.map((id) => requireRun(db, id))
      const failed = runs.find((run) => ['failed', 'cancelled', 'interrupted', 'paused'].includes(run.status))
      if (failed) throw new Error(`run ${failed.id} ended as ${failed.status}${failed.error ? `: ${failed.error}` : ''}. Its work is kept; resume it, or start the experiment again to continue.`)
      const finished = [...before, ...ids].map((id) => requireRun(db, id)).reduce((sum, run) => sum + (run.status === 'done' ? (run.method === 'warm-start' ? 1 : run.rounds + 1) : run.round), 0)
      const going = runs.filter((run) => run.status === 'running').map((run) => (run.round < 1 ? `${run.name} warm start` : `${run.name} round ${run.round} of ${run.rounds}`))
      if (going.length > 0) tell(going.join(', '), total - runUnits + finished)
      if (runs.every((run) => run.status === 'done')) break
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
    before.push(...ids)
  }
}

function startOrContinue(host: ExperimentHost, plan: ExperimentPlan, method: DemoMethod, seed: number): string {
  const { db } = host.workspace
  const present = runIdsOfGroup(db, plan.group).map((id) => requireRun(db, id)).find((run) => run.method === method && run.seed === seed)
  return startOrResume(host, present, { yaml: demoRecipe(method, seed, plan.size), name: `${method}-seed${seed}`, group: plan.group }).id
}
