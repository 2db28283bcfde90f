/**
 * Answers of an embedding on one plane to look at: UMAP (McInnes, Healy and Melville 2018) by umap-js, from exact
 * neighbours and the PCA plane, so that near answers stand near each other. Distances between far clusters, and the
 * sizes of clusters, mean little. Pure and seeded.
 */
import { UMAP } from 'umap-js'
import { planeOf } from './embedding.ts'
import { squared } from './exploration.ts'
import { makeRng } from './rng.ts'

/** umap-learn's defaults. */
export const NEIGHBOURS = 15
export const MIN_DISTANCE = 0.1
/** umap-learn's for large sets: more move little, and cost seconds. */
const EPOCHS = 200
/** Where umap-learn's PCA start lies: within ±10, ties broken by a little noise. */
const START_SPAN = 10
const START_NOISE = 1e-4
/** Trustworthiness is a mean over points: so many are enough. */
const JUDGED = 1000
/** Of the second layout, which is only to be compared with the first. */
const JUDGED_AGAIN = 300

type Points = [number, number][]
type Near = { indices: number[][]; distances: number[][] }

export type Layout = {
  points: Points
  /** How the plane was made, with its parameters. */
  projection: string
  /** Whether neighbours on the plane are neighbours in the embedding too, 0 to 1 (`trustworthiness`, of 15 neighbours); null below 32 rows. */
  trustworthiness: number | null
  /** The same rows laid out once more from another start: the share of a point's nearest on the plane that are its nearest there too (`neighbourOverlap`, of 15), and that layout's trustworthiness; null below 32 rows. */
  refit: { overlap: number; trustworthiness: number } | null
}
/** Hears how far the work is. */
export type Told = (done: number, total: number, stage: string) => void

/**
 * Row i's place is point i; rows that are equal should be given once. With too few rows for neighbourhoods, PCA.
 * @param told of each pass; throws where the work is to stop
 */
export function layoutOf(rows: readonly Float32Array[], { seed = 'answer map', told = () => {} }: { seed?: string; told?: Told } = {}): Layout {
  const plane = planeOf(rows)
  if (rows.length <= 2 * NEIGHBOURS + 1) return { points: plane.points, projection: `PCA, too few answers for UMAP: ${Math.round(100 * plane.explained)} % of the variance`, trustworthiness: null, refit: null }
  const near = neighboursOf(rows, (done) => told(done, rows.length, 'neighbours of answers'))
  const [points, again] = [seed, `${seed}, again`].map((start, i) => fit(rows, near, plane.points, start, (epoch) => told(i * EPOCHS + epoch, 2 * EPOCHS, 'laying out the map'))) as [Points, Points]
  return {
    points,
    projection: `UMAP, ${NEIGHBOURS} neighbours, minimum distance ${MIN_DISTANCE}, ${EPOCHS} passes from the PCA plane`,
    trustworthiness: trustworthiness(rows, points, NEIGHBOURS, JUDGED),
    refit: { overlap: neighbourOverlap(points, again, NEIGHBOURS, JUDGED), trustworthiness: trustworthiness(rows, again, NEIGHBOURS, JUDGED_AGAIN) },
  }
}

/** One layout. `plane` is where its start lies, but for noise. */
function fit(rows: readonly Float32Array[], { indices, distances }: Near, plane: Points, seed: string, told: (epoch: number) => void): Points {
  const rng = makeRng(seed)
  const umap = new UMAP({ nNeighbors: NEIGHBOURS, minDist: MIN_DISTANCE, nEpochs: EPOCHS, random: rng.fork('layout').next })
  umap.setPrecomputedKNN(indices, distances)
  umap.initializeFit(rows.map((row) => [...row]))
  // umap-js starts at random places, which tears clusters apart; the layout it hands out is the one that it moves.
  const start = rng.fork('start')
  const span = plane.reduce((most, [x, y]) => Math.max(most, Math.abs(x), Math.abs(y)), 0) || 1
  umap.getEmbedding().forEach((place, i) => {
    for (const axis of [0, 1] as const) place[axis] = (plane[i]![axis] / span) * START_SPAN + START_NOISE * start.normal()
  })
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    told(epoch)
    umap.step()
  }
  return umap.getEmbedding().map(([x, y]): [number, number] => [x!, y!])
}

/** Each row's nearest rows by Euclidean distance, itself first: what umap-learn's graph is made from. */
function neighboursOf(rows: readonly Float32Array[], told: (done: number) => void): Near {
  const width = rows[0]!.length
  const flat = new Float32Array(rows.length * width)
  rows.forEach((row, i) => flat.set(row, i * width))
  const indices: number[][] = []
  const distances: number[][] = []
  const near = new Int32Array(NEIGHBOURS)
  const gaps = new Float64Array(NEIGHBOURS)
  for (let i = 0; i < rows.length; i++) {
    told(i)
    gaps.fill(Infinity)
    near[0] = i
    gaps[0] = 0
    for (let j = 0; j < rows.length; j++) {
      let gap = 0
      for (let d = 0, a = i * width, b = j * width; d < width; d++) {
        const difference = flat[a + d]! - flat[b + d]!
        gap += difference * difference
      }
      let at = NEIGHBOURS - 1
      if (gap >= gaps[at]! || i === j) continue
      // Itself stays first, also before an equal row.
      for (; at > 1 && gaps[at - 1]! > gap; at--) {
        near[at] = near[at - 1]!
        gaps[at] = gaps[at - 1]!
      }
      near[at] = j
      gaps[at] = gap
    }
    indices.push([...near])
    distances.push(Array.from(gaps, Math.sqrt))
  }
  return { indices, distances }
}

/**
 * Trustworthiness (Venna and Kaski 2001; scikit-learn's): 1 where the k nearest of each point on the plane are among
 * its k nearest rows, less by how far down the rows' order the others are. Over the first of `most` evenly spread rows.
 * @throws where k is not below half of the rows
 */
export function trustworthiness(rows: readonly Float32Array[], points: readonly [number, number][], k: number, most = rows.length): number {
  const n = rows.length
  if (k >= n / 2) throw new Error(`trustworthiness: expected fewer neighbours than half of the ${n} rows, got ${k}`)
  const judged = Math.min(n, most)
  const far = new Float64Array(n)
  let penalty = 0
  for (let one = 0; one < judged; one++) {
    const i = Math.floor((one * n) / judged)
    const near = nearestOf(points, i, k)
    for (let j = 0; j < n; j++) far[j] = j === i ? Infinity : squared(rows[i]!, rows[j]!)
    for (const j of near) {
      let rank = 1
      for (let other = 0; other < n; other++) if (far[other]! < far[j]!) rank++
      penalty += Math.max(0, rank - k)
    }
  }
  return 1 - (penalty * 2) / (judged * k * (2 * n - 3 * k - 1))
}

/** Mean share of a point's k nearest on one plane that are among its k nearest on the other, over at most `most` evenly spread points. By chance k / (n - 1). */
export function neighbourOverlap(one: readonly [number, number][], other: readonly [number, number][], k: number, most = one.length): number {
  const judged = Math.min(one.length, most)
  let shared = 0
  for (let at = 0; at < judged; at++) {
    const i = Math.floor((at * one.length) / judged)
    const there = new Set(nearestOf(other, i, k))
    shared += nearestOf(one, i, k).filter((j) => there.has(j)).length
  }
  return shared / (judged * k)
}

/** The k points nearest to point i, itself left out. */
function nearestOf(points: readonly [number, number][], i: number, k: number): number[] {
  const [x, y] = points[i]!
  const near: number[] = []
  const gaps: number[] = []
  points.forEach(([px, py], j) => {
    const gap = (px - x) ** 2 + (py - y) ** 2
    if (j === i || (near.length === k && gap >= gaps[k - 1]!)) return
    let at = Math.min(near.length, k - 1)
    for (; at > 0 && gaps[at - 1]! > gap; at--) {
      near[at] = near[at - 1]!
      gaps[at] = gaps[at - 1]!
    }
    near[at] = j
    gaps[at] = gap
  })
  return near
}
