import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ASSISTANT_ACTS, USER_ACTS } from './detector/acts.ts'
import { PatternFilter } from './pattern-filter.ts'
import { DISSATISFIED_RULES, FAILURE_RULES, SATISFIED_RULES } from './signal-rules.ts'
import { TextCodes } from './text-codes.ts'
import { labelledWorldTurns } from './world/labelled-turns.ts'

const all = [...USER_ACTS, ...ASSISTANT_ACTS, ...DISSATISFIED_RULES, ...SATISFIED_RULES, ...FAILURE_RULES]
const codes = new TextCodes()
/** The numbers of the patterns that may match. */
function candidates(filter: PatternFilter, size: number, text: string): Set<number> {
  const mayMatch = new Uint8Array(size).fill(7)
  codes.read(text)
  filter.mark(codes, mayMatch)
  return new Set([...mayMatch.keys()].filter((i) => mayMatch[i] === 1))
}
const ofAll = new PatternFilter(all.map(({ pattern }) => pattern))
const candidatesOf = (text: string): Set<number> => candidates(ofAll, all.length, text)
const mayMatch = (pattern: RegExp, text: string): boolean => candidates(new PatternFilter([pattern]), 1, text).has(0)
/** Of a text, the patterns that match though the filter says that they cannot. */
const missed = (text: string): string[] => {
  const may = candidatesOf(text)
  return all.filter(({ pattern }, i) => !may.has(i) && pattern.test(text)).map(({ pattern }) => pattern.source)
}

it('lets nothing pass by that a rule or an act finds in words, pieces and signs of their own, in any case', () => {
  const pieces = all.flatMap(({ pattern }) => pattern.source.split(/[()|?*+^$\\[\]{}]+/)).filter((piece) => piece !== '')
  const piece = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...pieces) }, { weight: 2, arbitrary: fc.constantFrom(' ', "'", '’', ', ', '. ', '!', '?', '\n', '-', 'é', '😂', '_', '7', 'n’t') }, { weight: 1, arbitrary: fc.string({ maxLength: 4 }) })
  const text = fc.tuple(fc.array(piece, { maxLength: 14 }), fc.constantFrom('', ' '), fc.boolean()).map(([parts, between, shout]) => (shout ? parts.join(between).toUpperCase() : parts.join(between)))
  fc.assert(fc.property(text, (drawn) => void expect(missed(drawn)).toEqual([])), { numRuns: 3000 })
})

it('lets nothing pass by in dialogues, and spares most of the trying there', () => {
  let [tried, spared] = [0, 0]
  for (const { content } of labelledWorldTurns({ seed: 3, dialogues: 300 }).flatMap(({ messages }) => messages)) {
    expect(missed(content)).toEqual([])
    tried += all.length
    spared += all.length - candidatesOf(content).size
  }
  expect(spared / tried).toBeGreaterThan(0.75)
})

it.each([
  [/\b(thank|thanks)/i, 'Thanks!', true],
  [/\b(thank|thanks)/i, 'I thin k so', false],
  [/\bhi\b/i, 'this', false],
  [/\bhi\b/i, 'oh,HI!', true],
  [/n't\b/i, "don't", true],
  [/n't\b/i, "don'ts", false],
  [/colou?red/i, 'coloured', true],
  [/(ab)+c/i, 'xababc', true],
  [/\b(ho)+ho\b/i, 'hohoho', true],
  [/\b(?:so|too) (long|short)\b/i, 'soo longer', false],
  [/\bfoo\b bar/i, 'a foo bar', true],
  [/(?<!not )\bgood\b/i, 'a good one', true],
  [/x{2,3}yz/i, 'axxyz', true],
  [/x{0,3}yzz/i, 'yzz', true],
  [/[xyz]abc/i, 'zabc', true],
  [/a\.bc/i, 'a.bc', true],
  [/\?/i, 'no', true],
  [/\bdont know\b/i, 'know dont', false],
  [/\bseen$/i, 'seen', true],
  [/\bseen$/i, 'see', false],
])('%s on %j: %s', (pattern, text, may) => {
  expect(mayMatch(pattern, text)).toBe(may)
  if (pattern.test(text)) expect(may).toBe(true)
})

it('refuses what it does not know', () => {
  expect(() => new PatternFilter([/(a)\1/i])).toThrow('got \\1 in (a)\\1')
})
