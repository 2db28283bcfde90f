import { expect, it } from 'vitest'
import { mcnemarTest, signFlipTest } from './paired-tests.ts'
import { makeRng } from './rng.ts'
import { crossedInterval, mean } from './statistics.ts'

it('under no difference both tests call about 5 % of worlds significant at 0.05, never many more', () => {
  const rng = makeRng('null')
  const worlds = 400
  let flips = 0
  let discordant = 0
  for (let w = 0; w < worlds; w++) {
    const differences = Array.from({ length: 60 }, () => rng.normal())
    if (signFlipTest(differences, { resamples: 400, random: rng.next }) <= 0.05) flips += 1
    const onlyA = Array.from({ length: 60 }, () => rng.next()).filter((u) => u < 0.5).length
    if (mcnemarTest(onlyA, 60 - onlyA) <= 0.05) discordant += 1
  }
  expect(flips / worlds).toBeGreaterThan(0.02)
  expect(flips / worlds).toBeLessThan(0.08)
  expect(discordant / worlds).toBeLessThan(0.06)
})

it('the bootstrap interval of a win rate covers the truth in about 95 % of worlds, also near zero', () => {
  const rng = makeRng('win-rate-coverage')
  // Win probabilities as judges give them: most near 0, some near 1; their mean is 0.1.
  const draw = (): number => (rng.next() < 0.1 ? 0.9 + 0.1 * rng.next() : 0.05 * rng.next() * (1 / 4.5))
  const truth = 0.1 * 0.95 + 0.9 * (0.025 / 4.5)
  const worlds = 300
  let covered = 0
  for (let w = 0; w < worlds; w++) {
    const { low, high } = crossedInterval([Array.from({ length: 300 }, draw)], { random: rng.next, resamples: 400 })
    if (low <= truth && truth <= high) covered += 1
  }
  expect(covered / worlds).toBeGreaterThan(0.91)
  expect(covered / worlds).toBeLessThan(0.985)
})

it('a clear difference is found, and no difference gives p = 1', () => {
  const rng = makeRng('clear')
  const differences = Array.from({ length: 50 }, () => 0.8 + rng.normal())
  expect(mean(differences)).toBeGreaterThan(0.4)
  expect(signFlipTest(differences, { random: rng.next })).toBeLessThan(0.005)
  expect(signFlipTest([0, 0, 0], { random: rng.next })).toBe(1)
  expect(() => signFlipTest([], { random: rng.next })).toThrow('at least one pair')
})
