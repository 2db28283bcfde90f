import { lengthRatio } from '../dataset-statistics.ts'
import { quantile } from '../statistics.ts'
import { type Check, finding } from './finding.ts'

/** Fewer pairs say nothing about a set. */
const ENOUGH = 20
/** Median of chosen over rejected characters beyond which a policy learns length: a quarter longer, a fifth shorter. */
const LONGEST = 1.25

/**
 * Chosen replies that are longer (or shorter) than rejected ones throughout: DPO then learns length (Singhal et al.
 * 2023). The fix drops the most lopsided pairs, most lopsided first, until the median is within bounds.
 */
export const lengthSkew: Check = (rows) => {
  const ratios = rows.flatMap((row, at) => ('chosen' in row ? [{ row: at, ratio: lengthRatio(row) }] : [])).sort((a, b) => a.ratio - b.ratio)
  const median = medianOf(ratios)
  if (ratios.length < ENOUGH || (median <= LONGEST && median >= 1 / LONGEST)) return null
  const longer = median > 1
  const rest = longer ? ratios : ratios.toReversed()
  const within = (count: number): boolean => {
    const left = medianOf(rest.slice(0, count))
    return longer ? left <= LONGEST : left >= 1 / LONGEST
  }
  // The median moves one way as pairs leave from one end: halve the interval.
  let [kept, tooMany] = [0, rest.length]
  while (tooMany - kept > 1) {
    const middle = (kept + tooMany) >> 1
    if (within(middle)) kept = middle
    else tooMany = middle
  }
  const found = rest.slice(kept).map(({ row, ratio }) => ({ row, found: `chosen ÷ rejected ${ratio.toFixed(2)}` })).sort((a, b) => a.row - b.row)
  return finding('length-skew', 'warning', 'drop', found, `The median chosen reply is ${median.toFixed(2)} times as long as its rejected one (n = ${ratios.length}); without the ${found.length} most lopsided pairs it is ${medianOf(rest.slice(0, kept)).toFixed(2)}`)
}

/** Of ratios in ascending or descending order; 1 of none. */
const medianOf = (ordered: readonly { ratio: number }[]): number => (ordered.length === 0 ? 1 : quantile(ordered.map(({ ratio }) => ratio), 0.5))
