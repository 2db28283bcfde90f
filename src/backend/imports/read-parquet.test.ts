import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { parquetMetadata } from 'hyparquet'
import { parquetWriteBuffer, type ColumnSource } from 'hyparquet-writer'
import { expect, test } from 'vitest'
import { aFolder, anEmptyDatabase, turns } from '../../../tests/support/workspace.ts'
import { pageOfQuarantinedRows } from '../storage/quarantine.ts'
import { importFiles } from './import-files.ts'
import { readParquet } from './read-parquet.ts'

/** A list of structs as the `datasets` library writes it, with a column that could identify a person in it. */
const conversationSchema = [
  { name: 'conversation', repetition_type: 'OPTIONAL', converted_type: 'LIST', num_children: 1 },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  { name: 'element', repetition_type: 'OPTIONAL', num_children: 3 },
  ...['content', 'hashed_ip', 'role'].map((name) => ({ name, repetition_type: 'OPTIONAL', type: 'BYTE_ARRAY', converted_type: 'UTF8' }) as const),
] as const

type Options = { codec?: 'SNAPPY' | 'GZIP' | 'ZSTD' | 'BROTLI' | 'UNCOMPRESSED'; rowGroupSize?: number; pageSize?: number }

function aParquetFile(rows: readonly { content: string; role: string }[][], options: Options = {}, name = 'train-00000-of-00001.parquet'): string {
  const file = join(aFolder(), name)
  const text = { type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' } as const
  const columnData: ColumnSource[] = [
    { name: 'conversation_hash', data: rows.map((_, i) => `h${i}`) },
    { name: 'timestamp', data: rows.map((_, i) => new Date(Date.UTC(2024, 0, 1 + i))) },
    { name: 'conversation', data: rows.map((messages) => messages.map((message) => ({ ...message, hashed_ip: 'secret' }))) },
    { name: 'turn', data: rows.map((messages) => BigInt(messages.length)) },
    { name: 'toxic', data: rows.map(() => false) },
    { name: 'hashed_ip', data: rows.map(() => 'secret') },
  ]
  const schema = [
    { name: 'root', num_children: columnData.length }, { name: 'conversation_hash', ...text }, { name: 'timestamp', type: 'INT64', converted_type: 'TIMESTAMP_MILLIS', repetition_type: 'OPTIONAL' },
    ...conversationSchema, { name: 'turn', type: 'INT64', repetition_type: 'OPTIONAL' }, { name: 'toxic', type: 'BOOLEAN', repetition_type: 'OPTIONAL' }, { name: 'hashed_ip', ...text },
  ] as Parameters<typeof parquetWriteBuffer>[0]['schema']
  writeFileSync(file, new Uint8Array(parquetWriteBuffer({ columnData, schema, compressors: { GZIP: (bytes) => gzipSync(bytes), ZSTD: (bytes) => zstdCompressSync(bytes), BROTLI: (bytes) => brotliCompressSync(bytes) }, ...options })))
  return file
}

const logs = (n: number): { content: string; role: string }[][] => Array.from({ length: n }, (_, i) => turns(`question ${i}`, `answer ${i}`, `again ${i}`))

test.each(['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'ZSTD', 'BROTLI'] as const)('WildChat in Parquet with codec %s is what it is in JSON', async (codec) => {
  const db = anEmptyDatabase()
  const file = aParquetFile(logs(30), { codec, rowGroupSize: 7 })
  expect(await importFiles(db, [file])).toMatchObject({ imported: 30, quarantined: 0, format: 'wildchat' })
  const row = db.prepare("SELECT created_at, metadata, source, turns FROM conversations WHERE position = 3").get()
  expect(row).toEqual({ created_at: '2024-01-03T00:00:00.000Z', metadata: '{"id":"h2","toxic":false}', source: 'train', turns: 3 })
  expect(db.prepare('SELECT content FROM messages WHERE conversation = 3 ORDER BY turn_index').pluck().all()).toEqual(['question 2', 'answer 2', 'again 2'])
})

const reference = join(import.meta.dirname, '..', '..', '..', 'tests', 'reference', 'parquet')

test.each(readdirSync(reference))("pyarrow's %s is what its script wrote", async (name) => {
  const db = anEmptyDatabase()
  expect(await importFiles(db, [join(reference, name)])).toMatchObject({ imported: 7, quarantined: 0, format: 'wildchat' })
  for (let i = 0; i < 7; i++) {
    expect(db.prepare('SELECT model, language, created_at, metadata FROM conversations WHERE position = ?').get(i + 1)).toEqual({ model: 'gpt-4', language: 'English', created_at: `2024-01-0${i + 1}T00:00:00.000Z`, metadata: JSON.stringify({ id: `h${i}`, toxic: false, redacted: i === 1 }) })
    const contents = Array.from({ length: 2 + 2 * (i % 3) }, (_, j) => [j % 2 === 0 ? 'user' : 'assistant', `text ${i} ${j} äöü 🎲`])
    expect(db.prepare('SELECT role, content FROM messages WHERE conversation = ? ORDER BY turn_index').raw().all(i + 1)).toEqual(contents)
  }
})

test('only the columns that are needed are read, and nothing personal', async () => {
  const read = async (columns: string[] | undefined): Promise<unknown[]> => {
    const values: unknown[] = []
    for await (const { rows } of readParquet(aParquetFile(logs(2)), (outline) => {
      expect(outline).toEqual({ conversation_hash: '', timestamp: '', conversation: [], turn: '', toxic: '', hashed_ip: '' })
      return columns
    })) values.push(...rows.map(({ value }) => value))
    return values
  }
  expect((await read(['conversation_hash', 'conversation.role', 'conversation.content', 'not there']))[1]).toEqual({ conversation_hash: 'h1', conversation: logs(2)[1] })
  expect((await read(undefined))[0]).toMatchObject({ turn: 3, toxic: false, hashed_ip: 'secret', timestamp: '2024-01-01T00:00:00.000Z' })
})

test('rows may be skipped, numbers stay', async () => {
  const numbers: number[] = []
  for await (const { rows } of readParquet(aParquetFile(logs(90), { rowGroupSize: 40 }), () => ['conversation_hash'], 55)) {
    for (const { row, value } of rows) {
      expect(value).toEqual({ conversation_hash: `h${row - 1}` })
      numbers.push(row)
    }
  }
  expect(numbers).toEqual(Array.from({ length: 35 }, (_, i) => 56 + i))
})

test('a large row group with an index of its pages is read in slices', async () => {
  const large = logs(2500).map((messages) => messages.map(({ role, content }) => ({ role, content: `${content} ${'x'.repeat(10_000)}` })))
  const file = aParquetFile(large, { rowGroupSize: 2500, pageSize: 100_000 })
  const sizes: number[] = []
  for await (const { rows } of readParquet(file, () => ['conversation_hash', 'conversation.role', 'conversation.content'], 10)) {
    sizes.push(rows.length)
    for (const { row, value } of rows) expect(value).toEqual({ conversation_hash: `h${row - 1}`, conversation: large[row - 1] })
  }
  expect(sizes).toEqual([1000, 1000, 490])
})

test('a damaged row group is one bad row; those after it are read', async () => {
  const db = anEmptyDatabase()
  const file = aParquetFile(logs(30), { codec: 'GZIP', rowGroupSize: 10 })
  const bytes = readFileSync(file)
  const column = parquetMetadata(new Uint8Array(bytes).buffer).row_groups[1]?.columns.find(({ meta_data }) => meta_data?.path_in_schema.at(-1) === 'content')?.meta_data
  const at = Number(column?.data_page_offset)
  bytes.fill(0xee, at, at + Number(column?.total_compressed_size))
  writeFileSync(file, bytes)
  expect(await importFiles(db, [file])).toMatchObject({ imported: 20, quarantined: 1 })
  expect(pageOfQuarantinedRows(db, { offset: 0, limit: 5 }).rows).toMatchObject([{ row: 11, reason: expect.stringMatching(/^row group 2 \(rows 11 to 20\) cannot be read: /) as string }])
})

test('a file that ends early, or that is none, says what was expected', async () => {
  const db = anEmptyDatabase()
  const file = aParquetFile(logs(30))
  writeFileSync(file, readFileSync(file).subarray(0, 400))
  expect(await importFiles(db, [file])).toMatchObject({ imported: 0, quarantined: 1 })
  appendFileSync(file, 'PAR1')
  expect(await importFiles(db, [file])).toMatchObject({ imported: 0, quarantined: 1 })
  expect(pageOfQuarantinedRows(db, { offset: 0, limit: 5 }).rows).toMatchObject([{ file, row: 0, reason: expect.stringMatching(/^the file cannot be read: expected a Parquet file: /) as string }])
})
