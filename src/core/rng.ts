/**
 * Seeded random numbers with named sub-streams. Pure: the same seed gives the same numbers on every
 * machine, and a fork depends on its parent's seed and its own name only, never on how many numbers
 * the parent has drawn. So adding a draw in one place cannot move the draws of another.
 */

export type Rng = {
  /** Uniform in [0, 1), 53 bits. */
  next(): number
  /** Uniform integer in [0, n). Throws unless n is a positive integer. */
  int(n: number): number
  /** One element, uniformly. Throws on an empty array. */
  pick<T>(array: readonly T[]): T
  /** A shuffled copy (Fisher-Yates). */
  shuffled<T>(array: readonly T[]): T[]
  /** An index, drawn with probability proportional to its weight. Throws unless the weights are non-negative with a positive sum. */
  weighted(weights: readonly number[]): number
  /** Standard normal (Box-Muller). */
  normal(): number
  /** An independent stream named `name`. */
  fork(name: string): Rng
}

/** cyrb128: a string to four 32-bit words. */
function hashWords(text: string): [number, number, number, number] {
  let a = 1779033703
  let b = 3144134277
  let c = 1013904242
  let d = 2773480762
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    a = b ^ Math.imul(a ^ code, 597399067)
    b = c ^ Math.imul(b ^ code, 2869860233)
    c = d ^ Math.imul(c ^ code, 951274213)
    d = a ^ Math.imul(d ^ code, 2716044179)
  }
  a = Math.imul(c ^ (a >>> 18), 597399067)
  b = Math.imul(d ^ (b >>> 22), 2869860233)
  c = Math.imul(a ^ (c >>> 17), 951274213)
  d = Math.imul(b ^ (d >>> 19), 2716044179)
  return [(a ^ b ^ c ^ d) >>> 0, (b ^ a) >>> 0, (c ^ a) >>> 0, (d ^ a) >>> 0]
}

/** A 32-bit hash of a text, for partitions and seeds that must not depend on order. */
export function hash32(text: string): number {
  return hashWords(text)[0]
}

/** sfc32 (PractRand's small fast counting generator) seeded from a hash of `seed`. */
export function makeRng(seed: number | string): Rng {
  const name = String(seed)
  let [a, b, c, d] = hashWords(name)
  const uint32 = (): number => {
    const t = (((a + b) | 0) + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + t | 0
    return t >>> 0
  }
  for (let i = 0; i < 12; i++) uint32()

  const next = (): number => ((uint32() >>> 5) * 67108864 + (uint32() >>> 6)) / 9007199254740992
  const int = (n: number): number => {
    if (!Number.isInteger(n) || n <= 0) throw new Error(`rng.int: expected a positive integer, got ${n}`)
    return Math.floor(next() * n)
  }
  return {
    next,
    int,
    pick<T>(array: readonly T[]): T {
      if (array.length === 0) throw new Error('rng.pick: expected at least one element, got an empty array')
      return array[int(array.length)] as T
    },
    shuffled<T>(array: readonly T[]): T[] {
      const copy = array.slice()
      for (let i = copy.length - 1; i > 0; i--) {
        const j = int(i + 1)
        const held = copy[i] as T
        copy[i] = copy[j] as T
        copy[j] = held
      }
      return copy
    },
    weighted(weights: readonly number[]): number {
      let total = 0
      for (const weight of weights) {
        if (!(weight >= 0)) throw new Error(`rng.weighted: expected weights >= 0, got ${weight}`)
        total += weight
      }
      if (!(total > 0)) throw new Error(`rng.weighted: expected weights with a positive sum, got ${weights.length} weights summing to ${total}`)
      let left = next() * total
      let last = 0
      for (let i = 0; i < weights.length; i++) {
        const weight = weights[i] as number
        if (weight === 0) continue
        last = i
        left -= weight
        if (left < 0) return i
      }
      return last
    },
    normal(): number {
      return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
    },
    fork: (child: string): Rng => makeRng(`${name}/${child}`),
  }
}
