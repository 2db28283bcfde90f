/** How much a reply repeats itself, in its own tokens. */

/** Different n-grams over all n-grams (Li et al. 2016); null where there is none. */
export function distinctShare(tokens: readonly number[], n: number): number | null {
  const count = tokens.length - n + 1
  if (count < 1) return null
  return new Set(Array.from({ length: count }, (_, i) => tokens.slice(i, i + n).join(' '))).size / count
}

/** Longest group of tokens that a loop is looked for in. */
const LONGEST_PERIOD = 8

/**
 * Share of the tokens that belong to the longest stretch in which a group of up to 8 tokens follows itself at least
 * twice over: 0 without a loop, 1 where the reply is nothing else.
 */
export function loopShare(tokens: readonly number[]): number {
  let longest = 0
  for (let period = 1; period <= LONGEST_PERIOD; period++) {
    let run = 0
    for (let i = period; i < tokens.length; i++) {
      run = tokens[i] === tokens[i - period] ? run + 1 : 0
      // The group itself and two repetitions.
      if (run >= 2 * period) longest = Math.max(longest, run + period)
    }
  }
  return tokens.length === 0 ? 0 : longest / tokens.length
}
