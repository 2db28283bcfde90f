/** How many good answers a policy finds, and how alike its answers are: figures over the samples of one prompt. Pure. */

/** Chance that k of n samples drawn without replacement hold a passing one, c of them pass: 1 − C(n−c, k) / C(n, k) (Chen et al. 2021, equation 1). */
export function passAtK(n: number, c: number, k: number): number {
  if (k > n) throw new Error(`pass@k: expected at most ${n} drawn of ${n} samples, got k = ${k}`)
  let none = 1
  for (let i = 0; i < k; i++) none *= Math.max(0, n - c - i) / (n - i)
  return 1 - none
}

/**
 * Distinct answers expected among m draws without replacement, from how often each answer came (Hurlbert 1971):
 * the sum over answers of 1 − C(N − count, m) / C(N, m).
 */
export function rarefied(counts: readonly number[], m: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0)
  return counts.reduce((sum, count) => sum + passAtK(total, count, m), 0)
}

const LONGEST_GRAM = 4
/** nltk's smoothing method 1 (Chen and Cherry 2014): a count of zero becomes this. */
const EPSILON = 0.1

const gramsOf = (words: readonly string[], size: number): Map<string, number> => {
  const counts = new Map<string, number>()
  for (let i = 0; i + size <= words.length; i++) {
    const gram = words.slice(i, i + size).join(' ')
    counts.set(gram, (counts.get(gram) ?? 0) + 1)
  }
  return counts
}

/**
 * Self-BLEU (Zhu et al. 2018): mean BLEU-4 of each text against all others, words split at white space, zero counts
 * smoothed. 1 where all are equal; null below two texts.
 */
export function selfBleu(texts: readonly string[]): number | null {
  if (texts.length < 2) return null
  const words = texts.map((text) => text.split(/\s+/).filter(Boolean))
  const grams = words.map((own) => Array.from({ length: LONGEST_GRAM }, (_, i) => gramsOf(own, i + 1)))
  return words.reduce((sum, _, i) => sum + bleu(i, words, grams), 0) / texts.length
}

/** BLEU of text `at` with all others as its references. */
function bleu(at: number, words: readonly string[][], grams: readonly Map<string, number>[][]): number {
  const length = words[at]!.length
  let logs = 0
  for (let size = 1; size <= LONGEST_GRAM; size++) {
    let clipped = 0
    for (const [gram, count] of grams[at]![size - 1]!) {
      let most = 0
      for (let other = 0; other < grams.length && most < count; other++) if (other !== at) most = Math.max(most, grams[other]![size - 1]!.get(gram) ?? 0)
      clipped += Math.min(count, most)
    }
    if (size === 1 && clipped === 0) return 0
    logs += Math.log((clipped || EPSILON) / Math.max(1, length - size + 1)) / LONGEST_GRAM
  }
  // The reference nearest in length, the shorter of two as near.
  let nearest = Infinity
  for (let other = 0; other < words.length; other++) {
    if (other === at) continue
    const own = words[other]!.length
    const closer = Math.abs(own - length) - Math.abs(nearest - length)
    if (closer < 0 || (closer === 0 && own < nearest)) nearest = own
  }
  return Math.exp(logs + (length > nearest ? 0 : length === 0 ? -Infinity : 1 - nearest / length))
}

const NEIGHBOURS = 3

/** Squared Euclidean distance. */
export const squared = (a: Float32Array, b: Float32Array): number => {
  let sum = 0
  for (let d = 0; d < a.length; d++) sum += (a[d]! - b[d]!) ** 2
  return sum
}

/**
 * Coverage and density of a method's answers in an embedding (Naeem et al. 2020): `reference` are the distinct good
 * answers that any method found. Coverage is the share of them with an answer of the method inside their ball, which
 * reaches to their third nearest neighbour; density is how many such balls an answer lies in, a third each, weighted by
 * its reward. Null below four reference points.
 */
export function coverageAndDensity(reference: readonly Float32Array[], answers: readonly { row: Float32Array; reward: number }[]): { coverage: number; density: number } | null {
  if (reference.length <= NEIGHBOURS || answers.length === 0) return null
  const radii = reference.map((point, i) => reference.flatMap((other, j) => (i === j ? [] : [squared(point, other)])).sort((a, b) => a - b)[NEIGHBOURS - 1]!)
  let covered = 0
  let dense = 0
  reference.forEach((point, i) => {
    let holds = false
    for (const { row, reward } of answers) {
      if (squared(point, row) > radii[i]!) continue
      holds = true
      dense += reward
    }
    if (holds) covered++
  })
  return { coverage: covered / reference.length, density: dense / (NEIGHBOURS * answers.length) }
}
