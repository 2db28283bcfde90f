/** Length in Unicode code points, as both leaderboards count; `text.length` counts UTF-16 units and moves their figures. */
export function codePoints(text: string): number {
  let count = text.length
  for (let i = 0; i < text.length - 1; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0xd800 || unit > 0xdbff) continue
    const next = text.charCodeAt(i + 1)
    if (next >= 0xdc00 && next <= 0xdfff) {
      count -= 1
      i += 1
    }
  }
  return count
}
