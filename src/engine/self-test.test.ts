import { describe, expect, it } from 'vitest'
import { judgeSelfTest } from './device-check.ts'
import { SELF_TEST_TOLERANCE, worstDifference } from './self-test.ts'
import type { StepResult } from './self-test.ts'

const step = (changed: number[] = [0, 1]): StepResult => ({
  gradients: new Map([['a', Float32Array.of(3, 4)], ['norm', Float32Array.of(1, 2)]]),
  changes: new Map([['a', Float32Array.from(changed)]]),
})

describe('a device\'s training step beside the CPU\'s', () => {
  it('is measured by its worst tensor, relative to the CPU\'s size', () => {
    const got: StepResult = { ...step(), gradients: new Map([['a', Float32Array.of(3, 4.05)], ['norm', Float32Array.of(1, 2)]]) }
    expect(worstDifference(got, step())).toEqual({ tensor: 'gradient of a', error: expect.closeTo(0.01, 6) as number })
    expect(worstDifference(step([0, 1.5]), step())).toEqual({ tensor: 'change of a', error: 0.5 })
    expect(worstDifference(step(), step()).error).toBe(0)
  })

  it('is infinitely wrong with a tensor that is missing or holds NaN', () => {
    expect(worstDifference({ ...step(), gradients: new Map([['a', Float32Array.of(3, 4)]]) }, step())).toEqual({ tensor: 'gradient of norm', error: Infinity })
    expect(worstDifference(step([NaN, 1]), step())).toEqual({ tensor: 'change of a', error: Infinity })
  })

  it('is refused beyond the tolerance, with tensor, error and what to do', () => {
    expect(() => judgeSelfTest({ tensor: 'gradient of a', error: SELF_TEST_TOLERANCE / 2 })).not.toThrow()
    expect(() => judgeSelfTest({ tensor: 'gradient of model.norm.weight', error: 0.98 })).toThrow(
      'device webgpu: expected a training step to equal the CPU\'s within 0.001, got a relative error of 9.8e-1 (gradient of model.norm.weight); what it trains would be wrong. Update the graphics driver, or choose device cpu',
    )
    expect(() => judgeSelfTest({ tensor: 'gradient of a', error: Infinity })).toThrow('Infinity')
  })
})
