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
  const runs: Point[][] = []
  let start = 0
  for (let i = 0; i <= points.length; i++) {
    if (i < points.length && points[i]![1] !== null) continue
    if (i > start) runs.push(points.slice(start, i))
    start = i + 1
  }
  return runs as [number, number][][]
}

/** By index alone: it goes over millions of points while a page waits. */
function largestTriangles(points: [number, number][], limit: number): Point[] {
  const n = points.length
  if (n <= limit || limit < 3) return n <= limit ? points : [points[0]!, points[n - 1]!]
  const kept: Point[] = [points[0]!]
  const size = (n - 2) / (limit - 2)
  let a = points[0]!
  for (let bucket = 0; bucket < limit - 2; bucket++) {
    const from = Math.floor(bucket * size) + 1
    const to = Math.floor((bucket + 1) * size) + 1
    const end = Math.min(n, Math.floor((bucket + 2) * size) + 1)
    let cx = 0
    let cy = 0
    for (let i = to; i < end; i++) {
      cx += points[i]![0]
      cy += points[i]![1]
    }
    cx /= end - to
    cy /= end - to
    let best = points[from]!
    let bestArea = -1
    for (let i = from; i < to; i++) {
      const point = points[i]!
      const area = Math.abs((a[0] - cx) * (point[1] - a[1]) - (a[0] - point[0]) * (cy - a[1]))
      if (area > bestArea) {
        bestArea = area
        best = point
      }
    }
    kept.push(best)
    a = best
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
