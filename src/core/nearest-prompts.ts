/** Which evaluation prompt is nearest in meaning to each row: cosine similarity of sentence vectors, a block of rows at a time. Pure. */

/** Of each row: its largest similarity to a prompt, and which prompt that is. */
export type Nearest = { cosine: Float32Array; prompt: Uint32Array }

/** Steps of the similarity in a histogram of it. */
export const COSINE_BINS = 20
/** Prompts whose vectors stay in the processor's cache while a block of rows passes (128 x 384 float32: 196 kB). */
const PROMPT_BLOCK = 128

/** Vectors one after the other, of unit length; a vector of length 0 stays as it is. Shape: vectors.length x dimensions. */
export function stacked(vectors: readonly Float32Array[], dimensions: number): Float32Array {
  const all = new Float32Array(vectors.length * dimensions)
  vectors.forEach((vector, i) => {
    if (vector.length !== dimensions) throw new Error(`nearest prompts: expected vectors of ${dimensions} dimensions, got one of ${vector.length}`)
    const length = Math.hypot(...vector)
    for (let d = 0; d < dimensions; d++) all[i * dimensions + d] = length === 0 ? 0 : vector[d]! / length
  })
  return all
}

/** @param rows rows x dimensions @param prompts prompts x dimensions, at least one; both of unit length, as `stacked` gives them. Of equal ones the first prompt counts */
export function nearestPrompts(rows: Float32Array, prompts: Float32Array, dimensions: number): Nearest {
  const [rowCount, promptCount] = [rows.length / dimensions, prompts.length / dimensions]
  const cosine = new Float32Array(rowCount).fill(-Infinity)
  const prompt = new Uint32Array(rowCount)
  for (let from = 0; from < promptCount; from += PROMPT_BLOCK) {
    const to = Math.min(from + PROMPT_BLOCK, promptCount)
    for (let row = 0; row < rowCount; row++) {
      const start = row * dimensions
      for (let p = from; p < to; p++) {
        let sum = 0
        for (let d = 0, at = p * dimensions; d < dimensions; d++, at++) sum += rows[start + d]! * prompts[at]!
        if (Math.fround(sum) > cosine[row]!) {
          cosine[row] = sum
          prompt[row] = p
        }
      }
    }
  }
  return { cosine, prompt }
}

/** How many of the similarities lie in each of COSINE_BINS steps from 0 to 1; those below 0 count in the first. */
export function cosineHistogram(cosines: Iterable<number>): number[] {
  const counts = new Array<number>(COSINE_BINS).fill(0)
  for (const cosine of cosines) counts[Math.min(COSINE_BINS - 1, Math.max(0, Math.floor(cosine * COSINE_BINS)))]! += 1
  return counts
}
