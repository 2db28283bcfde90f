import { describe, expect, it } from 'vitest'
import { type ComparedRun, compareRuns, type EvaluationSample, promptFigures, normsOver } from './comparison.ts'
import { makeRng } from './rng.ts'

const ledger = { signals: 0, uniquePrompts: 0, samplesDrawn: 100, rewardQueries: 0, generatedTokens: 0, scoredTokens: 0, trainedTokens: 0, optimizerSteps: 0, seconds: 0 }
const sample = (over: Partial<EvaluationSample>): EvaluationSample => ({ run: 'r', round: 0, temperature: 1, promptIndex: 0, score: 0, pass: false, items: [], solutionSize: 4, tokens: 10, entropy: 0.5, ...over })

/** A run whose score per round is given, with prompt and sample noise. */
function aRun(method: string, seed: number, scores: Record<number, number>, rounds: number, status: ComparedRun['status'] = 'done'): ComparedRun {
  const rng = makeRng(`${method}/${seed}`)
  const samples: EvaluationSample[] = []
  for (const [round, score] of Object.entries(scores)) {
    for (let promptIndex = 0; promptIndex < 40; promptIndex++) {
      for (let i = 0; i < 4; i++) samples.push(sample({ round: Number(round), promptIndex, score: score + 0.1 * rng.normal(), pass: rng.next() < score, items: ['a', rng.pick(['b', 'c'])] }))
    }
  }
  return { id: `${method}-${seed}`, method, seed, status, rounds, dataset: 'test', k: 4, samples, heldout: [{ round: rounds, margins: [0.2, 0.4, -0.1] }], gradNorms: [{ round: 1, ...normsOver([1, 2, 3, 4]) }], trainingPairs: [], ledger }
}

const compare = (runs: ComparedRun[]) => compareRuns(runs, { temperatures: [1], prompts: 40, resamples: 800 })

describe('promptFigures', () => {
  it('counts distinct sets of items among passing answers only, whatever their order', () => {
    const figures = promptFigures([
      sample({ pass: true, items: ['a', 'b'] }),
      sample({ pass: true, items: ['b', 'a'] }),
      sample({ pass: true, items: ['a', 'c'] }),
      sample({ pass: false, items: ['d', 'd'] }),
    ])
    expect(figures.distinct).toBe(2)
    expect(figures.coverage).toBe(3 / 4)
    expect(figures.pass).toBe(3 / 4)
  })
})

describe('compareRuns', () => {
  it('finds a real difference to base and calls equal methods not distinguishable', () => {
    const seeds = [1, 2, 3, 4, 5, 6]
    const runs = seeds.flatMap((seed) => [aRun('drift', seed, { [-1]: 0.5, 0: 0.55, 1: 0.7 }, 1), aRun('spin', seed, { 0: 0.55, 1: 0.7 }, 1)])
    const comparison = compare(runs)
    expect(comparison.claim).toBe('methods')
    expect(comparison.methods.map((method) => method.key)).toEqual(['base', 'warm-start', 'drift', 'spin'])
    const score = (a: string, b: string) => comparison.differences.find((d) => d.a === a && d.b === b && d.measure === 'score')!
    expect(score('drift', 'base').verdict).toBe('ahead')
    expect(score('drift', 'base').difference.estimate).toBeCloseTo(0.2, 1)
    expect(score('drift', 'spin').verdict).toBe('not distinguishable')
    expect(score('drift', 'spin').primary).toBe(true)
    expect(comparison.headline).toContain('DRIFT is ahead of base by +0.2')
    expect(comparison.headline).toContain('not distinguishable from SPIN')
  })

  it('says when DRIFT loses', () => {
    const runs = [1, 2, 3, 4, 5, 6].flatMap((seed) => [aRun('drift', seed, { [-1]: 0.6, 0: 0.6, 1: 0.4 }, 1), aRun('spin', seed, { 0: 0.6, 1: 0.7 }, 1)])
    expect(compare(runs).headline).toMatch(/^DRIFT is behind base by −0.2.*behind SPIN/)
  })

  it('with few seeds claims checkpoints, not methods, and cautions', () => {
    const comparison = compare([aRun('drift', 1, { [-1]: 0.5, 0: 0.5, 1: 0.7 }, 1)])
    expect(comparison.claim).toBe('checkpoints')
    expect(comparison.cautions.join()).toContain('1 seed: the intervals speak of these checkpoints')
  })

  it('leaves unfinished evaluations out and says so', () => {
    const half = aRun('drift', 1, { [-1]: 0.5, 0: 0.5, 1: 0.7 }, 1, 'running')
    half.samples = half.samples.filter((s) => s.round < 1 || s.promptIndex < 20)
    const comparison = compare([half])
    expect(comparison.finished).toBe(false)
    expect(comparison.differences.filter((d) => d.a === 'drift')).toEqual([])
    expect(comparison.cautions.join()).toContain('1 of 1 runs have not finished')
  })

  it('gives the same figures twice', () => {
    const runs = [aRun('drift', 1, { [-1]: 0.5, 0: 0.5, 1: 0.7 }, 1)]
    expect(compare(runs)).toEqual(compare(runs))
  })

  it('keeps an upper bound out of the primary family', () => {
    const comparison = compare([aRun('drift', 1, { [-1]: 0.5, 0: 0.5, 1: 0.7 }, 1), aRun('iterative-dpo-oracle', 1, { 0: 0.5, 1: 0.8 }, 1)])
    expect(comparison.differences.filter((d) => d.primary)).toEqual([])
    expect(comparison.methods.find((m) => m.key === 'iterative-dpo-oracle')!.upperBound).toBe(true)
  })

  it('takes the family that was declared before the start instead of its own, and says what of it cannot be answered', () => {
    const runs = [1, 2, 3, 4, 5, 6].flatMap((seed) => [aRun('drift', seed, { [-1]: 0.5, 0: 0.55, 1: 0.7 }, 1), aRun('spin', seed, { 0: 0.55, 1: 0.7 }, 1)])
    const comparison = compareRuns(runs, { temperatures: [1], prompts: 40, resamples: 400, race: { regime: 'equal-pairs', declared: { metric: 'pass', temperature: 1, pairs: [['spin', 'base'], ['spin', 'gone']] } } })
    expect(comparison.differences.filter((d) => d.primary).map((d) => [d.a, d.b, d.measure])).toEqual([['spin', 'base', 'pass']])
    expect(comparison.cautions.join()).toContain('spin'.toUpperCase() + ' minus gone at T = 1')
  })

  it('says what would decide an open difference, and nothing of a decided one', () => {
    const runs = [1, 2, 3, 4, 5, 6].flatMap((seed) => [aRun('drift', seed, { [-1]: 0.5, 0: 0.55, 1: 0.704 }, 1), aRun('spin', seed, { 0: 0.55, 1: 0.7 }, 1)])
    const of = (a: string, b: string) => compare(runs).differences.find((d) => d.a === a && d.b === b && d.measure === 'score')!
    expect(of('drift', 'base').needed).toBeNull()
    expect(of('drift', 'spin').needed!.prompts ?? of('drift', 'spin').needed!.seeds).toBeGreaterThan(0)
    expect(of('drift', 'base').permutation.seeds).toBe(2 / 64)
    expect(of('drift', 'base').permutation.prompts).toBeLessThan(0.01)
  })

  it('tests pass and fail of single replies with McNemar', () => {
    const once = (method: string, seed: number, passing: (prompt: number) => boolean): ComparedRun => ({ ...aRun(method, seed, {}, 1), samples: Array.from({ length: 40 }, (_, promptIndex) => sample({ round: 1, promptIndex, temperature: 0, score: 0.5, pass: passing(promptIndex) })) })
    const comparison = compareRuns([once('drift', 1, (p) => p < 30), once('spin', 1, (p) => p >= 8 && p < 20)], { temperatures: [0], prompts: 40, resamples: 200 })
    // 18 prompts that only DRIFT passes, none that only SPIN does: 2 / 2^18.
    expect(comparison.differences.find((d) => d.a === 'drift' && d.b === 'spin' && d.measure === 'pass')!.mcnemar).toEqual({ onlyA: 18, onlyB: 0, p: expect.closeTo(2 ** -17, 12) as number })
  })
})
