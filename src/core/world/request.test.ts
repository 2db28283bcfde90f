import { describe, expect, it } from 'vitest'
import { makeRng } from '../rng.ts'
import { ADJECTIVES, CATEGORIES, ITEM_BY_NAME, ITEMS, ITEMS_OF } from './items.ts'
import { drawRenderedRequest, drawRequest, drawRequests, parseRequest, renderRequest, requestKey, splitOf, validItems, type EvaluationSplit, type Request } from './request.ts'

describe('items', () => {
  it('are 6 x 16 one-word items whose adjectives their category knows', () => {
    expect(ITEMS.length).toBe(96)
    expect(ITEM_BY_NAME.size).toBe(96)
    for (const category of CATEGORIES) expect(ITEMS_OF[category].length).toBe(16)
    for (const item of ITEMS) {
      expect(item.name).toMatch(/^[a-z]+$/)
      expect(item.price).toBeGreaterThan(0)
      for (const adjective of item.adjectives) expect(ADJECTIVES[item.category]).toContain(adjective)
    }
  })

  it('hold the facts of the specification (spot checks)', () => {
    expect(ITEM_BY_NAME.get('quilt')).toEqual({ name: 'quilt', category: 'gifts', price: 60, adjectives: new Set(['handmade', 'practical', 'sentimental']) })
    expect(ITEM_BY_NAME.get('dune')).toEqual({ name: 'dune', category: 'books', price: 16, adjectives: new Set() })
    expect(ITEM_BY_NAME.get('arkham')).toEqual({ name: 'arkham', category: 'games', price: 52, adjectives: new Set(['cooperative', 'strategic']) })
  })
})

describe('drawRequest', () => {
  const rng = makeRng('requests')
  const drawn = Array.from({ length: 10_000 }, () => drawRequest(rng))

  it('keeps the solution space large enough, mean |V| about 7.1', () => {
    for (const request of drawn) expect(validItems(request).length).toBeGreaterThanOrEqual(Math.max(4, request.n + 2))
    const mean = drawn.reduce((sum, request) => sum + validItems(request).length, 0) / drawn.length
    expect(mean).toBeGreaterThan(6.95)
    expect(mean).toBeLessThan(7.2)
  })

  it('states at least three of the five optional constraints, and 0..3 when asked for', () => {
    const constraints = (request: Request): number => Object.keys(request).length - 2
    for (const request of drawn) expect(constraints(request)).toBeGreaterThanOrEqual(3)
    const free = Array.from({ length: 2000 }, () => constraints(drawRequest(rng, 0)))
    expect(Math.min(...free)).toBe(0)
  })
})

describe('validItems', () => {
  it('are the items of the category under the budget with the wanted and without the unwanted adjective', () => {
    const names = (request: Request): string[] => validItems(request).map((item) => item.name)
    expect(names({ cat: 'dinners', n: 2, must: 'quick', mustnt: 'spicy', budget: 15 })).toEqual(['ramen', 'falafel', 'pho', 'dumplings'])
    expect(names({ cat: 'books', n: 2, budget: 8 })).toEqual(['candide', 'emil'])
  })
})

describe('renderRequest', () => {
  it('says every stated constraint and nothing else, in lower case', () => {
    const rng = makeRng('render')
    for (let i = 0; i < 3000; i++) {
      const { spec, text } = drawRenderedRequest(rng, 'log', i % 4)
      expect(text).toBe(text.toLowerCase())
      expect(readBack(text)).toEqual(spec)
    }
  })

  it('asks with a question mark only where the opener is a question without a full stop before', () => {
    const rng = makeRng('question')
    const texts = Array.from({ length: 2000 }, () => renderRequest({ cat: 'games', n: 2, must: 'silly', budget: 30 }, rng))
    const questions = texts.filter((text) => text.endsWith('?'))
    expect(questions.length).toBeGreaterThan(40)
    for (const text of questions) expect(text).toMatch(/^(can|any|could) [^.]*\?$/)
    expect(texts.filter((text) => text.endsWith('. thanks.')).length / texts.length).toBeCloseTo(1 / 6, 1)
  })
})

describe('drawRequests', () => {
  const splits: EvaluationSplit[] = ['test', 'validation', 'sweep', 'heldout']
  const drawnOf = (worldSeed: number) => splits.map((split) => drawRequests({ worldSeed, split, n: 300 }))

  it('gives splits that share no text and no specification with each other, other worlds or the log', () => {
    const log = makeRng('log requests')
    const logged = Array.from({ length: 3000 }, () => drawRenderedRequest(log))
    const groups = [logged, ...splits.map((_, i) => [...(drawnOf(1)[i] ?? []), ...(drawnOf(2)[i] ?? [])])]
    for (const describeRequest of [(r: { spec: Request; text: string }) => r.text, (r: { spec: Request; text: string }) => requestKey(r.spec)]) {
      const owner = new Map<string, number>()
      groups.forEach((group, i) => {
        for (const request of group) {
          const key = describeRequest(request)
          expect(owner.get(key) ?? i).toBe(i)
          owner.set(key, i)
        }
      })
    }
  })

  it('never repeats a specification within a split, and starts the same whatever n', () => {
    for (const split of splits) {
      const requests = drawRequests({ worldSeed: 1, split, n: 300 })
      expect(new Set(requests.map(({ spec }) => requestKey(spec))).size).toBe(300)
      expect(drawRequests({ worldSeed: 1, split, n: 50 })).toEqual(requests.slice(0, 50))
      for (const { spec } of requests) expect(splitOf(spec)).toBe(split)
    }
  })

  it('says so when a split is too small', () => {
    expect(() => drawRequests({ worldSeed: 1, split: 'sweep', n: 20_000 })).toThrow('ask for fewer')
  })
})

describe('parseRequest', () => {
  it('reads what was written as JSON', () => {
    const rng = makeRng('json')
    for (let i = 0; i < 200; i++) {
      const request = drawRequest(rng, 0)
      expect(parseRequest(JSON.parse(JSON.stringify(request)))).toEqual(request)
    }
  })

  it('names the field that is wrong', () => {
    expect(() => parseRequest(null)).toThrow('task.spec: expected a request object, got null')
    expect(() => parseRequest({ cat: 'cars', n: 2 })).toThrow('task.spec.cat: expected one of dinners')
    expect(() => parseRequest({ cat: 'games', n: 2, must: 'warm' })).toThrow('task.spec.must: expected one of cooperative')
    expect(() => parseRequest({ cat: 'games', n: 2, color: 'red' })).toThrow('task.spec.color')
    expect(() => parseRequest({ cat: 'games', n: 0 })).toThrow('task.spec.n: expected a positive integer, got 0')
  })
})

/** Reads a request's text back into its specification, from the phrases of world.md 1.2 written anew. */
function readBack(text: string): Request {
  const find = (pattern: RegExp): string | undefined => pattern.exec(text)?.slice(1).find((group) => group !== undefined)
  const cat = CATEGORIES.find((category) => text.includes(category))
  const count = find(/\b(two|three|four|[234]) (?:[a-z]+ )?(?:dinners|gifts|activities|books|trips|games)/)
  if (cat === undefined || count === undefined) throw new Error(`cannot read ${text}`)
  const request: Request = { cat, n: { two: 2, three: 3, four: 4 }[count] ?? Number(count) }
  const must =
    find(/(?:two|three|four|[234]) ([a-z]+) (?:dinners|gifts|activities|books|trips|games)/) ??
    find(/ that are ([a-z]+)|, ([a-z]+) ones only|\. they must be ([a-z]+)|, all ([a-z]+)/)
  const mustnt = find(/, nothing ([a-z]+)|\. no ([a-z]+) ones|, but not ([a-z]+)/)
  const budget = find(/ under \$(\d+)|, max \$(\d+) each|\. my budget is \$(\d+) each/)
  if (must !== undefined) request.must = must
  if (mustnt !== undefined) request.mustnt = mustnt
  if (budget !== undefined) request.budget = Number(budget)
  if (/bullet/.test(text)) request.format = 'bullets'
  if (/, numbered|number them|numbered list|use 1, 2, 3/.test(text)) request.format = 'numbered'
  if (/sentence/.test(text)) request.format = 'sentence'
  if (/keep it friendly|\. be warm|sound cheerful/.test(text)) request.tone = 'friendly'
  if (/keep it formal|be professional|formal tone/.test(text)) request.tone = 'formal'
  if (/no chit-chat|just the answer|skip the intro/.test(text)) request.tone = 'brief'
  return request
}
