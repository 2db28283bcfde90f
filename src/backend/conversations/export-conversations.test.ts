import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { aFolder, aJsonlFile, anEmptyDatabase, turns } from '../../../tests/support/workspace.ts'
import { importFiles } from '../imports/import-files.ts'
import { eachConversation } from '../storage/conversations.ts'
import type { WritableDb } from '../storage/open.ts'
import { appendEntry } from '../storage/review.ts'
import { setTag, tagsOf } from '../storage/tags.ts'
import { exportConversations } from './export-conversations.ts'

const exported = async (db: WritableDb): Promise<string> => {
  const positions = Uint32Array.from(eachConversation(db), ({ position }) => position)
  return (await exportConversations(db, positions, { path: join(aFolder(), 'out.jsonl'), mask: false }, () => {})).path
}

test('exported and imported elsewhere, a conversation has its texts, metadata, labels and tags; exported again, its bytes', async () => {
  const db = anEmptyDatabase()
  await importFiles(db, [aJsonlFile([
    { id: 7, source: 'log', model: 'm', language: 'en', created_at: '2024-01-02T03:04:05Z', messages: turns('q', 'bad', 'wrong', 'good', 'thanks'), task: { verifier: 'v', spec: 1 }, metadata: { deep: { k: [1] } },
      labels: [{ turn_index: 2, dsat: true, kind: 'correction', ratings: [1, 2, 4] }, { turn_index: 4, dsat: false, sat: true }] },
    { prompt: 'q3', chosen: 'yes', rejected: 'maybe', task: 'choose', user_feedback: 'say yes', conversation_id: 'c', turn_index: 2 },
    { prompt: 'q4', completion: 'a', label: false },
  ])])
  // A person contradicts the data.
  appendEntry(db, { conversation: 1, turnIndex: 4, annotator: 'ana', pass: 'first', action: 'label', label: 'neutral', categories: ['politeness', 'closing'], evidence: null, note: '', suggestion: 'hidden', seconds: 1 }, new Date(0))
  await setTag(db, 'odd one', [1, 3], true)
  const file = await exported(db)
  expect(JSON.parse(readFileSync(file, 'utf8').split('\n')[0]!)).toMatchObject({
    id: 7,
    labels: [{ turn_index: 2, label: 'dissatisfied', dsat_probability: 2 / 3, categories: ['correction'] }, { turn_index: 4, label: 'neutral', dsat_probability: 0, categories: ['politeness', 'closing'] }],
    tags: ['odd one'],
  })
  const other = anEmptyDatabase()
  expect(await importFiles(other, [file])).toMatchObject({ imported: 3, quarantined: 0 })
  expect([...eachConversation(other)]).toEqual([...eachConversation(db)])
  expect([1, 2, 3].map((position) => tagsOf(other, position))).toEqual([['odd one'], [], ['odd one']])
  expect(readFileSync(await exported(other), 'utf8')).toBe(readFileSync(file, 'utf8'))
  // Where the conversation is already, what people said of it is added.
  const bare = anEmptyDatabase()
  await importFiles(bare, [aJsonlFile([{ messages: turns('q', 'bad', 'wrong', 'good', 'thanks') }])])
  await importFiles(bare, [file])
  expect(tagsOf(bare, 1)).toEqual(['odd one'])
})

test("what others call tags is no reason to refuse a row", async () => {
  const db = anEmptyDatabase()
  expect(await importFiles(db, [aJsonlFile([{ messages: turns('q', 'a'), tags: 'x' }, { messages: turns('q2', 'a'), tags: [1, '', ' kept ', 'x'.repeat(61)] }])])).toMatchObject({ imported: 2, quarantined: 0 })
  expect([1, 2].map((position) => tagsOf(db, position))).toEqual([[], ['kept']])
})
