/** Datasets: immutable snapshots. Rows are JSON, their conversation is kept beside them for lineage. Choosing rows is in `build-datasets.ts`. */
import { createHash } from 'node:crypto'
import { describeRows } from '../../core/dataset-statistics.ts'
import { originOf } from '../../core/row-texts.ts'
import type { ContaminationStamp, DatasetRow } from '../../shared/datasets.ts'
import type { GoneConversations } from '../../shared/deletion.ts'
import type { Dataset, DatasetKind, FeedbackRow, Pair, PromptRow } from '../../shared/types.ts'
import { BackendError } from '../errors.ts'
import type { ReadableDb, WritableDb } from './open.ts'
import { countedCategoriesOf } from './signals.ts'

export type RowOf = { feedback: FeedbackRow; preference: Pair; prompts: PromptRow }

export type DatasetDraft<Kind extends DatasetKind = DatasetKind> = { name: string; kind: Kind; rows: readonly RowOf[Kind][]; recipe: Record<string, unknown> }

/**
 * Freezes rows under a name. The same rows under the same name are the dataset that is there; other rows under
 * a taken name are refused, since runs may refer to it.
 */
export function createDataset<Kind extends DatasetKind>(db: WritableDb, draft: DatasetDraft<Kind>): Dataset {
  return createDatasets(db, [draft])[0]!
}

/** All of them or none. What can be worked out before the transaction is: nobody else writes while it lasts. */
export function createDatasets(db: WritableDb, drafts: readonly DatasetDraft[]): Dataset[] {
  const prepared = drafts.map((draft) => {
    const { name, kind, rows } = draft
    if (rows.length === 0) throw new BackendError('bad-input', `dataset ${name}: expected rows, got none. ${EMPTY_ADVICE[kind]}`)
    const texts = rows.map((row) => JSON.stringify(row))
    return { ...draft, texts, hash: hashRows(kind, texts), statistics: describeRows(kind, rows) }
  })
  const write = db.transaction((): Dataset[] =>
    prepared.map(({ name, kind, rows, recipe, texts, hash, statistics }) => {
      const present = getDataset(db, name)
      if (present !== null) {
        if (present.hash === hash) return present
        throw new BackendError('bad-input', `dataset ${name}: it exists with other rows (${present.rows} of kind ${present.kind}, made ${present.createdAt}). Datasets are immutable: choose another name`)
      }
      const { lastInsertRowid } = db
        .prepare('INSERT INTO datasets (name, kind, hash, rows, created_at, recipe, statistics) VALUES (?, ?, ?, ?, ?, ?, ?)')
        .run(name, kind, hash, rows.length, new Date().toISOString(), JSON.stringify(recipe), '[]')
      const insert = db.prepare('INSERT INTO dataset_rows (dataset, position, row, conversation_id, turn_index) VALUES (?, ?, ?, ?, ?)')
      rows.forEach((row, position) => {
        const { conversationId, turnIndex } = originOf(row)
        insert.run(lastInsertRowid, position, texts[position], conversationId, turnIndex)
      })
      db.prepare('UPDATE datasets SET statistics = ? WHERE id = ?').run(JSON.stringify([...statistics, ...countOrigins(db, Number(lastInsertRowid))]), lastInsertRowid)
      const made = getDataset(db, name)
      if (made === null) throw new Error(`dataset ${name}: written but not found`)
      return made
    }),
  )
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

// Looked up from the deleted conversations, which are few, by the index of the rows.
const GONE = `SELECT r.dataset, json_object('conversations', count(DISTINCT x.id), 'rows', count(*), 'purged', count(DISTINCT x.id) FILTER (WHERE x.rows IS NULL), 'lastDeletedAt', max(x.deleted_at)) AS gone
  FROM deleted_conversations x CROSS JOIN dataset_rows r ON r.conversation_id = x.id GROUP BY r.dataset`
const SELECT = `SELECT d.name, d.kind, d.hash, d.rows, d.created_at, d.recipe, d.statistics, c.stamp, g.gone
  FROM datasets d LEFT JOIN dataset_contamination c ON c.dataset = d.id LEFT JOIN (${GONE}) g ON g.dataset = d.id`

export function listDatasets(db: ReadableDb): Dataset[] {
  return (db.prepare(`${SELECT} ORDER BY d.id DESC`).all() as StoredDataset[]).map(toDataset)
}

export function getDataset(db: ReadableDb, name: string): Dataset | null {
  const row = db.prepare(`${SELECT} WHERE d.name = ?`).get(name) as StoredDataset | undefined
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
  return db.prepare('SELECT 1 FROM datasets WHERE name = ?').get(name) !== undefined
}

/** All rows of a dataset whose kind the caller knows, in order. */
export function readDatasetRows<Row extends DatasetRow>(db: ReadableDb, name: string): Row[] {
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
export function* eachDatasetRow(db: ReadableDb, name: string): Generator<DatasetRow> {
  const pageSize = 1000
  const page = db.prepare(`SELECT r.row FROM dataset_rows r JOIN datasets d ON d.id = r.dataset WHERE d.name = ? AND r.position >= ? ORDER BY r.position LIMIT ${pageSize}`).pluck()
  for (let from = 0; ; from += pageSize) {
    const texts = page.all(name, from) as string[]
    for (const text of texts) yield JSON.parse(text) as DatasetRow
    if (texts.length < pageSize) return
  }
}

export function pageOfDatasetRows(db: ReadableDb, name: string, offset: number, limit: number): { total: number; rows: DatasetRow[] } {
  const { rows: total } = requireDataset(db, name)
  const texts = db
    .prepare('SELECT r.row FROM dataset_rows r JOIN datasets d ON d.id = r.dataset WHERE d.name = ? ORDER BY r.position LIMIT ? OFFSET ?')
    .pluck()
    .all(name, limit, offset) as string[]
  return { total, rows: texts.map((text) => JSON.parse(text) as DatasetRow) }
}

type StoredDataset = { name: string; kind: DatasetKind; hash: string; rows: number; created_at: string; recipe: string; statistics: string; stamp: string | null; gone: string | null }

function toDataset({ created_at, recipe, statistics, stamp, gone, ...row }: StoredDataset): Dataset {
  return {
    ...row,
    createdAt: created_at,
    recipe: JSON.parse(recipe) as Record<string, unknown>,
    statistics: JSON.parse(statistics) as Dataset['statistics'],
    contamination: stamp === null ? null : readStamp(stamp),
    gone: gone === null ? null : (JSON.parse(gone) as GoneConversations),
  }
}

/** Stamps from before the guard compared meaning say nothing of it. */
function readStamp(json: string): ContaminationStamp {
  const stamp = JSON.parse(json) as ContaminationStamp
  return { ...stamp, counts: { ...stamp.counts, meaning: stamp.counts.meaning ?? 0 }, meaning: stamp.meaning ?? null }
}

/** Keeps what the contamination guard found with the snapshot, in place of an earlier result. */
export function stampContamination(db: WritableDb, name: string, stamp: ContaminationStamp): void {
  db.prepare('INSERT INTO dataset_contamination (dataset, stamp) SELECT id, ? FROM datasets WHERE name = ? ON CONFLICT (dataset) DO UPDATE SET stamp = excluded.stamp').run(JSON.stringify(stamp), name)
}

const COUNTED_VALUES = 24

/** Rows by where they come from, for those whose conversation is in the workspace. */
function countOrigins(db: ReadableDb, dataset: number): Dataset['statistics'] {
  const joined = 'dataset_rows r JOIN conversations c ON c.id = r.conversation_id'
  const signal = `SELECT ${countedCategoriesOf('s')} FROM winning_signals s WHERE s.conversation = c.position AND s.turn_index = r.turn_index`
  return db
    .prepare(
      `SELECT 'source' AS "group", c.source AS label, count(*) AS value FROM ${joined} WHERE r.dataset = @dataset GROUP BY 2
       UNION ALL SELECT 'language', c.language, count(*) FROM ${joined} WHERE r.dataset = @dataset AND c.language IS NOT NULL GROUP BY 2
       UNION ALL SELECT 'category', k.value, count(*) FROM ${joined}, json_each((${signal})) k WHERE r.dataset = @dataset GROUP BY 2
       ORDER BY 1, 3 DESC, 2`,
    )
    .all({ dataset })
    .filter((_, i, all) => i < COUNTED_VALUES || (all[i - COUNTED_VALUES] as { group: string }).group !== (all[i] as { group: string }).group) as Dataset['statistics']
}
