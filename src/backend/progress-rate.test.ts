import { expect, it } from 'vitest'
import { progressRate } from './progress-rate.ts'

it('what was done before the first telling does not count as speed', () => {
  let at = 0
  const rate = progressRate(() => at)
  expect(rate(900, 1000)).toEqual({ perSecond: null, etaSeconds: null })
  at = 2000
  expect(rate(920, 1000)).toEqual({ perSecond: 10, etaSeconds: 8 })
  at = 4000
  expect(rate(920, 1000)).toEqual({ perSecond: 5, etaSeconds: 16 })
})
