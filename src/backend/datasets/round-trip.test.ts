/** Every dataset export, imported into another workspace and read as a dataset file: the content is the one that was exported. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { aFolder, aJsonlFile, anEmptyDatabase, turns } from '../../../tests/support/workspace.ts'
import { NOT_CARRIED } from '../../core/export-rows.ts'
import { noProvenance } from '../../core/datasets.ts'
import { type DatasetRow, DEFAULT_BUILD, EXPORT_FORMATS, type ExportFormat, FORMATS_OF } from '../../shared/datasets.ts'
import type { DatasetKind, FeedbackRow, Message, Pair, PromptRow } from '../../shared/types.ts'
import { importFiles } from '../imports/import-files.ts'
import { pageOfQuarantinedRows } from '../storage/quarantine.ts'
import { buildDataset } from '../storage/build-datasets.ts'
import { eachConversation } from '../storage/conversations.ts'
import { createDataset, eachDatasetRow } from '../storage/datasets.ts'
import type { WritableDb } from '../storage/open.ts'
import { exportDataset } from './export.ts'
import { readDatasetFile } from './files.ts'

const task = { verifier: 'requests', spec: { n: 2 } }
const user = (content: string): Message => ({ role: 'user', content })
const assistant = (content: string): Message => ({ role: 'assistant', content })
const longer: Message[] = [{ role: 'system', content: 'Be brief.' }, user('Hi'), assistant('Hello.'), user('Two "fruits"?\r\nü 🐝')]

const ROWS: { feedback: FeedbackRow[]; preference: Pair[]; prompts: PromptRow[] } = {
  feedback: [
    { prompt: longer, reply: 'plum', label: 'dissatisfied', userFeedback: 'only one\nagain', conversationId: 'c1', turnIndex: 9, task },
    { prompt: [user('q2')], reply: 'kiwi', label: 'satisfied', userFeedback: 'thanks', conversationId: 'c1', turnIndex: 4, task: null },
    { prompt: [user('q3')], reply: 'fig', label: 'neutral', userFeedback: null, conversationId: 'c2', turnIndex: 2, task: null },
    { prompt: [user('q4')], reply: 'left', label: 'dissatisfied', userFeedback: null, conversationId: 'c3', turnIndex: 2, task, critique: 'too short' },
    { prompt: [user('q5')], reply: 'taken', label: 'satisfied', userFeedback: null, conversationId: 'c4', turnIndex: 2, task: null },
  ],
  preference: [
    { prompt: longer, chosen: 'kiwi, plum', rejected: 'kiwi, kiwi', task, provenance: { conversationId: 'c1', turnIndex: 9, userFeedback: 'twice the same', round: 1, policy: 'p', seed: 2 ** 40 } },
    { prompt: [user('q2')], chosen: 'a', rejected: 'b', task: null, provenance: noProvenance },
  ],
  prompts: [{ prompt: longer, task, conversationId: 'c1' }, { prompt: [user('q2')], task: null, conversationId: null }],
}
const KINDS = Object.keys(ROWS) as DatasetKind[]
const cases = EXPORT_FORMATS.flatMap((format) => KINDS.filter((kind) => FORMATS_OF[kind].includes(format)).map((kind) => [kind, format] as const))

/** Where the rows of a folder format lie. */
const fileIn = (path: string, format: ExportFormat): string => (format === 'hf' ? join(path, 'data/train-00000-of-00001.parquet') : format === 'llama-factory' ? join(path, 'd.jsonl') : path)

async function write(kind: DatasetKind, format: ExportFormat, rows: readonly DatasetRow[] = ROWS[kind]): Promise<string> {
  const db = anEmptyDatabase()
  createDataset(db, { name: 'd', kind, rows: rows as never, recipe: {} })
  return (await exportDataset(db, { name: 'd', format, path: join(aFolder(), 'out'), mask: false })).path
}

async function imported(...files: string[]): Promise<WritableDb> {
  const db = anEmptyDatabase()
  await importFiles(db, files)
  expect(pageOfQuarantinedRows(db, { offset: 0, limit: 5 }).rows).toEqual([])
  return db
}

function carried(format: ExportFormat, row: DatasetRow): boolean {
  const { rows } = NOT_CARRIED[format]
  if (!('reply' in row)) return true
  return !rows.includes(row.label as 'neutral') && !(row.userFeedback === null && rows.includes('silent'))
}

/** The row's fields, a pair's provenance among them. */
function fieldsOf(row: DatasetRow): Record<string, unknown> {
  if (!('provenance' in row)) return { ...row }
  const { provenance, ...own } = row
  return { ...own, ...provenance }
}
const without = (row: Record<string, unknown>, fields: readonly string[]): Record<string, unknown> => Object.fromEntries(Object.entries(row).filter(([key]) => !fields.includes(key)))

test.each(cases)('%s as %s, read as a dataset file: all fields but those listed as not carried, which are not there', async (kind, format) => {
  const { fields } = NOT_CARRIED[format]
  const expected = ROWS[kind].filter((row) => carried(format, row)).map(fieldsOf)
  const read = (await readDatasetFile(fileIn(await write(kind, format), format), kind)).map(fieldsOf)
  expect(read.map((row) => without(row, fields))).toEqual(expected.map((row) => without(row, fields)))
  for (const field of fields) {
    const held = expected.flatMap((row, i) => (row[field] === undefined || row[field] === null ? [] : [{ sent: row[field], back: read[i]![field] }]))
    expect(held.length === 0 || held.some(({ sent, back }) => sent !== back), `${field} is carried`).toBe(true)
  }
})

test.each(cases)('%s as %s, imported: the same messages, replies, words, labels, tasks and ids', async (kind, format) => {
  const { fields } = NOT_CARRIED[format]
  const db = await imported(await write(kind, format))
  const conversations = [...eachConversation(db)].map(({ conversation }) => conversation)
  const labels = db.prepare("SELECT conversation, turn_index, label FROM signals WHERE decider = 'imported'").all() as { conversation: number; turn_index: number; label: string }[]
  const found = conversations.map(({ messages, metadata }, i): Record<string, unknown> => {
    const common = { conversationId: metadata['conversation_id'] ?? null, task: metadata['task'] ?? null }
    const turnIndex = metadata['turn_index'] ?? null
    if (kind === 'prompts') return { ...common, prompt: messages }
    if (kind === 'preference') {
      return { ...common, turnIndex, prompt: messages.slice(0, -1), rejected: messages.at(-1)?.content, chosen: metadata['chosen'], userFeedback: metadata['user_feedback'] ?? null, round: metadata['round'] ?? null, policy: metadata['policy'] ?? null, seed: metadata['seed'] ?? null }
    }
    const judged = labels.find(({ conversation }) => conversation === i + 1)
    if (judged === undefined) return { ...common, turnIndex, prompt: messages.slice(0, -1), reply: messages.at(-1)?.content, label: metadata['reply_label'], userFeedback: null }
    expect(judged.turn_index).toBe(messages.length - 1)
    return { ...common, turnIndex, prompt: messages.slice(0, -2), reply: messages.at(-2)?.content, label: judged.label, userFeedback: messages.at(-1)?.content }
  })
  const rows = ROWS[kind].filter((row) => carried(format, row)).map(fieldsOf)
  expect(found.map((row) => without(row, fields))).toEqual(rows.map((row) => without(row, [...fields, 'critique'])))
})

/** A log with everything datasets are made of: complaints, thanks, silence, tasks, a preference row. */
const LOG = [
  { id: 'a', task, messages: turns('q', 'bad', 'wrong', 'good', 'thanks'), labels: [{ turn_index: 2, dsat: true }, { turn_index: 4, dsat: false, sat: true }] },
  { id: 'b', messages: [{ role: 'system', content: 'Be brief.' }, ...turns('q2', 'well', 'no', 'left')], labels: [{ turn_index: 3, dsat: true }] },
  { prompt: 'q3', chosen: 'yes', rejected: 'maybe' },
]
/** What a row says, without where it stands in a workspace. Requests that nobody judged come with every conversation. */
const saying = (row: DatasetRow, fields: readonly string[]): Record<string, unknown> => without(fieldsOf(row), ['conversationId', 'turnIndex', ...fields])
const judged = (row: DatasetRow): boolean => !('label' in row) || row.label !== 'neutral'
const built = (db: WritableDb, kind: DatasetKind): DatasetRow[] => {
  buildDataset(db, { name: kind, kind, ...DEFAULT_BUILD })
  return [...eachDatasetRow(db, kind)].filter(judged)
}

test.each(cases)('%s as %s: built, exported, imported and built again, the dataset says the same', async (kind, format) => {
  const { fields } = NOT_CARRIED[format]
  const rows = built(await imported(aJsonlFile(LOG)), kind)
  const sent = rows.filter((row) => carried(format, row))
  expect(sent.length).toBeGreaterThan(0)
  const again = built(await imported(await write(kind, format, rows)), kind)
  expect(again.map((row) => saying(row, fields))).toEqual(sent.map((row) => saying(row, fields)))
})
