/**
 * In which order a judge sees two answers: the draws of Python's `random`, so that another judge sees each pair as
 * the published one did.
 */
import { createHash } from 'node:crypto'

/**
 * AlpacaEval: whether the model's answer is shown first (as `m`). Upstream's
 * `random.Random("is_switched_outputs" + instruction + "0").choices([False, True])[0]`.
 */
export function isSwitched(instruction: string): boolean {
  return pythonRandom(`is_switched_outputs${instruction}0`)() >= 0.5
}

/** WildBench: whether the model is A, one draw of `random.seed(42)` per task in the order of the data set. */
export function testIsFirst(tasks: number): boolean[] {
  const random = pythonRandom(42)
  return Array.from({ length: tasks }, () => random() < 0.5)
}

const SIZE = 624
const SHIFT = 397

/** Python's `random.Random(seed).random`: MT19937 seeded by `init_by_array`; a text by its bytes and their SHA-512. */
export function pythonRandom(seed: string | number): () => number {
  const state = seedByArray(typeof seed === 'number' ? [seed >>> 0] : wordsOf(seed))
  let at = SIZE
  const uint32 = (): number => {
    if (at === SIZE) {
      twist(state)
      at = 0
    }
    let y = state[at++]!
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    return (y ^ (y >>> 18)) >>> 0
  }
  return () => ((uint32() >>> 5) * 67108864 + (uint32() >>> 6)) / 9007199254740992
}

/** The big-endian integer of bytes + SHA-512 as 32-bit words, the least significant first. */
function wordsOf(text: string): number[] {
  const bytes = Buffer.from(text, 'utf8')
  const whole = Buffer.concat([bytes, createHash('sha512').update(bytes).digest()])
  const words: number[] = []
  for (let end = whole.length; end > 0; end -= 4) {
    let word = 0
    for (let i = Math.max(0, end - 4); i < end; i++) word = ((word << 8) | whole[i]!) >>> 0
    words.push(word)
  }
  while (words.length > 1 && words.at(-1) === 0) words.pop()
  return words
}

function seedByArray(key: readonly number[]): Uint32Array {
  const state = new Uint32Array(SIZE)
  state[0] = 19650218
  for (let i = 1; i < SIZE; i++) state[i] = Math.imul(1812433253, state[i - 1]! ^ (state[i - 1]! >>> 30)) + i
  let i = 1
  let j = 0
  const wrap = (): void => {
    i += 1
    if (i < SIZE) return
    state[0] = state[SIZE - 1]!
    i = 1
  }
  for (let k = Math.max(SIZE, key.length); k > 0; k--) {
    state[i] = (state[i]! ^ Math.imul(state[i - 1]! ^ (state[i - 1]! >>> 30), 1664525)) + key[j]! + j
    wrap()
    j = (j + 1) % key.length
  }
  for (let k = SIZE - 1; k > 0; k--) {
    state[i] = (state[i]! ^ Math.imul(state[i - 1]! ^ (state[i - 1]! >>> 30), 1566083941)) - i
    wrap()
  }
  state[0] = 0x80000000
  return state
}

function twist(state: Uint32Array): void {
  for (let k = 0; k < SIZE; k++) {
    const y = (state[k]! & 0x80000000) | (state[(k + 1) % SIZE]! & 0x7fffffff)
    state[k] = state[(k + SHIFT) % SIZE]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0)
  }
}
