/**
 * Groups of texts that nearly equal each other, at the size of a log: of each text only its sketch is held (64 bytes),
 * and the shingles of those that share a band are asked for again. Pure.
 */
import { Clusters } from './clusters.ts'
import { COMPARED, jaccard, NEAR, SKETCH_KEYS } from './near-duplicates.ts'

/** Shingles kept at hand: neighbours in a band are compared with each other again and again. */
const KEPT_SHINGLES = 4096

/**
 * For each text the first of its group, itself where it has no near-duplicate. `sketches` holds `SKETCH_KEYS` numbers
 * a text, one text after the other. Yields after each band how many of `SKETCH_KEYS` are done, so that others get a turn.
 */
export function* groupNearDuplicates(sketches: Uint32Array, shinglesOf: (text: number) => Uint32Array): Generator<number, Int32Array> {
  const size = sketches.length / SKETCH_KEYS
  const clusters = new Clusters(size)
  const read = remembering(shinglesOf)
  for (let band = 0; band < SKETCH_KEYS; band++) {
    for (const bucket of buckets(sketches, band, size)) joinBucket(bucket, clusters, read)
    yield band + 1
  }
  return Int32Array.from({ length: size }, (_, text) => clusters.find(text))
}

/** Each with those before it in the bucket, as far as `SimilarityIndex` looks back. */
function joinBucket(bucket: readonly number[], clusters: Clusters, shinglesOf: (text: number) => Uint32Array): void {
  for (let at = 1; at < bucket.length; at++) {
    const text = bucket[at]!
    for (let before = at - 1; before >= Math.max(0, at - COMPARED); before--) {
      const other = bucket[before]!
      if (clusters.find(text) !== clusters.find(other) && jaccard(shinglesOf(text), shinglesOf(other)) >= NEAR) clusters.join(text, other)
    }
  }
}

/** Texts with the same key in a band, two or more, ascending. Key and text are sorted as one number of at most 53 bits. */
function* buckets(sketches: Uint32Array, band: number, size: number): Generator<number[]> {
  const places = 2 ** Math.ceil(Math.log2(Math.max(2, size)))
  // Beyond two million texts the key loses its lowest bits: more are compared, none is missed.
  const dropped = Math.max(0, 32 + Math.log2(places) - 53)
  const sorted = new Float64Array(size)
  for (let text = 0; text < size; text++) sorted[text] = (sketches[text * SKETCH_KEYS + band]! >>> dropped) * places + text
  sorted.sort()
  for (let from = 0; from < size; ) {
    const key = Math.floor(sorted[from]! / places)
    let to = from + 1
    while (to < size && Math.floor(sorted[to]! / places) === key) to++
    if (to - from > 1) yield Array.from(sorted.subarray(from, to), (value) => value % places)
    from = to
  }
}

function remembering(shinglesOf: (text: number) => Uint32Array): (text: number) => Uint32Array {
  const kept = new Map<number, Uint32Array>()
  return (text) => {
    const known = kept.get(text)
    if (known !== undefined) return known
    const found = shinglesOf(text)
    if (kept.size >= KEPT_SHINGLES) kept.delete(kept.keys().next().value!)
    kept.set(text, found)
    return found
  }
}
