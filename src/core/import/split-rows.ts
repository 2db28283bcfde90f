/**
 * Cuts a stream of bytes into rows without holding more than one row: lines (JSONL), the elements of one JSON
 * array, pretty-printed objects one after the other, or the records of a table. Parses no JSON: a broken row is just
 * a text.
 */
import { checkRowBytes, joinBytes, problemRow, type RawRow, type RowSplitter } from './raw-rows.ts'
import { headerCells, splitCsv } from './split-csv.ts'

const LINE_FEED = 10
const SPACE = 32
const TAB = 9
const OPENING_BRACE = 0x7b
const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPENING = new Set([OPENING_BRACE, 0x5b])
const CLOSING = new Set([0x7d, 0x5d])
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]

const MAX_ROW_BYTES = 64 * 1024 * 1024
/** So much is looked at to tell lines from objects over several lines. */
const SNIFFED_BYTES = 64 * 1024

/** @param isTable whether a first line with these cells is a table's header; asked only where the text is no JSON */
export function createRowSplitter(maxRowBytes: number = MAX_ROW_BYTES, isTable: (columns: readonly string[]) => boolean = () => false): RowSplitter {
  let head: Uint8Array = new Uint8Array()
  let inner: RowSplitter | null = null
  const decide = (bytes: Uint8Array): RowSplitter => {
    const start = BYTE_ORDER_MARK.every((byte, i) => bytes[i] === byte) ? 3 : 0
    head = bytes.subarray(start)
    const layout = sniffLayout(head, isTable)
    if (layout === 'table') return splitCsv(maxRowBytes)
    return layout === 'lines' ? splitLines(maxRowBytes) : splitValues(layout, maxRowBytes)
  }
  return {
    push(chunk) {
      if (inner !== null) return inner.push(chunk)
      head = joinBytes([head, chunk])
      if (head.length < SNIFFED_BYTES && !hasTwoLines(head)) return []
      inner = decide(head)
      return inner.push(head)
    },
    end() {
      if (inner !== null) return inner.end()
      inner = decide(head)
      return [...inner.push(head), ...inner.end()]
    },
  }
}

type Layout = 'lines' | 'array' | 'objects' | 'table'

function sniffLayout(bytes: Uint8Array, isTable: (columns: readonly string[]) => boolean): Layout {
  const text = new TextDecoder().decode(bytes.subarray(0, SNIFFED_BYTES)).trimStart()
  if (text.startsWith('[')) return 'array'
  const [first = '', second = ''] = text.split('\n', 2)
  if (!first.startsWith('{') && isTable(headerCells(first.replace(/\r$/, '')).cells)) return 'table'
  // An object over several lines: its first line stays open and the next one is indented.
  return /^\{(\s*$|\s*"[^"]*"\s*:.*[,[{]\s*$)/.test(first) && /^[ \t]/.test(second) ? 'objects' : 'lines'
}

function hasTwoLines(bytes: Uint8Array): boolean {
  const first = bytes.findIndex((byte) => byte > 32)
  const end = first < 0 ? -1 : bytes.indexOf(LINE_FEED, first)
  return end >= 0 && end + 1 < bytes.length
}

function splitLines(maxRowBytes: number): RowSplitter {
  const row = collectRow(maxRowBytes)
  let line = 1
  let isOpen = false
  return {
    push(chunk) {
      const rows: RawRow[] = []
      let start = 0
      for (;;) {
        // Millions of empty lines take no longer than their bytes.
        for (; !isOpen && chunk[start] === LINE_FEED; start++) line += 1
        const end = chunk.indexOf(LINE_FEED, start)
        if (end < 0) break
        row.add(chunk.subarray(start, end))
        const done = row.take(line)
        if (done !== null) rows.push(done)
        line += 1
        start = end + 1
        isOpen = false
      }
      row.add(chunk.subarray(start))
      isOpen ||= start < chunk.length
      return rows
    },
    end() {
      const done = row.take(line)
      return done === null ? [] : [done]
    },
  }
}

/**
 * Elements of an array at depth 1, or objects at depth 0; what stands between them is only punctuation. A broken one
 * ends where the next begins, which its indentation tells. Without indentation, where an array leads to no end (the
 * file's, or a row past the limit, within one), it was misjudged from a broken first line, or an element is broken:
 * from the next line that begins with { on, lines are rows.
 */
function splitValues(layout: 'array' | 'objects', maxRowBytes: number): RowSplitter {
  const row = collectRow(maxRowBytes)
  const base = layout === 'array' ? 1 : 0
  let depth = 0
  let inText = false
  let escaped = false
  let number = 1
  let closed = false
  /** Blanks since the line began; -1 behind its first other byte. */
  let blanks = -1
  /** Before the { of an element; null where it is not known, or tells nothing. */
  let indentation = layout === 'objects' ? 0 : null
  let lines: RowSplitter | null = null
  const fromLines = (rows: RawRow[]): RawRow[] => rows.map((one) => ({ ...one, row: one.row + number, text: one.text.replace(/,$/, '') })).filter(({ text }) => text !== ']')
  const goOnByLines = (problem: string): { rows: RawRow[]; lines: RowSplitter } | null => {
    const held = row.held()
    const next = lineThatOpens(held)
    if (next < 0) return null
    lines = splitLines(maxRowBytes)
    row.clear()
    return { rows: [problemRow(number, held.subarray(0, next), problem), ...fromLines(lines.push(held.subarray(next)))], lines }
  }
  return {
    push(chunk) {
      if (lines !== null) return fromLines(lines.push(chunk))
      const rows: RawRow[] = []
      let start = 0
      const cut = (end: number): void => {
        row.add(chunk.subarray(start, end))
        const done = row.take(number)
        if (done !== null) {
          rows.push(done)
          number += 1
        }
      }
      for (let i = 0; i < chunk.length; i++) {
        const byte = chunk[i]!
        if (byte === LINE_FEED) blanks = 0
        else if (blanks >= 0 && (byte === SPACE || byte === TAB)) blanks += 1
        else if (blanks >= 0) {
          if (byte === OPENING_BRACE && blanks === indentation) {
            cut(i)
            start = i
            depth = base
            inText = false
            escaped = false
            closed = false
          } else if (byte === OPENING_BRACE && depth === base && blanks > 0) indentation ??= blanks
          blanks = -1
        }
        if (closed) continue
        if (inText) {
          if (escaped) escaped = false
          else if (byte === BACKSLASH) escaped = true
          else if (byte === QUOTE) inText = false
        } else if (byte === QUOTE) inText = true
        else if (OPENING.has(byte)) {
          depth += 1
          if (depth === base && layout === 'array') start = i + 1
        } else if (CLOSING.has(byte)) {
          depth -= 1
          if (depth === 0 && layout === 'array') {
            cut(i)
            start = i + 1
            closed = true
          } else if (depth === 0) {
            cut(i + 1)
            start = i + 1
          }
        } else if (byte === COMMA && depth === base && layout === 'array') {
          cut(i)
          start = i + 1
        }
      }
      row.add(chunk.subarray(start))
      if (layout === 'array' && row.isTooLong()) rows.push(...(goOnByLines(`expected at most ${maxRowBytes} bytes, got more`)?.rows ?? []))
      return rows
    },
    end() {
      if (lines !== null) return fromLines(lines.end())
      const found = layout === 'array' ? goOnByLines(closed ? 'expected nothing after the list' : 'expected its end before the next row begins') : null
      if (found !== null) return [...found.rows, ...fromLines(found.lines.end())]
      const done = row.take(number)
      const endsEarly = (at: number): RawRow => ({ row: at, text: '', problem: 'expected ] at the end of the list, the file ends early' })
      if (done === null) return layout === 'objects' || closed ? [] : [endsEarly(number)]
      // The row itself is whole, what is missing is the end of the list.
      if (layout === 'array' && depth === base && !inText && !closed) return [done, endsEarly(number + 1)]
      return [{ ...done, problem: done.problem ?? (closed ? 'expected nothing after the list' : 'the file ends within this row') }]
    },
  }
}

/** Where the first line after the first begins that opens an object; -1 where there is none. */
function lineThatOpens(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) if (bytes[at + 1] === OPENING_BRACE) return at + 1
  return -1
}

type Collected = { add(piece: Uint8Array): void; take(row: number): RawRow | null; held(): Uint8Array; isTooLong(): boolean; clear(): void }

/** Gathers the pieces of one row; past the limit only its beginning is kept, to be shown. */
function collectRow(maxRowBytes: number): Collected {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let pieces: Uint8Array[] = []
  let bytes = 0
  const clear = (): void => {
    pieces = []
    bytes = 0
  }
  return {
    clear,
    held: () => joinBytes(pieces),
    isTooLong: () => bytes > maxRowBytes,
    add(piece) {
      if (piece.length === 0) return
      if (bytes <= maxRowBytes) pieces.push(piece)
      bytes += piece.length
      checkRowBytes(bytes)
    },
    take(row) {
      const all = pieces.length === 1 ? pieces[0]! : joinBytes(pieces)
      const size = bytes
      clear()
      if (size > maxRowBytes) return problemRow(row, all.subarray(0, maxRowBytes), `expected at most ${maxRowBytes} bytes, got ${size}`, size)
      try {
        const text = decoder.decode(all).trim()
        return text === '' ? null : { row, text, problem: null }
      } catch {
        return problemRow(row, all, 'expected UTF-8 text, got other bytes')
      }
    },
  }
}
