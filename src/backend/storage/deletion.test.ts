import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { aJsonlFile, anEmptyDatabase, anEmptyWorkspace, turns } from '../../../tests/support/workspace.ts'
import { detectorNamed } from '../signals/detectors.ts'
import { runDetector } from '../signals/run-detector.ts'
import { importFiles } from '../imports/import-files.ts'
import { hasLeftWords } from './clear-words.ts'
import { conversationBrowser, type ConversationBrowser } from './browse.ts'
import { buildDataset, buildFeedback } from './build-datasets.ts'
import { conversationId, eachConversation, getConversation } from './conversations.ts'
import { getDataset } from './datasets.ts'
import { deleteConversations, descentOf, pageOfDeleted, positionsOf, purgeConversations, restoreConversations } from './deletion.ts'
import { listImports } from './imports.ts'
import type { WritableDb } from './open.ts'
import { nextItems, openQueue, readQueue } from './review-queue.ts'
import { appendEntry, labelledTurns, pageOfLog, presentLabels, undoLast } from './review.ts'
import { searchTurns } from './search-turns.ts'
import { pageOfSignals, summarizeSignals } from './signals.ts'
import { DEFAULT_BUILD } from '../../shared/datasets.ts'

const NOW = new Date('2026-03-01T10:00:00.000Z')
const kept = turns('name two fruits', 'kiwi', "that's wrong, you gave one", 'kiwi and fig', 'thanks, perfect')
const gone = turns('zanzibar clove recipe', 'no idea', "that's wrong, zanzibar has cloves", 'clove rice', 'thanks')
const goneId = conversationId(gone)
const queueRequest = { annotator: 'ana', pass: 'first', order: 'random', category: null, of: null, target: 10, seed: 1, cutoff: 0.5 } as const

/** Two conversations with signals, labels by a person, a queue and a dataset. */
async function aReviewedLog(db: WritableDb): Promise<{ queue: number; file: string }> {
  const file = aJsonlFile([{ source: 'a', messages: kept }, { source: 'b', messages: gone }])
  await importFiles(db, [file])
  await runDetector(db, detectorNamed('rules'))
  buildDataset(db, { name: 'feedback', kind: 'feedback', ...DEFAULT_BUILD })
  const queue = await openQueue(db, queueRequest, true, NOW)
  const entry = { annotator: 'ana', pass: 'first', action: 'label', label: 'dissatisfied', categories: ['factual error'], evidence: null, note: '', suggestion: 'hidden', seconds: 1 } as const
  const { position } = getConversation(db, goneId)!
  appendEntry(db, { ...entry, conversation: position, turnIndex: 2, categories: [...entry.categories] }, NOW)
  appendEntry(db, { ...entry, conversation: position, turnIndex: 4, categories: [...entry.categories] }, NOW)
  undoLast(db, { annotator: 'ana', pass: 'first' }, NOW)
  return { queue, file }
}

/** Everything that shows conversations, as it stands. */
function views(db: WritableDb, queue: number, browser: ConversationBrowser) {
  return {
    list: browser.list({ sort: 'imported', descending: false, offset: 0, limit: 100 }),
    found: browser.list({ query: 'zanzibar', sort: 'imported', descending: false, offset: 0, limit: 100 }),
    facets: browser.facets({}),
    search: searchTurns(db, { query: 'zanzibar' }, 10),
    signals: pageOfSignals(db, { offset: 0, limit: 100 }),
    summary: summarizeSignals(db),
    queue: nextItems(db, readQueue(db, queue)!, 10).map(({ conversationId, turnIndex }) => [conversationId, turnIndex]),
    labels: presentLabels(db),
    labelled: labelledTurns(db),
    log: pageOfLog(db, { offset: 0, limit: 100 }),
    feedback: buildFeedback(db),
    all: [...eachConversation(db)].map(({ position, conversation }) => [position, conversation]),
  }
}

test('a deleted conversation is in no list, search, facet, count, signal, queue, label or new dataset', async () => {
  const db = anEmptyDatabase()
  const { queue } = await aReviewedLog(db)
  // Kept over the changes, as a session keeps it.
  const browser = conversationBrowser(db)
  const before = views(db, queue, browser)
  expect(before.search.total).toBe(2)
  expect(before.queue.flat()).toContain(goneId)
  expect(JSON.stringify(before.labels)).toContain(goneId)
  await deleteConversations(db, positionsOf(db, [goneId]), NOW)

  const after = views(db, queue, browser)
  expect(JSON.stringify(after)).not.toMatch(new RegExp(`${goneId}|zanzibar`))
  expect(after.list.total).toBe(1)
  expect(after.facets.find(({ name }) => name === 'source')?.values).toEqual([{ value: 'a', count: 1 }])
  expect(after.summary.answeredTurns).toBe(2)
  expect(after.signals.total).toBe(before.signals.total / 2)
  expect(after.labelled).toEqual([])
  expect(after.feedback.length).toBe(before.feedback.length / 2)
  expect(getConversation(db, goneId)).toBeNull()
  // The index holds no row of it, and is whole.
  expect(db.prepare("SELECT count(*) FROM messages_fts WHERE messages_fts MATCH 'cloves OR zanzibar'").pluck().get()).toBe(0)
  expect(() => db.exec("INSERT INTO messages_fts (messages_fts, rank) VALUES ('integrity-check', 1)")).not.toThrow()
})

test('restored, everything is as it was, also after an import in between', async () => {
  const db = anEmptyDatabase()
  const { queue } = await aReviewedLog(db)
  // Kept over the changes, as a session keeps it.
  const browser = conversationBrowser(db)
  const before = views(db, queue, browser)
  const { deletion } = await deleteConversations(db, positionsOf(db, [goneId]), NOW)
  await importFiles(db, [aJsonlFile([{ source: 'c', messages: turns('later', 'yes', 'fine') }])])
  expect(await restoreConversations(db, { deletion })).toEqual({ conversations: 1, importable: 0, stopped: false })
  const later = conversationId(turns('later', 'yes', 'fine'))
  await deleteConversations(db, positionsOf(db, [later]), NOW)
  expect(views(db, queue, browser)).toEqual(before)
  expect(() => db.exec("INSERT INTO messages_fts (messages_fts, rank) VALUES ('integrity-check', 1)")).not.toThrow()
})

test('what comes from a conversation is listed: signals, labels, datasets and the runs on them', async () => {
  const db = anEmptyDatabase()
  await aReviewedLog(db)
  db.prepare(
    `INSERT INTO runs (id, name, method, recipe, status, rounds, seed, base_model, engine, threads, yaml, settings, created_at)
     VALUES ('drift-1', 'drift-1', 'drift', 'drift', 'done', 1, 1, 'base', 'embedded', 1, '', '{"dataset":"feedback","warm_start":null}', '')`,
  ).run()
  db.exec(`INSERT INTO run_samples (run_id, stage, idx, row, conversation_id) VALUES ('drift-1', 'round-1/sample', 0, '{}', '${goneId}')`)
  expect(descentOf(db, positionsOf(db, [goneId]), { [goneId]: 2, other: 5 })).toEqual({
    conversations: 1, turns: 5, signals: 3, labelledTurns: 1, datasets: [{ name: 'feedback', rows: 2, of: 4 }], runs: [{ id: 'drift-1', status: 'done', dataset: 'feedback' }], samples: 1, classifierTurns: 2,
  })
  expect(() => positionsOf(db, ['nothing'])).toThrow('expected ids of conversations in this workspace, got "nothing"')
})

test('a dataset keeps its rows and hash, and says which of its conversations are gone', async () => {
  const db = anEmptyDatabase()
  await aReviewedLog(db)
  const before = getDataset(db, 'feedback')!
  expect(before.gone).toBeNull()
  const { deletion } = await deleteConversations(db, positionsOf(db, [goneId]), NOW)
  expect(getDataset(db, 'feedback')).toEqual({ ...before, gone: { conversations: 1, rows: 2, purged: 0, lastDeletedAt: NOW.toISOString() } })
  await purgeConversations(db, { ids: [goneId] })
  expect(getDataset(db, 'feedback')?.gone).toMatchObject({ conversations: 1, purged: 1 })
  await restoreConversations(db, { deletion })
  expect(getDataset(db, 'feedback')).toEqual(before)
})

test('an import does not bring a deleted conversation back, and says how many it left out', async () => {
  const db = anEmptyDatabase()
  const { file } = await aReviewedLog(db)
  await deleteConversations(db, positionsOf(db, [goneId]), NOW)
  expect(await importFiles(db, [file])).toMatchObject({ imported: 0, duplicates: 1, deleted: 1 })
  expect(listImports(db)[0]).toMatchObject({ imported: 0, duplicates: 1, deleted: 1 })
  await purgeConversations(db, { ids: [goneId] })
  expect(await importFiles(db, [file])).toMatchObject({ imported: 0, deleted: 1 })
  // Restoring what is purged lifts the bar.
  expect(await restoreConversations(db, { ids: [goneId] })).toEqual({ conversations: 0, importable: 1, stopped: false })
  expect(await importFiles(db, [file])).toMatchObject({ imported: 1, deleted: 0 })
})

test('purged text is nowhere in the workspace folder but in the datasets made of it', async () => {
  const { db, path } = anEmptyWorkspace()
  const file = aJsonlFile([{ messages: kept }, { messages: gone }])
  await importFiles(db, [file])
  const onDisk = (text: string): boolean => ['workspace.db', 'workspace.db-wal'].some((name) => readFileSync(join(path, name)).includes(text))
  expect(onDisk('zanzibar')).toBe(true)
  await deleteConversations(db, positionsOf(db, [goneId]), NOW)
  expect(pageOfDeleted(db, { offset: 0, limit: 10 })).toEqual({ total: 1, rows: [{ id: goneId, source: 'log', turns: 5, deletedAt: NOW.toISOString(), opening: 'zanzibar clove recipe' }] })
  await purgeConversations(db, { ids: [goneId] })
  expect(onDisk('zanzibar')).toBe(false)
  expect(onDisk('two fruits')).toBe(true)
  expect(pageOfDeleted(db, { offset: 0, limit: 10 }).rows[0]?.opening).toBeNull()
})

/** 200 conversations, each with a word of its own. */
async function aLargeLog() {
  const { db, path } = anEmptyWorkspace()
  // The index leaves out what a word shares with the one before it: its first letter at most.
  const word = (i: number): string => `${'abcdefghijklmnopqrstuvwxyz'[i % 26]}${'abcdefgh'[Math.floor(i / 26)]}w${300 + i}`
  await importFiles(db, [aJsonlFile(Array.from({ length: 200 }, (_, i) => ({ messages: turns(word(i), `reply to ${word(i)}`) })))])
  const positions = db.prepare('SELECT position FROM conversations ORDER BY position').pluck().all() as number[]
  const ids = db.prepare('SELECT id FROM conversations ORDER BY position').pluck().all() as string[]
  const found = () => Array.from({ length: 200 }, (_, i) => i).filter((i) => db.prepare('SELECT 1 FROM messages_fts WHERE messages_fts MATCH ?').get(word(i)) !== undefined)
  /** Words in the files as they are, after everything was written to them. */
  const onDisk = () => {
    db.pragma('wal_checkpoint(TRUNCATE)')
    const bytes = readFileSync(join(path, 'workspace.db'))
    return Array.from({ length: 200 }, (_, i) => i).filter((i) => bytes.includes(word(i).slice(1)))
  }
  const whole = () => db.exec("INSERT INTO messages_fts (messages_fts, rank) VALUES ('integrity-check', 1)")
  return { db, positions, ids, found, onDisk, whole }
}
const numbers = (from: number, until: number): number[] => Array.from({ length: until - from }, (_, i) => from + i)

test('words of many leave the index by a merge: no search finds one, and purged they are nowhere on the disk', async () => {
  const { db, positions, ids, found, onDisk, whole } = await aLargeLog()
  expect(onDisk()).toEqual(numbers(0, 200))
  const stages: string[] = []
  const { deletion } = await deleteConversations(db, positions.slice(0, 120), NOW, (_done, _total, stage) => void stages.push(stage))
  expect([...new Set(stages)]).toEqual(['preparing the index', 'deleting', 'clearing the index'])
  expect(hasLeftWords(db)).toBe(false)
  expect(found()).toEqual(numbers(120, 200))
  whole()
  await restoreConversations(db, { deletion })
  expect(found()).toEqual(numbers(0, 200))
  whole()
  await deleteConversations(db, positions.slice(0, 120), NOW)
  // A few go one by one, with nothing left to clear.
  await deleteConversations(db, positions.slice(120, 130), NOW, (_done, _total, stage) => void expect(stage).toBe('deleting'))
  expect(found()).toEqual(numbers(130, 200))
  whole()
  await purgeConversations(db, { ids: ids.slice(0, 130) })
  expect(onDisk()).toEqual(numbers(130, 200))
})

test('a deletion of many that is stopped leaves no word to a purge, nor one that another deletes beside', async () => {
  const { db, positions, ids, found, onDisk } = await aLargeLog()
  const { stopped, conversations } = await deleteConversations(db, positions.slice(0, 120), NOW, (done) => {
    if (done > 60) throw new Error('cancelled')
  })
  expect([stopped, hasLeftWords(db)]).toEqual([true, true])
  expect(found()).toEqual(numbers(conversations, 200))
  // The next one finds it, and meets another's deletion while it clears.
  let met = false
  const beside = async (stage: string): Promise<void> => {
    if (stage === 'deleting' || met) return
    met = true
    await deleteConversations(db, positions.slice(-1), NOW, () => { throw new Error('cancelled') })
  }
  await deleteConversations(db, positions.slice(150, 160), NOW, (_done, _total, stage) => void beside(stage))
  expect([met, hasLeftWords(db)]).toEqual([true, true])
  await purgeConversations(db, { ids: [...ids.slice(0, conversations), ...ids.slice(150, 160), ...ids.slice(-1)] })
  expect(hasLeftWords(db)).toBe(false)
  expect(onDisk()).toEqual([...numbers(conversations, 150), ...numbers(160, 199)])
})

test('what was deleted long ago is purged, what is younger is kept', async () => {
  const db = anEmptyDatabase()
  await aReviewedLog(db)
  await deleteConversations(db, positionsOf(db, [goneId]), NOW)
  expect(await purgeConversations(db, { before: NOW })).toBe(0)
  expect(await purgeConversations(db, { before: new Date(NOW.getTime() + 1) })).toBe(1)
})

test('many are deleted and restored together', async () => {
  const db = anEmptyDatabase()
  await importFiles(db, [aJsonlFile(Array.from({ length: 450 }, (_, i) => ({ messages: turns(`request ${i}`, `reply ${i}`) })))])
  const ids = [...eachConversation(db)].map(({ conversation }) => conversation.id)
  const { deletion, conversations } = await deleteConversations(db, positionsOf(db, ids.slice(0, 401)), NOW)
  expect(conversations).toBe(401)
  expect(db.prepare('SELECT count(*) FROM conversations').pluck().get()).toBe(49)
  await restoreConversations(db, { deletion })
  expect([...eachConversation(db)].map(({ conversation }) => conversation.id)).toEqual(ids)
})
