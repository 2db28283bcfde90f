import { describe, expect, it } from 'vitest'
import type { Probe } from '../shared/monitors.ts'
import { drifts, exactWeights, gradientFigures, meanInterval, staleFigures } from './probe-figures.ts'

const pair = (margin: number, norm: number | null, chosen = -10, rejected = -12) => ({ margin, norm, chosen, rejected })
const probe = (pairs: Probe['pairs'], over: Partial<Probe> = {}): Probe => ({ round: 1, beta: 0.1, pairs, meanNorm: 0.5, replies: [], canaries: [], moved: [], ...over })

it('meanInterval is the mean and 1.96 standard errors (statistics of 2, 4, 6: mean 4, deviation 2)', () => {
  const { estimate, low, high } = meanInterval([2, 4, 6])
  expect([estimate, low, high].map((value) => Number(value.toFixed(4)))).toEqual([4, 1.7368, 6.2632])
})

it('exactWeights are beta times sigmoid of minus the margin', () => {
  expect(exactWeights(probe([pair(0, null), pair(Math.log(3), null)])).map((weight) => Number(weight.toFixed(12)))).toEqual([0.05, 0.025])
})

it('staleFigures have the mean movement and the share beyond 0.2 nats either way: two of four', () => {
  const figures = staleFigures({ moved: [0.3, -0.1, 0.2, -0.4] })!
  expect(figures.moved.estimate).toBeCloseTo(0, 12)
  // Deviation sqrt((0.09 + 0.01 + 0.04 + 0.16) / 3) = 0.316228, its interval 1.96 of it over 2.
  expect(figures.moved.high).toBeCloseTo(0.309898, 4)
  expect(figures.share).toBe(0.5)
  expect(staleFigures({ moved: [] })).toBe(null)
})

describe('gradientFigures', () => {
  it('measures the parts of the bound: two pairs weigh, the third is learned', () => {
    const figures = gradientFigures(probe([pair(0, 1), pair(0, 3), pair(5, 0.5)]))!
    expect(figures.p0).toBeCloseTo(2 / 3, 12)
    // Norms 1 and 3 at weight 0.05 are log-ratio gradients of 20 and 60.
    expect(figures.deltaCond).toBeCloseTo(40, 9)
    expect(figures.bound).toBeCloseTo(0.1 * 0.25 * (2 / 3) * 40, 9)
    expect(figures.agreement).toBeCloseTo(0.5 / 1.5, 12)
  })

  it('has a bound that is never above the mean norm, and 0 where no pair weighs', () => {
    for (const margins of [[0, 0, 0], [-3, 0.5, 1], [1.2, -0.2, 4], [2, 3, 4]]) {
      const { bound, norm } = gradientFigures(probe(margins.map((margin, i) => pair(margin, i + 0.2))))!
      expect(bound).toBeLessThanOrEqual(norm.estimate)
    }
    expect(gradientFigures(probe([pair(5, 0.1), pair(6, 0.2)]))?.bound).toBe(0)
  })

  it('is null where gradients were not measured', () => expect(gradientFigures(probe([pair(0, null)], { meanNorm: null }))).toBeNull())
})

describe('drifts', () => {
  const at = (round: number, logps: [number, number][]): Probe => probe(logps.map(([chosen, rejected]) => pair(0, 1, chosen, rejected)), { round })
  it('flags displacement where both sides fall', () => {
    const [drift] = drifts([at(0, [[-10, -12], [-20, -22]]), at(1, [[-13, -19], [-23.2, -30]])])
    expect(drift).toMatchObject({ round: 1, displaced: true, chosen: { estimate: expect.closeTo(-3.1, 9) as number }, rejected: { estimate: expect.closeTo(-7.5, 9) as number } })
  })
  it('does not where chosen replies rise', () => {
    expect(drifts([at(0, [[-10, -12], [-20, -22]]), at(1, [[-9, -19], [-19, -30]])])[0]?.displaced).toBe(false)
  })
})
