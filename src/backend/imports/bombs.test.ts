/** Small files that unpack to very large ones: refused with a reason, in bounded memory, the rows before them kept. */
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { parquetMetadata } from 'hyparquet'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { expect, test, vi } from 'vitest'
import { aFolder, anEmptyDatabase, turns } from '../../../tests/support/workspace.ts'
import { pageOfQuarantinedRows } from '../storage/quarantine.ts'
import { importFiles } from './import-files.ts'

vi.setConfig({ testTimeout: 120_000 })

const goodLine = (i: number): string => `${JSON.stringify({ messages: turns(`question ${i}`, `answer ${i}`) })}\n`
const MB = 1e6

/** Imports one file of these bytes; `grownMB` is by how much the process grew at most while it did. */
async function importBomb(bytes: Uint8Array, name: string) {
  const db = anEmptyDatabase()
  const file = join(aFolder(), name)
  writeFileSync(file, bytes)
  const before = process.memoryUsage.rss()
  let most = before
  const timer = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 5)
  const report = await importFiles(db, [file], { onProgress: () => (most = Math.max(most, process.memoryUsage.rss())) })
  clearInterval(timer)
  return { report, reasons: pageOfQuarantinedRows(db, { offset: 0, limit: 5 }).rows.map(({ reason }) => reason), grownMB: (most - before) / MB, size: statSync(file).size }
}

test.each([['gzip', (bytes: Uint8Array) => gzipSync(bytes)], ['zstd', (bytes: Uint8Array) => zstdCompressSync(bytes)]] as const)('%s: emptiness without end is given up, rows before it are in', async (container, pack) => {
  const part = pack(Buffer.alloc(50 * MB, '\n'))
  const { report, reasons, grownMB, size } = await importBomb(Buffer.concat([pack(Buffer.from(goodLine(0))), ...Array.from({ length: 20 }, () => part)]), 'log.jsonl')
  expect(size).toBeLessThan(3 * MB)
  expect(report).toMatchObject({ imported: 1, quarantined: 1 })
  expect(reasons).toEqual([expect.stringMatching(new RegExp(`^the file cannot be read to its end: expected ${container} data that unpacks to at most 300 times its size, got \\d+\\.\\d MB from \\d+\\.\\d MB so far\\. Rows up to here are read; .*unpack the file`))])
  expect(grownMB).toBeLessThan(300)
})

test('rows that repeat themselves a thousand times are no bomb', async () => {
  const rows = Array.from({ length: 300 }, (_, i) => `${JSON.stringify({ messages: turns(`question ${i}`, 'no '.repeat(10_000)) })}\n`).join('')
  const packed = zstdCompressSync(rows)
  expect(rows.length / packed.length).toBeGreaterThan(500)
  expect((await importBomb(packed, 'log.jsonl.zst')).report).toMatchObject({ imported: 300, quarantined: 0 })
})

test('zstd: a window of 2 GB is not granted', async () => {
  // RFC 8878: magic, descriptor without sizes, window exponent 21 (2^31 bytes), a last block that repeats one byte.
  const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x03, 0x00, 0x10, 0x20])
  const { report, reasons, grownMB } = await importBomb(frame, 'log.jsonl.zst')
  expect(report).toMatchObject({ imported: 0, quarantined: 1 })
  expect(reasons).toEqual([expect.stringMatching(/^the file cannot be read: expected zstd data with a window of at most 128 MB, got one that asks for more .*Pack it again/)])
  expect(grownMB).toBeLessThan(100)
})

/** One row of five texts of 120 MB. */
function aParquetBomb(): Buffer {
  const names = ['prompt', 'response', 'a', 'b', 'c']
  const text = 'x'.repeat(120 * MB)
  return Buffer.from(parquetWriteBuffer({ columnData: names.map((name) => ({ name, data: [text], type: 'STRING' as const })), codec: 'ZSTD', compressors: { ZSTD: (bytes) => zstdCompressSync(bytes) }, statistics: false }))
}

test('parquet: a row group that unpacks to 600 MB is refused as it says so, and in bounded memory where it says otherwise', async () => {
  const bomb = aParquetBomb()
  expect(bomb.length).toBeLessThan(MB)
  const honest = await importBomb(bomb, 'log.parquet')
  expect(honest.report).toMatchObject({ imported: 0, quarantined: 1 })
  expect(honest.reasons).toEqual([expect.stringMatching(/^row group 1 \(rows 1 to 1\) cannot be read: it unpacks to 6\d{8} bytes, at most 536870912 are read at once\. Write the file with smaller row groups/)])
  expect(honest.grownMB).toBeLessThan(100)

  // The same bytes with sizes of nothing in the file's description, each as long a number as before.
  const lying = Buffer.from(bomb)
  let lies = 0
  for (const { meta_data } of parquetMetadata(new Uint8Array(bomb).buffer).row_groups[0]!.columns) {
    const said = varint(2 * Number(meta_data!.total_uncompressed_size))
    const at = lying.indexOf(said, lying.length - 8 - lying.readUInt32LE(lying.length - 8))
    if (at > 0 && ++lies) Buffer.from([0x80, 0x80, 0x80, 0x80, 0x00].slice(5 - said.length)).copy(lying, at)
  }
  expect(lies).toBe(5)
  const { report, reasons, grownMB } = await importBomb(lying, 'log.parquet')
  expect(report).toMatchObject({ imported: 0, quarantined: 1 })
  expect(reasons).toEqual([expect.stringMatching(/^row group 1 \(rows 1 to 1\) cannot be read: its pages unpack to more than the 536870912 bytes that are read at once \(the next one to \d+\)\. .*smaller row groups/)])
  expect(grownMB).toBeLessThan(1500)
})

/** As Thrift's compact protocol writes a number (zigzag before). */
function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest])
    bytes.push((rest % 128) | 0x80)
  }
}

test('zstd: frames that follow each other are all read, wherever chunks of the file end', async () => {
  const frames = Array.from({ length: 300 }, (_, i) => zstdCompressSync(Buffer.from(goodLine(i) + 'x'.repeat(i % 7 === 0 ? 9000 : 0) + '\n')))
  const { report } = await importBomb(Buffer.concat(frames), 'log.jsonl.zst')
  expect(report).toMatchObject({ imported: 300, quarantined: 43 })
})
