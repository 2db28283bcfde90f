/** Kernel density of a sample, for ridgelines. */

/**
 * Gaussian kernel density on an even grid of `points` positions over [low, high]; bandwidth by Silverman's rule
 * (0.9 min(sd, IQR/1.34) n^-1/5). Mass that would leave a hard bound is reflected back, so that a share is a share.
 * @returns density per unit of x; integrates to about 1 over the grid.
 */
export function density(values: readonly number[], low: number, high: number, points = 96, bounded = false): number[] {
  const finite = values.filter(Number.isFinite)
  const grid = Array.from({ length: points }, (_, i) => low + ((high - low) * i) / (points - 1))
  if (finite.length === 0) return grid.map(() => 0)
  const h = bandwidth(finite, (high - low) / 100)
  const kernel = (u: number): number => Math.exp(-0.5 * u * u) / Math.sqrt(2 * Math.PI)
  return grid.map((x) => {
    let sum = 0
    for (const value of finite) {
      sum += kernel((x - value) / h)
      if (bounded) sum += kernel((x - (2 * low - value)) / h) + kernel((x - (2 * high - value)) / h)
    }
    return sum / (finite.length * h)
  })
}

function bandwidth(values: number[], least: number): number {
  const sorted = values.slice().sort((a, b) => a - b)
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1))
  const spread = (quantileOf(sorted, 0.75) - quantileOf(sorted, 0.25)) / 1.34
  const scale = spread > 0 ? Math.min(deviation, spread) : deviation
  return Math.max(least, 0.9 * scale * values.length ** -0.2)
}

/** Linear interpolation between order statistics. `sorted` ascends and is not empty. */
export function quantileOf(sorted: readonly number[], q: number): number {
  const position = q * (sorted.length - 1)
  const low = Math.floor(position)
  return sorted[low]! + (sorted[Math.ceil(position)]! - sorted[low]!) * (position - low)
}
