/** Which characters of a text belong to which token, for any tokenizer that can decode. */
import type { Tokenizer } from './tokenizer/tokenizer.ts'

/** What a character that is not whole yet decodes to; also a character of its own, which then waits for the next. */
const REPLACEMENT_AT_END = /\uFFFD+$/

/**
 * What each token adds to the text, as a stream of it would be shown: a character spread over several tokens is
 * given to the one that completes it, the others add ''. Joined, the texts are the decoded sequence.
 */
export function tokenTexts(tokenizer: Pick<Tokenizer, 'decode'>, ids: readonly number[]): string[] {
  const texts: string[] = []
  let from = 0 // first token whose text is not settled
  let given = 0 // characters of the unsettled tokens that are given out
  for (let end = 1; end <= ids.length; end++) {
    const text = decodeFrom(tokenizer, ids, from, end)
    const isSettled = !text.endsWith('\uFFFD') || end === ids.length
    const shown = isSettled ? text : text.replace(REPLACEMENT_AT_END, '')
    texts.push(shown.slice(given))
    given = Math.max(given, shown.length)
    if (!isSettled) continue
    from = end
    given = 0
  }
  return texts
}

/** Decoded with the token before, because some decoders treat the first token of a text differently. */
function decodeFrom(tokenizer: Pick<Tokenizer, 'decode'>, ids: readonly number[], from: number, end: number): string {
  if (from === 0) return tokenizer.decode(ids.slice(0, end))
  return tokenizer.decode(ids.slice(from - 1, end)).slice(tokenizer.decode(ids.slice(from - 1, from)).length)
}
