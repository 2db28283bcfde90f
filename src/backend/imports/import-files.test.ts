import { spawn } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { aFolder, aJsonlFile, anEmptyDatabase, turns } from '../../../tests/support/workspace.ts'
import { openDatabase } from '../storage/open.ts'
import type { Message } from '../../shared/types.ts'
import { conversationId, getConversation } from '../storage/conversations.ts'
import { listImports } from '../storage/imports.ts'
import { pageOfQuarantinedRows } from '../storage/quarantine.ts'
import { summarizeSignals } from '../storage/signals.ts'
import { findFiles } from './find-files.ts'
import { importFiles } from './import-files.ts'

const rows = (n: number, tag = ''): { id: string; messages: { role: string; content: string }[] }[] => Array.from({ length: n }, (_, i) => ({ id: `c${i}`, messages: turns(`question ${tag}${i}`, `answer ${i}`) }))
const count = (db: ReturnType<typeof anEmptyDatabase>, table: string): number => db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number

test('good rows are imported, bad ones set aside with file, row, reason and text', async () => {
  const db = anEmptyDatabase()
  const [first, second] = rows(2)
  const file = aJsonlFile([first, '{"id": "broken", "messages": [{"role":"user"', 'null', { messages: 5 }, '\u0000\u0001', { messages: [{ role: 'user', content: { a: 1 } }] }, { hello: 1 }, second])
  const report = await importFiles(db, [file])
  expect(report).toMatchObject({ imported: 2, duplicates: 0, quarantined: 6, format: 'openai' })
  const { total, rows: bad } = pageOfQuarantinedRows(db, { importId: report.id, offset: 0, limit: 10 })
  expect(total).toBe(6)
  expect(bad.map(({ row }) => row)).toEqual([2, 3, 4, 5, 6, 7])
  expect(bad.every((row) => row.file === file)).toBe(true)
  expect(bad.map(({ reason }) => reason)).toEqual([
    expect.stringMatching(/^expected JSON: /), 'expected a JSON object, got null', 'messages: expected a list of messages, got 5',
    expect.stringMatching(/^expected JSON: /), 'messages[0].content: expected text, got an object', expect.stringMatching(/^expected a row of a known format .*, got the keys hello$/),
  ])
  expect(listImports(db)).toMatchObject([{ id: report.id, files: [file], imported: 2, quarantined: 6, format: 'openai', seconds: expect.closeTo(report.seconds, 1) as number, stopped: false }])
})

test('what is bad within a row is set aside, the rest of it is imported', async () => {
  const db = anEmptyDatabase()
  const observations = [{ type: 'GENERATION', input: 'q', output: 'a' }, { type: 'GENERATION', input: 5, output: 'a' }]
  const file = aJsonlFile([...rows(1), { id: 't', observations }])
  expect(await importFiles(db, [file])).toMatchObject({ imported: 2, quarantined: 1, format: 'openai+langfuse' })
  expect(pageOfQuarantinedRows(db, { offset: 0, limit: 5 }).rows).toMatchObject([{ file, row: 2, reason: 'observations[1], input: expected a list of messages, got 5', raw: JSON.stringify({ id: 't', observations }) }])
  // Stopped or not, the row is told once.
  expect(await importFiles(db, [file])).toMatchObject({ imported: 0, duplicates: 2, quarantined: 1 })
})

test('importing again adds nothing; identity is the text, not the id, source or file', async () => {
  const db = anEmptyDatabase()
  const first = aJsonlFile(rows(3), 'a.jsonl')
  await importFiles(db, [first])
  expect(await importFiles(db, [first])).toMatchObject({ imported: 0, duplicates: 3 })
  const renamed = aJsonlFile(rows(4).map((row) => ({ ...row, id: `other ${row.id}`, source: 'elsewhere', conversations: undefined })), 'b.jsonl')
  expect(await importFiles(db, [renamed])).toMatchObject({ imported: 1, duplicates: 3 })
  expect(count(db, 'conversations')).toBe(4)
  expect(count(db, 'messages')).toBe(8)
})

test('one file may hold a conversation twice', async () => {
  const db = anEmptyDatabase()
  expect(await importFiles(db, [aJsonlFile([...rows(2), ...rows(2)])])).toMatchObject({ imported: 2, duplicates: 2 })
})

test('plain, gzip and zstd, JSON lines and a JSON array are the same conversations, whatever the name', async () => {
  const db = anEmptyDatabase()
  const folder = aFolder()
  const lines = Buffer.from(rows(5).map((row) => JSON.stringify(row)).join('\n'))
  const list = Buffer.from(JSON.stringify(rows(5), null, 1))
  const contents = { 'a.jsonl': lines, 'a.jsonl.gz': gzipSync(lines), 'odd-name': zstdCompressSync(lines), 'a.json': list, 'b.json.gz': gzipSync(list) }
  for (const [i, [name, bytes]] of Object.entries(contents).entries()) {
    writeFileSync(join(folder, name), bytes)
    expect(await importFiles(db, [join(folder, name)])).toMatchObject(i === 0 ? { imported: 5 } : { imported: 0, duplicates: 5, quarantined: 0 })
  }
})

test('a gzip file that ends early gives the rows before its end, and says so', async () => {
  const db = anEmptyDatabase()
  const file = join(aFolder(), 'cut.jsonl.gz')
  const whole = gzipSync(rows(10_000).map((row) => JSON.stringify(row)).join('\n'))
  writeFileSync(file, whole.subarray(0, whole.length / 2))
  const report = await importFiles(db, [file])
  expect(report.imported).toBeGreaterThan(1000)
  expect(pageOfQuarantinedRows(db, { offset: 0, limit: 5 }).rows.at(-1)?.reason).toMatch(/cannot be read to its end: unexpected end of file/)
})

test('a file that is not there does not stop the others', async () => {
  const db = anEmptyDatabase()
  expect(await importFiles(db, ['/nowhere/a.jsonl', aJsonlFile(rows(2))])).toMatchObject({ imported: 2, quarantined: 1 })
})

test('several formats in one import are all named, the most frequent first', async () => {
  const db = anEmptyDatabase()
  const sharegpt = { conversations: [{ from: 'human', value: 'a' }, { from: 'gpt', value: 'b' }] }
  expect((await importFiles(db, [aJsonlFile([sharegpt, ...rows(2)])])).format).toBe('openai+sharegpt')
})

test('an unknown format name is refused with the names there are', async () => {
  await expect(importFiles(anEmptyDatabase(), [aJsonlFile(rows(1))], { format: 'excel' })).rejects.toThrow(/format: expected one of drift, .*, got "excel"/)
})

test('labels become signals of the decider imported, also on conversations that are there already', async () => {
  const db = anEmptyDatabase()
  const messages = turns('two fruits', 'kiwi', 'only one?', 'kiwi, fig', 'thanks')
  await importFiles(db, [aJsonlFile([{ messages }])])
  expect(summarizeSignals(db)).toMatchObject({ answeredTurns: 2, labels: [] })
  const labels = [{ turn_index: 2, dsat: true, kind: 'correction' }, { turn_index: 4, dsat: false, sat: true, kind: 'thanks' }]
  expect(await importFiles(db, [aJsonlFile([{ messages, labels }])])).toMatchObject({ imported: 0, duplicates: 1 })
  expect(summarizeSignals(db)).toMatchObject({ labels: [{ label: 'dissatisfied', count: 1 }, { label: 'satisfied', count: 1 }], deciders: [{ decider: 'imported', count: 2 }] })
  expect(db.prepare('SELECT dissatisfied_turns, satisfied_turns FROM conversations').get()).toEqual({ dissatisfied_turns: 1, satisfied_turns: 1 })
})

test('an import that is stopped keeps whole batches, and importing again goes on behind them', async () => {
  const db = anEmptyDatabase()
  const file = aJsonlFile(rows(15_000))
  const stop = new AbortController()
  await expect(importFiles(db, [file], { batchSize: 100, signal: stop.signal, onProgress: ({ imported }) => imported > 0 && stop.abort() })).rejects.toThrow()
  const kept = count(db, 'conversations')
  expect(kept).toBeGreaterThan(0)
  expect(kept % 100).toBe(0)
  expect(listImports(db)).toMatchObject([{ imported: kept, seconds: null, stopped: true }])
  expect(await importFiles(db, [file])).toMatchObject({ imported: 15_000 - kept, duplicates: 0, resumed: true })
  expect(listImports(db)).toMatchObject([{ imported: 15_000, duplicates: 0, stopped: false }])
  expect(await importFiles(db, [file])).toMatchObject({ imported: 0, duplicates: 15_000, resumed: false })
})

test('a stopped import of a file that has changed reads it from its start', async () => {
  const db = anEmptyDatabase()
  const file = aJsonlFile(rows(15_000))
  const stop = new AbortController()
  await expect(importFiles(db, [file], { batchSize: 100, signal: stop.signal, onProgress: ({ imported }) => imported > 0 && stop.abort() })).rejects.toThrow()
  const kept = count(db, 'conversations')
  writeFileSync(file, [...rows(10, 'new '), ...rows(15_000)].map((row) => `${JSON.stringify(row)}\n`).join(''))
  expect(await importFiles(db, [file])).toMatchObject({ imported: 15_010 - kept, duplicates: kept, resumed: true })
})

test('a conversation spread over rows is whole after a stop between its rows', async () => {
  const db = anEmptyDatabase()
  const utterances = Array.from({ length: 30_000 }, (_, i) => ({ UtteranceId: i % 3, Role: i % 3 === 1 ? 'Agent' : 'User', Content: `utterance ${i} ${'x'.repeat(60)}` }))
  const file = aJsonlFile(utterances)
  const stop = new AbortController()
  await expect(importFiles(db, [file], { batchSize: 70, signal: stop.signal, onProgress: ({ imported }) => imported > 0 && stop.abort() })).rejects.toThrow()
  await importFiles(db, [file])
  expect(count(db, 'conversations')).toBe(10_000)
  expect(db.prepare('SELECT min(turns), max(turns) FROM conversations').raw().get()).toEqual([3, 3])
})

test('quarantine tells what is wrong with a file now: mended and imported again, its rows are gone from there', async () => {
  const db = anEmptyDatabase()
  const file = aJsonlFile([rows(1)[0], '{"messages": [', { messages: 5 }])
  await importFiles(db, [file])
  await importFiles(db, [file])
  expect(count(db, 'quarantined_rows')).toBe(2)
  writeFileSync(file, rows(3).map((row) => JSON.stringify(row)).join('\n'))
  expect(await importFiles(db, [file])).toMatchObject({ imported: 2, duplicates: 1, quarantined: 0 })
  expect(count(db, 'quarantined_rows')).toBe(0)
})

test('folders: every file that can be imported, shards in order, links once, descriptions not', async () => {
  const db = anEmptyDatabase()
  const folder = join(aFolder(), 'a set; with "odd" name é')
  mkdirSync(join(folder, 'data', 'loop'), { recursive: true })
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text)
  write('data/train-2.jsonl', JSON.stringify(rows(1, 'two')[0]))
  write('data/train-10.jsonl.gz', '')
  writeFileSync(join(folder, 'data', 'train-10.jsonl.gz'), gzipSync(JSON.stringify(rows(1, 'ten')[0])))
  write('README.md', '# card')
  write('dataset_info.json', '{"features": {}}')
  symlinkSync(join(folder, 'data', 'train-2.jsonl'), join(folder, 'data', 'z-link.jsonl'))
  symlinkSync(join(folder, 'data'), join(folder, 'data', 'loop', 'again'))
  symlinkSync(join(folder, 'nowhere'), join(folder, 'dangling.jsonl'))
  expect(findFiles([folder]).map((file) => basename(file))).toEqual(['train-2.jsonl', 'train-10.jsonl.gz'])
  expect(await importFiles(db, [folder])).toMatchObject({ imported: 2, quarantined: 0 })
  await expect(importFiles(db, [aFolder()])).rejects.toThrow(/expected files that end in .*, found none/)
})

test('a table is read by its column names or by a mapping', async () => {
  const db = anEmptyDatabase()
  const file = join(aFolder(), 'log.csv')
  writeFileSync(file, 'thread_id,speaker,text\n1,user,"Hi, you"\n1,bot,Hello\n2,user,Bye\n')
  expect(await importFiles(db, [file])).toMatchObject({ imported: 2, quarantined: 0, format: 'csv' })
  writeFileSync(file, 'k;who;said\n1;user;"Hi; you"\n1;bot;Hello\n')
  expect(await importFiles(db, [file])).toMatchObject({ imported: 0, quarantined: 2 })
  expect(await importFiles(db, [file], { mapping: { conversation: 'k', role: 'who', content: 'said' } })).toMatchObject({ imported: 1, quarantined: 0 })
  await expect(importFiles(db, [file], { mapping: { role: 'who' } })).rejects.toThrow(/^mapping: expected columns for messages/)
})

test('an import that is killed leaves figures, conversations and search in agreement', async () => {
  const folder = aFolder()
  const file = aJsonlFile(rows(15_000))
  const script = `import { openDatabase } from ${JSON.stringify(new URL('../storage/open.ts', import.meta.url).href)}
    import { importFiles } from ${JSON.stringify(new URL('./import-files.ts', import.meta.url).href)}
    const db = openDatabase(${JSON.stringify(join(folder, 'w.db'))})
    await importFiles(db, [${JSON.stringify(file)}], { batchSize: 500, onProgress: ({ imported }) => imported > 0 && process.kill(process.pid, 'SIGKILL') })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' })
  expect(await new Promise((resolve) => child.on('exit', (_, signal) => resolve(signal)))).toBe('SIGKILL')
  const db = openDatabase(join(folder, 'w.db'))
  try {
    const kept = count(db, 'conversations')
    expect(kept).toBeGreaterThan(0)
    expect(listImports(db)).toMatchObject([{ imported: kept, seconds: null }])
    expect(count(db, 'messages')).toBe(2 * kept)
    expect(db.prepare("SELECT count(*) FROM messages_fts WHERE messages_fts MATCH 'question'").pluck().get()).toBe(kept)
    expect(await importFiles(db, [file])).toMatchObject({ imported: 15_000 - kept, duplicates: 0, resumed: true })
  } finally {
    db.close()
  }
})

test('what was written is what was read, for any text', async () => {
  const db = anEmptyDatabase()
  await fc.assert(
    fc.asyncProperty(fc.array(fc.record({ role: fc.constantFrom<Message['role']>('user', 'assistant', 'system', 'tool'), content: fc.string({ unit: 'binary' }) }), { minLength: 1, maxLength: 5 }), async (messages) => {
      const { imported, duplicates } = await importFiles(db, [aJsonlFile([{ messages }])])
      expect(imported + duplicates).toBe(1)
      // SQLite holds UTF-8: a lone half of a surrogate pair is the replacement character from there on.
      expect(getConversation(db, conversationId(messages))?.conversation.messages).toEqual(messages.map(({ role, content }) => ({ role, content: content.toWellFormed() })))
    }),
    { numRuns: 30 },
  )
})

test('any bytes at all are imported or set aside', async () => {
  const db = anEmptyDatabase()
  const file = join(aFolder(), 'noise')
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      writeFileSync(file, bytes)
      const { imported } = await importFiles(db, [file])
      expect(imported).toBe(0)
    }),
    { numRuns: 100 },
  )
})
