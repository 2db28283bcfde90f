/** Thinning and smoothing of curves. Both are stated on the chart that uses them. */

export type Point = [x: number, y: number | null]

/**
 * Largest-triangle-three-buckets (Steinarsson 2013): keeps at most `limit` points, first and last among them,
 * and every peak that a reader would see. Gaps (null) stay gaps: each run of figures is thinned on its own,
 * in proportion to its length.
 */
export function decimate(points: readonly Point[], limit: number): Point[] {
  if (points.length <= limit) return points.slice()
  return splitAtGaps(points).flatMap((run, i) => {
    const share = Math.max(2, Math.round((run.length / points.length) * limit))
    const thinned = largestTriangles(run, share)
    return i === 0 ? thinned : [[run[0]![0], null] as Point, ...thinned]
  })
}

function splitAtGaps(points: readonly Point[]): [number, number][][] {
  const runs: [number, number][][] = []
  let open = false
  for (const [x, y] of points) {
    if (y === null) {
      open = false
      continue
    }
    if (!open) runs.push([])
    open = true
    runs.at(-1)!.push([x, y])
  }
  return runs
}

function largestTriangles(points: [number, number][], limit: number): Point[] {
  const n = points.length
  if (n <= limit || limit < 3) return n <= limit ? points : [points[0]!, points[n - 1]!]
  const kept: Point[] = [points[0]!]
  const size = (n - 2) / (limit - 2)
  let [ax, ay] = points[0]!
  for (let bucket = 0; bucket < limit - 2; bucket++) {
    const from = Math.floor(bucket * size) + 1
    const to = Math.floor((bucket + 1) * size) + 1
    const next = points.slice(to, Math.min(n, Math.floor((bucket + 2) * size) + 1))
    const cx = next.reduce((sum, point) => sum + point[0], 0) / next.length
    const cy = next.reduce((sum, point) => sum + point[1], 0) / next.length
    let best = points[from]!
    let bestArea = -1
    for (let i = from; i < to; i++) {
      const [x, y] = points[i]!
      const area = Math.abs((ax - cx) * (y - ay) - (ax - x) * (cy - ay))
      if (area > bestArea) [bestArea, best] = [area, points[i]!]
    }
    kept.push(best)
    ;[ax, ay] = best
  }
  kept.push(points[n - 1]!)
  return kept
}

/** Debiased exponential moving average (TensorBoard's): weight 0 leaves the figures alone. Gaps are kept and skipped. */
export function smooth(points: readonly Point[], weight: number): Point[] {
  if (weight === 0) return points.slice()
  let average = 0
  let debias = 1
  return points.map(([x, y]) => {
    if (y === null) return [x, null]
    average = average * weight + (1 - weight) * y
    debias *= weight
    return [x, average / (1 - debias)]
  })
}
