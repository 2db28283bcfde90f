import { describe, expect, it } from 'vitest'
import type { InspectedPair, InspectedToken } from '../../shared/inspection.ts'
import { parsePlace, printPlace, shadeScale, tokenFill, tokenGlyph } from './token-shade.ts'

const token = (ratio: number | null, change: Partial<InspectedToken> = {}): InspectedToken => ({ id: 1, text: 'a', template: false, cut: false, logp: ratio, refLogp: ratio === null ? null : 0, ...change })
const pair = (...ratios: number[]): Pick<InspectedPair, 'chosen' | 'rejected'> => ({ chosen: { tokens: ratios.map((ratio) => token(ratio)), logps: 0, refLogps: 0, logRatio: 0 }, rejected: { tokens: [], logps: 0, refLogps: 0, logRatio: 0 } })

describe('the colour of a token', () => {
  it('is full at a round bound that a few extreme tokens do not move', () => {
    expect(shadeScale(pair(...Array.from({ length: 99 }, () => 0.18), 40), 'ratio').bound).toBe(0.2)
    expect(shadeScale(pair(-3, 0.1), 'ratio').bound).toBe(5)
    // An untrained policy is not painted with rounding errors.
    expect(shadeScale(pair(1e-7, -1e-7), 'ratio').bound).toBe(0.05)
    expect(shadeScale(pair(-0.2), 'logp').bound).toBe(1)
  })

  it('tells more likely from less likely, and how much', () => {
    const scale = { shade: 'ratio', bound: 2 } as const
    expect(tokenFill(token(2), scale)).toContain('var(--token-more) 60%')
    expect(tokenFill(token(9), scale)).toBe(tokenFill(token(2), scale))
    expect(tokenFill(token(-1), scale)).toContain('var(--token-less) 30%')
    expect(tokenFill(token(-1, { template: true }), scale)).toContain('13%')
    expect([tokenFill(token(0), scale), tokenFill(token(null), scale)]).toEqual(['', ''])
    expect(tokenFill(token(0, { logp: -4 }), { shade: 'logp', bound: 8 })).toContain('var(--token-less) 30%')
  })
})

it('marks stand for what leaves none', () => {
  expect([' a', '\n\n', '\t', '', '\u0007', 'a\n'].map(tokenGlyph)).toEqual(['', '↵↵', '⇥', '⋯', '\\u{7}', '↵'])
})

it('a place survives the URL, anything else is none', () => {
  expect(parsePlace(printPlace({ part: 'chosen', index: 12 }))).toEqual({ part: 'chosen', index: 12 })
  expect([parsePlace('chosen'), parsePlace('reply.1'), parsePlace('chosen.-1')]).toEqual([null, null, null])
})
