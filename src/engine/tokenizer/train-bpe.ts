/**
 * Trains a byte-level BPE tokenizer: Sennrich et al. 2016 on bytes, with GPT-2's split into words.
 * Same order of merges as Hugging Face's BpeTrainer: most frequent pair first, ties to the smaller ids.
 */
import { BYTE_LEVEL_PATTERN } from './tokenizer.ts'
import { BYTE_TO_CHARACTER } from './decoder.ts'

export type BpeOptions = {
  /** Special tokens, 256 bytes and merges together; fewer when the texts hold no more pairs. */
  vocabSize: number
  /** Get the ids 0, 1, …; where they stand in a text they are no material for merges. */
  specialTokens: string[]
}

/** tokenizer.json as Hugging Face `tokenizers` writes and loads it. */
export type TokenizerJson = {
  version: '1.0'
  truncation: null
  padding: null
  added_tokens: { id: number; content: string; single_word: false; lstrip: false; rstrip: false; normalized: false; special: true }[]
  normalizer: null
  pre_tokenizer: Record<string, unknown>
  post_processor: Record<string, unknown>
  decoder: Record<string, unknown>
  model: Record<string, unknown> & { type: 'BPE'; vocab: Record<string, number>; merges: [string, string][] }
}

type Word = { symbols: number[]; count: number }

/** Two ids in one number; ids stay below 2^26. */
const PAIR_BASE = 2 ** 26

/** @throws when `vocabSize` cannot hold the special tokens and all bytes. */
export function trainBpe(texts: Iterable<string>, { vocabSize, specialTokens }: BpeOptions): TokenizerJson {
  const smallest = specialTokens.length + BYTE_TO_CHARACTER.length
  if (vocabSize < smallest) throw new Error(`vocabSize must be at least ${smallest} (${specialTokens.length} special tokens and 256 bytes), got ${vocabSize}`)
  const vocabulary = new Map<string, number>()
  for (const token of [...specialTokens, ...[...BYTE_TO_CHARACTER].sort()]) vocabulary.set(token, vocabulary.size)
  if (vocabulary.size < smallest) throw new Error('specialTokens must differ from each other and from single bytes')
  const words = countWords(texts, specialTokens).map(([word, count]): Word => ({ symbols: [...word].map(character => vocabulary.get(character) ?? 0), count }))
  const merges = learnMerges(words, vocabulary, vocabSize)
  return describeTokenizer(vocabulary, merges, specialTokens)
}

/** Distinct words in byte characters with their counts, in order of first appearance. */
function countWords(texts: Iterable<string>, specialTokens: string[]): [string, number][] {
  // Rust's \s is White_Space, JavaScript's is not quite.
  const wordPattern = new RegExp(BYTE_LEVEL_PATTERN.replaceAll('\\s', '\\p{White_Space}').replaceAll('\\S', '\\P{White_Space}'), 'gu')
  const counts = new Map<string, number>()
  for (const text of texts) {
    const sections = specialTokens.reduce((parts, token) => parts.flatMap(part => part.split(token)), [text.toWellFormed()])
    for (const section of sections) {
      for (const [word] of section.matchAll(wordPattern)) counts.set(word, (counts.get(word) ?? 0) + 1)
    }
  }
  const encoder = new TextEncoder()
  return [...counts].map(([word, count]) => [Array.from(encoder.encode(word), byte => BYTE_TO_CHARACTER[byte]).join(''), count])
}

/** Extends `vocabulary` up to `vocabSize`; pair counts are kept up to date word by word. */
function learnMerges(words: Word[], vocabulary: Map<string, number>, vocabSize: number): [string, string][] {
  const tokens = [...vocabulary.keys()]
  const pairs = new PairCounts()
  words.forEach(({ symbols, count }, index) => {
    for (let i = 0; i + 1 < symbols.length; i++) pairs.add(symbols[i] ?? 0, symbols[i + 1] ?? 0, count, index)
  })
  pairs.queueTouched()
  const merges: [string, string][] = []
  while (vocabulary.size < vocabSize) {
    const pair = pairs.takeMostFrequent()
    if (pair === undefined) break
    const left = Math.floor(pair / PAIR_BASE)
    const right = pair % PAIR_BASE
    const [leftToken = '', rightToken = ''] = [tokens[left], tokens[right]]
    const merged = leftToken + rightToken
    // Two pairs can spell the same token ("ab"+"c", "a"+"bc").
    const id = vocabulary.get(merged) ?? tokens.push(merged) - 1
    vocabulary.set(merged, id)
    merges.push([leftToken, rightToken])
    for (const index of pairs.takeWords(pair)) {
      const word = words[index]
      if (word) mergeInWord(word, index, left, right, id, pairs)
    }
    pairs.queueTouched()
  }
  return merges
}

function mergeInWord(word: Word, index: number, left: number, right: number, id: number, pairs: PairCounts): void {
  const { symbols, count } = word
  for (let i = 0; i + 1 < symbols.length; i++) {
    if (symbols[i] !== left || symbols[i + 1] !== right) continue
    const before = symbols[i - 1]
    const after = symbols[i + 2]
    if (before !== undefined) {
      pairs.add(before, left, -count, index)
      pairs.add(before, id, count, index)
    }
    if (after !== undefined) {
      pairs.add(right, after, -count, index)
      pairs.add(id, after, count, index)
    }
    pairs.add(left, right, -count, index)
    symbols.splice(i, 2, id)
  }
}

/** How often each pair occurs and in which words, with a queue of the most frequent. */
class PairCounts {
  readonly #counts = new Map<number, number>()
  readonly #words = new Map<number, Set<number>>()
  readonly #touched = new Set<number>()
  /** Binary heap of [count, pair]; entries whose count is out of date are skipped when they surface. */
  readonly #heap: [number, number][] = []

  add(left: number, right: number, change: number, word: number): void {
    const pair = left * PAIR_BASE + right
    this.#counts.set(pair, (this.#counts.get(pair) ?? 0) + change)
    this.#touched.add(pair)
    if (change < 0) return
    const words = this.#words.get(pair)
    if (words) words.add(word)
    else this.#words.set(pair, new Set([word]))
  }

  queueTouched(): void {
    for (const pair of this.#touched) {
      const count = this.#counts.get(pair) ?? 0
      if (count > 0) this.#push([count, pair])
    }
    this.#touched.clear()
  }

  takeMostFrequent(): number | undefined {
    for (let top = this.#pop(); top !== undefined; top = this.#pop()) {
      const [count, pair] = top
      if (this.#counts.get(pair) === count) return pair
    }
    return undefined
  }

  takeWords(pair: number): number[] {
    const words = this.#words.get(pair) ?? []
    this.#words.delete(pair)
    return [...words]
  }

  #push(entry: [number, number]): void {
    const heap = this.#heap
    let at = heap.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]
      if (!above || !isBefore(entry, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = entry
  }

  #pop(): [number, number] | undefined {
    const heap = this.#heap
    const top = heap[0]
    const last = heap.pop()
    if (top === undefined || last === undefined || heap.length === 0) return top
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      const leftChild = heap[child]
      if (leftChild === undefined) break
      const rightChild = heap[child + 1]
      if (rightChild !== undefined && isBefore(rightChild, leftChild)) child++
      const chosen = heap[child] ?? leftChild
      if (!isBefore(chosen, last)) break
      heap[at] = chosen
      at = child
    }
    heap[at] = last
    return top
  }
}

function isBefore(a: [number, number], b: [number, number]): boolean {
  return a[0] !== b[0] ? a[0] > b[0] : a[1] < b[1]
}

function describeTokenizer(vocabulary: Map<string, number>, merges: [string, string][], specialTokens: string[]): TokenizerJson {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, id) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: byteLevel,
    decoder: byteLevel,
    model: {
      type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null,
      fuse_unk: false, byte_fallback: false, ignore_merges: false,
      vocab: Object.fromEntries(vocabulary), merges,
    },
  }
}
