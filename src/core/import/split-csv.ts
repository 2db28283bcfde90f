/**
 * Cuts a stream of bytes into the records of a table (RFC 4180, also with ; tab or | between the cells). A record is
 * an object of its header's names; cells that hold JSON lists or objects are parsed, empty ones are null.
 */
import type { Row } from './format.ts'
import { checkRowBytes, joinBytes, problemRow, unfoldJson, type RawRow, type RowSplitter } from './raw-rows.ts'

const LINE_FEED = 10
const QUOTE = 0x22
const DELIMITERS = [',', ';', '\t', '|'] as const

/** The cells of a table's first line; a text without a delimiter is one cell. */
export function headerCells(line: string): { delimiter: string; cells: string[] } {
  const cellsBy = DELIMITERS.map((delimiter) => ({ delimiter, cells: splitCells(line, delimiter).cells.map((cell) => cell.trim()) }))
  return cellsBy.reduce((best, one) => (one.cells.length > best.cells.length ? one : best))
}

/**
 * A quote that is never closed would swallow the rest of the file: where the file ends, or the record grows past the
 * limit, its first line alone is set aside and reading goes on behind it.
 */
export function splitCsv(maxRowBytes: number): RowSplitter {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let header: { delimiter: string; cells: string[]; line: string } | null = null
  let delimiterByte = 0
  let pieces: Uint8Array[] = []
  let bytes = 0
  let line = 1
  let startLine = 1
  let state: 'start' | 'plain' | 'quoted' | 'quote' = 'start'
  let rows: RawRow[] = []
  /** Bytes of a line past the limit; 0 where none is being passed over. */
  let skipped = 0

  const take = (): Uint8Array => {
    const all = joinBytes(pieces)
    pieces = []
    bytes = 0
    state = 'start'
    return all
  }
  const refuse = (row: number, of: Uint8Array, problem: string): void => void rows.push({ ...problemRow(row, of, problem), ...(header !== null && { header: header.line }) })
  const finish = (): void => {
    const all = take()
    const row = startLine
    startLine = line
    let text: string
    try {
      text = decoder.decode(all).replace(/\r$/, '')
    } catch {
      refuse(row, all, 'expected UTF-8 text, got other bytes')
      return
    }
    if (text.trim() === '') return
    if (header !== null) rows.push(readRecord(row, text, header))
    else {
      header = { ...headerCells(text), line: text }
      delimiterByte = header.delimiter.charCodeAt(0)
    }
  }
  /** The rest of a line past the limit is passed over. */
  const skip = (chunk: Uint8Array): number => {
    if (skipped === 0) return 0
    const end = chunk.indexOf(LINE_FEED)
    skipped += end < 0 ? chunk.length : end
    checkRowBytes(skipped)
    if (end < 0) return chunk.length
    skipped = 0
    startLine += 1
    line = startLine
    return end + 1
  }
  const scan = (chunk: Uint8Array): void => {
    let start = skip(chunk)
    for (let i = start; i < chunk.length; i++) {
      const byte = chunk[i]
      if (byte === LINE_FEED) line += 1
      if (state === 'quoted') {
        if (byte === QUOTE) state = 'quote'
      } else if (byte === QUOTE) state = state === 'plain' ? 'plain' : 'quoted'
      else if (byte === LINE_FEED) {
        hold(chunk.subarray(start, i))
        start = i + 1
        finish()
      } else state = byte === delimiterByte ? 'start' : 'plain'
    }
    hold(chunk.subarray(start))
  }
  const hold = (piece: Uint8Array): void => {
    if (piece.length > 0) pieces.push(piece)
    bytes += piece.length
  }
  const setFirstLineAside = (problem: string): void => {
    const all = take()
    const end = all.indexOf(LINE_FEED)
    refuse(startLine, end < 0 ? all : all.subarray(0, end), problem)
    if (end < 0) skipped = all.length
    else {
      startLine += 1
      line = startLine
      scan(all.subarray(end + 1))
    }
  }
  const given = (): RawRow[] => {
    const done = rows
    rows = []
    return done
  }

  return {
    push(chunk) {
      scan(chunk)
      while (bytes > maxRowBytes) setFirstLineAside(`expected a record of at most ${maxRowBytes} bytes, got more: a quote is not closed, or it is no table`)
      return given()
    },
    end() {
      while (state === 'quoted') setFirstLineAside('expected every quote to be closed, the file ends within one')
      line += 1
      finish()
      return given()
    },
  }
}

function readRecord(row: number, text: string, header: { delimiter: string; cells: string[]; line: string }): RawRow {
  const { cells, problem } = splitCells(text, header.delimiter)
  if (problem !== null) return { row, text, problem, header: header.line }
  if (cells.length > header.cells.length) return { row, text, header: header.line, problem: `expected ${header.cells.length} cells as in the header, got ${cells.length}` }
  const value: Row = Object.fromEntries(header.cells.map((name, i) => [name === '' ? `column ${i + 1}` : name, unfoldJson(cells[i] || null)]))
  return { row, text, problem: null, value, header: header.line }
}

/** One record's cells. A quote counts where a cell begins with it; within, a doubled one is one. */
function splitCells(text: string, delimiter: string): { cells: string[]; problem: string | null } {
  const cells: string[] = []
  for (let at = 0; ; ) {
    let end: number
    if (text[at] === '"') {
      const closing = closingQuote(text, at)
      end = closing + 1
      if (closing < 0 || (end < text.length && text[end] !== delimiter)) return { cells, problem: `cell ${cells.length + 1}: expected ${delimiter === '\t' ? 'a tab' : delimiter} or the end of the line behind the closing quote` }
      cells.push(text.slice(at + 1, closing).replaceAll('""', '"'))
    } else {
      const next = text.indexOf(delimiter, at)
      end = next < 0 ? text.length : next
      cells.push(text.slice(at, end))
    }
    if (end >= text.length) return { cells, problem: null }
    at = end + 1
  }
}

function closingQuote(text: string, opening: number): number {
  for (let at = text.indexOf('"', opening + 1); at >= 0; at = text.indexOf('"', at + 2)) if (text[at + 1] !== '"') return at
  return -1
}
