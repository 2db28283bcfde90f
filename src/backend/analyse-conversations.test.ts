import { expect, test } from 'vitest'
import { aJsonlFile, anEmptyDatabase, turns } from '../../tests/support/workspace.ts'
import { analyseConversations } from './analyse-conversations.ts'
import { importFiles } from './imports/import-files.ts'
import { describeAnalysis, groupOf } from './storage/analysis.ts'
import { conversationBrowser } from './storage/browse.ts'
import { conversationId } from './storage/conversations.ts'
import { deleteConversations, positionsOf, restoreConversations } from './storage/deletion.ts'
import type { ConversationFilter } from '../shared/browse.ts'
import type { WritableDb } from './storage/open.ts'

const story = 'once upon a time a small red fox went to the old river to look for a bridge that the wind had broken in the night of the great storm'
const original = turns(story, 'a fine story')
const nearly = turns(`${story} again`, 'a fine story')
const letters = turns('write to ana.mueller@firma.de or call +49 170 1234567', 'I live at 12 Oak Street', 'and bo@firma.de')
const alone = turns('quite another request about the weather', 'it rains')
const NOW = new Date('2026-03-01T10:00:00.000Z')

async function aLog(...logs: ReturnType<typeof turns>[]): Promise<WritableDb> {
  const db = anEmptyDatabase()
  await importFiles(db, [aJsonlFile(logs.map((messages) => ({ messages })))])
  return db
}
const page = { sort: 'imported', descending: false, offset: 0, limit: 10 } as const
const kindsFound = (db: WritableDb, filter: ConversationFilter) => conversationBrowser(db).facets(filter).find(({ name }) => name === 'personal')!.values
const listed = (db: WritableDb, filter: object): string[] => conversationBrowser(db).list({ ...page, ...filter }).rows.map(({ id }) => id)

test('near-duplicates form groups that filter the list, and name their members with how alike they are', async () => {
  const db = await aLog(original, alone, nearly, letters)
  expect(describeAnalysis(db)).toMatchObject({ waiting: 4, groups: 0 })
  expect(await analyseConversations(db)).toMatchObject({ read: 4, compared: true })
  expect(describeAnalysis(db)).toMatchObject({ waiting: 0, groups: 1 })
  expect(listed(db, { near: 'yes' })).toEqual([conversationId(original), conversationId(nearly)])
  const { total, members } = groupOf(db, conversationId(original))
  expect(total).toBe(1)
  expect(members).toMatchObject([{ id: conversationId(nearly), turns: 2, opening: expect.stringContaining('once upon') as string }])
  expect(members[0]!.similarity).toBeGreaterThan(0.8)
  expect(members[0]!.similarity).toBeLessThan(1)
  expect(groupOf(db, conversationId(alone))).toEqual({ total: 0, members: [] })
})

test('personal data is counted by kind, under a filter, and filters the list', async () => {
  const db = await aLog(letters, alone, turns('mail cleo@firma.de', 'sent', 'thanks'))
  await analyseConversations(db)
  expect(kindsFound(db, {})).toEqual([{ value: 'email', count: 2 }, { value: 'address', count: 1 }, { value: 'phone', count: 1 }])
  expect(kindsFound(db, { query: 'oak' })).toEqual([{ value: 'address', count: 1 }, { value: 'email', count: 1 }, { value: 'phone', count: 1 }])
  // A facet leaves out its own filter, so that its other values stay countable.
  expect(kindsFound(db, { personal: 'phone' })).toHaveLength(3)
  expect(listed(db, { personal: 'phone' })).toEqual([conversationId(letters)])
})

test('after an import only the new ones are read, and join the groups that are there', async () => {
  const db = await aLog(original, alone)
  await analyseConversations(db)
  expect(await analyseConversations(db)).toMatchObject({ read: 0, compared: false })
  await importFiles(db, [aJsonlFile([{ messages: nearly }])])
  expect(describeAnalysis(db).waiting).toBe(1)
  expect(await analyseConversations(db)).toMatchObject({ read: 1, compared: true })
  expect(groupOf(db, conversationId(original)).total).toBe(1)
})

test('stopped, it goes on where it was, to the same result', async () => {
  const logs = Array.from({ length: 1200 }, (_, i) => turns(`${story} number ${i % 700}`, `answer ${i}`))
  const stopped = await aLog(...logs)
  const abort = new AbortController()
  await expect(analyseConversations(stopped, { signal: abort.signal, onProgress: ({ done }) => void (done >= 500 && abort.abort()) })).rejects.toThrow()
  expect(describeAnalysis(stopped).waiting).toBeGreaterThan(0)
  expect((await analyseConversations(stopped)).read).toBe(700)
  const whole = await aLog(...logs)
  await analyseConversations(whole)
  const groups = 'SELECT conversation, near_group FROM conversation_sketches ORDER BY conversation'
  expect(stopped.prepare(groups).all()).toEqual(whole.prepare(groups).all())
  expect(describeAnalysis(stopped)).toEqual(describeAnalysis(whole))
})

test('a deleted conversation leaves its group and comes back to it', async () => {
  const db = await aLog(original, nearly)
  await analyseConversations(db)
  const { deletion } = await deleteConversations(db, positionsOf(db, [conversationId(nearly)]), NOW)
  expect(describeAnalysis(db)).toMatchObject({ waiting: 0, groups: 0 })
  expect(listed(db, { near: 'yes' })).toEqual([])
  await restoreConversations(db, { deletion })
  expect(groupOf(db, conversationId(original)).total).toBe(1)
})
