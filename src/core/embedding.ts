/**
 * A local lexical embedding: hashed words and word pairs, weighted by rarity, projected at random. Nothing is learned
 * and nothing is fetched; it knows wording, not meaning. Pure and seeded: equal texts have equal rows.
 */
import { hash32, makeRng } from './rng.ts'

export const EMBEDDING_WORDS = 'lexical: hashed words and word pairs, tf-idf, random projection to 48 dimensions'
export const DIMENSIONS = 48
const BUCKETS = 4096

const termsOf = (text: string): string[] => {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu) ?? []
  return [...words, ...words.slice(1).map((word, i) => `${words[i]} ${word}`)]
}

let projection: Float32Array | null = null

/** The same for every call. */
function projectionOf(): Float32Array {
  const rng = makeRng('lexical embedding')
  return (projection ??= Float32Array.from({ length: BUCKETS * DIMENSIONS }, () => rng.normal()))
}

/** Times each hashed term is in a text, by bucket. */
function countTerms(text: string): Map<number, number> {
  const counts = new Map<number, number>()
  for (const term of termsOf(text)) {
    const bucket = hash32(term) % BUCKETS
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1)
  }
  return counts
}

/** The weight of each bucket, `ln((1 + n) / (1 + texts that have it) + 1)`: rare terms say more. */
const rarityOf = (counts: Iterable<ReadonlyMap<number, number>>): Float32Array => {
  const frequency = new Float64Array(BUCKETS)
  let all = 0
  for (const own of counts) {
    all += 1
    for (const bucket of own.keys()) frequency[bucket]! += 1
  }
  return Float32Array.from(frequency, (texts) => Math.log((1 + all) / (1 + texts) + 1))
}

function project(counts: ReadonlyMap<number, number>, rarity: Float32Array): Float32Array {
  const directions = projectionOf()
  const row = new Float32Array(DIMENSIONS)
  for (const [bucket, count] of counts) {
    const weight = (1 + Math.log(count)) * rarity[bucket]!
    for (let d = 0; d < DIMENSIONS; d++) row[d]! += weight * directions[bucket * DIMENSIONS + d]!
  }
  const length = Math.hypot(...row)
  return length === 0 ? row : row.map((value) => value / length)
}

/** Row i is text i: `DIMENSIONS` values of unit length; an empty text is the zero vector. */
export function embed(texts: readonly string[]): Float32Array[] {
  const counts = texts.map(countTerms)
  const rarity = rarityOf(counts)
  return counts.map((own) => project(own, rarity))
}

/** What `embedOne` needs to know of a corpus: how rare each term is in these texts, of which one at a time is held. */
export function rarityIn(texts: Iterable<string>): Float32Array {
  function* counted(): Generator<Map<number, number>> {
    for (const text of texts) yield countTerms(text)
  }
  return rarityOf(counted())
}
/** A text's row as `embed` makes it, under the rarity of other texts. */
export const embedOne = (text: string, rarity: Float32Array): Float32Array => project(countTerms(text), rarity)

export type Plane = { points: [number, number][]; /** Share of the rows' variance that the plane shows. */ explained: number }

const ITERATIONS = 60

/** The rows on their two directions of largest variance (PCA by power iteration): for looking at, not for measuring. */
export function planeOf(rows: readonly Float32Array[]): Plane {
  if (rows.length === 0) return { points: [], explained: 0 }
  const width = rows[0]!.length
  const centre = new Float64Array(width)
  for (const row of rows) for (let d = 0; d < width; d++) centre[d]! += row[d]! / rows.length
  const covariance = Array.from({ length: width }, () => new Float64Array(width))
  for (const row of rows) for (let i = 0; i < width; i++) for (let j = i; j < width; j++) covariance[i]![j]! += ((row[i]! - centre[i]!) * (row[j]! - centre[j]!)) / rows.length
  for (let i = 0; i < width; i++) for (let j = 0; j < i; j++) covariance[i]![j] = covariance[j]![i]!
  const total = covariance.reduce((sum, line, i) => sum + line[i]!, 0)
  const axes: Float64Array[] = []
  let shown = 0
  for (let axis = 0; axis < 2; axis++) {
    let direction = Float64Array.from({ length: width }, (_, i) => 1 / (1 + i + axis))
    let strength = 0
    for (let step = 0; step < ITERATIONS; step++) {
      const next = Float64Array.from(covariance, (line) => line.reduce((sum, value, j) => sum + value * direction[j]!, 0))
      for (const before of axes) {
        const along = next.reduce((sum, value, i) => sum + value * before[i]!, 0)
        for (let i = 0; i < width; i++) next[i]! -= along * before[i]!
      }
      strength = Math.hypot(...next)
      if (strength < 1e-12) break
      direction = next.map((value) => value / strength)
    }
    shown += strength
    axes.push(direction)
  }
  const at = (row: Float32Array, axis: Float64Array): number => axis.reduce((sum, value, d) => sum + value * (row[d]! - centre[d]!), 0)
  return { points: rows.map((row) => [at(row, axes[0]!), at(row, axes[1]!)]), explained: total > 0 ? Math.min(1, shown / total) : 0 }
}
