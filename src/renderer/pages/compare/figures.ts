/** What the comparison page draws, taken out of a Comparison. Pure. */
import { type Comparison, isStart, type MethodComparison, type RoundFigures } from '../../../shared/comparison.ts'
import type { FairnessLedger, Interval } from '../../../shared/types.ts'
import { roundLabel, type RoundSeries } from '../../charts/by-round.ts'
import { compareMethods, methodStyle } from '../../charts/methods.ts'
import type { DotRow } from '../../charts/score-dots.ts'

/** Measures of a round that come with an interval. */
export type RoundMeasure = 'score' | 'pass' | 'distinct' | 'coverage' | 'itemEntropy'
export const MEASURE_NAMES: Record<RoundMeasure, string> = { score: 'task score', pass: 'pass rate', distinct: 'distinct passing answers', coverage: 'coverage', itemEntropy: 'item entropy (bits)' }

/** Methods that trained: neither the base nor the shared warm start. */
export function competitors({ methods }: Pick<Comparison, 'methods'>): MethodComparison[] {
  return methods.filter(({ key }) => !isStart(key)).sort((a, b) => compareMethods(a.key, b.key))
}

export const roundsAt = (method: MethodComparison, temperature: number): RoundFigures[] => method.byTemperature.find((one) => one.temperature === temperature)?.rounds ?? []
export const labelOf = (method: Pick<MethodComparison, 'key'>): string => methodStyle(method.key).label

export function roundSeries(comparison: Comparison, temperature: number, measure: RoundMeasure): RoundSeries[] {
  return competitors(comparison)
    .map((method) => ({ key: method.key, label: labelOf(method), points: roundsAt(method, temperature).map((figures) => ({ round: figures.round, value: figures[measure] })) }))
    .filter(({ points }) => points.length > 0)
}

/** Null where methods begin at several. */
export function baseFigure(comparison: Comparison, temperature: number, measure: RoundMeasure): Interval | null {
  const base = comparison.methods.find(({ key }) => key === 'base')
  return (base && roundsAt(base, temperature).at(-1)?.[measure]) ?? null
}

export const overOf = (method: MethodComparison, comparison: Comparison): string => `${method.seeds.length} ${method.seeds.length === 1 ? 'seed' : 'seeds'} × ${comparison.evaluation.prompts} prompts`

/** Every method at its last evaluated round, the base first. */
export function finalRows(comparison: Comparison, temperature: number, measure: RoundMeasure): DotRow[] {
  return comparison.methods
    .slice()
    .sort((a, b) => compareMethods(a.key, b.key))
    .flatMap((method) => {
      const last = roundsAt(method, temperature).at(-1)
      return last ? [{ key: method.key, label: labelOf(method), value: last[measure], n: overOf(method, comparison), round: roundLabel(last.round) }] : []
    })
}

/** "3 seeds × 60 prompts × 8 samples, 95 % interval (crossed bootstrap)": what stands under a score. */
export function measuredOver({ evaluation, methods }: Comparison, temperature: number): string {
  const seeds = new Set(methods.flatMap((method) => method.seeds)).size
  const samples = temperature === 0 ? '1 greedy reply' : `${evaluation.k} samples`
  return `${seeds} ${seeds === 1 ? 'seed' : 'seeds'} × ${evaluation.prompts} prompts × ${samples}, 95 % interval`
}

const LEDGER_ROWS: { key: keyof FairnessLedger; label: string; definition: string }[] = [
  { key: 'signals', label: 'signals consumed', definition: 'Logged reactions of users that the method learned from.' },
  { key: 'uniquePrompts', label: 'unique prompts', definition: 'Different requests among its training pairs.' },
  { key: 'samplesDrawn', label: 'samples drawn', definition: 'Replies sampled from the policy to build pairs.' },
  { key: 'rewardQueries', label: 'reward queries', definition: 'Replies scored by a reward model or verifier.' },
  { key: 'generatedTokens', label: 'generated tokens', definition: 'Tokens of all sampled replies.' },
  { key: 'scoredTokens', label: 'scored tokens', definition: 'Tokens of earlier replies that were scored to find which are stale (resample_stale_only).' },
  { key: 'trainedTokens', label: 'trained tokens', definition: 'Tokens of all pairs as they went through the loss.' },
  { key: 'optimizerSteps', label: 'optimizer steps', definition: 'Updates of the weights, warm start included.' },
  { key: 'seconds', label: 'seconds', definition: 'Wall time of all stages on this machine; reused stages count as the run they come from.' },
]

/** Scored tokens are a row where something was scored. */
export const ledgerRows = (ledgers: readonly FairnessLedger[]): typeof LEDGER_ROWS => LEDGER_ROWS.filter(({ key }) => key !== 'scoredTokens' || ledgers.some(({ scoredTokens }) => scoredTokens > 0))

export type LedgerLine = { label: string; definition: string; perRun: (number | null)[]; /** Largest over smallest; null where it cannot be said. */ ratio: number | null; unequal: boolean }
/** Amounts that differ by more than this are named unequal. */
export const UNEQUAL_FROM = 1.1

/** The ledger per run of each competitor. */
export function ledgerLines(methods: readonly MethodComparison[]): LedgerLine[] {
  return ledgerRows(methods.map(({ ledger }) => ledger)).map(({ key, label, definition }) => {
    const perRun = methods.map((method) => (method.runs.length > 0 ? method.ledger[key] / method.runs.length : null))
    const known = perRun.filter((value) => value !== null)
    const [least, most] = [Math.min(...known), Math.max(...known)]
    const ratio = known.length < 2 || least <= 0 ? null : most / least
    return { label, definition, perRun, ratio, unequal: known.length > 1 && (least <= 0 ? most > 0 : most / least > UNEQUAL_FROM) }
  })
}
