/** Word-level difference of two answers. */

export type Segment = { text: string; kind: 'same' | 'added' | 'removed' }

const words = (text: string): string[] => text.match(/\s+|[\p{L}\p{N}$'’]+|[^\s\p{L}\p{N}$'’]/gu) ?? []
/** Beyond this many words the quadratic table is not worth it: the whole text is marked. */
const LONGEST = 1500

/** Turns `before` into `after`; segments in reading order, removed before added. Longest common subsequence of words. */
export function wordDiff(before: string, after: string): Segment[] {
  const a = words(before)
  const b = words(after)
  if (a.length > LONGEST || b.length > LONGEST) return before === after ? [{ text: after, kind: 'same' }] : join([{ text: before, kind: 'removed' }, { text: after, kind: 'added' }])
  const width = b.length + 1
  const common = new Uint16Array((a.length + 1) * width)
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] = a[i] === b[j] ? common[(i + 1) * width + j + 1]! + 1 : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!)
    }
  }
  const segments: Segment[] = []
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      segments.push({ text: b[j]!, kind: 'same' })
      i++
      j++
    } else if (j >= b.length || (i < a.length && common[(i + 1) * width + j]! >= common[i * width + j + 1]!)) segments.push({ text: a[i++]!, kind: 'removed' })
    else segments.push({ text: b[j++]!, kind: 'added' })
  }
  return join(bridge(join(segments)))
}

/** A space between two changes belongs to both: "~~Great question~~ Ooh, fun" reads, a word-by-word alternation does not. */
function bridge(segments: Segment[]): Segment[] {
  return segments.flatMap((segment, i): Segment[] => {
    const between = segment.kind === 'same' && /^[^\S\n]+$/.test(segment.text) && segments[i - 1]?.kind !== undefined && segments[i + 1]?.kind !== undefined
    return between ? [{ text: segment.text, kind: 'removed' }, { text: segment.text, kind: 'added' }] : [segment]
  })
}

/** Removed before added within a stretch of changes; neighbours of a kind become one segment. */
function join(segments: Segment[]): Segment[] {
  const joined: Segment[] = []
  let [removed, added] = ['', '']
  const flush = (): void => {
    if (removed) joined.push({ text: removed, kind: 'removed' })
    if (added) joined.push({ text: added, kind: 'added' })
    ;[removed, added] = ['', '']
  }
  for (const { text, kind } of segments) {
    if (kind === 'removed') removed += text
    else if (kind === 'added') added += text
    else {
      flush()
      const last = joined.at(-1)
      if (last?.kind === 'same') last.text += text
      else joined.push({ text, kind })
    }
  }
  flush()
  return joined
}
