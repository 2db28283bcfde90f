/** The machine output of `drift demo --json`: per method and seed, from the same facts as the comparison. */
import { BASE_ROUND, type ComparedRun, type EvaluationSample, promptFigures, WARM_START_ROUND } from '../../core/comparison.ts'
import { makeRng } from '../../core/rng.ts'
import { clipped, crossedInterval, mean, pairedDifference, SHARE } from '../../core/statistics.ts'
import type { MethodKey } from '../../shared/comparison.ts'

type SeedResult = {
  /** Seed of the base model's own training: all runs share one shipped base. */
  base_seed: number
  seed: number
  /** Task score at T = 1, mean over prompts and samples. */
  task_score: number
  task_score_greedy: number | null
  /** 95 % interval of task_score over prompts. */
  ci95: [number, number]
  diff_base: number | null
  diff_base_ci95: [number, number] | null
  diff_warm_start: number | null
  diff_warm_start_ci95: [number, number] | null
  pass: number
  distinct: number
  coverage: number
  item_entropy: number
  rounds: { round: number; margin_heldout: number | null; accuracy_heldout: number | null; grad_norm: number | null; chosen_score: number | null; rejected_score: number | null; task_score: number | null }[]
}
export type MethodResult = { model_paths: string[]; seeds: SeedResult[] }

/** `modelPath` of each run is relative to the workspace, so that equal experiments print equal results. */
export function demoMethodsResult(runs: readonly ComparedRun[], modelPaths: ReadonlyMap<string, string>, baseModel: string, baseSeed: number): Record<MethodKey, MethodResult> {
  const seeds = [...new Set(runs.map((run) => run.seed))].sort((a, b) => a - b)
  const result: Record<MethodKey, MethodResult> = {}
  const first = (seed: number, round: number): ComparedRun | undefined => runs.find((run) => run.seed === seed && run.samples.some((sample) => sample.round === round))
  const add = (method: MethodKey, run: ComparedRun | undefined, final: number, modelPath: string): void => {
    if (!run) return
    const entry = (result[method] ??= { model_paths: [], seeds: [] })
    if (!entry.model_paths.includes(modelPath)) entry.model_paths.push(modelPath)
    entry.seeds.push(seedResult(run, final, baseSeed, first(run.seed, BASE_ROUND), first(run.seed, WARM_START_ROUND)))
  }
  for (const seed of seeds) {
    add('base', first(seed, BASE_ROUND), BASE_ROUND, baseModel)
    for (const run of runs.filter((candidate) => candidate.seed === seed)) {
      const path = modelPaths.get(run.id)
      if (path) add(run.method, run, run.rounds, path)
    }
  }
  return result
}

function seedResult(run: ComparedRun, final: number, baseSeed: number, baseRun: ComparedRun | undefined, warmRun: ComparedRun | undefined): SeedResult {
  const own = rowOf(run, final, 1)
  const random = (name: string) => ({ random: makeRng(`demo/${run.method}/${run.seed}/${name}`).next, resamples: 2000 })
  const scores = own.map((figures) => figures.score)
  const { low, high } = clipped(crossedInterval([scores], random('score')), SHARE)
  const against = (other: ComparedRun | undefined, round: number): { value: number | null; ci: [number, number] | null } => {
    if (!other || (final === BASE_ROUND && round !== BASE_ROUND)) return { value: null, ci: null }
    const { difference } = pairedDifference([scores], [rowOf(other, round, 1).map((figures) => figures.score)], random(`minus ${round}`))
    return { value: difference.estimate, ci: [difference.low, difference.high] }
  }
  const toBase = against(baseRun, BASE_ROUND)
  const toWarmStart = against(warmRun, WARM_START_ROUND)
  const greedy = rowOf(run, final, 0)
  const roundNumbers = [...new Set(run.samples.map((sample) => sample.round))].filter((round) => (final === BASE_ROUND ? round === BASE_ROUND : round >= WARM_START_ROUND)).sort((a, b) => a - b)
  return {
    base_seed: baseSeed,
    seed: run.seed,
    task_score: mean(scores),
    task_score_greedy: greedy.length === 0 ? null : mean(greedy.map((figures) => figures.score)),
    ci95: [low, high],
    diff_base: toBase.value,
    diff_base_ci95: toBase.ci,
    diff_warm_start: toWarmStart.value,
    diff_warm_start_ci95: toWarmStart.ci,
    pass: mean(own.map((figures) => figures.pass)),
    distinct: mean(own.map((figures) => figures.distinct)),
    coverage: mean(own.map((figures) => figures.coverage)),
    item_entropy: mean(own.map((figures) => figures.itemEntropy)),
    rounds: final === BASE_ROUND ? [] : roundNumbers.map((round) => {
      const margins = run.heldout.find((heldout) => heldout.round === round)?.margins
      const norms = run.gradNorms.find((gradNorm) => gradNorm.round === round)
      const pairs = run.trainingPairs.find((training) => training.round === round)
      const atRound = rowOf(run, round, 1)
      return {
        round,
        margin_heldout: margins ? mean(margins) : null,
        accuracy_heldout: margins ? margins.filter((margin) => margin > 0).length / margins.length : null,
        grad_norm: norms?.mean ?? null,
        chosen_score: pairs?.chosenScore ?? null,
        rejected_score: pairs?.rejectedScore ?? null,
        task_score: atRound.length === 0 ? null : mean(atRound.map((figures) => figures.score)),
      }
    }),
  }
}

/** Figures per prompt, in prompt order. */
function rowOf(run: ComparedRun, round: number, temperature: number): ReturnType<typeof promptFigures>[] {
  const byPrompt = new Map<number, EvaluationSample[]>()
  for (const sample of run.samples) {
    if (sample.round !== round || sample.temperature !== temperature) continue
    byPrompt.set(sample.promptIndex, [...(byPrompt.get(sample.promptIndex) ?? []), sample])
  }
  return [...byPrompt.entries()].sort((a, b) => a[0] - b[0]).map(([, samples]) => promptFigures(samples))
}
