/**
 * How far raters agree: raw agreement, Cohen's kappa for two, Fleiss' kappa for more, each with a 95 % interval.
 * `tests/reference/agreement.json` holds what scikit-learn and statsmodels make of the same tables.
 */
import type { PairAgreement, Resolution, ReviewAgreement } from '../shared/review.ts'
import type { Interval, SignalLabel } from '../shared/types.ts'
import { raterNames, resolve, type Vote } from './review.ts'
import { makeRng, type Rng } from './rng.ts'
import { percentileInterval, resample, sum, wilson, Z } from './statistics.ts'

const RESAMPLES = 1000

/** `table[a][b]`: items that the first rater put into category a and the second into b. */
export type Table = readonly (readonly number[])[]

/**
 * Cohen's kappa with the large-sample interval of Fleiss, Cohen and Everitt (1969), cut to [-1, 1]; statsmodels'
 * `cohens_kappa`. null where expected agreement is 1 (both raters used one and the same category) or there are no items.
 */
export function cohenKappa(table: Table): Interval | null {
  const n = sum(table.map(sum))
  const p = table.map((row) => row.map((count) => count / n))
  const rows = p.map(sum)
  const columns = p.map((_, b) => sum(p.map((row) => row[b]!)))
  const observed = sum(p.map((row, a) => row[a]!))
  const expected = sum(rows.map((share, a) => share * columns[a]!))
  if (n === 0 || 1 - expected < Number.EPSILON) return null
  const kappa = (observed - expected) / (1 - expected)
  const agreeing = sum(p.map((row, a) => row[a]! * (1 - (rows[a]! + columns[a]!) * (1 - kappa)) ** 2))
  const differing = (1 - kappa) ** 2 * sum(p.map((row, a) => sum(row.map((share, b) => (a === b ? 0 : share * (columns[a]! + rows[b]!) ** 2)))))
  const variance = (agreeing + differing - (kappa - expected * (1 - kappa)) ** 2) / (1 - expected) ** 2 / n
  const reach = Z * Math.sqrt(Math.max(0, variance))
  return { estimate: kappa, low: Math.max(-1, kappa - reach), high: Math.min(1, kappa + reach) }
}

/**
 * Fleiss' kappa (1971) of `counts[item][category]`, raters per item. Where items have unlike numbers of raters, an
 * item's agreement is over its own pairs of raters. null where expected agreement is 1 or an item has fewer than two raters.
 */
export function fleissKappa(counts: Table): number | null {
  return kappaOf(counts.map(toItem))
}

/** Fleiss' kappa with a percentile bootstrap over items (seeded); resamples in which it is not defined are left out. */
export function fleissInterval(counts: Table, rng: Rng): Interval | null {
  // Once an item, not once a draw of it: this runs where calls are answered.
  const items = counts.map(toItem)
  const estimate = kappaOf(items)
  return estimate === null ? null : percentileInterval(estimate, RESAMPLES, () => kappaOf(resample(items, rng.next)))
}

/** `agreement`: the share of an item's pairs of raters that agree. */
type Item = { counts: readonly number[]; raters: number; agreement: number }

function toItem(counts: readonly number[]): Item {
  const raters = sum(counts)
  return { counts, raters, agreement: sum(counts.map((count) => count * (count - 1))) / (raters * (raters - 1)) }
}

function kappaOf(items: readonly Item[]): number | null {
  let ratings = 0
  let agreements = 0
  const totals = new Float64Array(items[0]?.counts.length ?? 0)
  for (const { counts, raters, agreement } of items) {
    if (raters < 2) return null
    ratings += raters
    agreements += agreement
    for (let category = 0; category < totals.length; category++) totals[category]! += counts[category]!
  }
  if (ratings === 0) return null
  const expected = sum(totals.map((total) => (total / ratings) ** 2))
  return 1 - expected < Number.EPSILON ? null : (agreements / items.length - expected) / (1 - expected)
}

const LABELS: readonly SignalLabel[] = ['dissatisfied', 'neutral', 'satisfied']

/** What the labels of all turns say of their raters; `turns[turn]` are the present votes on one turn. */
export function summarizeAgreement(turns: readonly (readonly Vote[])[]): ReviewAgreement {
  const resolutions = new Map<Resolution, number>()
  const labels = new Map<string, number>()
  const tables = new Map<string, { first: string; second: string; table: number[][] }>()
  const raters = new Set<string>()
  const counts: number[][] = []
  for (const votes of turns) {
    const resolution = resolve(votes)?.resolution
    if (resolution) resolutions.set(resolution, (resolutions.get(resolution) ?? 0) + 1)
    for (const { annotator } of votes) labels.set(annotator, (labels.get(annotator) ?? 0) + 1)
    const independent = votes.filter(({ pass }) => pass !== 'adjudication')
    if (independent.length < 2) continue
    const names = raterNames(independent)
    const places = independent.map(({ label }) => LABELS.indexOf(label))
    names.forEach((name) => raters.add(name))
    counts.push(LABELS.map((_, place) => places.filter((other) => other === place).length))
    names.forEach((first, i) => {
      names.forEach((second, j) => {
        if (first >= second) return
        const key = `${first}\u001f${second}`
        const entry = tables.get(key) ?? { first, second, table: LABELS.map(() => LABELS.map(() => 0)) }
        tables.set(key, entry)
        entry.table[places[i]!]![places[j]!]! += 1
      })
    })
  }
  const pairs = [...tables.values()].map(({ first, second, table }): PairAgreement => {
    const n = sum(table.map(sum))
    return { first, second, n, raw: wilson(sum(table.map((row, a) => row[a]!)), n)!, kappa: cohenKappa(table) }
  })
  return {
    annotators: [...labels].map(([name, count]) => ({ name, labels: count })).sort((a, b) => b.labels - a.labels || (a.name < b.name ? -1 : 1)),
    resolutions: [...resolutions].map(([resolution, count]) => ({ resolution, turns: count })),
    pairs: pairs.sort((a, b) => b.n - a.n),
    fleiss: raters.size > 2 ? { raters: raters.size, n: counts.length, kappa: fleissInterval(counts, makeRng('agreement')) } : null,
  }
}
