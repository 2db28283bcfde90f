import { describe, expect, it } from 'vitest'
import { fairness, type Spent } from './fairness.ts'

const spent = (label: string, figures: { signals?: number; pairs?: number; generated?: number; trained?: number }): Spent => ({
  key: label,
  label,
  pairs: figures.pairs ?? 100,
  ledger: { signals: figures.signals ?? 50, uniquePrompts: 1, samplesDrawn: 1, rewardQueries: 0, generatedTokens: figures.generated ?? 1000, scoredTokens: 0, trainedTokens: figures.trained ?? 1000, optimizerSteps: 1, seconds: 1 },
})

describe('the budget of a race', () => {
  it('holds where what the regime names is equal, whatever else differs', () => {
    const [line] = fairness('equal-pairs', [spent('DRIFT', { pairs: 1280, signals: 900 }), spent('SPIN', { pairs: 1280, signals: 90 })])
    expect(line).toMatchObject({ equal: true, words: 'Held: pairs trained on per run differ by 0.0 % at most (DRIFT 1,280, SPIN 1,280).' })
  })

  it('says what is unequal, by how much, and who used what', () => {
    const [line] = fairness('equal-pairs', [spent('DRIFT', { pairs: 1280 }), spent('iterative DPO', { pairs: 1190 })])
    expect(line).toMatchObject({ equal: false, words: 'Not held: pairs trained on per run differ by 7.6 %, more than 1 % (DRIFT 1,280, iterative DPO 1,190).' })
    expect(fairness('equal-logs', [spent('DRIFT', { signals: 10 }), spent('SPIN', { signals: 0 })])[0]).toMatchObject({ equal: false, words: expect.stringContaining('one used none') as string })
  })

  it('counts sampling and training together as compute, within a twentieth', () => {
    expect(fairness('equal-compute', [spent('a', { generated: 1000, trained: 1000 }), spent('b', { generated: 500, trained: 1580 })])[0]!.equal).toBe(true)
    expect(fairness('equal-compute', [spent('a', { generated: 1000, trained: 1000 }), spent('b', { generated: 1000, trained: 1120 })])[0]!.equal).toBe(false)
  })

  it('says nothing of a single method', () => {
    expect(fairness('equal-logs', [spent('DRIFT', {})])).toEqual([])
  })
})
