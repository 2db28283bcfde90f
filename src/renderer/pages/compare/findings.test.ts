import { describe, expect, it } from 'vitest'
import type { BoardColumn, Comparison, MethodComparison } from '../../../shared/comparison.ts'
import { compareMethods, methodStyle } from '../../charts/methods.ts'
import { ledgerLines } from './figures.ts'
import { gradientFinding, ranking, sharpeningFinding, spreadFinding, trajectory } from './findings.ts'
import { ends } from './prompt-board.ts'

const value = (estimate: number) => ({ estimate, low: estimate, high: estimate })
const series = (key: string, label: string, ...values: number[]) => ({ key, label, points: values.map((y, round) => ({ round, value: value(y) })) })
const method = (key: string, over: Partial<MethodComparison> = {}): MethodComparison => ({
  key, label: key, seeds: [1], runs: ['r'], upperBound: false, byTemperature: [], heldout: [], gradNorm: [], trainingPairs: [],
  ledger: { signals: 100, uniquePrompts: 90, samplesDrawn: 512, rewardQueries: 0, generatedTokens: 6000, scoredTokens: 0, trainedTokens: 40000, optimizerSteps: 32, seconds: 9 }, ...over,
})

describe('trajectory', () => {
  it('says who rises, who peaked and who fell', () => {
    expect(trajectory([series('drift', 'DRIFT', 0.64, 0.75, 0.8, 0.79), series('spin', 'SPIN', 0.64, 0.66, 0.79), series('iterative-dpo', 'Iterative DPO', 0.64, 0.6)], '?')).toBe(
      'DRIFT and SPIN are highest at round 2; Iterative DPO ends below the warm start',
    )
  })
  it('asks the question while there is nothing to say', () => {
    expect(trajectory([series('drift', 'DRIFT', 0.64)], 'How does it move?')).toBe('How does it move?')
  })
})

it('ranking follows the verdicts of the paired differences, never the estimates', () => {
  const difference = { temperature: 1, measure: 'score' as const, difference: value(0.1), p: 0, pAdjusted: null, primary: true, seeds: 1, prompts: 1 }
  const comparison = { methods: [method('drift'), method('spin'), method('iterative-dpo')], differences: [{ ...difference, a: 'drift', b: 'spin', verdict: 'not distinguishable' }, { ...difference, a: 'drift', b: 'iterative-dpo', verdict: 'ahead' }] } as unknown as Comparison
  expect(ranking(comparison, 1, 'score')).toBe('DRIFT is not distinguishable from SPIN and ahead of Iterative DPO')
})

it('ranking speaks of one method where several are set against others, and of settings as of methods', () => {
  const difference = { temperature: 1, measure: 'score' as const, difference: value(0.1), p: 0, pAdjusted: null, primary: false, seeds: 1, prompts: 1 }
  const [low, high] = ['drift, learning_rate 0.1', 'drift, learning_rate 0.3']
  const differences = [{ ...difference, a: low, b: high, verdict: 'behind' }, { ...difference, a: low, b: 'spin', verdict: 'ahead' }, { ...difference, a: high, b: 'spin', verdict: 'ahead' }]
  const methods = [method('base, models/a'), method(low), method(high), method('spin')]
  expect(ranking({ methods, differences } as unknown as Comparison, 1, 'score')).toBe('DRIFT (learning_rate 0.1) is behind DRIFT (learning_rate 0.3) and ahead of SPIN')
})

it('ends measures each method against the base it began at', () => {
  const column = (method: string, round: number, on: string): BoardColumn => ({ run: method, method, round, base: `base, ${on}`, warmStart: null })
  const columns = [column('base, a', -1, 'a'), column('base, b', -1, 'b'), column('drift, a', 1, 'a'), column('drift, b', 1, 'b')]
  const { base, moves } = ends(columns, { index: 0, text: '', scores: [0.25, 0.75, 0.5, 0.5], passes: [], harm: 0, gain: 0, turnedBad: [] })
  expect(base).toBeNull()
  expect(moves).toEqual([{ method: 'drift, a', score: 0.5, change: 0.25 }, { method: 'drift, b', score: 0.5, change: -0.25 }])
})

it('a setting of a method has its colour and place, and a look and name of its own', () => {
  const [low, high] = [methodStyle('drift, learning_rate 0.05'), methodStyle('drift, learning_rate 0.01')]
  expect([low.label, low.short, low.token]).toEqual(['DRIFT (learning_rate 0.05)', 'DRIFT (learning_rate 0.05)', methodStyle('drift').token])
  expect([high.dash, high.marker]).not.toEqual([low.dash, low.marker])
  expect(['spin', 'drift, learning_rate 0.05', 'base', 'drift'].sort(compareMethods)).toEqual(['base', 'drift', 'drift, learning_rate 0.05', 'spin'])
})

it('sharpeningFinding compares at equal entropy, and asks where the base has too few temperatures', () => {
  const line = (key: string, ...points: [temperature: number, entropy: number, score: number][]) => ({ key, round: 1, points: points.map(([temperature, entropy, score]) => ({ temperature, entropy, score: value(score) })) })
  const base = line('base', [0, 0, 0.5], [0.5, 1, 0.4], [1, 2, 0.2])
  const others = [line('spin', [1, 1, 0.38]), line('drift', [1, 1, 0.65]), line('iterative-dpo-oracle', [1, 1, 0.9]), line('warm-start', [1, 1, 0.5])]
  expect(sharpeningFinding([base, ...others])).toBe('At equal entropy DRIFT is 0.25 above the base and SPIN 0.02 below')
  expect(sharpeningFinding([{ ...base, points: base.points.slice(1) }, ...others])).toBe('Is a gain more than sharpening?')
})

it('gradientFinding names a norm that has halved', () => {
  const norms = (...means: number[]) => means.map((mean, i) => ({ round: i + 1, mean, first: mean, last: mean }))
  expect(gradientFinding([method('spin', { gradNorm: norms(0.6, 0.2) }), method('drift', { gradNorm: norms(0.6, 0.6) })])).toBe('Gradient norms of SPIN have more than halved since round 1')
  expect(gradientFinding([method('drift', { gradNorm: norms(0.6, 0.63) })])).toBe('No gradient norm fades: every last round is at or above its first')
  expect(gradientFinding([method('drift', { gradNorm: norms(0.6, 0.54) })])).toBe('No gradient norm fades: the last round keeps 90 % or more of the first')
})

it('spreadFinding names who gave up most', () => {
  expect(spreadFinding('Item entropy', [series('drift', 'DRIFT', 3.26, 2.64), series('spin', 'SPIN', 3.26, 3.01)], 2, 'bits')).toBe('Item entropy falls most under DRIFT: 3.26 to 2.64 bits')
})

it('ledgerLines flags what differs by more than a tenth, per run', () => {
  const greedy = method('iterative-dpo', { runs: ['a', 'b'], ledger: { ...method('x').ledger, samplesDrawn: 3280, rewardQueries: 3280 } })
  const lines = ledgerLines([method('drift'), greedy])
  const line = (label: string) => lines.find((one) => one.label === label)!
  expect(line('samples drawn')).toMatchObject({ perRun: [512, 1640], unequal: true })
  expect(line('reward queries')).toMatchObject({ ratio: null, unequal: true })
  expect(ledgerLines([method('drift'), method('spin')]).some(({ unequal }) => unequal)).toBe(false)
})
