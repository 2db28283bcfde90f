/**
 * The rules detector: what a user thought of the reply just before their message, from their words, the reply
 * and what they had asked. It reads nothing after that message. English; other languages mostly come out neutral.
 */
import type { Message, SignalLabel } from '../shared/types.ts'
import { isReaction } from './import/messages.ts'
import { PatternFilter } from './pattern-filter.ts'
import { DISSATISFIED_RULES, FAILURE_RULES, OPENS_TASK, SATISFIED_RULES, type Rule, type Sign } from './signal-rules.ts'
import { sigmoid } from './statistics.ts'
import { TextCodes } from './text-codes.ts'
import { countShared, hashOf, plainWords, WordSet } from './word-hashes.ts'

export { RULES_VERSION } from './signal-rules.ts'

export type Judgement = {
  label: SignalLabel
  /** That the user was dissatisfied. */
  probability: number
  categories: string[]
  /** Characters of the user's message that decided. */
  evidence: { start: number; end: number } | null
}

/** Log odds of dissatisfaction where nothing speaks for or against it: 8 %. */
const PRIOR = -2.4
/** A reaction stands at the beginning of a message, or at its very end; the middle of a pasted text says nothing. */
const HEAD_CHARACTERS = 300
const TAIL_CHARACTERS = 120
const AFTER_QUESTION = 0.45
const IN_A_NEW_TASK = 0.55
const SATISFIED_FROM = 1.8
const RESTATED_FROM = 0.55
const RESTATED_WEIGHT = 3.7
const RESTATED_SIGN: Sign = 'instruction ignored'

/** Indices of the user messages that react to an assistant message. */
export function answeredTurns(messages: readonly Message[]): number[] {
  return messages.flatMap((_, i) => (isReaction(messages, i) ? [i] : []))
}

/** Judges the reply before `turnIndex`, which must index a user message that follows an assistant message. */
export function judgeTurn(messages: readonly Message[], turnIndex: number): Judgement {
  const signs = readSigns(messages, turnIndex)
  return judgementFrom(signs, signs.probability, 0.5)
}

/** What the rules find in a turn, for and against, and the probability they give. `rules`: the numbers of the rules that hold. */
export type Signs = { against: Found[]; pleased: Found[]; rules: number[]; probability: number }

export function readSigns(messages: readonly Message[], turnIndex: number): Signs {
  const user = messages[turnIndex]
  const reply = messages[turnIndex - 1]
  if (user === undefined || reply === undefined || !isReaction(messages, turnIndex)) {
    throw new RangeError(`judgeTurn: expected the index of a user message that follows an assistant message, got ${turnIndex} of ${messages.length} messages`)
  }
  const text = straightQuotes(user.content)
  const afterQuestion = reply.content.trimEnd().endsWith('?')
  const share = OPENS_TASK.test(text) ? IN_A_NEW_TASK : 1
  const searched = searchedIn(text)
  const against = findSigns(searched, DISSATISFIED_RULES, 0, afterQuestion, share)
  const restated = restatement(messages, turnIndex)
  if (restated !== null) against.push({ sign: RESTATED_SIGN, rule: DISSATISFIED_RULES.length, weight: RESTATED_WEIGHT * restated, start: 0, end: user.content.length })
  const pleased = findSigns(searched, SATISFIED_RULES, DISSATISFIED_RULES.length, false, share)
  codes.read(reply.content)
  FAILURES.mark(codes, inReply)
  const failure = FAILURE_RULES.reduce((sum, { weight, pattern }, i) => sum + (inReply[i] === 1 && pattern.test(reply.content) ? weight : 0), 0)
  const logOdds = PRIOR + total(against) - 0.8 * total(pleased) + failure
  const rules = [...against.map(({ rule }) => rule), ...pleased.map(({ rule }) => DISSATISFIED_RULES.length + 1 + rule)]
  return { against, pleased, rules, probability: sigmoid(logOdds) }
}

/** Label, reasons and evidence under a probability, whoever gave it: dissatisfied from the cut-off on. */
export function judgementFrom({ against, pleased }: Signs, probability: number, cutoff: number): Judgement {
  if (probability >= cutoff) return { label: 'dissatisfied', probability, ...explain(against) }
  if (strongest(pleased).weight >= SATISFIED_FROM && total(pleased) > total(against)) return { label: 'satisfied', probability, ...explain(pleased) }
  return { label: 'neutral', probability, categories: [], evidence: null }
}

/** `rule`: its place in its list; restating comes after the last of the dissatisfied ones. */
type Found = { sign: Sign; rule: number; weight: number; start: number; end: number }

const RULES = [...DISSATISFIED_RULES, ...SATISFIED_RULES]
const [SIGNS, FAILURES] = [RULES, FAILURE_RULES].map((rules) => new PatternFilter(rules.map(({ pattern }) => pattern))) as [PatternFilter, PatternFilter]
const codes = new TextCodes()
/** Which rules may hold. */
const [inHead, inTail, inReply] = [new Uint8Array(RULES.length), new Uint8Array(RULES.length), new Uint8Array(FAILURE_RULES.length)]

/** Where rules look for signs: what opens a long message, and how it ends. */
type SearchedText = { text: string; head: string; tail: string; tailStart: number }

function searchedIn(text: string): SearchedText {
  const short = text.length <= HEAD_CHARACTERS + TAIL_CHARACTERS
  const [head, tailStart] = short ? [text, text.length] : [text.slice(0, HEAD_CHARACTERS), text.length - TAIL_CHARACTERS]
  const tail = text.slice(tailStart)
  codes.read(head)
  SIGNS.mark(codes, inHead)
  if (!short) {
    codes.read(tail)
    SIGNS.mark(codes, inTail)
  }
  return { text, head, tail, tailStart }
}

/** `first`: the place in RULES of the first of the rules. */
function findSigns({ text, head, tail, tailStart }: SearchedText, rules: readonly Rule[], first: number, afterQuestion: boolean, share: number): Found[] {
  const found: Found[] = []
  const isLong = tail !== ''
  for (let rule = 0; rule < rules.length; rule++) {
    const [mayOpen, mayEnd] = [inHead[first + rule] === 1, isLong && inTail[first + rule] === 1]
    if (!mayOpen && !mayEnd) continue
    const { sign, weight, pattern, answer, within } = rules[rule]!
    if (within !== undefined && text.length > within) continue
    let offset = 0
    let match = mayOpen ? pattern.exec(head) : null
    if (match === null && mayEnd && !pattern.source.startsWith('^')) {
      match = pattern.exec(tail)
      offset = tailStart
    }
    if (match === null) continue
    found.push({ sign, rule, weight: weight * share * (answer && afterQuestion ? AFTER_QUESTION : 1), start: offset + match.index, end: offset + match.index + match[0].length })
  }
  return found
}

/** The strongest sign in full, each further kind of sign in part: signs are not independent. */
function total(found: readonly Found[]): number {
  if (found.length === 0) return 0
  const bySign = new Map<Sign, number>()
  for (const { sign, weight } of found) bySign.set(sign, Math.max(weight, bySign.get(sign) ?? 0))
  const weights = [...bySign.values()].sort((a, b) => b - a)
  return weights.reduce((sum, weight, i) => sum + weight * (i === 0 ? 1 : 0.35), 0)
}

const NOTHING: Found = { sign: 'acknowledgment', rule: -1, weight: 0, start: 0, end: 0 }
const strongest = (found: readonly Found[]): Found => found.reduce((best, sign) => (sign.weight > best.weight ? sign : best), NOTHING)

const NAMED_FROM = 1.5

function explain(found: readonly Found[]): Pick<Judgement, 'categories' | 'evidence'> {
  const best = strongest(found)
  const named = found.filter(({ weight }) => weight >= Math.min(NAMED_FROM, best.weight)).sort((a, b) => b.weight - a.weight)
  return { categories: [...new Set(named.map(({ sign }) => sign))], evidence: best.weight > 0 ? { start: best.start, end: best.end } : null }
}

/** The classifier's features are made from these too: a change makes its weights others. */
export const COMMON_WORDS: ReadonlySet<string> = new Set(
  'a an the of to in on at for with and or but is are was were be been it its this that these those i you he she we they me my your our their do does did can could would should will have has had not no please some any what how as by from so if'.split(' '),
)
const COMMON = new WordSet([...COMMON_WORDS].map(hashOf))
const NUMBERS: ReadonlyMap<number, number> = new Map('one two three four five six seven eight nine ten'.split(' ').map((word, i) => [hashOf(word), hashOf(String(i + 1))]))
const NUMBER_WORDS = new WordSet([...NUMBERS.keys()])

/** As far back a request may be said over again. */
const LOOKED_BACK = 8
/** Of the messages at hand, by their place: each is asked for again by the turns after it. */
const wordsRead: { content: string; words: WordSet }[] = []

function contentWords(messages: readonly Message[], index: number): WordSet {
  const { content } = messages[index]!
  const place = index % (LOOKED_BACK + 1)
  const read = wordsRead[place]
  if (read?.content === content) return read.words
  const found: number[] = []
  for (const word of plainWords(content.slice(0, 2000))) if (!COMMON.has(word)) found.push(NUMBER_WORDS.has(word) ? NUMBERS.get(word)! : word)
  const words = new WordSet(found)
  wordsRead[place] = { content, words }
  return words
}

/** How far the message says an earlier request over again (RESTATED_FROM to 1), or null. */
function restatement(messages: readonly Message[], turnIndex: number): number | null {
  const now = contentWords(messages, turnIndex)
  if (now.size < 4) return null
  let most = 0
  for (let i = turnIndex - 2; i >= 0 && i >= turnIndex - LOOKED_BACK; i--) {
    if (messages[i]!.role !== 'user') continue
    const then = contentWords(messages, i)
    if (then.size < 4) continue
    most = Math.max(most, (2 * countShared(now.words, then)) / (now.size + then.size))
  }
  return most >= RESTATED_FROM ? most : null
}

const CURLY = ['’', '‘', 'ʼ', '`']
const ANY_CURLY = new RegExp(`[${CURLY.join('')}]`, 'g')

/** Keeps every position: evidence points into the message as it was written. */
export const straightQuotes = (text: string): string => (CURLY.some((quote) => text.includes(quote)) ? text.replaceAll(ANY_CURLY, "'") : text)
