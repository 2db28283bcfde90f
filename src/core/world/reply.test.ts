import { describe, expect, it } from 'vitest'
import { makeRng } from '../rng.ts'
import { parseReply, renderReply, verifyReply, REPLY_OPENERS } from './reply.ts'
import { drawRequest, FORMATS, TONES, validItems, type Request } from './request.ts'
import { verifyRequests } from './verifier.ts'
import { makeWorld } from './world.ts'
import { FULL_ATTENTION, writeFirstReply, writeReply } from './writer.ts'

describe('parseReply', () => {
  it('reads back every layout, tone and number of entries', () => {
    const rng = makeRng('round trip')
    for (const format of FORMATS) {
      for (const tone of TONES) {
        for (let n = 1; n <= 5; n++) {
          const entries = ['curry', 'pho', 'pizza', 'sushi', 'tacos'].slice(0, n)
          expect(parseReply(renderReply(entries, format, tone, rng))).toEqual({ tone, format, entries })
        }
      }
    }
  })

  it('lays replies out exactly as specified', () => {
    const rng = makeRng(1)
    expect(renderReply(['a', 'b'], 'bullets', 'brief', rng)).toBe('- a\n- b')
    expect(renderReply(['a', 'b'], 'numbered', 'brief', rng)).toBe('1. a\n2. b')
    expect(renderReply(['a', 'b', 'c'], 'sentence', 'brief', rng)).toBe('a, b and c.')
    const openers = REPLY_OPENERS.formal.map((opener) => `${opener}\n- a`)
    expect(openers).toContain(renderReply(['a'], 'bullets', 'formal', rng))
    expect(renderReply(['a', 'b'], 'sentence', 'friendly', rng)).toMatch(/^(Sure thing!|Happy to help!|Ooh, fun!|Great question!) a and b\.$/)
  })

  it('calls a layout broken where a line lacks its mark, its number or the full stop', () => {
    expect(parseReply('- a\nb').format).toBeNull()
    expect(parseReply('1. a\n3. b').format).toBeNull()
    expect(parseReply('a, b and c').format).toBeNull()
    expect(parseReply('')).toEqual({ tone: 'brief', format: null, entries: [''] })
  })
})

describe('verifyReply', () => {
  // V = curry, falafel, gnocchi, pizza, ratatouille (risotto costs 18).
  const request: Request = { cat: 'dinners', n: 3, must: 'vegetarian', budget: 18, format: 'bullets', tone: 'friendly' }
  const good = 'Sure thing!\n- curry\n- falafel\n- pizza'
  const of = (reply: string) => verifyReply(request, reply)

  it('passes a reply that meets everything, in any order and with any opener of the tone', () => {
    expect(of(good)).toMatchObject({ failed: [], reward: 1, taskScore: 1, pass: true })
    expect(of('Ooh, fun!\n- pizza\n- gnocchi\n- curry').pass).toBe(true)
  })

  it('count: graded by the distance to n, never below 0', () => {
    expect(of('Sure thing!\n- curry\n- pizza')).toMatchObject({ failed: ['count'], graded: { count: 1 - 1 / 3 }, taskScore: 4 / 5, pass: false })
    expect(of('Sure thing!\n- curry\n- pizza').reward).toBeCloseTo((5 + 2 / 3) / 6, 12)
    expect(verifyReply({ cat: 'dinners', n: 2 }, '- curry\n- pho\n- pizza\n- tacos\n- chili').graded.count).toBe(0)
  })

  it('format: the stated layout, and only where stated', () => {
    expect(of('Sure thing! curry, falafel and pizza.')).toMatchObject({ failed: ['format'], taskScore: 4 / 5 })
    expect(verifyReply({ cat: 'dinners', n: 2 }, 'curry and pho.').graded).toEqual({ items: 1, count: 1 })
  })

  it('tone: no opener is brief, another tone fails', () => {
    expect(of('- curry\n- falafel\n- pizza')).toMatchObject({ tone: 'brief', failed: ['tone'] })
    expect(of('Certainly.\n- curry\n- falafel\n- pizza').failed).toEqual(['tone'])
    expect(verifyReply({ ...request, tone: 'brief' }, '- curry\n- falafel\n- pizza').pass).toBe(true)
  })

  it('must, mustnt and budget: the share of good entries that meet them', () => {
    expect(of('Sure thing!\n- curry\n- falafel\n- pho')).toMatchObject({ failed: ['must'], graded: { must: 2 / 3, budget: 1, items: 1 } })
    expect(of('Sure thing!\n- curry\n- falafel\n- risotto')).toMatchObject({ failed: ['budget'], graded: { must: 1, budget: 2 / 3 } })
    const verdict = verifyReply({ cat: 'dinners', n: 2, mustnt: 'spicy' }, '- curry\n- pho')
    expect(verdict).toMatchObject({ failed: ['mustnt'], graded: { mustnt: 1 / 2 }, taskScore: 1 / 2 })
  })

  it('items: an unknown, off-category or repeated entry fails them and zeroes the task score', () => {
    for (const third of ['soup', 'lisbon', 'curry']) {
      const verdict = of(`Sure thing!\n- curry\n- falafel\n- ${third}`)
      expect(verdict).toMatchObject({ failed: ['items', 'must', 'budget'], graded: { items: 2 / 3, count: 1, must: 2 / 3, budget: 2 / 3 }, taskScore: 0 })
      expect(verdict.reward).toBeCloseTo((1 + 1 + 1 + 3 * (2 / 3)) / 6, 12)
    }
  })

  it('items: a broken layout has none', () => {
    expect(of('Sure thing!\n- curry\n- falafel\npizza')).toMatchObject({ graded: { items: 0, format: 0 }, taskScore: 0, pass: false })
  })

  it('passes what the writer writes with full attention, for every request', () => {
    const rng = makeRng('writer')
    const world = makeWorld(1)
    for (let i = 0; i < 2000; i++) {
      const drawn = drawRequest(rng, i % 4)
      expect(verifyReply(drawn, writeReply(world, drawn, FULL_ATTENTION, rng, { slip: 0 })).failed).toEqual([])
    }
  })
})

describe('the writer', () => {
  it('has a task score of about .62 and passes about 19 % of first replies, as the prototype (.622, .193 of 20,000)', () => {
    const rng = makeRng('mediocre')
    const world = makeWorld(1)
    const verdicts = Array.from({ length: 20_000 }, () => {
      const request = drawRequest(rng)
      return verifyReply(request, writeFirstReply(world, request, rng))
    })
    const share = (value: (v: (typeof verdicts)[number]) => number): number => verdicts.reduce((sum, v) => sum + value(v), 0) / verdicts.length
    // Standard errors: .0021 and .0028.
    expect(Math.abs(share((v) => v.taskScore) - 0.622)).toBeLessThan(0.01)
    expect(Math.abs(share((v) => (v.pass ? 1 : 0)) - 0.193)).toBeLessThan(0.013)
    expect(Math.abs(share((v) => v.reward) - 0.803)).toBeLessThan(0.007)
  })
})

describe('verifyRequests', () => {
  it('verifies the JSON that travels in metadata.task', () => {
    const spec: unknown = JSON.parse('{"cat":"games","n":2,"must":"quick","tone":"brief"}')
    expect(verifyRequests(spec, '1. coup\n2. catan')).toEqual({
      reward: (1 + 1 + 1 + 0.5) / 4,
      taskScore: 2 / 3,
      pass: false,
      checks: { items: 1, count: 1, tone: 1, must: 0 },
      items: ['coup', 'catan'],
      solutionSize: 7,
    })
    expect(validItems({ cat: 'games', n: 2, must: 'quick' }).length).toBe(7)
    expect(() => verifyRequests({ n: 2 }, '')).toThrow('task.spec.cat')
  })
})
