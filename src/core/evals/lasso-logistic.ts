/**
 * Logistic regression on soft targets with an L1 penalty on every weight, to the exact optimum:
 * J(w) = sum_k |w_k| + C sum_i s_i [-q_i log p_i - (1 - q_i) log(1 - p_i)], p = sigma(x.w).
 * Upstream's liblinear stops at tolerance 1e-4, so its own weights are up to 0.016 points from this optimum.
 */
import { sigmoid } from '../statistics.ts'

/** `x` is [rows, width] row-major; `target` in 0..1 and `weight` (s) have one entry per row. */
export type FitRows = { width: number; x: Float64Array; target: Float64Array; weight: Float64Array }

const NEWTON_STEPS = 200
const SWEEPS = 20_000
/** Of the objective: where a step can gain no more, it is the last one; Newton's error after it is the square of its length. */
const GAIN_TOLERANCE = 1e-14
const SWEEP_TOLERANCE = 1e-13

/** Proximal Newton: each step minimises the quadratic model plus the penalty by coordinate descent, then searches along it. */
export function fitLassoLogistic(rows: FitRows, c: number, start: Float64Array = new Float64Array(rows.width)): Float64Array {
  const { width } = rows
  let w = Float64Array.from(start)
  let objective = objectiveAt(rows, c, w)
  for (let iteration = 0; iteration < NEWTON_STEPS; iteration++) {
    const { gradient, hessian } = derivatives(rows, c, w)
    const step = proximalStep(gradient, hessian, w)
    let expected = 0
    for (let k = 0; k < width; k++) expected += gradient[k]! * step[k]! + Math.abs(w[k]! + step[k]!) - Math.abs(w[k]!)
    if (-expected <= GAIN_TOLERANCE * objective) return w.map((value, k) => value + step[k]!)
    let scale = 1
    for (;;) {
      const next = w.map((value, k) => value + scale * step[k]!)
      const reached = objectiveAt(rows, c, next)
      if (reached <= objective + 1e-4 * scale * expected) {
        w = next
        objective = reached
        break
      }
      scale /= 2
      // Rounding is all that is left to gain.
      if (scale < 1e-10) return w
    }
  }
  throw new Error(`logistic regression: expected convergence within ${NEWTON_STEPS} steps at C = ${c}, got none`)
}

/** Mean over `of` (row numbers) of s (q log p + (1 - q) log(1 - p)), p clipped to [1e-15, 1 - 1e-15]. */
export function meanLogLikelihood(rows: FitRows, w: Float64Array, of: readonly number[]): number {
  let sum = 0
  for (const i of of) {
    const p = Math.min(1 - 1e-15, Math.max(1e-15, sigmoid(dot(rows, i, w))))
    sum += rows.weight[i]! * (rows.target[i]! * Math.log(p) + (1 - rows.target[i]!) * Math.log(1 - p))
  }
  return sum / of.length
}

/** The rows numbered in `of`, in that order. */
export function selectRows({ width, x, target, weight }: FitRows, of: readonly number[]): FitRows {
  const selected: FitRows = { width, x: new Float64Array(of.length * width), target: new Float64Array(of.length), weight: new Float64Array(of.length) }
  of.forEach((row, i) => {
    for (let k = 0; k < width; k++) selected.x[i * width + k] = x[row * width + k]!
    selected.target[i] = target[row]!
    selected.weight[i] = weight[row]!
  })
  return selected
}

function dot({ width, x }: FitRows, row: number, w: Float64Array): number {
  let sum = 0
  for (let k = 0; k < width; k++) sum += x[row * width + k]! * w[k]!
  return sum
}

function objectiveAt(rows: FitRows, c: number, w: Float64Array): number {
  let loss = 0
  for (let i = 0; i < rows.target.length; i++) {
    const z = dot(rows, i, w)
    // log(1 + e^z) - q z, without overflow
    loss += rows.weight[i]! * (Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))) - rows.target[i]! * z)
  }
  let penalty = 0
  for (const value of w) penalty += Math.abs(value)
  return penalty + c * loss
}

function derivatives(rows: FitRows, c: number, w: Float64Array): { gradient: Float64Array; hessian: Float64Array } {
  const { width, x, target, weight } = rows
  const gradient = new Float64Array(width)
  const hessian = new Float64Array(width * width)
  for (let i = 0; i < target.length; i++) {
    const p = sigmoid(dot(rows, i, w))
    const first = c * weight[i]! * (p - target[i]!)
    const second = c * weight[i]! * p * (1 - p)
    for (let k = 0; k < width; k++) {
      const xk = x[i * width + k]!
      gradient[k]! += first * xk
      for (let l = 0; l <= k; l++) hessian[k * width + l]! += second * xk * x[i * width + l]!
    }
  }
  for (let k = 0; k < width; k++) for (let l = k + 1; l < width; l++) hessian[k * width + l] = hessian[l * width + k]!
  return { gradient, hessian }
}

/** argmin over d of g.d + d'Hd/2 + |w + d|_1. */
function proximalStep(gradient: Float64Array, hessian: Float64Array, w: Float64Array): Float64Array {
  const width = w.length
  const step = new Float64Array(width)
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let moved = 0
    for (let k = 0; k < width; k++) {
      const curvature = hessian[k * width + k]!
      // A column of zeros: the penalty alone decides.
      if (curvature === 0) {
        step[k] = -w[k]!
        continue
      }
      let slope = gradient[k]!
      for (let l = 0; l < width; l++) slope += hessian[k * width + l]! * step[l]!
      const before = w[k]! + step[k]!
      const free = before - slope / curvature
      const after = Math.sign(free) * Math.max(0, Math.abs(free) - 1 / curvature)
      moved = Math.max(moved, Math.abs(after - before))
      step[k]! += after - before
    }
    if (moved < SWEEP_TOLERANCE) break
  }
  return step
}
