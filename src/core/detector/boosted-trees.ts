/**
 * Boosted regression trees for a probability: each tree is a step down the gradient of the cross-entropy (Friedman 2001,
 * algorithm 5, with Newton's leaf values), grown leaf by leaf on histograms of binned values as LightGBM does (Ke et
 * al. 2017). Targets may be soft: a share of votes.
 */
import { makeRng, type Rng } from '../rng.ts'
import { sigmoid } from '../statistics.ts'

/** Nodes of all trees, one tree behind the other, a parent before its children, the right child behind the left. */
export type Trees = {
  /** First node of each tree. */
  roots: number[]
  /** What a node asks of; -1 in a leaf. */
  feature: number[]
  /** A row whose value is at most this goes left; a leaf's share of the log odds. */
  split: number[]
  /** A node's left child. */
  left: number[]
}

/** Row i's value of feature f lies in bin `bins[i * width + f]`: above `edges[f][bin - 1]`, at most `edges[f][bin]`. */
export type BinnedRows = { rows: number; width: number; bins: Uint8Array; edges: number[][] }

export type TreeOptions = {
  seed: string
  trees: number
  /** Share of what a tree's leaves say that counts. */
  learningRate: number
  leaves: number
  fewestRows: number
  /** Added to a leaf's curvature. */
  l2: number
  /** Share of the features that one tree may ask of. */
  features: number
  /** A node asks of one cut of each feature, drawn anew, not of all (Geurts et al. 2006): trees differ more and their sum errs less. */
  drawnCuts?: boolean
}

const MOST_BINS = 32
/** Of a bin: sum of gradients, of curvatures, number of rows. */
const PER_BIN = 3
/** What stands in a detector's file is what was trained. */
const rounded = (value: number): number => Number(value.toPrecision(6))

/** @param values [rows, width] */
export function binRows(values: Float32Array, width: number): BinnedRows {
  const binned: BinnedRows = { rows: values.length / width, width, bins: new Uint8Array(values.length), edges: [] }
  binFeatures(binned, values, 0)
  return binned
}

/** Bins the features from `first` on, again where their values have changed. */
export function binFeatures({ rows, width, bins, edges }: BinnedRows, values: Float32Array, first: number): void {
  for (let f = first; f < width; f++) {
    const own = Float32Array.from({ length: rows }, (_, i) => values[i * width + f]!)
    const cuts = cutsOf(own)
    for (let i = 0; i < rows; i++) bins[i * width + f] = binOf(own[i]!, cuts)
    edges[f] = cuts
  }
}

/** Between neighbouring values, or where there are many between equal shares of the rows. */
function cutsOf(values: Float32Array): number[] {
  const sorted = values.toSorted()
  const distinct = sorted.filter((value, i) => i === 0 || value !== sorted[i - 1])
  const above = distinct.length <= MOST_BINS ? distinct.subarray(1) : new Set(Array.from({ length: MOST_BINS - 1 }, (_, k) => sorted[Math.floor(((k + 1) * sorted.length) / MOST_BINS)]!))
  const cuts: number[] = []
  for (const value of above) {
    if (value === sorted[0]) continue
    const below = distinct[distinct.indexOf(value) - 1]!
    cuts.push(rounded((below + value) / 2))
  }
  return cuts
}

function binOf(value: number, cuts: readonly number[]): number {
  let bin = 0
  while (bin < cuts.length && value > cuts[bin]!) bin++
  return bin
}

type Leaf = { node: number; from: number; to: number; gradient: number; curvature: number; histograms: Float64Array; best: Split | null }
type Split = { gain: number; feature: number; bin: number; gradient: number; curvature: number }

/** Log odds of a row are `start` and what its leaf of each tree says. Rows outside `chosen` are left out. */
export function fitTrees(binned: BinnedRows, targets: Float64Array, chosen: Int32Array, options: TreeOptions): { start: number; trees: Trees } {
  const rng = makeRng(`trees ${options.seed}`)
  const asked = binned.edges.flatMap((cuts, feature) => (cuts.length > 0 ? [feature] : []))
  // All rows may say the same: half a row stands for what was not seen.
  const mean = Math.min(Math.max(chosen.reduce((sum, row) => sum + targets[row]!, 0), 0.5), chosen.length - 0.5) / chosen.length
  const start = Math.log(mean / (1 - mean))
  const logOdds = new Float64Array(binned.rows).fill(start)
  const [gradients, curvatures] = [new Float64Array(binned.rows), new Float64Array(binned.rows)]
  const trees: Trees = { roots: [], feature: [], split: [], left: [] }
  for (let t = 0; t < options.trees; t++) {
    for (const row of chosen) {
      const p = sigmoid(logOdds[row]!)
      gradients[row] = p - targets[row]!
      curvatures[row] = p * (1 - p)
    }
    const features = Int32Array.from(rng.shuffled(asked).slice(0, Math.ceil(options.features * asked.length)))
    const offsets = new Int32Array(features.length + 1)
    features.forEach((feature, k) => (offsets[k + 1] = offsets[k]! + PER_BIN * (binned.edges[feature]!.length + 1)))
    growTree(trees, logOdds, { binned, gradients, curvatures, features, offsets, order: chosen.slice(), options, rng })
  }
  return { start, trees }
}

type Growth = { binned: BinnedRows; gradients: Float64Array; curvatures: Float64Array; features: Int32Array; /** Where each feature's histogram begins. */ offsets: Int32Array; /** Rows, those of a leaf side by side. */ order: Int32Array; options: TreeOptions; rng: Rng }

function growTree(trees: Trees, logOdds: Float64Array, growth: Growth): void {
  const { binned: { edges }, gradients, curvatures, order, options } = growth
  const addNode = (): number => {
    trees.left.push(0)
    trees.split.push(0)
    return trees.feature.push(-1) - 1
  }
  const leafOf = (node: number, from: number, to: number, gradient: number, curvature: number, histograms: Float64Array): Leaf => {
    const leaf: Leaf = { node, from, to, gradient, curvature, histograms, best: null }
    leaf.best = bestSplit(leaf, growth)
    return leaf
  }
  const sumOf = (values: Float64Array): number => order.reduce((sum, row) => sum + values[row]!, 0)
  const root = addNode()
  trees.roots.push(root)
  const leaves = [leafOf(root, 0, order.length, sumOf(gradients), sumOf(curvatures), histogramsOf(0, order.length, growth))]
  while (leaves.length < options.leaves) {
    const leaf = leaves.reduce((most, other) => ((other.best?.gain ?? 0) > (most.best?.gain ?? 0) ? other : most))
    if (leaf.best === null) break
    const { feature, bin, gradient, curvature } = leaf.best
    const middle = partition(growth, leaf.from, leaf.to, feature, bin)
    // The smaller side is counted, the other is what is left of both.
    const isLeftSmaller = middle - leaf.from <= leaf.to - middle
    const counted = isLeftSmaller ? histogramsOf(leaf.from, middle, growth) : histogramsOf(middle, leaf.to, growth)
    const left = leaf.histograms
    for (let i = 0; i < counted.length; i++) left[i]! -= counted[i]!
    const [leftHistograms, rightHistograms] = isLeftSmaller ? [counted, left] : [left, counted]
    const node = addNode()
    addNode()
    trees.feature[leaf.node] = feature
    trees.split[leaf.node] = edges[feature]![bin]!
    trees.left[leaf.node] = node
    leaves.splice(leaves.indexOf(leaf), 1,
      leafOf(node, leaf.from, middle, gradient, curvature, leftHistograms),
      leafOf(node + 1, middle, leaf.to, leaf.gradient - gradient, leaf.curvature - curvature, rightHistograms))
  }
  for (const { node, from, to, gradient, curvature } of leaves) {
    const value = rounded((-options.learningRate * gradient) / (curvature + options.l2))
    trees.split[node] = value
    for (let k = from; k < to; k++) logOdds[order[k]!]! += value
  }
}

/** For each feature asked of and each of its bins: PER_BIN sums. */
function histogramsOf(from: number, to: number, { binned: { width, bins }, gradients, curvatures, features, offsets, order }: Growth): Float64Array {
  const histograms = new Float64Array(offsets[features.length]!)
  for (let i = from; i < to; i++) {
    const row = order[i]!
    const [gradient, curvature] = [gradients[row]!, curvatures[row]!]
    for (let k = 0; k < features.length; k++) {
      const at = offsets[k]! + PER_BIN * bins[row * width + features[k]!]!
      histograms[at]! += gradient
      histograms[at + 1]! += curvature
      histograms[at + 2]! += 1
    }
  }
  return histograms
}

function bestSplit({ from, to, gradient, curvature, histograms }: Leaf, { binned: { edges }, features, offsets, options: { fewestRows, l2, drawnCuts }, rng }: Growth): Split | null {
  let best: Split | null = null
  const whole = gradient ** 2 / (curvature + l2)
  for (const [k, feature] of features.entries()) {
    let [g, h, count] = [0, 0, 0]
    const cuts = edges[feature]!.length
    const last = drawnCuts ? rng.int(cuts) : cuts - 1
    for (let bin = 0; bin <= last; bin++) {
      const at = offsets[k]! + PER_BIN * bin
      g += histograms[at]!
      h += histograms[at + 1]!
      count += histograms[at + 2]!
      if (count < fewestRows || (drawnCuts && bin < last)) continue
      if (to - from - count < fewestRows) break
      const gain = g ** 2 / (h + l2) + (gradient - g) ** 2 / (curvature - h + l2) - whole
      if (gain > (best?.gain ?? 1e-9)) best = { gain, feature, bin, gradient: g, curvature: h }
    }
  }
  return best
}

/** Rows at most in `bin` of the feature first, in their order; returns where the others begin. */
function partition({ binned: { width, bins }, order }: Growth, from: number, to: number, feature: number, bin: number): number {
  const others = new Int32Array(to - from)
  let middle = from
  for (let k = from; k < to; k++) {
    const row = order[k]!
    if (bins[row * width + feature]! <= bin) order[middle++] = row
    else others[k - middle] = row
  }
  order.set(others.subarray(0, to - middle), middle)
  return middle
}

/** Trees as they are walked: side by side in memory. */
export type Forest = { roots: Int32Array; feature: Int16Array; split: Float64Array; left: Int32Array }
export const forestOf = ({ roots, feature, split, left }: Trees): Forest => ({ roots: Int32Array.from(roots), feature: Int16Array.from(feature), split: Float64Array.from(split), left: Int32Array.from(left) })

/** What the trees add to the log odds of a row: `values[at + feature]`. */
export function weighByTrees({ roots, feature, split, left }: Forest, values: Float32Array, at = 0): number {
  let sum = 0
  for (const root of roots) {
    let node = root
    for (let asked = feature[node]!; asked >= 0; asked = feature[node]!) node = left[node]! + (values[at + asked]! <= split[node]! ? 0 : 1)
    sum += split[node]!
  }
  return sum
}

/** What every leaf says, times `factor`. */
export function scaleTrees(trees: Trees, factor: number): Trees {
  return { ...trees, split: trees.split.map((value, node) => (trees.feature[node]! < 0 ? rounded(factor * value) : value)) }
}
