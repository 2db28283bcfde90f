import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { aFolder, aJsonlFile, anEmptyDatabase, turns } from '../../../tests/support/workspace.ts'
import { importFiles } from '../imports/import-files.ts'
import { previewImport } from '../imports/preview-import.ts'
import { readConversations } from '../imports/read-conversations.ts'
import { pageOfQuarantinedRows } from '../storage/quarantine.ts'
import type { WritableDb } from '../storage/open.ts'
import { appendEntry, presentLabels, undoLast, type NewEntry } from '../storage/review.ts'
import { winningSignalsOf } from '../storage/signals.ts'
import { exportLabels } from './export-labels.ts'

const log = [{ messages: turns('two fruits', 'kiwi', 'only one, "again"', 'kiwi, fig', 'thanks') }, { messages: turns('q', 'a', 'hm') }]
const entry = (annotator: string, conversation: number, turnIndex: number, label: NewEntry['label'], more: Partial<NewEntry> = {}): NewEntry => ({ conversation, turnIndex, annotator, pass: 'first', action: 'label', label, categories: [], evidence: null, note: '', suggestion: 'hidden', seconds: 1.5, ...more })

async function aReviewedLog(): Promise<WritableDb> {
  const db = anEmptyDatabase()
  await importFiles(db, [aJsonlFile(log)])
  appendEntry(db, entry('ana', 1, 2, 'dissatisfied', { categories: ['factual error', 'style, format'], evidence: { start: 0, end: 8 }, note: 'line\nbreak', suggestion: 'shown' }), new Date('2026-01-02T03:04:05.678Z'))
  appendEntry(db, entry('ben', 1, 2, 'satisfied', { pass: 'second', seconds: null }), new Date('2026-01-02T03:05:00Z'))
  appendEntry(db, entry('ana', 1, 4, 'satisfied'), new Date('2026-01-02T03:06:00Z'))
  appendEntry(db, entry('ana', 2, 2, 'neutral'), new Date('2026-01-02T03:07:00Z'))
  return db
}
const said = (db: WritableDb) => presentLabels(db).map(({ entry: { id, ...rest } }) => rest)

test.each(['labels.jsonl', 'labels.csv', 'labels.csv.gz'])('labels exported as %s and imported where their conversations are: everybody’s words, and the signals that follow', async (name) => {
  const db = await aReviewedLog()
  const { path, rows } = await exportLabels(db, join(aFolder(), name), { mask: false })
  expect(rows).toBe(4)
  const other = anEmptyDatabase()
  await importFiles(other, [aJsonlFile(log.toReversed())])
  expect(await importFiles(other, [path])).toMatchObject({ imported: 0, labels: 4, quarantined: 0, format: 'review-labels' })
  const byTime = (labels: ReturnType<typeof said>) => labels.toSorted((a, b) => a.createdAt.localeCompare(b.createdAt))
  expect(byTime(said(other))).toEqual(byTime(said(db)))
  expect(winningSignalsOf(other, 2)).toEqual(winningSignalsOf(db, 1))
  // Twice the same is once; a label that was taken back, or given anew since, stays so.
  undoLast(other, { annotator: 'ana', pass: 'first', turn: { conversation: 2, turnIndex: 4 } }, new Date())
  appendEntry(other, entry('ana', 1, 2, 'dissatisfied'), new Date())
  const now = said(other)
  await importFiles(other, [path])
  expect(said(other)).toEqual(now)
  expect((await previewImport([path], {}))).toMatchObject({ format: 'review-labels', labels: 4, problems: [] })
})

test('labels stand in one file with their conversations; what cannot be placed is set aside with its reason', async () => {
  const db = await aReviewedLog()
  const { path } = await exportLabels(db, join(aFolder(), 'labels.jsonl'), { mask: false })
  const [first, ...others] = readFileSync(path, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
  const file = aJsonlFile([log[0], first, others[2], { ...first, turn_index: 1 }, { ...first, evidence_end: 99 }, { ...first, label: 'bad' }, { ...first, turn_index: 1.5 }, { ...first, created_at: 'x' }])
  const other = anEmptyDatabase()
  expect(await importFiles(other, [file])).toMatchObject({ imported: 1, labels: 1, quarantined: 6, format: 'review-labels+openai' })
  const bad = pageOfQuarantinedRows(other, { offset: 0, limit: 10 }).rows.toSorted((a, b) => a.row - b.row)
  expect(bad.map(({ row }) => row)).toEqual([3, 4, 5, 6, 7, 8])
  expect(bad.map(({ reason }) => reason)).toEqual([
    expect.stringMatching(/^conversation_id: expected a conversation of this workspace, got "[0-9a-f]{32}". Import the conversations first$/),
    'turn_index: expected the index of a user message that follows an assistant message, got 1',
    'evidence_end: expected at most the 17 characters of the message, got 0 to 99',
    'label: expected one of dissatisfied, satisfied, neutral, got "bad"',
    'turn_index: expected a whole number, got 1.5',
    'created_at: expected a time, got "x"',
  ])
  for await (const { results } of readConversations(path)) for (const result of results) expect(result).toMatchObject({ reason: 'expected a conversation, got a label of one' })
})
