/** What a race's budget held equal, checked against what its runs used (design section 7). */
import type { FairnessLine } from '../shared/comparison.ts'
import type { FairnessLedger } from '../shared/types.ts'
import type { Regime } from '../shared/race.ts'

export type Spent = { key: string; label: string; /** Means over the method's runs. */ ledger: FairnessLedger; pairs: number }

/** What a run cost under equal-compute: a token counts the same, generated, scored or trained. */
export const tokensOf = ({ generatedTokens = 0, scoredTokens = 0, trainedTokens = 0 }: Partial<Pick<FairnessLedger, 'generatedTokens' | 'scoredTokens' | 'trainedTokens'>>): number => generatedTokens + scoredTokens + trainedTokens

/** What must be equal under a regime, and by how much it may differ: counts by a hundredth, tokens by a twentieth, since a run ends with a whole step. */
const HELD: Record<Regime, { what: string; of: (spent: Spent) => number; within: number }[]> = {
  'equal-logs': [{ what: 'signals consumed', of: ({ ledger }) => ledger.signals, within: 0.01 }],
  'equal-pairs': [{ what: 'pairs trained on', of: ({ pairs }) => pairs, within: 0.01 }],
  'equal-compute': [{ what: 'tokens generated, scored and trained', of: ({ ledger }) => tokensOf(ledger), within: 0.05 }],
}

/** A line for each quantity that the regime holds equal. `methods` are the competitors: no base, warm start or upper bound. */
export function fairness(regime: Regime, methods: readonly Spent[]): FairnessLine[] {
  if (methods.length < 2) return []
  return HELD[regime].map(({ what, of, within }) => {
    const values = methods.map((spent) => ({ key: spent.key, label: spent.label, value: of(spent) }))
    const [least, most] = [Math.min(...values.map(({ value }) => value)), Math.max(...values.map(({ value }) => value))]
    const apart = most === least ? 0 : least === 0 ? Infinity : most / least - 1
    const equal = apart <= within
    const each = values.map(({ label, value }) => `${label} ${Math.round(value).toLocaleString('en-US')}`).join(', ')
    const share = Number.isFinite(apart) ? `${(100 * apart).toFixed(1)} %` : 'without bound: one used none'
    return { what, values, equal, words: equal ? `Held: ${what} per run differ by ${share} at most (${each}).` : `Not held: ${what} per run differ by ${share}, more than ${100 * within} % (${each}).` }
  })
}
