/** Seeded random numbers that are the same on every machine. */

/** Uniform numbers in [0, 1) with 53 random bits: sfc32 (PractRand), its state from splitmix32 of the seeds. */
export function createRandom(...seeds: number[]): () => number {
  let mix = 0x9e3779b9
  const next32 = (): number => {
    mix = (mix + 0x9e3779b9) | 0
    let z = mix ^ (mix >>> 16)
    z = Math.imul(z, 0x21f0aaad)
    z ^= z >>> 15
    z = Math.imul(z, 0x735a2d97)
    return z ^ (z >>> 15)
  }
  for (const seed of seeds) {
    mix = next32() ^ (seed >>> 0)
    mix = next32() ^ (Math.floor(seed / 2 ** 32) >>> 0)
  }
  let [a, b, c, counter] = [next32(), next32(), next32(), 1]
  const sfc32 = (): number => {
    const t = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + t | 0
    return t >>> 0
  }
  for (let i = 0; i < 12; i++) sfc32()
  return () => (sfc32() * 2 ** 21 + (sfc32() >>> 11)) / 2 ** 53
}

/** 0 … length - 1 in an order that depends on the seeds alone (Fisher-Yates). */
export function shuffledIndices(length: number, ...seeds: number[]): number[] {
  const random = createRandom(...seeds)
  const order = Array.from({ length }, (_, i) => i)
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[order[i], order[j]] = [order[j] as number, order[i] as number]
  }
  return order
}
