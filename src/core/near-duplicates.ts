/**
 * Texts that nearly equal each other: MinHash over word shingles (Broder 1997) finds candidates by bands
 * (Indyk and Motwani 1998), the exact Jaccard similarity of the shingles decides. Seeded; pure.
 */
import { Clusters } from './clusters.ts'
import { fnv1a, FNV_BASIS } from './fnv.ts'
import { makeRng } from './rng.ts'

/** Jaccard similarity of shingles from which texts count as nearly equal. */
export const NEAR = 0.8
const SHINGLE_WORDS = 3
const BANDS = 16
const ROWS_PER_BAND = 4
/** Of a full band bucket only so many are compared: texts that share a frame and nothing else would cost their square. */
export const COMPARED = 48

/** Words in their common form; letters of scripts without spaces are words of their own. */
export function wordsOf(text: string): string[] {
  return text.normalize('NFKC').toLowerCase().match(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[\p{L}\p{N}\p{M}]+/gu) ?? []
}

/** Equal for texts that differ in case, width, punctuation or white space alone. */
export const normalized = (text: string): string => wordsOf(text).join(' ') || text.trim()

/** Hashes of every run of three words, ascending, each once; of all words where there are fewer. */
export function shingles(text: string): Uint32Array {
  const words = wordsOf(text)
  const found = new Set<number>()
  const hashes = words.map((word) => hash(word, 0))
  for (let i = 0; i + SHINGLE_WORDS <= words.length; i++) found.add(mixed(hashes[i]! + Math.imul(hashes[i + 1]!, 31) + Math.imul(hashes[i + 2]!, 961)))
  if (found.size === 0) found.add(hash(words.join(' ') || text.trim(), 1))
  return Uint32Array.from(found).sort()
}

/** FNV-1a with a finisher, so that its high bits are good enough to take minima of. */
const hash = (text: string, seed: number): number => mixed(fnv1a(FNV_BASIS ^ seed, text))

/** The finisher of MurmurHash3's first half. */
function mixed(bits: number): number {
  const value = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  return (value ^ (value >>> 13)) >>> 0
}

/** |a and b| / |a or b| of two ascending lists. */
export function jaccard(a: Uint32Array, b: Uint32Array): number {
  let shared = 0
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const step = a[i]! - b[j]!
    if (step === 0) shared++
    if (step <= 0) i++
    if (step >= 0) j++
  }
  return shared / (a.length + b.length - shared)
}

export const SKETCH_KEYS = BANDS

/** Makes a text's band keys from its shingles: texts that share one may nearly equal each other. Two of similarity 0.8 share one with a probability of 0.9998. */
export function sketcher(seed: number): (own: Uint32Array) => Uint32Array {
  const rng = makeRng(`minhash ${seed}`)
  const factors = Uint32Array.from({ length: 2 * BANDS * ROWS_PER_BAND }, (_, i) => (rng.int(2 ** 32) | (i % 2 === 0 ? 1 : 0)) >>> 0)
  return (own) =>
    Uint32Array.from({ length: BANDS }, (_, band) => {
      let key = band
      for (let row = 0; row < ROWS_PER_BAND; row++) {
        const at = 2 * (band * ROWS_PER_BAND + row)
        const [factor, offset] = [factors[at]!, factors[at + 1]!]
        let least = 0xffffffff
        for (let i = 0; i < own.length; i++) {
          const value = (Math.imul(own[i]!, factor) + offset) >>> 0
          if (value < least) least = value
        }
        key = mixed(key ^ Math.imul(least, 0x9e3779b1))
      }
      return key
    })
}

/** Texts by what they resemble. */
export class SimilarityIndex {
  private readonly kept: Uint32Array[] = []
  private readonly bands = Array.from({ length: BANDS }, () => new Map<number, number[]>())
  private readonly sketch: (own: Uint32Array) => Uint32Array
  private readonly similarity: number

  constructor({ seed, similarity = NEAR }: { seed: number; similarity?: number }) {
    this.sketch = sketcher(seed)
    this.similarity = similarity
  }

  /** Numbers of the texts added so far that nearly equal this one; then adds it under the next number, unless told not to. */
  match(text: string, { add }: { add: boolean }): number[] {
    const own = shingles(text)
    const keys = this.sketch(own)
    const candidates = new Set<number>()
    keys.forEach((key, band) => this.bands[band]!.get(key)?.slice(-COMPARED).forEach((other) => candidates.add(other)))
    const found = [...candidates].filter((other) => jaccard(own, this.kept[other]!) >= this.similarity)
    if (add) {
      const number = this.kept.push(own) - 1
      keys.forEach((key, band) => {
        const bucket = this.bands[band]!.get(key)
        if (bucket === undefined) this.bands[band]!.set(key, [number])
        else bucket.push(number)
      })
    }
    return found
  }
}

/** For each text the first text of its cluster of near-duplicates: itself where it is alone or the first. `onText` is told before each. */
export function nearDuplicates(texts: readonly string[], { seed, onText }: { seed: number; onText?: ((index: number) => void) | undefined }): number[] {
  const clusters = new Clusters(texts.length)
  const index = new SimilarityIndex({ seed })
  const seen = new Map<string, number>()
  const places: number[] = []
  texts.forEach((text, i) => {
    onText?.(i)
    const key = normalized(text)
    const first = seen.get(key)
    if (first !== undefined) return clusters.join(first, i)
    seen.set(key, i)
    for (const other of index.match(text, { add: true })) clusters.join(places[other]!, i)
    places.push(i)
  })
  return texts.map((_, i) => clusters.find(i))
}
