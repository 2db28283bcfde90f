import { expect, test } from 'vitest'
import type { MethodComparison, RoundFigures } from '../shared/comparison.ts'
import { type ComparedRun, compareRuns, type EvaluationSample } from './comparison.ts'
import { fewTemperatures, overCooledBase, scoreAtEntropy, sharpeningLines } from './sharpening.ts'

const figures = (round: number, score: number, tokenEntropy: number | null): RoundFigures => {
  const at = { estimate: score, low: score - 0.1, high: score + 0.1 }
  return { round, score: at, pass: at, distinct: at, coverage: at, itemEntropy: at, tokenEntropy, length: 5 }
}
const method = (key: string, byTemperature: [temperature: number, ...rounds: RoundFigures[]][]): MethodComparison => ({
  key, label: key, seeds: [1], runs: [], upperBound: false, byTemperature: byTemperature.map(([temperature, ...rounds]) => ({ temperature, rounds })), heldout: [], gradNorm: [], trainingPairs: [],
  ledger: { signals: 0, uniquePrompts: 0, samplesDrawn: 0, rewardQueries: 0, generatedTokens: 0, scoredTokens: 0, trainedTokens: 0, optimizerSteps: 0, seconds: 0 },
})
const base = method('base', [[1, figures(-1, 0.2, 2)], [0.7, figures(-1, 0.3, 1)], [0.3, figures(-1, 0.45, 0.5)], [0, figures(-1, 0.5, 1.8)]])

test('a line goes through the temperatures of the last round, rising; at T = 0 nothing is drawn and entropy is 0', () => {
  const [line] = sharpeningLines({ methods: [method('drift', [[1, figures(0, 0.1, 3), figures(1, 0.6, 1.5)], [0, figures(0, 0.2, 9), figures(1, 0.7, 1.2)]])] })
  expect(line).toMatchObject({ key: 'drift', round: 1, points: [{ temperature: 0, entropy: 0, score: { estimate: 0.7, low: 0.6 } }, { temperature: 1, entropy: 1.5, score: { estimate: 0.6 } }] })
})

test('temperatures whose last round is not evaluated, or whose entropy nobody told, are left out', () => {
  const going = method('drift', [[1, figures(0, 0.1, 3), figures(1, 0.6, 1.5)], [0.7, figures(0, 0.2, 2)], [0, figures(0, 0.2, 9)]])
  const untold = method('spin', [[1, figures(1, 0.6, null)], [0, figures(1, 0.6, null)]])
  expect(sharpeningLines({ methods: [going, untold] }).map(({ key, points }) => [key, points.map(({ temperature }) => temperature)])).toEqual([['drift', [1]]])
})

test('a sharpened copy of the base gains nothing at equal entropy, whatever it gains at equal temperature', () => {
  const sharpened = method('spin', [[1, figures(1, 0.375, 0.75)], [0, figures(1, 0.5, 0)]])
  const better = method('drift', [[1, figures(1, 0.6, 0.75)], [0, figures(1, 0.7, 0)]])
  const wider = method('drift-sft', [[1, figures(1, 0.6, 2.5)]])
  const gains = overCooledBase(sharpeningLines({ methods: [base, sharpened, better, wider] }))
  expect(gains.map(({ key }) => key)).toEqual(['spin', 'drift', 'drift-sft'])
  // Halfway between T = 0.3 and T = 0.7 the base has (0.45 + 0.3) / 2.
  expect(gains[0]!.gain).toBeCloseTo(0, 12)
  expect(gains[1]!.gain).toBeCloseTo(0.225, 12)
  expect(gains[2]!.gain).toBeNull()
})

test('two temperatures of the base are no line to judge by', () => {
  const two = method('base', [[1, figures(-1, 0.2, 2)], [0, figures(-1, 0.5, 1.8)]])
  expect(overCooledBase(sharpeningLines({ methods: [two, method('spin', [[1, figures(1, 0.4, 1)]])] }))).toEqual([{ key: 'spin', gain: null }])
  expect(fewTemperatures([1, 0])).toMatch(/^Evaluated at T = 0 and 1 alone: .* Write temperatures: \[0, 0\.3, 0\.7, 1\] under evaluation/)
  expect(fewTemperatures([1])).toMatch(/^Evaluated at T = 1 alone: points/)
  expect(fewTemperatures([0, 0.3, 0.7, 1])).toBeNull()
})

test('at a measured entropy the measured score stands; outside there is none', () => {
  const [line] = sharpeningLines({ methods: [base] })
  expect([0, 0.5, 1, 2].map((entropy) => scoreAtEntropy(line!, entropy))).toEqual([0.5, 0.45, 0.3, 0.2])
  expect(scoreAtEntropy(line!, 2.1)).toBeNull()
})

test('figures of a comparison of samples: entropy is the mean that the replies recorded', () => {
  const sample = (round: number, temperature: number, promptIndex: number, score: number, entropy: number): EvaluationSample => ({ run: 'r', round, temperature, promptIndex, score, pass: score === 1, items: [], solutionSize: null, tokens: 3, entropy })
  const samples = [-1, 1].flatMap((round) => [0, 0.5, 1].flatMap((t) => [0, 1].map((prompt) => sample(round, t, prompt, prompt, t + prompt + (round === 1 ? 0 : 1)))))
  const run: ComparedRun = { id: 'r', method: 'drift', base: 'base', warmStart: null, seed: 1, status: 'done', rounds: 1, dataset: 'd', k: 1, samples, heldout: [], gradNorms: [], trainingPairs: [], ledger: base.ledger }
  const lines = sharpeningLines(compareRuns([run], { temperatures: [0, 0.5, 1], prompts: 2, resamples: 50 }))
  expect(lines.map(({ key, points }) => [key, points.map(({ entropy, score }) => [entropy, score.estimate])])).toEqual([
    ['base', [[0, 0.5], [2, 0.5], [2.5, 0.5]]],
    ['drift', [[0, 0.5], [1, 0.5], [1.5, 0.5]]],
  ])
})
