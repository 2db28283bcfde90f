/** Datasets: immutable snapshots. Rows are JSON, their conversation is kept beside them for lineage. Choosing rows is in `build-datasets.ts`. */
import { createHash, randomUUID } from 'node:crypto'
import { describeRows } from '../../core/dataset-statistics.ts'
import { originOf } from '../../core/row-texts.ts'
import type { ContaminationStamp, DatasetRow } from '../../shared/datasets.ts'
import type { GoneConversations } from '../../shared/deletion.ts'
import type { Dataset, DatasetKind, FeedbackRow, Pair, PromptRow } from '../../shared/types.ts'
import { BackendError } from '../errors.ts'
import { isAtWork, thisOwner } from '../jobs/owner.ts'
import type { Tell } from '../task-thread.ts'
import { batchesInTurn } from '../write-turns.ts'
import type { ReadableDb, WritableDb } from './open.ts'
import { countedCategoriesOf } from './signals.ts'

export type RowOf = { feedback: FeedbackRow; preference: Pair; prompts: PromptRow }

const ROWS_IN_A_BATCH = { least: 200, most: 20_000 }

export type DatasetDraft<Kind extends DatasetKind = DatasetKind> = { name: string; kind: Kind; rows: readonly RowOf[Kind][]; recipe: Record<string, unknown> }

/**
 * Freezes rows under a name. The same rows under the same name are the dataset that is there; other rows under
 * a taken name are refused, since runs may refer to it.
 */
export function createDataset<Kind extends DatasetKind>(db: WritableDb, draft: DatasetDraft<Kind>, tell?: Tell): Dataset {
  return createDatasets(db, [draft], tell)[0]!
}

/**
 * All of them or none. Rows are written in batches, others writing in between, to drafts that nothing shows; one short
 * transaction then makes all of them datasets. What a process left behind that was killed on the way is cleared first.
 * @param tell after each batch; throws where the work is to stop, which leaves nothing
 */
export function createDatasets(db: WritableDb, drafts: readonly DatasetDraft[], tell: Tell = () => {}): Dataset[] {
  const wanted = drafts.map((draft): Prepared => {
    const { name, kind, rows } = draft
    if (rows.length === 0) throw new BackendError('bad-input', `dataset ${name}: expected rows, got none. ${EMPTY_ADVICE[kind]}`)
    const texts = rows.map((row) => JSON.stringify(row))
    return { ...draft, texts, hash: hashRows(kind, texts) }
  })
  const unfinished = db.prepare('SELECT id, owner FROM all_datasets WHERE owner IS NOT NULL').all() as { id: number; owner: string }[]
  for (const { id, owner } of unfinished) if (!isAtWork(owner)) dropDraft(db, id)
  const missing = wanted.filter((one) => !isPresent(db, one))
  const written: { id: number; of: Prepared; statistics: string }[] = []
  const started: number[] = []
  try {
    for (const of of missing) {
      const id = startDraft(db, of)
      started.push(id)
      writeRows(db, id, of, tell)
      written.push({ id, of, statistics: JSON.stringify([...describeRows(of.kind, of.rows), ...countOrigins(db, id)]) })
    }
    const finish = db.prepare('UPDATE all_datasets SET name = ?, statistics = ?, created_at = ?, owner = NULL WHERE id = ?')
    db.transaction(() => {
      for (const { id, of, statistics } of written) {
        // Somebody else may have been faster.
        if (isPresent(db, of)) continue
        if (finish.run(of.name, statistics, new Date().toISOString(), id).changes === 0) throw new BackendError('failed', `dataset ${of.name}: what was written of it is gone: another process took this one for dead. Make it again`)
      }
    }).immediate()
  } finally {
    for (const id of started) dropDraft(db, id)
  }
  return wanted.map(({ name }) => requireDataset(db, name))
}

type Prepared = DatasetDraft & { texts: string[]; hash: string }

/** Whether it is there with these rows. @throws BackendError where it is with others */
function isPresent(db: ReadableDb, { name, hash }: Prepared): boolean {
  const present = getDataset(db, name)
  if (present === null || present.hash === hash) return present !== null
  throw new BackendError('bad-input', `dataset ${name}: it exists with other rows (${present.rows} of kind ${present.kind}, made ${present.createdAt}). Datasets are immutable: choose another name`)
}

/** A draft without rows, under a name that nobody gave and owned by this process. */
function startDraft(db: WritableDb, { kind, hash, rows, recipe }: Prepared): number {
  const start = db.prepare("INSERT INTO all_datasets (name, kind, hash, rows, created_at, recipe, statistics, owner) VALUES (?, ?, ?, ?, '', ?, '[]', ?)")
  return Number(start.run(randomUUID(), kind, hash, rows.length, JSON.stringify(recipe), JSON.stringify(thisOwner())).lastInsertRowid)
}

function writeRows(db: WritableDb, id: number, { rows, texts }: Prepared, tell: Tell): void {
  const insert = db.prepare('INSERT INTO dataset_rows (dataset, position, row, conversation_id, turn_index) VALUES (?, ?, ?, ?, ?)')
  const write = db.transaction((from: number, until: number) => {
    for (let position = from; position < until; position++) {
      const { conversationId, turnIndex } = originOf(rows[position]!)
      insert.run(id, position, texts[position], conversationId, turnIndex)
    }
  })
  for (const { from, until } of batchesInTurn(rows.length, ROWS_IN_A_BATCH)) {
    write.immediate(from, until)
    tell(until, rows.length, 'writing rows')
  }
}

/** Nothing where it has become a dataset. */
function dropDraft(db: WritableDb, id: number): void {
  const rows = db.prepare('SELECT rows FROM all_datasets WHERE id = ? AND owner IS NOT NULL').pluck().get(id) as number | undefined
  if (rows === undefined) return
  const drop = db.prepare('DELETE FROM dataset_rows WHERE dataset = ? AND position >= ? AND position < ?')
  for (const { from, until } of batchesInTurn(rows, ROWS_IN_A_BATCH)) drop.run(id, from, until)
  db.prepare('DELETE FROM all_datasets WHERE id = ?').run(id)
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
