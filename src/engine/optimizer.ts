/** AdamW and RMSprop as PyTorch computes them, on float32 arrays in place; clipping by global norm. */
import type { OptimizerConfig } from './engine.ts'

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
    case 'adamw_torch':
      return {
        state,
        update(parameters, step, learningRate, gradientScale) {
          for (const parameter of parameters) {
            adamw(parameter, stateOf('exp_avg', parameter), stateOf('exp_avg_sq', parameter), step, learningRate, gradientScale, decayOf(parameter.name), config)
          }
        },
      }
    case 'rmsprop':
      return {
        state,
        update(parameters, _step, learningRate, gradientScale) {
          for (const parameter of parameters) rmsprop(parameter, stateOf('square_avg', parameter), learningRate, gradientScale, decayOf(parameter.name))
        },
      }
  }
}

/** torch.optim.AdamW, decoupled decay: w -= lr·decay·w; w -= lr/(1-b1^t) · m / (sqrt(v)/sqrt(1-b2^t) + eps). */
function adamw({ weight, gradient }: Parameter, m: Float32Array, v: Float32Array, step: number, learningRate: number, gradientScale: number, decay: number, { adam_beta1: beta1, adam_beta2: beta2, adam_epsilon: epsilon }: OptimizerConfig): void {
  const stepSize = learningRate / (1 - beta1 ** step)
  const correction = Math.sqrt(1 - beta2 ** step)
  const keep = 1 - learningRate * decay
  const length = weight.length
  for (let i = 0; i < length; i++) {
    const g = (gradient[i] as number) * gradientScale
    const mi = (m[i] as number) + (g - (m[i] as number)) * (1 - beta1)
    const vi = (v[i] as number) * beta2 + g * g * (1 - beta2)
    m[i] = mi
    v[i] = vi
    weight[i] = (weight[i] as number) * keep - (stepSize * mi) / (Math.sqrt(vi) / correction + epsilon)
  }
}

export const RMSPROP_ALPHA = 0.99
export const RMSPROP_EPSILON = 1e-8

/** torch.optim.RMSprop with its defaults (no momentum, not centred); decay is added to the gradient. */
function rmsprop({ weight, gradient }: Parameter, squareAverage: Float32Array, learningRate: number, gradientScale: number, decay: number): void {
  const length = weight.length
  for (let i = 0; i < length; i++) {
    const g = (gradient[i] as number) * gradientScale + decay * (weight[i] as number)
    const average = (squareAverage[i] as number) * RMSPROP_ALPHA + g * g * (1 - RMSPROP_ALPHA)
    squareAverage[i] = average
    weight[i] = (weight[i] as number) - (learningRate * g) / (Math.sqrt(average) + RMSPROP_EPSILON)
  }
}

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
