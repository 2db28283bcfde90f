/** AdamW and RMSprop as PyTorch computes them, on float32 arrays in place; clipping by global norm. */
import type { OptimizerConfig } from './engine.ts'
import { add, div, elementwiseKernel, mul, sqrt, sub } from './simd.ts'

export type Parameter = { name: string; weight: Float32Array; gradient: Float32Array }

/** State arrays are named `exp_avg.<weight>`, `exp_avg_sq.<weight>` or `square_avg.<weight>`. */
export type Optimizer = {
  /** `step` counts from 1; gradients are multiplied by `gradientScale` as they are read. */
  update(parameters: Iterable<Parameter>, step: number, learningRate: number, gradientScale: number): void
  readonly state: Map<string, Float32Array>
}

/** Weights that Transformers exempts from decay: biases and norms (Trainer.get_decay_parameter_names). */
export function isDecayed(name: string): boolean {
  return !/bias|layernorm|rmsnorm|(?:^|\.)norm(?:$|\.)|_norm(?:$|\.)/.test(name)
}

/** @param state continues a run; arrays are adopted, missing ones start at zero. */
export function createOptimizer(config: OptimizerConfig, state: Map<string, Float32Array> = new Map()): Optimizer {
  const stateOf = (kind: string, { name, weight }: Parameter): Float32Array => {
    const key = `${kind}.${name}`
    const existing = state.get(key)
    if (existing && existing.length !== weight.length) throw new Error(`optimizer state "${key}": expected ${weight.length} numbers, got ${existing.length}; the checkpoint belongs to another model`)
    const array = existing ?? new Float32Array(weight.length)
    state.set(key, array)
    return array
  }
  const decayOf = (name: string): number => (isDecayed(name) ? config.weight_decay : 0)
  switch (config.optim) {
    case 'adamw_torch': {
      const { adam_beta1: beta1, adam_beta2: beta2, adam_epsilon: epsilon } = config
      return {
        state,
        update(parameters, step, learningRate, gradientScale) {
          const factors = { scale: gradientScale, oneMinusBeta1: 1 - beta1, beta2, oneMinusBeta2: 1 - beta2, stepSize: learningRate / (1 - beta1 ** step), correction: Math.sqrt(1 - beta2 ** step), epsilon }
          for (const parameter of parameters) {
            const { name, weight: w, gradient: g } = parameter
            adamw({ w, g, m: stateOf('exp_avg', parameter), v: stateOf('exp_avg_sq', parameter) }, { ...factors, keep: 1 - learningRate * decayOf(name) })
          }
        },
      }
    }
    case 'rmsprop':
      return {
        state,
        update(parameters, _step, learningRate, gradientScale) {
          const factors = { scale: gradientScale, alpha: RMSPROP_ALPHA, oneMinusAlpha: 1 - RMSPROP_ALPHA, rate: learningRate, epsilon: RMSPROP_EPSILON }
          for (const parameter of parameters) {
            const { name, weight: w, gradient: g } = parameter
            rmsprop({ w, g, v: stateOf('square_avg', parameter) }, { ...factors, decay: decayOf(name) })
          }
        },
      }
  }
}

/** torch.optim.AdamW, decoupled decay: w -= lr·decay·w; w -= lr/(1-b1^t) · m / (sqrt(v)/sqrt(1-b2^t) + eps). */
const adamw = elementwiseKernel(
  { arrays: ['w', 'g', 'm', 'v'], scalars: ['scale', 'keep', 'oneMinusBeta1', 'beta2', 'oneMinusBeta2', 'stepSize', 'correction', 'epsilon'], scratch: ['g'] },
  ({ w, g, m, v, scale, keep, oneMinusBeta1, beta2, oneMinusBeta2, stepSize, correction, epsilon }) => [
    ['g', mul(g, scale)],
    ['m', add(m, mul(sub(g, m), oneMinusBeta1))],
    ['v', add(mul(v, beta2), mul(mul(g, g), oneMinusBeta2))],
    ['w', sub(mul(w, keep), div(mul(stepSize, m), add(div(sqrt(v), correction), epsilon)))],
  ],
)

export const RMSPROP_ALPHA = 0.99
export const RMSPROP_EPSILON = 1e-8

/** torch.optim.RMSprop with its defaults (no momentum, not centred); decay is added to the gradient. */
const rmsprop = elementwiseKernel(
  { arrays: ['w', 'g', 'v'], scalars: ['scale', 'decay', 'alpha', 'oneMinusAlpha', 'rate', 'epsilon'], scratch: ['g'] },
  ({ w, g, v, scale, decay, alpha, oneMinusAlpha, rate, epsilon }) => [
    ['g', add(mul(g, scale), mul(decay, w))],
    ['v', add(mul(v, alpha), mul(mul(g, g), oneMinusAlpha))],
    ['w', sub(w, div(mul(rate, g), add(sqrt(v), epsilon)))],
  ],
)

/** Euclidean norm over all gradients. */
export function gradientNorm(gradients: Iterable<Float32Array>): number {
  let total = 0
  for (const gradient of gradients) {
    let sum = 0
    for (let i = 0; i < gradient.length; i++) sum += (gradient[i] as number) * (gradient[i] as number)
    total += sum
  }
  return Math.sqrt(total)
}

/** What torch.nn.utils.clip_grad_norm_ multiplies gradients by; 1 where clipping is off (max_grad_norm 0). */
export function clipFactor(norm: number, maxNorm: number): number {
  return maxNorm > 0 ? Math.min(1, maxNorm / (norm + 1e-6)) : 1
}
