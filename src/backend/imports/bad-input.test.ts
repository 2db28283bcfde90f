/**
 * Generated and mutated files of every container: never a crash, a hang or a lost good row, and each bad row in
 * quarantine with its reason.
 */
import { appendFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { expect, test } from 'vitest'
import { aFolder, anEmptyDatabase, turns } from '../../../tests/support/workspace.ts'
import type { WritableDb } from '../storage/open.ts'
import { importFiles, type ImportReport } from './import-files.ts'

type Row = { messages: { role: string; content: string }[] }
const good = (i: number): Row => ({ messages: turns(`question ${i}`, `answer ${i}`) })
const goodLine = (i: number): string => JSON.stringify(good(i))

/** Imports one file of these bytes into a database of its own, and says which of the numbered questions are in it. */
async function importBytes(bytes: Uint8Array | string, name = 'log.jsonl'): Promise<{ report: ImportReport; questions: Set<number>; db: WritableDb }> {
  const db = anEmptyDatabase()
  const file = join(aFolder(), name)
  writeFileSync(file, bytes)
  const report = await importFiles(db, [file])
  const found = db.prepare("SELECT content FROM messages WHERE content GLOB 'question [0-9]*'").pluck().all() as string[]
  expect(db.prepare('SELECT count(*) FROM quarantined_rows WHERE length(reason) > 3').pluck().get()).toBe(report.quarantined)
  return { report, questions: new Set(found.map((text) => Number(text.slice('question '.length)))), db }
}

const brokenLine = fc.constantFrom(
  '{"messages": [', '{"messages":[{"role":"user"', 'null', '[]', '[[[[', '}', '""', '\u0000\u0001\u0002', 'NaN', '{"messages":5}', '{"messages":[{"role":"","content":"x"}]}', '{"messages":[{"role":"user","content":{"a":1}}]}',
  '{"messages":[{"role":["user"],"content":"x"}]}', '{"messages":[{"role":"user","content":3}]}', '{"conversation":7}', '{"prompt":null,"chosen":[],"rejected":{}}', `{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`, '{"messages":[{"role":"user","content":"x"}],"metadata":[1]}',
  '{"message_tree_id":1,"message_id":"a","text":"t"}', '{"instruction":"i","completions":[1]}', '{"input":null,"output":null,"timestamp":1}',
)
const end = fc.constantFrom('\n', '\r\n', '\n\n')

test('broken lines among good ones: all good ones are in, each broken one is in quarantine', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(brokenLine), { minLength: 1, maxLength: 12 }), end, fc.boolean(), fc.constantFrom('plain', 'gzip', 'zstd'), async (lines, lineEnd, mark, container) => {
      const text = `${mark ? '\uFEFF' : ''}${lines.map((line, i) => line ?? goodLine(i)).join(lineEnd)}`
      // A file of `[]` alone is an empty list and no broken line.
      fc.pre(lines.length > 1 || lines[0] !== '[]')
      const bytes = Buffer.from(text)
      const { report, questions } = await importBytes(container === 'gzip' ? gzipSync(bytes) : container === 'zstd' ? zstdCompressSync(bytes) : bytes)
      expect([...questions].sort((a, b) => a - b)).toEqual(lines.flatMap((line, i) => (line === null ? [i] : [])))
      expect(report.quarantined).toBeGreaterThanOrEqual(lines.some((line) => line !== null) ? 1 : 0)
    }),
    { numRuns: 60 },
  )
})

test('bytes put wrong in one row cost that row alone, in lines, lists and indented objects', async () => {
  const rows = Array.from({ length: 20 }, (_, i) => good(i))
  const layouts = [
    rows.map((row) => JSON.stringify(row)).join('\n'), `[\n${rows.map((row) => JSON.stringify(row)).join(',\n')}\n]`,
    JSON.stringify(rows, null, 2), rows.map((row) => JSON.stringify(row, null, 1)).join('\n'),
  ]
  const noise = fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 4 }).filter((bytes) => !bytes.includes(10)), fc.constantFrom(...'"{}[]\\,').map((sign) => new TextEncoder().encode(sign)))
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...layouts), fc.nat({ max: 19 }), fc.nat(), noise, async (text, at, offset, wrong) => {
      const bytes = Buffer.from(text)
      // Within the row's question: before it stands what tells the file's layout, behind it the next row begins.
      const start = text.indexOf(`question ${at}"`)
      bytes.set(wrong, start + (offset % Math.max(1, text.indexOf(`answer ${at}"`) + 8 - start - wrong.length)))
      const { questions } = await importBytes(bytes)
      for (let i = 0; i < 20; i++) if (i !== at) expect(questions).toContain(i)
    }),
    { numRuns: 200 },
  )
})

test('a file cut anywhere gives every row that is whole in it', async () => {
  const lines = Buffer.from(Array.from({ length: 30 }, (_, i) => `${goodLine(i)}\n`).join(''))
  const list = Buffer.from(JSON.stringify(Array.from({ length: 30 }, (_, i) => good(i))))
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(lines, list), fc.double({ min: 0.02, max: 1, noNaN: true }), async (whole, share) => {
      const cut = whole.subarray(0, Math.floor(whole.length * share))
      const { questions } = await importBytes(cut)
      const wholeRows = cut.toString().split('"answer ').slice(1).filter((rest) => /^\d+"\}\]\}/.test(rest)).length
      expect(questions.size).toBe(wholeRows)
    }),
    { numRuns: 40 },
  )
})

test('a compressed file cut or damaged anywhere never stops an import', async () => {
  const text = Buffer.from(Array.from({ length: 2000 }, (_, i) => `${goodLine(i)}\n`).join(''))
  const [first, second] = [text.subarray(0, text.length / 2), text.subarray(text.length / 2)]
  const packed = [gzipSync(text), zstdCompressSync(text), Buffer.concat([gzipSync(first), gzipSync(second)]), Buffer.concat([zstdCompressSync(first), zstdCompressSync(second)])]
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...packed), fc.double({ min: 0.2, max: 0.99, noNaN: true }), fc.boolean(), async (whole, share, cut) => {
      const at = Math.floor(whole.length * share)
      const bytes = Buffer.from(whole)
      bytes[at] = (bytes[at] ?? 0) ^ 0xff
      const { report } = await importBytes(cut ? whole.subarray(0, at) : bytes)
      if (cut) expect(report.quarantined).toBeGreaterThan(0)
    }),
    { numRuns: 30 },
  )
})

test('tables: quotes, delimiters and line ends in any cell, with broken records between', async () => {
  const cell = fc.stringMatching(/^[a-z ,;"\n\t|é]{0,30}$/)
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(cell, { freq: 4 }), { minLength: 1, maxLength: 10 }), async (cells) => {
      const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`
      const records = cells.map((words, i) => (words === null ? `"a"b,${i}` : `${quoted(`question ${i}`)},${quoted(words)}`))
      const { questions, report, db } = await importBytes(`prompt,response\n${records.join('\n')}\n`, 'log.csv')
      expect([...questions].sort((a, b) => a - b)).toEqual(cells.flatMap((words, i) => (words === null || words === '' ? [] : [i])))
      expect(report.quarantined).toBe(cells.filter((words) => words === null || words === '').length)
      expect(new Set(db.prepare("SELECT content FROM messages WHERE role = 'assistant'").pluck().all())).toEqual(new Set(cells.filter((words) => words !== null && words !== '')))
    }),
    { numRuns: 60 },
  )
})

test('a damaged Parquet file never stops an import', async () => {
  const rows = Array.from({ length: 200 }, (_, i) => i)
  const whole = Buffer.from(new Uint8Array(parquetWriteBuffer({ columnData: [{ name: 'prompt', data: rows.map((i) => `question ${i}`), type: 'STRING' }, { name: 'response', data: rows.map((i) => `answer ${i}`), type: 'STRING' }], rowGroupSize: 50 })))
  expect((await importBytes(whole)).questions.size).toBe(200)
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.double({ min: 0, max: 0.9999, noNaN: true }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 6 }), fc.boolean(), async (changes, cut) => {
      const bytes = Buffer.from(whole)
      for (const [share, value] of changes) bytes[Math.floor(share * bytes.length)] = value
      const { report } = await importBytes(cut ? bytes.subarray(0, Math.floor((changes[0]?.[0] ?? 0) * bytes.length)) : bytes)
      expect(report.imported).toBeLessThanOrEqual(200)
    }),
    { numRuns: 150 },
  )
})

test('a line of 100 MB is one bad row, its neighbours are in', async () => {
  const file = Buffer.concat([Buffer.from(`${goodLine(0)}\n{"messages":[{"role":"user","content":"`), Buffer.alloc(100e6, 'x'), Buffer.from(`"}]}\n${goodLine(1)}\n`)])
  const { report, questions } = await importBytes(file)
  expect([...questions]).toEqual([0, 1])
  expect(report).toMatchObject({ imported: 2, quarantined: 1 })
})

test('what unpacks without end is not read to it', async () => {
  // 1.2 GB within one row, in a file of about a megabyte: gzip's members follow each other.
  const part = gzipSync(Buffer.alloc(100e6, 'x'))
  const { report } = await importBytes(Buffer.concat([gzipSync(`${goodLine(0)}\n"`), ...Array.from({ length: 12 }, () => part)]))
  // The row that never ended, and why the file was given up.
  expect(report).toMatchObject({ imported: 1, quarantined: 2 })
})

test('a conversation of 10,000 turns, duplicate keys, NUL in a text', async () => {
  const long = { messages: Array.from({ length: 10_000 }, (_, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content: `turn ${i}` })) }
  const { report, db } = await importBytes([JSON.stringify(long), '{"messages":1,"messages":[{"role":"user","content":"question 0\\u0000"}]}'].join('\n'))
  expect(report).toMatchObject({ imported: 2, quarantined: 0 })
  expect(db.prepare('SELECT max(turns) FROM conversations').pluck().get()).toBe(10_000)
})

test('metadata nested 10,000 deep is refused', async () => {
  const { report } = await importBytes(`{"messages":[{"role":"user","content":"x"}],"metadata":{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}}\n${goodLine(0)}`)
  expect(report).toMatchObject({ imported: 1, quarantined: 1 })
})

test('whatever a format keeps of a row may be nested 20,000 deep: the row is refused, its neighbours are in', async () => {
  const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
  const { report, questions, db } = await importBytes(`${goodLine(0)}\n{"input":"q","output":"a","traceId":"t","scores":${deep}}\n${goodLine(1)}`)
  expect(report).toMatchObject({ imported: 2, quarantined: 1 })
  expect([...questions]).toEqual([0, 1])
  expect(db.prepare('SELECT row, reason FROM quarantined_rows').all()).toEqual([{ row: 2, reason: 'metadata: expected at most 100 levels of nesting, got more' }])
})

test('rows that belong together and cannot be used are shown as they stood in the file', async () => {
  const rows = [`{"conversation_id":"c","role":"user","content":"hi","extra":${'['.repeat(20_000)}${']'.repeat(20_000)}}`, '{"conversation_id":"c","role":"nobody","content":"hello"}']
  const { report, questions, db } = await importBytes([...rows, goodLine(0)].join('\n'))
  expect(report).toMatchObject({ imported: 1, quarantined: 1 })
  expect([...questions]).toEqual([0])
  expect(db.prepare('SELECT reason, raw FROM quarantined_rows').get()).toEqual({ reason: 'row 2 of its conversation, role: expected system, user, assistant or tool, got "nobody" (2 rows that belong together)', raw: rows.join('\n') })
})

test('a file that grows, shrinks or goes away while it is read: what was read is in, and reading it again gives the rest', async () => {
  const lines = Array.from({ length: 30_000 }, (_, i) => `${goodLine(i)}\n`)
  for (const change of [(file: string) => appendFileSync(file, goodLine(30_000)), (file: string) => truncateSync(file, 1_500_000), (file: string) => rmSync(file)]) {
    const db = anEmptyDatabase()
    const file = join(aFolder(), 'log.jsonl')
    writeFileSync(file, lines.join(''))
    let changed = false
    const onProgress = (): void => {
      if (!changed) change(file)
      changed = true
    }
    const { imported } = await importFiles(db, [file], { batchSize: 500, onProgress })
    expect(changed).toBe(true)
    expect(imported).toBeGreaterThan(10_000)
    writeFileSync(file, lines.join('') + goodLine(30_000))
    await importFiles(db, [file])
    expect(db.prepare('SELECT count(*) FROM conversations').pluck().get()).toBe(30_001)
  }
})
