/** Draws a token from a row of probabilities. Tight loops over typed arrays: this runs once per row and step. */

export type Choice = { id: number; entropy: number }

/** The smallest probability that top-p keeps, and the last id kept among those equal to it. */
type Nucleus = { smallest: number; lastId: number }

/** Buckets by exponent and three mantissa bits of a float32 in [0, 1]. */
const BUCKET_SHIFT = 20
const BUCKETS = (0x3f800000 >>> BUCKET_SHIFT) + 2

/**
 * Which tokens top-p keeps: by falling probability (lower id first among equals) until their sum reaches `topP`, the
 * crossing token included, as transformers' TopPLogitsWarper. Only the bucket in which the sum crosses is sorted.
 */
export class NucleusFinder {
  private readonly mass = new Float64Array(BUCKETS)
  private ids = new Int32Array(0)

  /** Ids that top-p keeps, rising; valid until the next call. */
  keep(probabilities: Float32Array, topP: number): Int32Array {
    if (this.ids.length < probabilities.length) this.ids = new Int32Array(probabilities.length)
    const { ids } = this
    // All tokens below (1 - top_p) / V together cannot reach 1 - top_p: the nucleus lies above (0.99: rounding).
    const floor = topP < 1 ? (0.99 * (1 - topP)) / probabilities.length : 0
    let candidates = 0
    for (let i = 0; i < probabilities.length; i++) if ((probabilities[i] as number) >= floor) ids[candidates++] = i
    if (topP >= 1) return ids.subarray(0, candidates)
    const { smallest, lastId } = this.find(probabilities, ids.subarray(0, candidates), topP)
    let count = 0
    for (let k = 0; k < candidates; k++) {
      const i = ids[k] as number
      const p = probabilities[i] as number
      if (p > smallest || (p === smallest && i <= lastId)) ids[count++] = i
    }
    return ids.subarray(0, count)
  }

  private find(probabilities: Float32Array, candidates: Int32Array, topP: number): Nucleus {
    const bits = new Uint32Array(probabilities.buffer, probabilities.byteOffset, probabilities.length)
    const { mass } = this
    mass.fill(0)
    for (let k = 0; k < candidates.length; k++) {
      const i = candidates[k] as number
      const bucket = (bits[i] as number) >>> BUCKET_SHIFT
      mass[bucket] = (mass[bucket] as number) + (probabilities[i] as number)
    }
    let bucket = BUCKETS - 1
    let above = 0
    while (bucket > 0 && above + (mass[bucket] as number) < topP) above += mass[bucket--] as number
    const crossing: number[] = []
    for (let k = 0; k < candidates.length; k++) {
      const i = candidates[k] as number
      if ((bits[i] as number) >>> BUCKET_SHIFT === bucket) crossing.push(i)
    }
    crossing.sort((a, b) => (probabilities[b] as number) - (probabilities[a] as number) || a - b)
    let last = crossing[0] ?? 0
    for (const id of crossing) {
      if (above >= topP) break
      above += probabilities[id] as number
      last = id
    }
    return { smallest: probabilities[last] as number, lastId: last }
  }
}

/**
 * @param logps log-probabilities at temperature 1; `probabilities` are at temperature 1 / inverseTemperature.
 * @param uniform in [0, 1).
 * @returns the drawn id and the entropy (nats) of the distribution it was drawn from.
 */
export function drawToken(logps: Float32Array, probabilities: Float32Array, inverseTemperature: number, topP: number, finder: NucleusFinder, uniform: number): Choice {
  const kept = finder.keep(probabilities, topP)
  let total = 0
  let moment = 0
  let top = kept[0] as number
  for (let k = 0; k < kept.length; k++) {
    const i = kept[k] as number
    const p = probabilities[i] as number
    if (p > (probabilities[top] as number)) top = i
    total += p
    // A probability of zero has no logarithm; its term is zero.
    if (p > 0) moment += p * (logps[i] as number)
  }
  // log p = logp/T - c, so the kept, renormalised tokens have entropy log(total) - Σ p·log p / total.
  const c = (logps[top] as number) * inverseTemperature - Math.log(probabilities[top] as number)
  const entropy = Math.max(0, Math.log(total) - (moment * inverseTemperature) / total + c)
  const target = uniform * total
  let sum = 0
  let id = top
  for (let k = 0; k < kept.length && sum <= target; k++) {
    const i = kept[k] as number
    const p = probabilities[i] as number
    sum += p
    if (p > 0) id = i
  }
  return { id, entropy }
}

/** The likeliest token (the first of equals); entropy is that of the whole distribution at temperature 1. */
export function greedyToken(logps: Float32Array): Choice {
  let id = 0
  let entropy = 0
  for (let i = 0; i < logps.length; i++) {
    const logp = logps[i] as number
    if (logp > (logps[id] as number)) id = i
    const p = Math.exp(logp)
    if (p > 0) entropy -= p * logp
  }
  return { id, entropy }
}
