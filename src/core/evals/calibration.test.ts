import { expect, it } from 'vitest'
import { Z } from '../statistics.ts'
import { badgeOf } from './badge.ts'
import { calibrate } from './calibration.ts'

/** Of the decided ones, every second is lost by both. */
const pairs = (decided: number, ties: number) => Array.from({ length: decided + ties }, (_, i) => (i >= decided ? { own: 0.5, published: 0.7 } : i % 2 === 0 ? { own: 0.9, published: 0.8 } : { own: 0.1, published: 0.2 }))
const judged = { official: false, discrete: false }

it('a judge that ties nearly always is not calibrated by the few answers it decides', () => {
  const calibration = calibrate('alpacaeval', pairs(1, 149))
  // Wilson's lower bound of 1 in 1 is 1 / (1 + z²).
  expect(calibration).toMatchObject({ n: 150, agreementN: 1, agreement: { estimate: 1, low: expect.closeTo(1 / (1 + Z ** 2), 12) as number, high: 1 } })
  expect(badgeOf(judged, calibration)).toBe('uncalibrated')
  expect(badgeOf(judged, calibrate('alpacaeval', pairs(149, 1)))).toBe('calibrated')
})

it('a judge is not calibrated on a model that nearly always loses by saying that it does', () => {
  const lopsided = Array.from({ length: 200 }, (_, i) => ({ own: 0.1, published: i % 20 === 0 ? 0.9 : 0.2 }))
  const calibration = calibrate('alpacaeval', lopsided)!
  expect([calibration.agreement.estimate, calibration.agreementByChance]).toEqual([0.95, expect.closeTo(0.95, 12)])
  expect(badgeOf(judged, calibration)).toBe('uncalibrated')
  expect(badgeOf(judged, calibrate('alpacaeval', lopsided.map(({ published }) => ({ own: published, published }))))).toBe('calibrated')
})

it('where every answer is a tie agreement is not defined', () => {
  const calibration = calibrate('alpacaeval', pairs(0, 120))
  expect(calibration).toMatchObject({ agreementN: 0, agreement: { estimate: Number.NaN, low: Number.NaN, high: Number.NaN } })
  expect(badgeOf(judged, calibration)).toBe('uncalibrated')
})
