/**
 * L2-regularised logistic regression on sparse rows, by L-BFGS (Nocedal and Wright, Numerical Optimization,
 * algorithms 7.4 and 7.5, with backtracking on Armijo's condition). Targets may be soft: a share of votes.
 */
import { sigmoid } from '../statistics.ts'

/** Compressed sparse rows: row i has the entries from `starts[i]` to `starts[i + 1]`. */
export type SparseRows = { starts: Int32Array; columns: Int32Array; values: Float32Array; width: number }
export type LinearModel = { weights: Float64Array; intercept: number }

export type FitOptions = {
  /** Strength of the penalty: l2 / 2 * |w|^2 beside the summed loss. The intercept is free. */
  l2: number
  iterations?: number
  /** Stops where no entry of the gradient, divided by the number of rows, exceeds this. */
  tolerance?: number
}

/**
 * Platt's scaling with his smoothed targets (Platt 1999): P(positive) of a score is σ(weights[0]·score + intercept).
 * The penalty only keeps separable scores finite. Both classes must occur.
 */
export function fitPlatt(scores: readonly number[], positive: readonly boolean[]): LinearModel {
  const hits = positive.filter(Boolean).length
  const misses = positive.length - hits
  if (hits === 0 || misses === 0) throw new Error(`Platt's scaling: expected scores of both classes, got ${hits} positive and ${misses} negative`)
  const rows: SparseRows = { starts: Int32Array.from({ length: scores.length + 1 }, (_, i) => i), columns: new Int32Array(scores.length), values: Float32Array.from(scores), width: 1 }
  const targets = Float64Array.from(positive, (one) => (one ? (hits + 1) / (hits + 2) : 1 / (misses + 2)))
  return fitLogistic(rows, targets, Int32Array.from(scores.keys()), { l2: 1e-9, tolerance: 1e-9 })
}

const MEMORY = 8
const ARMIJO = 1e-4

/** Minimises the summed cross-entropy plus penalty. `targets[i]` in [0, 1]; rows outside `chosen` are left out. */
export function fitLogistic(rows: SparseRows, targets: Float64Array, chosen: Int32Array, options: FitOptions): LinearModel {
  const { l2, iterations = 200, tolerance = 1e-5 } = options
  const size = rows.width + 1
  let point = new Float64Array(size)
  let gradient = new Float64Array(size)
  let loss = lossAndGradient(rows, targets, chosen, l2, point, gradient)
  const steps: Float64Array[] = []
  const changes: Float64Array[] = []
  for (let iteration = 0; iteration < iterations && largest(gradient) > tolerance * chosen.length; iteration++) {
    const direction = searchDirection(gradient, steps, changes)
    const slope = dot(direction, gradient)
    let length = steps.length === 0 ? Math.min(1, 1 / largest(gradient)) : 1
    const next = new Float64Array(size)
    const nextGradient = new Float64Array(size)
    let nextLoss = Infinity
    for (let tries = 0; tries < 30; tries++, length /= 2) {
      for (let i = 0; i < size; i++) next[i] = point[i]! + length * direction[i]!
      nextLoss = lossAndGradient(rows, targets, chosen, l2, next, nextGradient)
      if (nextLoss <= loss + ARMIJO * length * slope) break
    }
    // Rounding alone is left to gain.
    if (!(nextLoss < loss)) break
    const step = subtract(next, point)
    const change = subtract(nextGradient, gradient)
    if (dot(step, change) > 0) {
      steps.push(step)
      changes.push(change)
      if (steps.length > MEMORY) {
        steps.shift()
        changes.shift()
      }
    }
    point = next
    gradient = nextGradient
    loss = nextLoss
  }
  return { weights: point.slice(0, rows.width), intercept: point[rows.width]! }
}

/** Log odds of row `i`. */
export function logOddsOf(rows: SparseRows, i: number, { weights, intercept }: LinearModel): number {
  let sum = intercept
  for (let k = rows.starts[i]!; k < rows.starts[i + 1]!; k++) sum += weights[rows.columns[k]!]! * rows.values[k]!
  return sum
}

/** Sum over rows of log(1 + e^z) - y z, plus the penalty; `gradient` is overwritten. */
function lossAndGradient(rows: SparseRows, targets: Float64Array, chosen: Int32Array, l2: number, point: Float64Array, gradient: Float64Array): number {
  const { starts, columns, values, width } = rows
  let loss = 0
  for (let i = 0; i < width; i++) {
    gradient[i] = l2 * point[i]!
    loss += 0.5 * l2 * point[i]! * point[i]!
  }
  gradient[width] = 0
  for (const row of chosen) {
    let z = point[width]!
    const end = starts[row + 1]!
    for (let k = starts[row]!; k < end; k++) z += point[columns[k]!]! * values[k]!
    const target = targets[row]!
    loss += (z > 0 ? z + Math.log1p(Math.exp(-z)) : Math.log1p(Math.exp(z))) - target * z
    const error = sigmoid(z) - target
    for (let k = starts[row]!; k < end; k++) gradient[columns[k]!]! += error * values[k]!
    gradient[width]! += error
  }
  return loss
}

/** Two-loop recursion: minus the inverse Hessian's estimate times the gradient. */
function searchDirection(gradient: Float64Array, steps: readonly Float64Array[], changes: readonly Float64Array[]): Float64Array {
  const direction = gradient.slice()
  const shares: number[] = []
  for (let k = steps.length - 1; k >= 0; k--) {
    shares[k] = dot(steps[k]!, direction) / dot(steps[k]!, changes[k]!)
    addScaled(direction, changes[k]!, -shares[k]!)
  }
  const last = steps.length - 1
  const scale = last < 0 ? 1 : dot(steps[last]!, changes[last]!) / dot(changes[last]!, changes[last]!)
  for (let i = 0; i < direction.length; i++) direction[i]! *= scale
  for (let k = 0; k < steps.length; k++) addScaled(direction, steps[k]!, shares[k]! - dot(changes[k]!, direction) / dot(steps[k]!, changes[k]!))
  for (let i = 0; i < direction.length; i++) direction[i] = -direction[i]!
  return direction
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

function addScaled(to: Float64Array, from: Float64Array, scale: number): void {
  for (let i = 0; i < to.length; i++) to[i]! += scale * from[i]!
}

function subtract(a: Float64Array, b: Float64Array): Float64Array<ArrayBuffer> {
  const difference = new Float64Array(a.length)
  for (let i = 0; i < a.length; i++) difference[i] = a[i]! - b[i]!
  return difference
}

function largest(values: Float64Array): number {
  let most = 0
  for (const value of values) most = Math.max(most, Math.abs(value))
  return most
}
