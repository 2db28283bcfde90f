import { expect, it } from 'vitest'
import { moreWords, needed, varianceParts } from './power.ts'
import { makeRng, type Rng } from './rng.ts'
import { crossedInterval, mean } from './statistics.ts'

/** Differences with a true mean and known standard deviations of seeds, prompts and the rest. */
function aGrid(rng: Rng, seeds: number, prompts: number, { mean: truth = 0, seed = 0, prompt = 0, rest = 0 }): number[][] {
  const ofPrompt = Array.from({ length: prompts }, () => prompt * rng.normal())
  return Array.from({ length: seeds }, () => {
    const ofSeed = seed * rng.normal()
    return ofPrompt.map((value) => truth + ofSeed + value + rest * rng.normal())
  })
}

it('tells seeds from prompts: the parts of the variance are found again', () => {
  const parts = varianceParts(aGrid(makeRng('parts'), 40, 400, { seed: 0.3, prompt: 0.5, rest: 0.4 }))
  expect(parts.seed).toBeCloseTo(0.09, 1)
  expect(parts.prompt).toBeCloseTo(0.25, 1)
  expect(parts.rest).toBeCloseTo(0.16, 2)
})

it('asks for prompts where prompts differ, for seeds where seeds do, and says where neither alone is enough', () => {
  const rng = makeRng('asks')
  const byPrompts = needed(aGrid(rng, 8, 30, { mean: 0.1, prompt: 0.4, rest: 0.05 }))
  expect(byPrompts.prompts).toBeGreaterThan(20)
  expect(byPrompts.seeds).toBeNull()
  const bySeeds = needed(aGrid(rng, 6, 300, { mean: 0.1, seed: 0.25, rest: 0.05 }))
  expect(bySeeds.prompts).toBeNull()
  expect(bySeeds.seeds).toBeGreaterThan(3)
  expect(needed(aGrid(rng, 1, 50, { mean: 0.1, prompt: 0.4 })).seeds).toBeNull()
})

it('keeps its word: with the prompts it asked for, about four in five worlds are decided', () => {
  const rng = makeRng('power')
  const spread = { mean: 0.2, prompt: 0.5, rest: 0.3 }
  // What it asks for where the seen difference is the true one.
  const prompts = Math.round((0.25 + 0.09 / 2) / (0.2 / (1.959964 + 0.841621)) ** 2)
  const worlds = 200
  let decided = 0
  for (let w = 0; w < worlds; w++) if (crossedInterval(aGrid(rng, 2, prompts, { ...spread, seed: 0 }), { random: rng.next, resamples: 300 }).low > 0) decided += 1
  expect(decided / worlds).toBeGreaterThan(0.65)
  expect(decided / worlds).toBeLessThan(0.92)
  const asked = Array.from({ length: 100 }, () => aGrid(rng, 2, prompts, spread)).filter((grid) => mean(grid.map(mean)) > 0.19 && mean(grid.map(mean)) < 0.21).map((grid) => (needed(grid).prompts ?? 0) + prompts)
  expect(mean(asked) / prompts).toBeGreaterThan(0.85)
  expect(mean(asked) / prompts).toBeLessThan(1.25)
})

it('the interval of a difference covers the truth about as often as it says, whether prompts or seeds differ', () => {
  const rng = makeRng('six seeds')
  const worlds = 250
  const covers = (parts: { seed: number; prompt: number; rest: number }): number => {
    let covered = 0
    for (let w = 0; w < worlds; w++) {
      const { low, high } = crossedInterval(aGrid(rng, 6, 40, parts), { random: rng.next, resamples: 300 })
      if (low <= 0 && 0 <= high) covered += 1
    }
    return covered / worlds
  }
  for (const parts of [{ seed: 0.1, prompt: 0.4, rest: 0.3 }, { seed: 0.4, prompt: 0.05, rest: 0.05 }, { seed: 0.2, prompt: 0.2, rest: 0.1 }]) {
    expect(covers(parts)).toBeGreaterThan(0.92)
    expect(covers(parts)).toBeLessThan(0.995)
  }
})

it('says in words what would decide a difference, and why no number is said', () => {
  const words = (prompts: number | null, seeds: number | null, of = 3) => (['prompts', 'seeds'] as const).map((kind) => moreWords({ needed: { prompts, seeds }, seeds: of }, kind))
  expect(words(1310, 4)).toEqual(['about 1,310 more', 'about 4 more'])
  expect(words(2e6, null)).toEqual(['more than 100,000', 'none is enough alone'])
  expect(words(null, null, 1)).toEqual(['none is enough alone', 'unknown from one seed'])
  expect(moreWords({ needed: null, seeds: 3 }, 'prompts')).toBe('')
})
