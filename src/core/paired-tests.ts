/** Tests for paired outcomes, beside the intervals of ./statistics.ts. Pure; the random source is an argument. */

/** Up to so many pairs every assignment of signs is looked at. */
const EXACT_PAIRS = 16

/**
 * Two-sided permutation test that the mean difference is zero: each difference might as well have had the other sign.
 * Exact up to 16 pairs, drawn beyond (p then at least 1 / (resamples + 1)).
 */
export function signFlipTest(differences: readonly number[], { resamples = 10_000, random }: { resamples?: number; random: () => number }): number {
  const n = differences.length
  if (n === 0) throw new Error('sign-flip test: expected at least one pair, got none')
  const observed = Math.abs(differences.reduce((sum, value) => sum + value, 0))
  // Sums in another order differ in their last digits.
  const reached = observed - 1e-12 * differences.reduce((sum, value) => sum + Math.abs(value), 0)
  let extreme = 0
  const count = (positive: (i: number) => boolean): void => {
    let sum = 0
    for (let i = 0; i < n; i++) sum += positive(i) ? differences[i]! : -differences[i]!
    if (Math.abs(sum) >= reached) extreme += 1
  }
  if (n <= EXACT_PAIRS) {
    for (let signs = 0; signs < 2 ** n; signs++) count((i) => (signs & (1 << i)) !== 0)
    return extreme / 2 ** n
  }
  for (let r = 0; r < resamples; r++) count(() => random() < 0.5)
  return (extreme + 1) / (resamples + 1)
}

/** McNemar's exact two-sided test from the pairs that only one side won; 1 where there are none. */
export function mcnemarTest(onlyA: number, onlyB: number): number {
  const n = onlyA + onlyB
  let tail = 0
  // log of binomial(n, k) / 2^n, from k = 0 up
  let logTerm = -n * Math.LN2
  for (let k = 0; k <= Math.min(onlyA, onlyB); k++) {
    tail += Math.exp(logTerm)
    logTerm += Math.log((n - k) / (k + 1))
  }
  return Math.min(1, 2 * tail)
}

/** Spearman's rho, ties at their mean rank; null where one side is all equal. */
export function spearman(x: readonly number[], y: readonly number[]): number | null {
  const a = ranks(x)
  const b = ranks(y)
  const middle = (a.length + 1) / 2
  let product = 0
  let squaresA = 0
  let squaresB = 0
  a.forEach((rank, i) => {
    product += (rank - middle) * (b[i]! - middle)
    squaresA += (rank - middle) ** 2
    squaresB += (b[i]! - middle) ** 2
  })
  return squaresA === 0 || squaresB === 0 ? null : product / Math.sqrt(squaresA * squaresB)
}

function ranks(values: readonly number[]): number[] {
  const order = values.map((value, i) => ({ value, i })).sort((a, b) => a.value - b.value)
  const ranked = new Array<number>(values.length)
  for (let start = 0; start < order.length; ) {
    let end = start
    while (end < order.length && order[end]!.value === order[start]!.value) end += 1
    for (let k = start; k < end; k++) ranked[order[k]!.i] = (start + end + 1) / 2
    start = end
  }
  return ranked
}
