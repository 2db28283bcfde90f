import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { aFolder, aJsonlFile, anEmptyDatabase, turns } from '../../../tests/support/workspace.ts'
import { NOT_PASSING, type MapColouring } from '../../shared/conversation-map.ts'
import { importFiles } from '../imports/import-files.ts'
import { openSentenceEncoder } from '../../engine/sentence-encoder.ts'
import { describeMap, readMapPoints, readVectors } from '../storage/conversation-map.ts'
import { deleteConversations, positionsOf, restoreConversations } from '../storage/deletion.ts'
import type { WritableDb } from '../storage/open.ts'
import { makeMap } from './make-map.ts'
import { conversationTasks } from './tasks.ts'

const model = join(import.meta.dirname, '..', '..', '..', 'tests', 'reference', 'sentence-encoder')
const NOW = new Date('2026-03-01T10:00:00.000Z')
/** Half about lamps from the shop, half about soup from the forum. */
const chats = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => (i % 2 === 0
  ? { source: 'shop', messages: turns(`Which lamp is brighter, lamp ${from + i} or lamp ${i}?`, `Lamp ${from + i} is the brighter lamp.`) }
  : { source: 'forum', messages: turns(`How long does soup ${from + i} boil with onions`, `Boil the soup ${from + i} minutes.`, 'that is wrong', 'Sorry.') }))
const add = (db: WritableDb, rows: object[]) => importFiles(db, [aJsonlFile(rows)])
async function aLog(count: number): Promise<WritableDb> {
  const db = anEmptyDatabase()
  await add(db, chats(0, count))
  return db
}
const bytes = (base64: string): number[] => [...Buffer.from(base64, 'base64')]

test('every conversation has a place, and what is alike lies together', async () => {
  const db = await aLog(40)
  expect(describeMap(db)).toMatchObject({ key: null, embedding: null, points: 0, waiting: 40 })
  expect(await makeMap(db, { folder: null })).toEqual({ points: 40, embedded: 40 })
  expect(describeMap(db)).toMatchObject({ embedding: { kind: 'lexical', folder: null, dimensions: 48 }, projection: 'two main directions (PCA)', points: 40, conversations: 40, waiting: 0 })
  const { positions, xy } = readMapPoints(db)
  const about = (rest: number) => [...positions.keys()].filter((i) => i % 2 === rest).map((i) => xy[2 * i]!)
  const [lamps, soups] = [about(0), about(1)]
  expect(Math.max(...lamps) < Math.min(...soups) || Math.max(...soups) < Math.min(...lamps)).toBe(true)
})

test('an import extends it: only what is new is embedded, and the others keep their vectors', async () => {
  const db = await aLog(30)
  await makeMap(db, { folder: null })
  const before = readVectors(db, 1)
  await add(db, chats(30, 50))
  expect(describeMap(db)).toMatchObject({ points: 30, conversations: 50, waiting: 20 })
  expect(await makeMap(db, { folder: null })).toEqual({ points: 50, embedded: 20 })
  const after = readVectors(db, 1)
  expect(after.vectors.slice(0, 30)).toEqual(before.vectors)
  // Twice as many as rarity was counted on: it is counted anew.
  await add(db, chats(50, 70))
  expect(await makeMap(db, { folder: null })).toEqual({ points: 70, embedded: 70 })
  expect(db.prepare('SELECT count(*) FROM conversation_vectors').pluck().get()).toBe(70)
})

test('stopped, it keeps what it embedded and goes on there; the map is that of an uninterrupted one', async () => {
  const [db, whole] = [await aLog(300), await aLog(300)]
  const abort = new AbortController()
  await expect(makeMap(db, { folder: null, signal: abort.signal, onProgress: (stage, done) => void (stage === 'embedding' && done === 128 && abort.abort(new Error('stopped'))) })).rejects.toThrow('stopped')
  expect(describeMap(db)).toMatchObject({ key: null, waiting: 300 })
  expect(await makeMap(db, { folder: null })).toEqual({ points: 300, embedded: 172 })
  await makeMap(whole, { folder: null })
  expect(readMapPoints(db)).toEqual(readMapPoints(whole))
})

test('vectors of a sentence model are the model’s, are kept beside the lexical ones, and belong to the files and not to the folder', async () => {
  const db = await aLog(20)
  await makeMap(db, { folder: null })
  expect(await makeMap(db, { folder: model })).toEqual({ points: 20, embedded: 20 })
  expect(describeMap(db).embedding).toEqual({ kind: 'onnx', words: 'sentence-encoder: ONNX sentence embedding of the first 24 tokens, mean pooling, 32 dimensions', folder: model, dimensions: 32 })
  const encoder = await openSentenceEncoder(model, 1)
  onTestFinished(() => encoder.release())
  const [expected] = await encoder.encode(['Which lamp is brighter, lamp 0 or lamp 0?\nLamp 0 is the brighter lamp.'])
  const [stored] = readVectors(db, 2).vectors
  expect(Math.max(...expected!.map((value, d) => Math.abs(value - stored![d]!)))).toBeLessThan(1e-5)
  expect(await makeMap(db, { folder: null })).toMatchObject({ embedded: 0 })
  const copy = aFolder()
  cpSync(model, copy, { recursive: true })
  expect(await makeMap(db, { folder: copy })).toMatchObject({ embedded: 0 })
  expect(describeMap(db).embedding).toMatchObject({ folder: copy })
})

test('points are coloured by a facet, and those that do not pass the list’s filter by none', async () => {
  const db = await aLog(20)
  await makeMap(db, { folder: null })
  const { mapColours, mapPoints, list } = conversationTasks(db)
  const points = await mapPoints({ key: '' })
  const bySource = await mapColours({ colour: 'source' }) as MapColouring
  expect(bySource).toMatchObject({ key: points.key, legend: [{ label: 'forum', value: 'forum', count: 10 }, { label: 'shop', value: 'shop', count: 10 }], passing: 20, matching: 20 })
  expect(bytes(bySource.codes)).toEqual(points.ids.map((_, i) => 1 - (i % 2)))
  const found = await mapColours({ colour: 'turns', query: 'soup' }) as MapColouring
  expect(found).toMatchObject({ legend: [{ label: '1..2', value: '1..2', count: 10 }, { label: '3..4', value: '3..4', count: 10 }], passing: 10, matching: 10 })
  expect(bytes(found.codes)).toEqual(points.ids.map((_, i) => (i % 2 === 0 ? NOT_PASSING : 1)))
  const listed = await list({ query: 'soup', sort: 'imported', descending: false, offset: 0, limit: 100 })
  expect(points.ids.filter((_, i) => bytes(found.codes)[i] !== NOT_PASSING)).toEqual(listed.rows.map(({ id }) => id))
})

test('a deleted conversation leaves the map at once, and comes back to the one it was on alone', async () => {
  const db = await aLog(20)
  await makeMap(db, { folder: null })
  const { ids } = readMapPoints(db)
  const { deletion } = await deleteConversations(db, positionsOf(db, [ids[3]!, ids[4]!]), NOW)
  expect(readMapPoints(db).ids).toEqual(ids.filter((_, i) => i !== 3 && i !== 4))
  await restoreConversations(db, { ids: [ids[3]!] })
  expect(readMapPoints(db).ids).toEqual(ids.filter((_, i) => i !== 4))
  await add(db, chats(20, 70))
  await makeMap(db, { folder: null })
  await restoreConversations(db, { deletion })
  expect(readMapPoints(db).ids).not.toContain(ids[4])
  expect(describeMap(db)).toMatchObject({ points: 69, waiting: 1 })
  expect(await makeMap(db, { folder: null })).toEqual({ points: 70, embedded: 1 })
})

test('nothing to map, and a folder that is no model, say what to do', async () => {
  await expect(makeMap(anEmptyDatabase(), { folder: null })).rejects.toThrow('expected conversations in the workspace, got none')
  await expect(makeMap(await aLog(2), { folder: aFolder() })).rejects.toThrow('expected model.onnx (or onnx/model.onnx) in ')
})
