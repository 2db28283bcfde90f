import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { aJsonlFile, anEmptyDatabase, turns } from '../../../tests/support/workspace.ts'
import type { ReviewPass } from '../../shared/review.ts'
import type { SignalLabel } from '../../shared/types.ts'
import { importFiles } from '../imports/import-files.ts'
import { detectorNamed } from '../signals/detectors.ts'
import { runDetector } from '../signals/run-detector.ts'
import { migrate } from './migrate.ts'
import { migrations } from './migrations/index.ts'
import type { WritableDb } from './open.ts'
import { appendEntry, labelsOfTurn, pageOfLog, undoLast, type NewEntry } from './review.ts'
import { winningSignal, winningSignalsOf } from './signals.ts'

async function aReviewedLog(): Promise<WritableDb> {
  const db = anEmptyDatabase()
  await importFiles(db, [aJsonlFile([{ messages: turns('write a poem', 'no', 'that is wrong, I asked for a poem') }])])
  await runDetector(db, detectorNamed('rules'))
  return db
}
const now = new Date('2026-02-03T04:05:06.789Z')
const entry = (annotator: string, label: SignalLabel | null, pass: ReviewPass = 'first'): NewEntry => ({
  conversation: 1, turnIndex: 2, annotator, pass, action: label === null ? 'skip' : 'label', label, categories: label === 'dissatisfied' ? ['low quality'] : [], evidence: { start: 0, end: 4 }, note: '', suggestion: 'hidden', seconds: 2,
})
const winner = (db: WritableDb) => winningSignal(db, 1, 2)

test('a single label is the human signal, with its reasons, and the conversation is counted anew', async () => {
  const db = await aReviewedLog()
  const { entry: written, resolution } = appendEntry(db, entry('ana', 'satisfied'), now)
  expect(written).toMatchObject({ id: 1, annotator: 'ana', label: 'satisfied', createdAt: '2026-02-03T04:05:06.789Z', undone: false })
  expect(resolution).toBe('single')
  expect(winner(db)).toMatchObject({ decider: 'human', deciderVersion: 'single', label: 'satisfied', probability: 0, evidence: { start: 0, end: 4 } })
  expect(db.prepare('SELECT dissatisfied_turns, satisfied_turns FROM conversations').get()).toEqual({ dissatisfied_turns: 0, satisfied_turns: 1 })
})

test('people who disagree have no label that counts until somebody decides', async () => {
  const db = await aReviewedLog()
  appendEntry(db, entry('ana', 'satisfied'), now)
  expect(appendEntry(db, entry('ben', 'dissatisfied', 'second'), now).resolution).toBe('disputed')
  expect(winner(db)).toMatchObject({ decider: 'rules', label: 'dissatisfied' })
  expect(appendEntry(db, entry('eva', 'neutral', 'adjudication'), now).resolution).toBe('adjudicated')
  expect(winner(db)).toMatchObject({ decider: 'human', deciderVersion: 'adjudicated', label: 'neutral' })
  expect(labelsOfTurn(db, 1, 2).map(({ annotator, label }) => `${annotator} ${label}`)).toEqual(['ana satisfied', 'ben dissatisfied', 'eva neutral'])
})

test('the same person’s later label takes the place of the earlier; the log keeps both', async () => {
  const db = await aReviewedLog()
  appendEntry(db, entry('ana', 'satisfied'), now)
  appendEntry(db, entry('ana', 'neutral'), now)
  expect(winner(db)).toMatchObject({ label: 'neutral', deciderVersion: 'single' })
  expect(pageOfLog(db, { offset: 0, limit: 10 }).rows.map(({ label }) => label)).toEqual(['neutral', 'satisfied'])
})

test('undo goes back entry by entry, of the annotator and the pass alone, and is an entry itself', async () => {
  const db = await aReviewedLog()
  const of = { annotator: 'ana', pass: 'first' } as const
  appendEntry(db, entry('ana', 'satisfied'), now)
  appendEntry(db, entry('ben', 'satisfied'), now)
  appendEntry(db, entry('ana', null), now)
  expect(undoLast(db, of, now)).toMatchObject({ id: 3, action: 'skip', undone: true })
  expect(undoLast(db, of, now)).toMatchObject({ id: 1, label: 'satisfied', undone: true })
  expect(undoLast(db, of, now)).toBeNull()
  expect(undoLast(db, { annotator: 'ana', pass: 'second' }, now)).toBeNull()
  expect(winner(db)).toMatchObject({ decider: 'human', deciderVersion: 'single' })
  const { rows, total } = pageOfLog(db, { annotator: 'ana', offset: 0, limit: 10 })
  expect(total).toBe(4)
  expect(rows.map(({ action, undoes, undone }) => [action, undoes, undone])).toEqual([['undo', 1, false], ['undo', 3, false], ['skip', null, true], ['label', null, true]])
  undoLast(db, { annotator: 'ben', pass: 'first' }, now)
  expect(winner(db)).toMatchObject({ decider: 'rules' })
})

test('entries cannot be changed, only added to', async () => {
  const db = await aReviewedLog()
  appendEntry(db, entry('ana', 'satisfied'), now)
  expect(() => db.exec("UPDATE annotations SET label = 'neutral'")).toThrow('only grows')
})

test('a label that cannot be written whole leaves nothing behind', async () => {
  const db = await aReviewedLog()
  db.exec("CREATE TRIGGER full BEFORE INSERT ON signals BEGIN SELECT RAISE(ABORT, 'disk full'); END")
  expect(() => appendEntry(db, entry('ana', 'satisfied'), now)).toThrow('disk full')
  expect(pageOfLog(db, { offset: 0, limit: 10 }).total).toBe(0)
})

test('a conversation that is deleted takes its entries along, undone ones too', async () => {
  const db = await aReviewedLog()
  appendEntry(db, entry('ana', 'satisfied'), now)
  undoLast(db, { annotator: 'ana', pass: 'first' }, now)
  db.exec('DELETE FROM conversations')
  expect(pageOfLog(db, { offset: 0, limit: 10 }).total).toBe(0)
})

test('labels that people gave before there was a log become its first entries and win as before', () => {
  const db = new Database(':memory:') as unknown as WritableDb
  onTestFinished(() => void db.close())
  migrate(db, 'test', migrations.slice(0, migrations.findIndex(({ name }) => name === 'review')))
  db.exec(`
    INSERT INTO imports (id, files, format, created_at) VALUES ('i1', '[]', 'openai', '');
    INSERT INTO conversations (id, source, turns, characters, metadata, import_id, answered_turns) VALUES ('c1', 'log', 3, 12, '{}', 'i1', 1);
    INSERT INTO messages (conversation, turn_index, role, content) VALUES (1, 0, 'user', 'hi'), (1, 1, 'assistant', 'hello'), (1, 2, 'user', 'wrong');
    INSERT INTO signals VALUES (1, 2, 'rules', '1', 'neutral', 0.2, '[]', NULL, NULL), (1, 2, 'human', '1', 'dissatisfied', 1, '[]', NULL, NULL);
  `)
  const before = winningSignalsOf(db, 1)
  migrate(db, 'test')
  expect(labelsOfTurn(db, 1, 2)).toMatchObject([{ annotator: 'unnamed', pass: 'first', label: 'dissatisfied' }])
  expect(winningSignalsOf(db, 1)).toEqual(before.map((signal) => ({ ...signal, deciderVersion: 'single' })))
})
