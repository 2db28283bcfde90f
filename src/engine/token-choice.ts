/**
 * Draws a token from a row of scores. Tight loops over typed arrays: this runs once per row and step.
 * The processors and their order are transformers' (generation/logits_process.py, GenerationMixin):
 * repetition_penalty, temperature, top_k, top_p, min_p.
 */

export type Choice = { id: number; entropy: number }

/** Which tokens may be drawn; `top_k` 0, `top_p` 1 and `min_p` 0 cut nothing. */
export type Filter = { top_k: number; top_p: number; min_p: number }

/** Kept are the tokens with a greater probability than `smallest`, and of those equal to it the ids up to `lastId`. */
export type Cut = { smallest: number; lastId: number }

/** Buckets by exponent and three mantissa bits of a float32 in [0, 1], and by the ten bits that follow. */
const COARSE_SHIFT = 20
const COARSE_BUCKETS = (0x3f800000 >>> COARSE_SHIFT) + 2
const FINE_SHIFT = 10
const FINE_BUCKETS = 1 << (COARSE_SHIFT - FINE_SHIFT)

/**
 * Finds which tokens the filters keep without sorting the vocabulary: two histograms lead to a bucket of nearly equal
 * probabilities, and only that one is sorted.
 */
export class TokenFilter {
  private readonly even = new Float64Array(COARSE_BUCKETS)
  private readonly odd = new Float64Array(COARSE_BUCKETS)
  private readonly fine = new Float64Array(FINE_BUCKETS)
  private members = new Int32Array(0)

  /** @param probabilities in [0, 1]; their sum need not be exactly 1. */
  cut(probabilities: Float32Array, { top_k: topK, top_p: topP, min_p: minP }: Filter): Cut {
    const everything = probabilities.length
    let cut: Cut = { smallest: 0, lastId: everything }
    let available = 1
    // torch.topk's last value is kept with all its equals.
    if (topK > 0 && topK < everything) {
      cut = { smallest: this.crossing(probabilities, 'count', topK).smallest, lastId: everything }
      available = massFrom(probabilities, cut.smallest)
    }
    if (topP < 1) {
      const crossing = this.crossing(probabilities, 'mass', topP * available)
      if (crossing.smallest > cut.smallest || (crossing.smallest === cut.smallest && crossing.lastId < cut.lastId)) cut = crossing
    }
    if (minP > 0) {
      let largest = 0
      for (let i = 0; i < everything; i++) if ((probabilities[i] as number) > largest) largest = probabilities[i] as number
      const smallest = smallestFloatFrom(minP * largest)
      if (smallest > cut.smallest) cut = { smallest, lastId: everything }
    }
    return cut
  }

  /** Where tokens in falling order (lower id first among equals) reach a number or a mass, the crossing one included. */
  private crossing(probabilities: Float32Array, by: 'count' | 'mass', target: number): Cut {
    const bits = bitsOf(probabilities)
    const { even, odd, fine } = this
    this.fillCoarse(probabilities, bits, by)
    for (let bucket = 0; bucket < COARSE_BUCKETS; bucket++) even[bucket] = (even[bucket] as number) + (odd[bucket] as number)
    const coarse = descend(even, 0, target)
    // The members of the crossing bucket, then of the crossing part of it.
    if (this.members.length < bits.length) this.members = new Int32Array(bits.length)
    const { members } = this
    let count = 0
    fine.fill(0)
    for (let i = 0; i < bits.length; i++) {
      const word = bits[i] as number
      if (word >>> COARSE_SHIFT !== coarse.bucket) continue
      members[count++] = i
      const part = (word >>> FINE_SHIFT) & (FINE_BUCKETS - 1)
      fine[part] = (fine[part] as number) + (by === 'mass' ? (probabilities[i] as number) : 1)
    }
    const found = descend(fine, coarse.above, target)
    const wanted = coarse.bucket * FINE_BUCKETS + found.bucket
    const last: number[] = []
    for (let k = 0; k < count; k++) if ((bits[members[k] as number] as number) >>> FINE_SHIFT === wanted) last.push(members[k] as number)
    last.sort((a, b) => (probabilities[b] as number) - (probabilities[a] as number) || a - b)
    let { above } = found
    let lastId = last[0] ?? 0
    for (const id of last) {
      if (above >= target) break
      above += by === 'mass' ? (probabilities[id] as number) : 1
      lastId = id
    }
    return { smallest: probabilities[lastId] as number, lastId }
  }

  /** Two histograms by turns: equal buckets in a row would wait for each other's sum. */
  private fillCoarse(probabilities: Float32Array, bits: Uint32Array, by: 'count' | 'mass'): void {
    const { even, odd } = this
    even.fill(0)
    odd.fill(0)
    const weights = by === 'mass' ? probabilities : undefined
    for (let i = 0; i + 1 < bits.length; i += 2) {
      const [a, b] = [(bits[i] as number) >>> COARSE_SHIFT, (bits[i + 1] as number) >>> COARSE_SHIFT]
      even[a] = (even[a] as number) + (weights ? (weights[i] as number) : 1)
      odd[b] = (odd[b] as number) + (weights ? (weights[i + 1] as number) : 1)
    }
    if (bits.length % 2 === 1) {
      const i = bits.length - 1
      const a = (bits[i] as number) >>> COARSE_SHIFT
      even[a] = (even[a] as number) + (weights ? (weights[i] as number) : 1)
    }
  }
}

/** The bucket, from the greatest on, in which the sum reaches the target (or the last that holds anything), and the sum before it. */
function descend(sums: Float64Array, start: number, target: number): { bucket: number; above: number } {
  let lowest = 0
  while (lowest < sums.length - 1 && sums[lowest] === 0) lowest++
  let above = start
  for (let bucket = sums.length - 1; bucket > lowest; bucket--) {
    const sum = sums[bucket] as number
    if (sum > 0 && above + sum >= target) return { bucket, above }
    above += sum
  }
  return { bucket: lowest, above }
}

function massFrom(probabilities: Float32Array, smallest: number): number {
  let total = 0
  for (let i = 0; i < probabilities.length; i++) if ((probabilities[i] as number) >= smallest) total += probabilities[i] as number
  return total
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length)
}

/** The smallest float32 that is not below x. */
function smallestFloatFrom(x: number): number {
  const near = Math.fround(x)
  if (near >= x) return near
  oneWord[0] = wordOf(near) + 1
  return oneFloat[0] as number
}

/** Ids that a cut keeps, rising. */
export function idsOf(probabilities: Float32Array, { smallest, lastId }: Cut): number[] {
  return [...probabilities.keys()].filter(id => (probabilities[id] as number) > smallest || (probabilities[id] === smallest && id <= lastId))
}

/** Tokens whose kept mass is added up before the next block's: the draw skips whole blocks. */
const BLOCK = 512
let blocks = new Float64Array(0)
const kept = new Float32Array(BLOCK)
const keptBits = bitsOf(kept)

/**
 * @param scores logits or log-probabilities, finite: `probabilities` are proportional to exp(scores · inverseTemperature).
 * @param uniform in [0, 1).
 * @returns the drawn id and the entropy (nats) of the distribution it was drawn from; NaN where numbers are not finite.
 */
export function drawToken(scores: Float32Array, probabilities: Float32Array, inverseTemperature: number, filter: Filter, tokenFilter: TokenFilter, uniform: number): Choice {
  const cut = tokenFilter.cut(probabilities, filter)
  const bits = bitsOf(probabilities)
  const V = probabilities.length
  if (blocks.length * BLOCK < V) blocks = new Float64Array(Math.ceil(V / BLOCK))
  let [total, moment] = [0, 0]
  for (let from = 0, block = 0; from < V; from += BLOCK, block++) {
    const size = keepBlock(bits, from, cut)
    let [sumA, sumB, momentA, momentB] = [0, 0, 0, 0]
    for (let i = 0; i + 1 < size; i += 2) {
      sumA += kept[i] as number
      sumB += kept[i + 1] as number
      momentA += (kept[i] as number) * (scores[from + i] as number)
      momentB += (kept[i + 1] as number) * (scores[from + i + 1] as number)
    }
    if (size % 2 === 1) {
      sumA += kept[size - 1] as number
      momentA += (kept[size - 1] as number) * (scores[from + size - 1] as number)
    }
    blocks[block] = sumA + sumB
    total += sumA + sumB
    moment += momentA + momentB
  }
  // Where rounding leaves a rest behind the last block, its last token is drawn.
  let rest = uniform * total
  let block = 0
  while ((block + 1) * BLOCK < V && rest >= (blocks[block] as number)) rest -= blocks[block++] as number
  while (block > 0 && blocks[block] === 0) block--
  const size = keepBlock(bits, block * BLOCK, cut)
  let id = -1
  let sum = 0
  for (let i = 0; i < size && sum <= rest; i++) {
    if (kept[i] === 0) continue
    sum += kept[i] as number
    id = block * BLOCK + i
  }
  if (id < 0) return { id: 0, entropy: NaN }
  // log p = score/T - c, so the kept, renormalised tokens have entropy log(total) - Σ p·log p / total.
  const top = anchor(probabilities, id)
  const c = (scores[top] as number) * inverseTemperature - Math.log(probabilities[top] as number)
  return { id, entropy: Math.max(0, Math.log(total) - (moment * inverseTemperature) / total + c) }
}

/** Writes a block's kept probabilities and zeros to `kept`. By the sign of a difference: a branch would often be guessed wrong. */
function keepBlock(bits: Uint32Array, from: number, { smallest, lastId }: Cut): number {
  const smallestWord = wordOf(smallest)
  const size = Math.min(BLOCK, bits.length - from)
  for (let i = 0; i < size; i++) {
    const word = bits[from + i] as number
    keptBits[i] = word & ~((word - smallestWord) >> 31)
    if (word === smallestWord && from + i > lastId) keptBits[i] = 0
  }
  return size
}

const oneFloat = new Float32Array(1)
const oneWord = bitsOf(oneFloat)

function wordOf(x: number): number {
  oneFloat[0] = x
  return oneWord[0] as number
}

/** The drawn token, unless its probability is so small that float32 keeps few of its digits: then the likeliest. */
function anchor(probabilities: Float32Array, drawn: number): number {
  if ((probabilities[drawn] as number) > 1e-30) return drawn
  let top = drawn
  for (let i = 0; i < probabilities.length; i++) if ((probabilities[i] as number) > (probabilities[top] as number)) top = i
  return top
}

/** The likeliest token (the first of equals); entropy is that of the whole distribution at temperature 1. */
export function greedyToken(scores: Float32Array, probabilities: Float32Array): Choice {
  let id = 0
  let [total, moment] = [0, 0]
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i] as number
    if (score > (scores[id] as number)) id = i
    const p = probabilities[i] as number
    if (p === 0) continue
    total += p
    moment += p * score
  }
  return { id, entropy: Math.max(0, Math.log(total) - moment / total + (scores[id] as number) - Math.log(probabilities[id] as number)) }
}

/**
 * Scores after the repetition penalty (transformers' RepetitionPenaltyLogitsProcessor: each token that prompt or
 * completion holds once, positive logits divided, negative ones multiplied) and their probabilities at a temperature.
 */
export class Penalty {
  private readonly scores: Float32Array
  private readonly probabilities: Float32Array

  constructor(vocabulary: number) {
    this.scores = new Float32Array(vocabulary)
    this.probabilities = new Float32Array(vocabulary)
  }

  /** @returns arrays that are overwritten by the next call. */
  apply(logits: Float32Array, seen: ReadonlySet<number>, penalty: number, inverseTemperature: number): { scores: Float32Array; probabilities: Float32Array } {
    const { scores, probabilities } = this
    scores.set(logits)
    for (const id of seen) {
      const logit = logits[id] as number
      scores[id] = logit < 0 ? logit * penalty : logit / penalty
    }
    let largest = -Infinity
    for (let i = 0; i < scores.length; i++) if ((scores[i] as number) > largest) largest = scores[i] as number
    let total = 0
    for (let i = 0; i < scores.length; i++) total += probabilities[i] = Math.exp(((scores[i] as number) - largest) * inverseTemperature)
    for (let i = 0; i < scores.length; i++) probabilities[i] = (probabilities[i] as number) / total
    return { scores, probabilities }
  }
}
