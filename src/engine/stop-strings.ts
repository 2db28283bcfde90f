/** Texts that end a completion, wherever the borders of tokens fall in them. */

/**
 * Tells whether the last token completed one of the texts. Only the end of the completion is decoded, so the cost
 * of a token does not grow with what stands before it.
 * @param decode as the completion's text is shown in the end.
 */
export function createStopCheck(decode: (ids: readonly number[]) => string, stops: readonly string[]): (completionIds: readonly number[]) => boolean {
  const longest = Math.max(0, ...stops.map(stop => stop.length))
  return ids => {
    // Special tokens have no text and a character may take several tokens: go back until there is enough of it.
    for (let count = longest + 1; ; count *= 2) {
      const isAll = count >= ids.length
      const text = decode(isAll ? ids : ids.slice(-count))
      if (stops.some(stop => text.includes(stop))) return true
      // It may begin with the rest of a character that was cut in two: such a rest says nothing.
      if (isAll || text.replace(/^\ufffd+/, '').length > longest) return false
    }
  }
}

/** The text up to the first of the stops it holds. */
export function cutAtStop(text: string, stops: readonly string[]): string {
  const places = stops.map(stop => text.indexOf(stop)).filter(place => place >= 0)
  return places.length === 0 ? text : text.slice(0, Math.min(...places))
}
