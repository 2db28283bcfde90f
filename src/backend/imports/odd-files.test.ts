/** Files that are something else than their name says, and rows that try what no honest log does. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { aFolder, anEmptyDatabase, turns } from '../../../tests/support/workspace.ts'
import { pageOfQuarantinedRows } from '../storage/quarantine.ts'
import { importFiles } from './import-files.ts'

const goodLine = (i: number): string => `${JSON.stringify({ messages: turns(`question ${i}`, `answer ${i}`) })}\n`

async function importAs(name: string, bytes: Uint8Array | string) {
  const db = anEmptyDatabase()
  const file = join(aFolder(), name)
  writeFileSync(file, bytes)
  const { imported, quarantined } = await importFiles(db, [file])
  return { imported, quarantined, reasons: pageOfQuarantinedRows(db, { offset: 0, limit: 9 }).rows.map(({ reason }) => reason), db }
}

const noise = Buffer.from(Array.from({ length: 4000 }, (_, i) => (i * 37) % 256))
test.each([
  ['a zip archive', Buffer.from('PK\x03\x04', 'latin1')],
  ['a 7z archive', Buffer.from('7z\xbc\xaf\x27\x1c', 'latin1')],
  ['xz data', Buffer.from('\xfd7zXZ\0', 'latin1')],
  ['bzip2 data', Buffer.from('BZh9', 'latin1')],
  ['a tar archive', Buffer.concat([Buffer.alloc(257, 'a'), Buffer.from('ustar')])],
  ['an SQLite database', Buffer.from('SQLite format 3\0', 'latin1')],
  ['UTF-16 text', Buffer.from('\xff\xfe', 'latin1')],
])('%s is one reason and not a bad row a line', async (what, start) => {
  const found = await importAs('log.jsonl', Buffer.concat([start, noise]))
  expect(found).toMatchObject({ imported: 0, quarantined: 1 })
  expect(found.reasons[0]).toContain(`the file cannot be read: expected JSON, JSONL, CSV or Parquet (also in gzip or zstd), got ${what}. `)
})

test('a named pipe that nobody writes to is refused and not waited for', async () => {
  const pipe = join(aFolder(), 'log.jsonl')
  execFileSync('mkfifo', [pipe])
  const db = anEmptyDatabase()
  expect(await importFiles(db, [pipe])).toMatchObject({ imported: 0, quarantined: 1 })
  expect(pageOfQuarantinedRows(db, { offset: 0, limit: 1 }).rows[0]?.reason).toContain('it is neither a file nor a folder')
})

test('zstd that begins with a skippable frame, as pzstd writes it, and bytes behind a gzip file’s end', async () => {
  const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4])
  expect(await importAs('a.zst', Buffer.concat([skippable, zstdCompressSync(goodLine(0)), skippable, zstdCompressSync(goodLine(1))]))).toMatchObject({ imported: 2, quarantined: 0 })
  for (const rest of [Buffer.alloc(600), noise]) expect(await importAs('a.gz', Buffer.concat([gzipSync(goodLine(0) + goodLine(1)), rest]))).toMatchObject({ imported: 2 })
})

test('a file packed twice is unpacked once, and what is inside is told as no rows', async () => {
  expect(await importAs('a.jsonl.gz', gzipSync(gzipSync(goodLine(0))))).toMatchObject({ imported: 0, quarantined: expect.any(Number) as number })
})

test('keys that mean something to JavaScript, numbers without bounds and halves of characters are data', async () => {
  const rows = [
    '{"messages":[{"role":"user","content":"question 0","__proto__":{"role":"system"}}],"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}',
    '{"messages":[{"role":"__proto__","content":"x"}]}',
    '{"messages":[{"role":"constructor","content":"x"}]}',
    '{"messages":[{"role":"user","content":"\\ud800 half"}],"metadata":{"n":1e999,"__proto__":{"polluted":1}}}',
    `{"messages":[{"role":"user","content":"question 1"}],"metadata":{${Array.from({ length: 100_000 }, (_, i) => `"k${i}":${i}`).join(',')}}}`,
  ]
  const { imported, quarantined, reasons } = await importAs('log.jsonl', rows.join('\n'))
  expect({ imported, quarantined }).toEqual({ imported: 3, quarantined: 2 })
  for (const reason of reasons) expect(reason).toMatch(/role: expected system, user, assistant or tool, got "(__proto__|constructor)"/)
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
})
