/**
 * A turn as hashed features for the linear part and as measures for the trees: what the user's message and the reply
 * before it do (acts, crossed), their words, what they share, and the messages before. Nothing after the turn is read.
 * The hashing trick (Weinberger et al. 2009): a feature's name is hashed to one of `BUCKETS`, no dictionary is kept.
 */
import type { Message } from '../../shared/types.ts'
import { fnv1a, FNV_BASIS } from '../fnv.ts'
import { RULES_VERSION } from '../signal-rules.ts'
import type { Signs } from '../signals.ts'
import { countShared, hashOf, mix, spokenWords } from '../word-hashes.ts'
import { type Act, ASSISTANT_ACTS, COMPLAINTS, USER_ACTS } from './acts.ts'
import { headAndTail, ofReply, ofUser, readable, type Reading, readText } from './reading.ts'
import { WORD_MEASURES } from './word-odds.ts'

/** Raise the number with every change of what a bucket means: weights belong to one version of features and rules. */
export const FEATURES_VERSION = `3, rules ${RULES_VERSION}`
export const BUCKETS = 2 ** 18

/**
 * Length of each group's vector beside the acts' ones: under one penalty a longer group is trusted more. Words are
 * divided by the root of their number, as cosine normalisation would. Chosen by cross-validation on the DSAT train
 * part; letters and words under a negation gave nothing there and are left out.
 */
const WORDS = 3
const EARLIER_WORDS = 2
const WORDS_BY_REPLY = 2

/** Buckets and values, appended to growing lists. */
export class FeatureList {
  columns = new Int32Array(1024)
  values = new Float32Array(1024)
  length = 0
  /** Where the words of the user's message at hand begin and end. */
  words = { from: 0, to: 0 }
  /** Of the conversation at hand, whose turns come one after the other: a message is read once, however many turns look back at it. */
  private conversation: readonly Message[] = []
  private readings: (Reading | undefined)[] = []
  private replies: (Reading | undefined)[] = []
  clear(): void {
    this.length = 0
  }
  read(messages: readonly Message[], index: number): Reading {
    this.turnTo(messages)
    return (this.readings[index] ??= readText(messages[index]!.content, ofUser))
  }
  /** The reply before a message of the user's. */
  readReply(messages: readonly Message[], index: number): Reading {
    this.turnTo(messages)
    return (this.replies[index] ??= readText(replyBefore(messages, index), ofReply))
  }
  private turnTo(messages: readonly Message[]): void {
    if (messages === this.conversation) return
    this.conversation = messages
    this.readings = []
    this.replies = []
  }
  add(hash: number, value = 1): void {
    if (this.length === this.columns.length) this.grow()
    this.columns[this.length] = mix(hash) & (BUCKETS - 1)
    this.values[this.length++] = value
  }
  private grow(): void {
    const columns = new Int32Array(2 * this.length)
    columns.set(this.columns)
    this.columns = columns
    const values = new Float32Array(2 * this.length)
    values.set(this.values)
    this.values = values
  }
}

const seedOf = (name: string): number => fnv1a(FNV_BASIS, name)

const SEED = {
  act: seedOf('act'),
  rulesLogOdds: seedOf('rules log odds'),
  rule: seedOf('rule'),
  replyAct: seedOf('reply act'),
  actPair: seedOf('act pair'),
  actByReply: seedOf('act by reply'),
  word: seedOf('word'),
  twoWords: seedOf('two words'),
  threeWords: seedOf('three words'),
  replyWord: seedOf('reply word'),
  twoReplyWords: seedOf('two reply words'),
  opening: seedOf('opening'),
  whole: seedOf('whole'),
  openingByReply: seedOf('opening by reply'),
  wordByReply: seedOf('word by reply'),
  shared: seedOf('shared'),
  earlierAct: seedOf('earlier act'),
  actByEarlier: seedOf('act by earlier'),
  earlierWord: seedOf('earlier word'),
  place: seedOf('place'),
}

const [BEGIN, END] = [hashOf('^'), hashOf('$')]
/** The hash of what `hash` stands for and then the word: a step of FNV-1a with all of the word's bits. */
const after = (hash: number, word: number): number => Math.imul(hash ^ word, 0x01000193)
/** Appends the features of the turn at `turnIndex`, a user message that follows an assistant message; `signs` are the rules' there. */
export function addFeatures(list: FeatureList, messages: readonly Message[], turnIndex: number, signs: Signs): void {
  const user = list.read(messages, turnIndex)
  const reply = list.readReply(messages, turnIndex)

  list.add(SEED.rulesLogOdds, logOddsOf(signs))
  for (const rule of signs.rules) list.add(SEED.rule + rule)
  for (const replyAct of reply.acts) list.add(SEED.replyAct + replyAct)
  for (const act of user.acts) {
    list.add(SEED.act + act)
    for (const replyAct of reply.acts) list.add(SEED.actByReply + 64 * act + replyAct)
    for (const other of user.acts) if (other > act) list.add(SEED.actPair + 64 * act + other)
  }
  const from = list.length
  addWords(list, user.words)
  list.words = { from, to: list.length }
  addReplyWords(list, reply.words)
  addOpening(list, user, reply.acts)
  addShared(list, user, reply)
  addPlace(list, messages, turnIndex, user.words.length)
  addEarlier(list, messages, turnIndex, user)
}

const logOddsOf = ({ probability }: Signs): number => Math.log(probability / (1 - probability))

/** The assistant's messages just before the turn, joined: some sources split one reply. */
function replyBefore(messages: readonly Message[], turnIndex: number): string {
  const first = firstOfReply(messages, turnIndex)
  return first === turnIndex - 1 ? messages[first]!.content : messages.slice(first, turnIndex).map(({ content }) => content).join('\n')
}

function firstOfReply(messages: readonly Message[], turnIndex: number): number {
  let first = turnIndex
  while (messages[first - 1]?.role === 'assistant') first--
  return first
}

/** What the words alone say: for the evidence of a text. */
export function addWordFeatures(list: FeatureList, text: string): void {
  addWords(list, spokenWords(readable(headAndTail(text))))
}

/** One, two and three words in a row, the message's edges included. */
function addWords(list: FeatureList, words: readonly number[]): void {
  const value = WORDS / Math.sqrt(2 * words.length + 1)
  for (let i = 0; i <= words.length; i++) {
    const word = i < words.length ? words[i]! : END
    const before = i > 0 ? words[i - 1]! : BEGIN
    if (i < words.length) list.add(after(SEED.word, word), value)
    list.add(after(after(SEED.twoWords, before), word), value)
    if (i > 0) list.add(after(after(after(SEED.threeWords, i > 1 ? words[i - 2]! : BEGIN), before), word), value)
  }
}

function addReplyWords(list: FeatureList, words: readonly number[]): void {
  const value = WORDS / Math.sqrt(2 * words.length + 1)
  for (let i = 0; i < words.length; i++) {
    list.add(after(SEED.replyWord, words[i]!), value)
    if (i > 0) list.add(after(after(SEED.twoReplyWords, words[i - 1]!), words[i]!), value)
  }
}

/** How the message opens, the whole of a short one, and each of its words under what the reply did. */
function addOpening(list: FeatureList, user: Reading, replyActs: readonly number[]): void {
  const { words } = user
  const opening = words[0] ?? 0
  list.add(after(SEED.opening, opening))
  list.add(after(after(SEED.opening, opening), words[1] ?? 0))
  if (words.length < 6) list.add(words.reduce(after, SEED.whole))
  const value = WORDS_BY_REPLY / Math.sqrt(words.length)
  for (const replyAct of replyActs) {
    list.add(after(SEED.openingByReply + replyAct, opening))
    for (const word of user.vocabulary.words) list.add(after(SEED.wordByReply + replyAct, word), value)
  }
}

/** Names that both have: common words are no names of either. */
const sharedNames = (a: Reading, b: Reading): number => countShared(a.names, b.vocabulary)

function sharedNumbers(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let shared = 0
  for (const number of a) if (b.has(number)) shared++
  return shared
}

/** Whether the user repeats or replaces what the reply just said: words, and values such as times and prices. */
function addShared(list: FeatureList, user: Reading, reply: Reading): void {
  const named = user.names.length
  const repeated = sharedNames(user, reply)
  const kept = sharedNumbers(user.numbers, reply.numbers)
  const findings = [
    `repeats ${Math.min(3, repeated)}`,
    `new ${Math.min(4, named - repeated)}`,
    `numbers kept ${Math.min(2, kept)} new ${Math.min(2, user.numbers.size - kept)} of ${Math.min(2, reply.numbers.size)}`,
    `repeats all ${named > 0 && repeated === named}`,
  ]
  for (const finding of findings) {
    const hash = fnv1a(SEED.shared, finding)
    list.add(hash)
    for (const act of user.acts) list.add(fnv1a(hash, String(act)))
  }
}

/** Half powers of two, so that sizes far apart stay comparable. */
const magnitude = (n: number): number => Math.min(8, Math.floor(2 * Math.log2(n + 1)))

function addPlace(list: FeatureList, messages: readonly Message[], turnIndex: number, words: number): void {
  const findings = [
    `turn ${magnitude(turnIndex)}`,
    `words ${magnitude(words)}`,
    `opens ${messages[0]!.role}`,
    `before the reply ${messages[turnIndex - 2]?.role}`,
    `reply length ${magnitude(messages[turnIndex - 1]!.content.length)}`,
    `length ${magnitude(messages[turnIndex]!.content.length)}`,
  ]
  for (const finding of findings) list.add(fnv1a(SEED.place, finding))
}

const EARLIER_MESSAGES = 6
const COUNTED_MESSAGES = 20

/** Indices of the user's messages before, the last one first. */
function earlierMessages(messages: readonly Message[], turnIndex: number, most: number): number[] {
  const found: number[] = []
  for (let i = turnIndex - 1; i >= 0 && found.length < most; i--) if (messages[i]!.role === 'user') found.push(i)
  return found
}

/** The user's messages before: what the last two did, how many complained, whether this one says one over again. */
function addEarlier(list: FeatureList, messages: readonly Message[], turnIndex: number, user: Reading): void {
  let complaints = 0
  let restated = 0
  for (const [seen, index] of earlierMessages(messages, turnIndex, EARLIER_MESSAGES).entries()) {
    const earlier = list.read(messages, index)
    if (seen < 2) for (const act of earlier.acts) list.add(SEED.earlierAct + 64 * seen + act)
    if (seen === 0) {
      for (const act of earlier.acts) for (const now of user.acts) list.add(SEED.actByEarlier + 64 * act + now)
      const value = EARLIER_WORDS / Math.sqrt(earlier.words.length + 1)
      for (const word of earlier.words) list.add(after(SEED.earlierWord, word), value)
    }
    if (earlier.acts.some((act) => COMPLAINTS.has(act))) complaints++
    if (user.names.length > 0 && earlier.names.length > 0) restated = Math.max(restated, (2 * sharedNames(user, earlier)) / (user.names.length + earlier.names.length))
  }
  list.add(fnv1a(SEED.place, `complaints ${Math.min(4, complaints)}`))
  list.add(fnv1a(SEED.place, `restates ${Math.floor(4 * restated)}`))
}

/** Acts whose number over the messages before is a measure of its own. */
const COUNTED_ACTS = ['no', 'negation', 'dislikes', 'replaces', 'too', 'only', 'thanks', 'praises'].map((name) => USER_ACTS.findIndex((act) => act.name === name))
const OTHER_MEASURES = 24
const DIALOGUE_MEASURES = 16
/** Where the measures of the user's words stand: `takeWordMeasures`. */
export const WORDS_AT = 1 + 2 * (USER_ACTS.length + ASSISTANT_ACTS.length) + COUNTED_ACTS.length + OTHER_MEASURES + DIALOGUE_MEASURES
export const MEASURES = WORDS_AT + WORD_MEASURES

const NOTHING: Reading = readText('', ofUser)
/** Of the words that either has. */
const shareOf = (a: number, b: number, shared: number): number => (shared === 0 ? 0 : shared / (a + b - shared))
const shareOfWords = (a: Reading, b: Reading): number => shareOf(a.vocabulary.size, b.vocabulary.size, countShared(a.vocabulary.words, b.vocabulary))

/** Numbers for the trees: acts of the turn and of the one before as 0 and 1, counts, lengths and what is shared. `into`: WORDS_AT values from `at` on. */
export function takeMeasures(list: FeatureList, messages: readonly Message[], turnIndex: number, signs: Signs, into: Float32Array, at = 0): void {
  const indices = earlierMessages(messages, turnIndex, COUNTED_MESSAGES)
  const [last, lastButOne] = indices
  const user = list.read(messages, turnIndex)
  const reply = list.readReply(messages, turnIndex)
  const earlier = last === undefined ? NOTHING : list.read(messages, last)
  const earlierReply = last === undefined ? NOTHING : list.readReply(messages, last)
  const firstReply = firstOfReply(messages, turnIndex)

  into.fill(0, at, at + WORDS_AT)
  into[at++] = logOddsOf(signs)
  const mark = (acts: readonly number[], of: readonly Act[]): void => {
    for (const act of acts) into[at + act] = 1
    at += of.length
  }
  mark(user.acts, USER_ACTS)
  mark(reply.acts, ASSISTANT_ACTS)
  mark(earlier.acts, USER_ACTS)
  mark(earlierReply.acts, ASSISTANT_ACTS)
  for (const index of indices) {
    for (const act of list.read(messages, index).acts) {
      const place = COUNTED_ACTS.indexOf(act)
      if (place >= 0) into[at + place]! += 1
    }
  }
  at += COUNTED_ACTS.length
  const twoBefore = lastButOne === undefined ? NOTHING : list.read(messages, lastButOne)
  const [own, said] = [user.vocabulary, reply.vocabulary]
  const repeated = countShared(own.words, said)
  for (const value of [
    turnIndex, indices.length, messages[turnIndex]!.content.length, reply.text.length, earlier.text.length,
    own.size, said.size, repeated, shareOf(own.size, said.size, repeated),
    shareOfWords(user, earlier), shareOfWords(user, twoBefore), shareOfWords(reply, earlierReply), countShared(own.words, earlierReply.vocabulary),
    user.numbers.size, reply.numbers.size, sharedNumbers(user.numbers, reply.numbers), sharedNumbers(user.numbers, earlier.numbers),
    messages[0]!.role === 'user' ? 1 : 0, messages[firstReply - 1]?.role === 'user' ? 1 : 0, turnIndex - firstReply, user.ends, reply.ends,
    sharedNames(user, reply), user.names.length,
  ]) into[at++] = value
  takeDialogueMeasures(list, messages, turnIndex, indices, into, at)
}

/**
 * How the turn stands out of the dialogue so far: replies and wishes said over again, words nobody had said, replies that
 * ask, lengths and capitals beside those before. `indices`: the user's messages before, the last one first.
 */
function takeDialogueMeasures(list: FeatureList, messages: readonly Message[], turnIndex: number, indices: readonly number[], into: Float32Array, at: number): void {
  const user = list.read(messages, turnIndex)
  const reply = list.readReply(messages, turnIndex)
  const heard = [reply.vocabulary]
  let [repeated, restated, asking, run, capitals, written, longest, said] = [0, 0, 0, reply.text.includes('?') ? 1 : 0, 0, 0, 0, 0]
  let isRun = run === 1
  for (const [ago, index] of indices.entries()) {
    const earlier = list.read(messages, index)
    const earlierReply = list.readReply(messages, index)
    if (ago < EARLIER_MESSAGES) {
      repeated = Math.max(repeated, shareOfWords(reply, earlierReply))
      restated = Math.max(restated, shareOf(user.names.length, earlier.names.length, sharedNames(user, earlier)))
      heard.push(earlier.vocabulary, earlierReply.vocabulary)
    }
    const asks = earlierReply.text.includes('?')
    isRun &&= asks
    if (asks) asking++
    if (isRun) run++
    if (earlier.opensWithCapital) capitals++
    written += earlier.text.length
    longest = Math.max(longest, earlier.text.length)
    said += earlierReply.text.length
  }
  const unheard = user.names.reduce((count, name) => count + (heard.some((words) => words.has(name)) ? 0 : 1), 0)
  const meanOf = (sum: number): number => (indices.length === 0 ? -1 : sum / indices.length)
  for (const value of [
    repeated, restated, unheard, unheard / Math.max(1, user.names.length), meanOf(asking), run,
    meanOf(capitals), user.capitals / (user.text.length + 1), reply.capitals / (reply.text.length + 1),
    user.text.length / (user.words.length + 1), reply.text.length / (reply.words.length + 1), user.text.length / (reply.text.length + 1),
    meanOf(written), longest, meanOf(said), messages[0]!.content.length,
  ]) into[at++] = value
}
