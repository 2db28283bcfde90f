import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { aFolder, aJsonlFile, anEmptyDatabase, turns } from '../../../tests/support/workspace.ts'
import { getConversation } from '../storage/conversations.ts'
import { listImports } from '../storage/imports.ts'
import type { WritableDb } from '../storage/open.ts'
import { dismissRow, pageOfQuarantinedRows, quarantinedRow, quarantineFacets } from '../storage/quarantine.ts'
import { importFiles } from './import-files.ts'
import { exportQuarantine, mendRow } from './mend-row.ts'

const good = { messages: turns('a fruit', 'kiwi') }
const setAside = (db: WritableDb) => pageOfQuarantinedRows(db, { offset: 0, limit: 100 }).rows
const conversations = (db: WritableDb): number => db.prepare('SELECT count(*) FROM conversations').pluck().get() as number

/** A database into which these rows were imported, and the path of their file. */
async function imported(rows: readonly unknown[], name?: string, options = {}): Promise<{ db: WritableDb; file: string }> {
  const db = anEmptyDatabase()
  const file = aJsonlFile(rows, name)
  await importFiles(db, [file], options)
  return { db, file }
}
async function exported(db: WritableDb, filter = {}): Promise<{ path: string; rows: number; leftOut: number; lines: Record<string, unknown>[] }> {
  const written = await exportQuarantine(db, { ...filter, path: join(aFolder(), 'bad.jsonl') })
  return { ...written, lines: readFileSync(written.path, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>) }
}

test('a mended row leaves the quarantine and is a conversation of its import', async () => {
  const { db } = await imported([good, '{"messages":5}'], 'chats.jsonl')
  const [bad] = setAside(db)
  const made = mendRow(db, bad!.id, JSON.stringify({ messages: turns('a tree', 'oak') }))
  expect(made).toMatchObject({ imported: 1, duplicates: 0 })
  expect(setAside(db)).toEqual([])
  expect(getConversation(db, (made as { conversationId: string }).conversationId)?.conversation).toMatchObject({ source: 'chats', messages: turns('a tree', 'oak') })
  expect(listImports(db)).toMatchObject([{ imported: 2, quarantined: 1, mended: 1 }])
})

test('what still cannot be read stays, with the new reason and the text that was tried', async () => {
  const { db } = await imported([good, '{"messages":5}'])
  const id = setAside(db)[0]!.id
  expect(mendRow(db, id, '{"messages":6}')).toEqual({ reason: 'messages: expected a list of messages, got 6' })
  expect(quarantinedRow(db, id)).toMatchObject({ raw: '{"messages":5}', mended: '{"messages":6}', reason: 'messages: expected a list of messages, got 6', isCut: false })
  expect(mendRow(db, id, '  ')).toEqual({ reason: 'expected a row, got an empty text' })
  // One good and one bad row: nothing of it is imported.
  expect(mendRow(db, id, `${JSON.stringify({ messages: turns('a tree', 'oak') })}\n{"messages":7}`)).toEqual({ reason: 'messages: expected a list of messages, got 7' })
  expect(conversations(db)).toBe(1)
  expect(() => mendRow(db, 99, '{}')).toThrow('expected the id of a row that is set aside, got 99')
})

test('a row that is there already, or laid out over lines, is taken', async () => {
  const { db } = await imported([good, '{"messages":5}', 'x'])
  const [first, second] = setAside(db)
  expect(mendRow(db, first!.id, JSON.stringify(good, null, 2))).toMatchObject({ imported: 0, duplicates: 1 })
  expect(mendRow(db, second!.id, JSON.stringify({ messages: turns('a tree', 'oak') }, null, 2))).toMatchObject({ imported: 1 })
  expect(setAside(db)).toEqual([])
})

test('it is read as its import was told: with its mapping, and under its table’s header', async () => {
  const mapped = await imported([{ q: 'a fruit', a: 5 }], 'pairs.jsonl', { mapping: { prompt: 'q', reply: 'a' } })
  expect(mendRow(mapped.db, setAside(mapped.db)[0]!.id, '{"q":"a fruit","a":"kiwi"}')).toMatchObject({ imported: 1 })

  const db = anEmptyDatabase()
  const file = join(aFolder(), 'pairs.csv')
  writeFileSync(file, 'prompt;response\na tree;oak\na fruit;kiwi;fig\n"a"b;c\n')
  await importFiles(db, [file])
  const [tooMany, quote] = setAside(db)
  expect(tooMany).toMatchObject({ row: 3, raw: 'a fruit;kiwi;fig' })
  expect(mendRow(db, tooMany!.id, 'a fruit;"kiwi; fig"')).toMatchObject({ imported: 1 })
  expect(mendRow(db, quote!.id, 'a "b";c')).toMatchObject({ imported: 1 })
  expect(db.prepare('SELECT content FROM messages ORDER BY id').pluck().all()).toEqual(['a tree', 'oak', 'a fruit', 'kiwi; fig', 'a "b"', 'c'])
})

test('rows of one conversation are mended together', async () => {
  const rows = [{ conversation_id: 'c', role: 'user', content: 'hi' }, { conversation_id: 'c', role: 'nobody', content: 'hello' }]
  const { db } = await imported(rows)
  const { raw, id } = quarantinedRow(db, setAside(db)[0]!.id)
  expect(raw).toBe(rows.map((row) => JSON.stringify(row)).join('\n'))
  expect(mendRow(db, id, raw.replace('nobody', 'assistant'))).toMatchObject({ imported: 1 })
  expect(db.prepare('SELECT turns FROM conversations').pluck().get()).toBe(2)
})

test('a bad row of up to 1 MB is kept whole; a longer one says how long it is and is mended in its file', async () => {
  const long = (bytes: number): string => `{"messages":5,"x":"${'é'.repeat(bytes / 2)}"}`
  const { db } = await imported([long(900_000), long(1_200_000), '"\uD800 not whole'])
  const [whole, cut] = setAside(db)
  expect(quarantinedRow(db, whole!.id)).toMatchObject({ isCut: false, raw: long(900_000) })
  expect(quarantinedRow(db, cut!.id)).toMatchObject({ isCut: true, bytes: 1_200_021 })
  expect(Buffer.byteLength(quarantinedRow(db, cut!.id).raw)).toBeGreaterThan(999_990)
  expect(() => mendRow(db, cut!.id, '{}')).toThrow(/row 2 of .*log\.jsonl: expected a row that is kept whole, got the beginning of one of 1200021 bytes\. Mend it in the file/)
  expect(await exported(db)).toMatchObject({ rows: 2, leftOut: 1 })
})

test('text that is no UTF-8 is kept whole, and told as longer where it is', async () => {
  const db = anEmptyDatabase()
  const file = join(aFolder(), 'latin.jsonl')
  writeFileSync(file, Buffer.concat([Buffer.from(`{"messages":[{"role":"user","content":"${'x'.repeat(10_000)}`), Buffer.from([0xe9]), Buffer.from('"}]}\n'), Buffer.alloc(1_500_000, 0xe9), Buffer.from('\n')]))
  await importFiles(db, [file])
  const [latin, long] = setAside(db)
  const { raw, id } = quarantinedRow(db, latin!.id)
  expect(raw).toMatch(/x\uFFFD"\}\]\}$/)
  expect(quarantinedRow(db, long!.id)).toMatchObject({ isCut: true, bytes: 1_500_000 })
  expect(mendRow(db, id, raw.replace('\uFFFD', 'é'))).toMatchObject({ imported: 1 })
})

test('exported, mended elsewhere under another name and imported: rows that can be read leave, the others stay once', async () => {
  const { db, file } = await imported([good, '{"messages":5}', '{"messages": [', 'null', '{"messages":[{"role":"user","content":12345678901234567890}]}'], 'chats.jsonl')
  const { path, rows, lines } = await exported(db)
  expect(rows).toBe(4)
  expect(lines[0]).toEqual({ quarantined: expect.any(String) as string, file, row: 2, reason: 'messages: expected a list of messages, got 5', raw: { messages: 5 } })
  expect(lines[1]!['raw']).toBe('{"messages": [')
  // A number stands there as it came, not as it would be printed.
  expect(readFileSync(path, 'utf8')).toContain('12345678901234567890')

  lines[0]!['raw'] = { messages: turns('a tree', 'oak') }
  lines[1]!['raw'] = JSON.stringify({ messages: turns('a bird', 'robin') })
  lines[2]!['raw'] = { messages: 8 }
  const mended = aJsonlFile(lines, 'mended.jsonl')
  expect(await importFiles(db, [mended])).toMatchObject({ imported: 2, quarantined: 2, format: 'openai' })
  expect(setAside(db)).toMatchObject([
    { file, row: 4, reason: 'messages: expected a list of messages, got 8', raw: 'null', edited: true },
    { file, row: 5, reason: 'messages[0].content: expected text, got 12345678901234567000', edited: true },
  ])
  expect(db.prepare("SELECT count(*) FROM conversations WHERE source = 'chats'").pluck().get()).toBe(3)
  expect(listImports(db).find(({ files }) => files[0] === file)).toMatchObject({ quarantined: 4, mended: 2 })

  expect(await importFiles(db, [mended])).toMatchObject({ imported: 0, duplicates: 2, quarantined: 2 })
  expect(setAside(db)).toHaveLength(2)
  expect(conversations(db)).toBe(3)
})

test('an exported row is read with the mapping and header it came with, in any workspace', async () => {
  const db = anEmptyDatabase()
  const file = join(aFolder(), 'said.csv')
  writeFileSync(file, 'id,who,said\n1,user,hi\n1,nobody,hello\n')
  await importFiles(db, [file], { mapping: { conversation: 'id', role: 'who', content: 'said' } })
  const { lines } = await exported(db)
  lines[0]!['raw'] = '1,user,hi\n1,bot,"hello, you"'
  const mended = aJsonlFile(lines)
  expect(await importFiles(db, [mended])).toMatchObject({ imported: 1, quarantined: 0, format: 'csv' })
  expect(setAside(db)).toEqual([])
  expect(await importFiles(anEmptyDatabase(), [mended])).toMatchObject({ imported: 1 })
})

test('exported rows written wrongly are bad rows and stop nothing', async () => {
  const row = (more: object): object => ({ quarantined: 'k', file: '/a.jsonl', row: 1, raw: good, ...more })
  const deep = `{"quarantined":"k","file":"f","row":1,"raw":{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}}`
  const { db } = await imported([row({ reading: { format: 'nothing' } }), row({ reading: { mapping: 5 } }), row({ reading: null }), row({ reading: { mapping: { model: 'm' } } }), deep, { messages: turns('a tree', 'oak') }])
  expect(setAside(db).map(({ reason }) => reason)).toEqual([
    expect.stringMatching(/^format: expected one of .*, got "nothing"$/), 'reading.mapping: expected names of columns, got 5', 'reading: expected an object, got null', expect.stringMatching(/^mapping: expected columns for messages/),
    expect.stringMatching(/levels of nesting/),
  ])
  expect(conversations(db)).toBe(1)
})

test('a dismissed row is out of the list until that is taken back, also when its file is read anew', async () => {
  const { db, file } = await imported([good, '{"messages":5}', 'null'])
  const [first] = setAside(db)
  dismissRow(db, first!.id, true, new Date(0))
  await importFiles(db, [file])
  expect(setAside(db).map(({ row }) => row)).toEqual([3])
  const dismissed = pageOfQuarantinedRows(db, { dismissed: true, offset: 0, limit: 9 }).rows
  expect(dismissed.map(({ row }) => row)).toEqual([2])
  dismissRow(db, dismissed[0]!.id, false, new Date(0))
  expect(setAside(db).map(({ row }) => row)).toEqual([2, 3])
})

test('rows are narrowed by import, file and what their reasons have in common', async () => {
  const { db, file } = await imported([good, '{"messages":5}', '{"messages":6}', '{"messages": [', 'nonsense'], 'a.jsonl')
  const other = aJsonlFile([good, { messages: 7 }], 'b.jsonl')
  await importFiles(db, [other])
  const facets = quarantineFacets(db, { dismissed: false })
  expect(facets.files).toEqual([{ value: file, count: 4 }, { value: other, count: 1 }])
  expect(facets.kinds).toEqual([{ value: 'messages: expected a list of messages', count: 3 }, { value: 'expected JSON', count: 2 }])
  expect(facets.imports.map(({ count }) => count)).toEqual([4, 1])
  expect(quarantineFacets(db, { dismissed: false, file: other }).kinds).toEqual([{ value: 'messages: expected a list of messages', count: 1 }])
  expect(pageOfQuarantinedRows(db, { kind: 'expected JSON', offset: 0, limit: 9 }).rows.map(({ row }) => row)).toEqual([4, 5])
  expect(await exported(db, { file: other })).toMatchObject({ rows: 1 })
})
