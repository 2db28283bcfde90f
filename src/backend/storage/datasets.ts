/** Datasets: immutable snapshots. Rows are JSON, their conversation is kept beside them for lineage. */
import { createHash } from 'node:crypto'
import { type Attribution, feedbackRows, importedPairs, promptRows, seedPairs, type SignalsByTurn } from '../../core/datasets.ts'
import type { Conversation, Dataset, DatasetKind, FeedbackRow, Pair, PromptRow, Signal } from '../../shared/types.ts'
import { BackendError } from '../errors.ts'
import { eachConversation } from './conversations.ts'
import type { ReadableDb, WritableDb } from './open.ts'

export type RowOf = { feedback: FeedbackRow; preference: Pair; prompts: PromptRow }
export type BuildFilter = { source?: string | undefined; threshold?: number | undefined; attribution?: Attribution | undefined }

/** Every reply that answers a user, with its winning signal. */
export function buildFeedback(db: ReadableDb, filter: BuildFilter = {}): FeedbackRow[] {
  return buildRows(db, filter, (conversation, signals) => feedbackRows(conversation, signals, filter.threshold, filter.attribution))
}

/** Pairs of a disliked reply and the reply that then satisfied, within one conversation: the warm start's data. */
export function buildSeedPairs(db: ReadableDb, filter: BuildFilter = {}): Pair[] {
  return buildRows(db, filter, (conversation, signals) => seedPairs(conversation, signals, filter.threshold))
}

/** Seed pairs, and the pairs that were imported as such. */
export function buildPreference(db: ReadableDb, filter: BuildFilter = {}): Pair[] {
  return buildRows(db, filter, (conversation, signals) => [...seedPairs(conversation, signals, filter.threshold), ...importedPairs(conversation)])
}

/** The first request of each conversation, each wording once. */
export function buildPrompts(db: ReadableDb, filter: BuildFilter = {}): PromptRow[] {
  const seen = new Set<string>()
  return buildRows(db, filter, (conversation) =>
    promptRows(conversation).filter((row) => {
      const key = JSON.stringify(row.prompt)
      return !seen.has(key) && seen.add(key)
    }),
  )
}

/** Builds the rows of a kind from conversations and signals and freezes them. */
export function buildDataset(db: WritableDb, input: { name: string; kind: DatasetKind; source?: string | undefined; threshold: number }): Dataset {
  const { name, kind, ...filter } = input
  const recipe = { from: 'signals', source: filter.source ?? null, ...(kind === 'prompts' ? {} : { threshold: filter.threshold }) }
  if (kind === 'feedback') return createDataset(db, { name, kind, recipe, rows: buildFeedback(db, filter) })
  if (kind === 'preference') return createDataset(db, { name, kind, recipe, rows: buildPreference(db, filter) })
  return createDataset(db, { name, kind, recipe, rows: buildPrompts(db, filter) })
}

function buildRows<Row>(db: ReadableDb, filter: BuildFilter, rowsOf: (conversation: Conversation, signals: SignalsByTurn) => Row[]): Row[] {
  const signalsOf = db.prepare('SELECT turn_index, label, probability, decider FROM winning_signals WHERE conversation = ?')
  const read = db.transaction(() => {
    const rows: Row[] = []
    for (const { position, conversation } of eachConversation(db, filter.source)) {
      const stored = signalsOf.all(position) as (Pick<Signal, 'label' | 'probability' | 'decider'> & { turn_index: number })[]
      const found = rowsOf(conversation, new Map(stored.map(({ turn_index, ...signal }) => [turn_index, signal])))
      for (const row of found) rows.push(row)
    }
    return rows
  })
  return read()
}

/**
 * Freezes rows under a name. The same rows under the same name are the dataset that is there; other rows under
 * a taken name are refused, since runs may refer to it.
 */
export function createDataset<Kind extends DatasetKind>(db: WritableDb, draft: { name: string; kind: Kind; rows: readonly RowOf[Kind][]; recipe: Record<string, unknown> }): Dataset {
  const { name, kind, rows, recipe } = draft
  if (rows.length === 0) throw new BackendError('bad-input', `dataset ${name}: expected rows, got none. ${EMPTY_ADVICE[kind]}`)
  const texts = rows.map((row) => JSON.stringify(row))
  const hash = hashRows(kind, texts)
  const write = db.transaction((): Dataset => {
    const present = getDataset(db, name)
    if (present !== null) {
      if (present.hash === hash) return present
      throw new BackendError('bad-input', `dataset ${name}: it exists with other rows (${present.rows} of kind ${present.kind}, made ${present.createdAt}). Datasets are immutable: choose another name`)
    }
    const { lastInsertRowid } = db
      .prepare('INSERT INTO datasets (name, kind, hash, rows, created_at, recipe, statistics) VALUES (?, ?, ?, ?, ?, ?, ?)')
      .run(name, kind, hash, rows.length, new Date().toISOString(), JSON.stringify(recipe), JSON.stringify(describeRows(kind, rows)))
    const insert = db.prepare('INSERT INTO dataset_rows (dataset, position, row, conversation_id, turn_index) VALUES (?, ?, ?, ?, ?)')
    rows.forEach((row, position) => {
      const { conversationId, turnIndex } = 'provenance' in row ? row.provenance : { turnIndex: null, ...row }
      insert.run(lastInsertRowid, position, texts[position], conversationId, turnIndex)
    })
    const made = getDataset(db, name)
    if (made === null) throw new Error(`dataset ${name}: written but not found`)
    return made
  })
  return write.immediate()
}

const EMPTY_ADVICE: Record<DatasetKind, string> = {
  feedback: 'Import conversations with assistant replies first, or choose another source',
  preference: 'Pairs need a dissatisfied turn that a satisfied one follows: run the signals first, or import preference rows',
  prompts: 'Import conversations with user messages first, or choose another source',
}

/** SHA-256 over the kind and each row's JSON: equal for equal rows in equal order. */
export function hashRows(kind: DatasetKind, texts: readonly string[]): string {
  const hash = createHash('sha256').update(kind)
  for (const text of texts) hash.update('\n').update(text)
  return hash.digest('hex')
}

export function listDatasets(db: ReadableDb): Dataset[] {
  return (db.prepare('SELECT name, kind, hash, rows, created_at, recipe, statistics FROM datasets ORDER BY id DESC').all() as StoredDataset[]).map(toDataset)
}

export function getDataset(db: ReadableDb, name: string): Dataset | null {
  const row = db.prepare('SELECT name, kind, hash, rows, created_at, recipe, statistics FROM datasets WHERE name = ?').get(name) as StoredDataset | undefined
  return row === undefined ? null : toDataset(row)
}

/** Snapshots do not change: what was read of one is kept. */
const extremes = new Map<string, { largest: unknown[]; smallest: unknown }>()
const KEPT_EXTREMES = 16

/** The `count` rows with most bytes, largest first, and the one with fewest. */
export function readExtremeRows(db: ReadableDb, { name, hash }: Pick<Dataset, 'name' | 'hash'>, count: number): { largest: unknown[]; smallest: unknown } {
  // Rather too many than a search for every count that is asked for.
  const read = Math.max(64, 2 ** Math.ceil(Math.log2(count)))
  const key = `${hash} ${read}`
  const { largest, smallest } = extremes.get(key) ?? searchExtremes(db, name, read)
  if (extremes.size >= KEPT_EXTREMES) extremes.clear()
  extremes.set(key, { largest, smallest })
  return { largest: largest.slice(0, count), smallest }
}

function searchExtremes(db: ReadableDb, name: string, count: number): { largest: unknown[]; smallest: unknown } {
  // The size of a stored text is known without reading it: places first, then the few texts.
  const places = db.prepare('SELECT position, octet_length(row) FROM dataset_rows WHERE dataset = (SELECT id FROM datasets WHERE name = ?)').raw().all(name) as [number, number][]
  places.sort((a, b) => b[1] - a[1])
  const rowAt = db.prepare('SELECT row FROM dataset_rows WHERE dataset = (SELECT id FROM datasets WHERE name = ?) AND position = ?').pluck()
  const rows = (at: [number, number][]): unknown[] => at.map(([position]): unknown => JSON.parse(rowAt.get(name, position) as string))
  return { largest: rows(places.slice(0, count)), smallest: rows(places.slice(-1))[0] }
}

/** The dataset of that name; an error that names those there are. */
export function requireDataset(db: ReadableDb, name: string): Dataset {
  const dataset = getDataset(db, name)
  if (dataset !== null) return dataset
  const names = listDatasets(db).map((present) => present.name)
  throw new BackendError('not-found', `dataset: expected a dataset of this workspace, got "${name}". ${names.length === 0 ? 'There are none: make one with `drift dataset build`' : `There are: ${names.join(', ')}`}`)
}

export function hasDataset(db: ReadableDb, name: string): boolean {
  return getDataset(db, name) !== null
}

/** All rows of a dataset whose kind the caller knows, in order. */
export function readDatasetRows<Row extends FeedbackRow | Pair | PromptRow>(db: ReadableDb, name: string): Row[] {
  requireDataset(db, name)
  return [...eachDatasetRow(db, name)] as Row[]
}

/** All rows of a dataset, in order; the kind must be the one asked for. */
export function readDataset<Kind extends DatasetKind>(db: ReadableDb, name: string, kind: Kind): RowOf[Kind][] {
  const dataset = requireDataset(db, name)
  if (dataset.kind !== kind) throw new BackendError('bad-input', `dataset ${name}: expected kind ${kind}, got ${dataset.kind}`)
  return readDatasetRows<RowOf[Kind]>(db, name)
}

/** Read in pages: an open iterator would keep the connection from writing. */
export function* eachDatasetRow(db: ReadableDb, name: string): Generator<FeedbackRow | Pair | PromptRow> {
  const pageSize = 1000
  const page = db.prepare(`SELECT r.row FROM dataset_rows r JOIN datasets d ON d.id = r.dataset WHERE d.name = ? AND r.position >= ? ORDER BY r.position LIMIT ${pageSize}`).pluck()
  for (let from = 0; ; from += pageSize) {
    const texts = page.all(name, from) as string[]
    for (const text of texts) yield JSON.parse(text) as FeedbackRow | Pair | PromptRow
    if (texts.length < pageSize) return
  }
}

export function pageOfDatasetRows(db: ReadableDb, name: string, offset: number, limit: number): { total: number; rows: (FeedbackRow | Pair | PromptRow)[] } {
  const { rows: total } = requireDataset(db, name)
  const texts = db
    .prepare('SELECT r.row FROM dataset_rows r JOIN datasets d ON d.id = r.dataset WHERE d.name = ? ORDER BY r.position LIMIT ? OFFSET ?')
    .pluck()
    .all(name, limit, offset) as string[]
  return { total, rows: texts.map((text) => JSON.parse(text) as FeedbackRow | Pair | PromptRow) }
}

type StoredDataset = { name: string; kind: DatasetKind; hash: string; rows: number; created_at: string; recipe: string; statistics: string }

function toDataset({ created_at, recipe, statistics, ...row }: StoredDataset): Dataset {
  return { ...row, createdAt: created_at, recipe: JSON.parse(recipe) as Record<string, unknown>, statistics: JSON.parse(statistics) as Dataset['statistics'] }
}

function describeRows(kind: DatasetKind, rows: readonly (FeedbackRow | Pair | PromptRow)[]): Dataset['statistics'] {
  const statistics: Dataset['statistics'] = []
  const add = (label: string, value: number | string): void => void statistics.push({ label, value })
  const conversations = new Set(rows.map((row) => ('provenance' in row ? row.provenance.conversationId : row.conversationId)))
  conversations.delete(null)
  add('conversations', conversations.size)
  add('unique prompts', new Set(rows.map((row) => JSON.stringify(row.prompt))).size)
  if (kind === 'feedback') for (const label of ['dissatisfied', 'satisfied', 'neutral']) add(label, rows.filter((row) => 'label' in row && row.label === label).length)
  if (kind === 'feedback') add('with the user’s words', rows.filter((row) => 'userFeedback' in row && row.userFeedback !== null).length)
  if (kind === 'preference') add('with the user’s words', rows.filter((row) => 'provenance' in row && row.provenance.userFeedback !== null).length)
  if (kind === 'feedback') add('reply characters, mean', mean(rows.map((row) => ('reply' in row ? row.reply.length : 0))))
  if (kind === 'preference') add('chosen characters, mean', mean(rows.map((row) => ('chosen' in row ? row.chosen.length : 0))))
  if (kind === 'preference') add('rejected characters, mean', mean(rows.map((row) => ('rejected' in row ? row.rejected.length : 0))))
  add('with a verifiable task', rows.filter((row) => row.task !== null).length)
  return statistics
}

const mean = (values: readonly number[]): number => Math.round((10 * values.reduce((sum, value) => sum + value, 0)) / Math.max(1, values.length)) / 10
