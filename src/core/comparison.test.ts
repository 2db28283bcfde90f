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
  return { id: `${method}-${seed}`, method, base: 'base', warmStart: 'warm-start', seed, status, rounds, dataset: 'test', k: 4, samples, heldout: [{ round: rounds, margins: [0.2, 0.4, -0.1] }], gradNorms: [{ round: 1, ...normsOver([1, 2, 3, 4]) }], trainingPairs: [], ledger }
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

  it('refuses two runs of one method and seed: the later would stand in the place of the first', () => {
    const run = aRun('drift', 1, { [-1]: 0.5, 0: 0.5, 1: 0.7 }, 1)
    expect(() => compare([run, { ...run, id: 'drift-again' }])).toThrow('expected one run of drift with seed 1, got drift-again')
  })

  it('sets each method against the base it began at, and against methods on that base alone', () => {
    const on = (base: string, run: ComparedRun): ComparedRun => ({ ...run, id: `${run.id}-${base}`, method: `${run.method}, ${base}`, base: `base, ${base}`, warmStart: `warm-start, ${base}` })
    const comparison = compare([
      on('models/a', aRun('drift', 1, { [-1]: 0.3, 0: 0.35, 1: 0.5 }, 1)), on('models/a', aRun('spin', 1, { [-1]: 0.3, 0: 0.35, 1: 0.5 }, 1)),
      on('models/b', aRun('drift', 1, { [-1]: 0.6, 0: 0.65, 1: 0.8 }, 1)),
    ])
    expect(comparison.methods.map(({ key, label }) => `${key} | ${label}`)).toEqual([
      'base, models/a | base (models/a)', 'base, models/b | base (models/b)', 'warm-start, models/a | warm start (models/a)', 'warm-start, models/b | warm start (models/b)',
      'drift, models/a | DRIFT (models/a)', 'drift, models/b | DRIFT (models/b)', 'spin, models/a | SPIN (models/a)',
    ])
    const score = comparison.differences.filter(({ measure }) => measure === 'score')
    expect(score.map(({ a, b }) => `${a} minus ${b}`).filter((words) => words.startsWith('drift'))).toEqual([
      'drift, models/a minus base, models/a', 'drift, models/b minus base, models/b', 'drift, models/a minus warm-start, models/a', 'drift, models/b minus warm-start, models/b', 'drift, models/a minus spin, models/a',
    ])
    for (const { b, difference } of score.filter(({ a, b }) => a.startsWith('drift') && b.startsWith('base'))) expect(difference.estimate, b).toBeCloseTo(0.2, 1)
    expect(score.filter(({ primary }) => primary).map(({ a, b }) => [a, b])).toEqual([['drift, models/a', 'spin, models/a']])
  })

  it('compares settings of a method with one another, and counts none of them as a competitor of DRIFT', () => {
    const comparison = compare([aRun('drift, beta 0.1', 1, { [-1]: 0.5, 0: 0.5, 1: 0.5 }, 1), aRun('drift, beta 0.5', 1, { [-1]: 0.5, 0: 0.5, 1: 0.8 }, 1)])
    const between = comparison.differences.filter(({ a, b, measure }) => a.startsWith('drift') && b.startsWith('drift') && measure === 'score')
    expect(between.map(({ a, b, verdict, primary }) => [a, b, verdict, primary])).toEqual([['drift, beta 0.1', 'drift, beta 0.5', 'behind', false]])
    expect(comparison.methods.map(({ key, runs }) => [key, runs.length])).toEqual([['base', 0], ['warm-start', 0], ['drift, beta 0.1', 1], ['drift, beta 0.5', 1]])
  })

  it('says which methods have no seed in common, and hands on what is said of runs left out', () => {
    const comparison = compareRuns([aRun('drift', 1, { [-1]: 0.5, 0: 0.5, 1: 0.7 }, 1), aRun('spin', 2, { [-1]: 0.5, 0: 0.5, 1: 0.7 }, 1)], { temperatures: [1], prompts: 40, resamples: 200, cautions: ['x is left out'] })
    expect(comparison.cautions.slice(0, 2)).toEqual(['x is left out', 'DRIFT and SPIN have no seed in common (1 and 2): nothing pairs them. Run one of them with a seed of the other.'])
  })

  it('begins its headline with what was declared, whatever the methods are called', () => {
    const seeds = [1, 2, 3, 4, 5, 6]
    const runs = seeds.flatMap((seed) => [aRun('drift-lr1', seed, { [-1]: 0.5, 0: 0.5, 1: 0.8 }, 1), aRun('drift-lr2', seed, { [-1]: 0.5, 0: 0.5, 1: 0.6 }, 1)])
    const declared = { metric: 'score' as const, temperature: 1, pairs: [['drift-lr2', 'drift-lr1']] as [string, string][] }
    const { headline } = compareRuns(runs, { temperatures: [1], prompts: 40, resamples: 400, race: { regime: 'equal-pairs', declared } })
    expect(headline).toMatch(/^drift-lr2 is behind drift-lr1 by −0\.\d+ \[.*\] task score at T = 1; drift-lr1 is ahead of base by \+0\.\d+ .*; n = 6 seeds × 40 prompts\.$/)
    expect(compare(runs).headline).toMatch(/^drift-lr1 is ahead of base by .*; it is ahead of drift-lr2 by/)
  })

  it('reads the declared base as the one its method began at', () => {
    const on = (base: string): ComparedRun => ({ ...aRun('drift', 1, { [-1]: 0.3, 0: 0.3, 1: 0.5 }, 1), id: base, method: base, base: `base, ${base}`, warmStart: null })
    const comparison = compareRuns([on('models/a'), on('models/b')], { temperatures: [1], prompts: 40, resamples: 200, race: { regime: 'equal-logs', declared: { metric: 'score', temperature: 1, pairs: [['models/b', 'base']] } } })
    expect(comparison.differences.filter(({ primary }) => primary).map(({ a, b }) => [a, b])).toEqual([['models/b', 'base, models/b']])
    expect(comparison.headline).toMatch(/^models\/b is ahead of base \(models\/b\)/)
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
