import { describe, expect, it } from 'vitest'
import { TRAIN } from '../../tests/reference/train-config.ts'
import { clipFactor, createOptimizer, gradientNorm, isDecayed } from './optimizer.ts'
import { learningRate, warmupSteps } from './schedule.ts'

describe('schedules', () => {
  // The learning rates TRL logged in shared/golden (dpo-rmsprop-rpo: 10 steps, 2 of warm-up; dpo-adamw-sigmoid: 1).
  it('are those of transformers', () => {
    const rates = (type: 'linear' | 'cosine', peak: number, warmup: number): number[] =>
      Array.from({ length: 10 }, (_, i) => learningRate({ learning_rate: peak, lr_scheduler_type: type, warmup_steps: warmup, min_lr_rate: 0 }, i + 1, 10))
    rates('linear', 0.0005, 2).forEach((rate, i) => expect(rate).toBeCloseTo([0, 0.00025, 0.0005, 0.0004375, 0.000375, 0.0003125, 0.00025, 0.0001875, 0.000125, 6.25e-5][i] ?? NaN, 12))
    const cosine = rates('cosine', 0.001, 1)
    expect(cosine[0]).toBe(0)
    expect(cosine[1]).toBe(0.001)
    expect(cosine[4]).toBeCloseTo(0.00075, 12)
  })

  it('read a warm-up below 1 as a share, rounded up', () => {
    expect(warmupSteps({ warmup_steps: 0.1 }, 25)).toBe(3)
    expect(warmupSteps({ warmup_steps: 7 }, 25)).toBe(7)
  })

  it('end at the floor', () => {
    expect(learningRate({ learning_rate: 1, lr_scheduler_type: 'cosine', warmup_steps: 0, min_lr_rate: 0.1 }, 101, 100)).toBeCloseTo(0.1, 12)
  })
})

describe('optimizers', () => {
  // By hand from the formulas in PyTorch's documentation; whole runs are compared in golden.test.ts.
  it('AdamW moves by the learning rate at first, after decay', () => {
    const parameter = { name: 'model.layers.0.mlp.up_proj.weight', weight: Float32Array.of(1, -2), gradient: Float32Array.of(0.5, -4) }
    createOptimizer({ ...TRAIN, weight_decay: 0.1 }).update([parameter], 1, 0.01, 1)
    expect(parameter.weight[0]).toBeCloseTo(1 * (1 - 0.001) - 0.01, 6)
    expect(parameter.weight[1]).toBeCloseTo(-2 * (1 - 0.001) + 0.01, 6)
  })

  it('RMSprop moves by ten learning rates at first (alpha 0.99)', () => {
    const parameter = { name: 'model.norm.weight', weight: Float32Array.of(1), gradient: Float32Array.of(3) }
    createOptimizer({ ...TRAIN, optim: 'rmsprop', weight_decay: 0.1 }).update([parameter], 1, 0.01, 1)
    expect(parameter.weight[0]).toBeCloseTo(0.9, 6)
  })

  it('exempt norms and biases from decay', () => {
    expect(['model.norm.weight', 'model.layers.0.input_layernorm.weight', 'model.layers.0.self_attn.q_proj.bias', 'model.layers.0.self_attn.q_norm.weight'].some(isDecayed)).toBe(false)
    expect(['model.embed_tokens.weight', 'model.layers.0.self_attn.q_proj.weight', 'lm_head.weight'].every(isDecayed)).toBe(true)
  })

  it('clip by the global norm', () => {
    expect(gradientNorm([Float32Array.of(3), Float32Array.of(0, 4)])).toBe(5)
    expect(clipFactor(5, 1)).toBeCloseTo(0.2, 6)
    expect(clipFactor(0.5, 1)).toBe(1)
    expect(clipFactor(5, 0)).toBe(1)
  })
})
