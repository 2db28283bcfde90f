/** Judged evaluations: how they were made, their figures, what every answer got. */
import type { Benchmark, EvaluationInput, EvaluationRow, JudgedItem } from '../../shared/evaluation.ts'
import { thisOwner } from '../jobs/owner.ts'
import { BackendError } from '../errors.ts'
import type { ReadableDb, WritableDb } from './open.ts'
import { freeId, type OwnedRow, ownRow, setRowRemoved, shownStatus, stopRow } from './owned-work.ts'

/** What decides the badge, in its place. */
export type StoredEvaluation = Omit<EvaluationRow, 'badge' | 'answeredBy'> & { official: boolean; discrete: boolean }

/** Makes a row that is running and owned by this process. `model` is shown until its name is known. */
export function insertEvaluation(db: WritableDb, input: EvaluationInput, model: string, now: string): string {
  const owner = thisOwner()
  return db
    .transaction(() => {
      const id = freeId(db, 'judged_evaluations', input.benchmark, model, 40)
      db.prepare(
        `INSERT INTO judged_evaluations (id, benchmark, model, judge, judge_url, status, input, created_at, owner_pid, owner_started, owner_machine)
         VALUES (?, ?, ?, ?, ?, 'running', ?, ?, ?, ?, ?)`,
      ).run(id, input.benchmark, model, input.judge?.model ?? null, input.judge?.url ?? null, JSON.stringify(input), now, owner.pid, owner.started, owner.machine)
      return id
    })
    .immediate()
}

/** Takes over a row that nobody works on; throws where somebody does. */
export function restartEvaluation(db: WritableDb, id: string): void {
  db.transaction(() => {
    const { status } = requireEvaluation(db, id)
    if (status === 'running') throw new BackendError('bad-input', `evaluation ${id}: expected one that has stopped, got one that runs`)
    ownRow(db, 'judged_evaluations', id)
  }).immediate()
}

export type FinishedEvaluation = Pick<StoredEvaluation, 'model' | 'judge' | 'reference' | 'official' | 'discrete' | 'files' | 'figures' | 'intervals' | 'notices'> & { items: readonly JudgedItem[] }

export function finishEvaluation(db: WritableDb, id: string, finished: FinishedEvaluation, now: string): void {
  const { model, judge, reference, official, discrete, files, figures, intervals, notices, items } = finished
  const insert = db.prepare('INSERT INTO judged_items (evaluation_id, idx, key, answers, value, length, reference_length) VALUES (?, ?, ?, ?, ?, ?, ?)')
  db.transaction(() => {
    db.prepare(
      `UPDATE judged_evaluations SET status = 'done', model = ?, judge = ?, reference = ?, official = ?, discrete = ?, files = ?, figures = ?, intervals = ?, notices = ?, error = NULL, ended_at = ? WHERE id = ?`,
    ).run(model, judge, reference, Number(official), Number(discrete), JSON.stringify(files), JSON.stringify(figures), JSON.stringify(intervals), JSON.stringify(notices), now, id)
    db.prepare('DELETE FROM judged_items WHERE evaluation_id = ?').run(id)
    items.forEach(({ key, answers, value, length, referenceLength }, i) => insert.run(id, i, key, answers, value, length, referenceLength))
  }).immediate()
}

export const stopEvaluation = (db: WritableDb, id: string, status: 'failed' | 'cancelled', error: string | null, now: string): void => stopRow(db, 'judged_evaluations', id, status, error, now)

/** Hidden ones keep their rows: taking a removal back is free. */
export function setEvaluationRemoved(db: WritableDb, id: string, removed: boolean): void {
  requireEvaluation(db, id)
  setRowRemoved(db, 'judged_evaluations', id, removed)
}

/** Newest first; removed ones left out. */
export function listEvaluations(db: ReadableDb): StoredEvaluation[] {
  return (db.prepare('SELECT * FROM judged_evaluations WHERE removed = 0 ORDER BY position DESC').all() as Row[]).map(toEvaluation)
}

export function requireEvaluation(db: ReadableDb, id: string): StoredEvaluation {
  const row = db.prepare('SELECT * FROM judged_evaluations WHERE id = ?').get(id) as Row | undefined
  if (row === undefined) throw new BackendError('not-found', `evaluation: expected the id of a judged evaluation of this workspace, got "${id}"`)
  return toEvaluation(row)
}

/** Key → value; what the judge gave no value is left out. */
export function readValues(db: ReadableDb, id: string): Map<string, number> {
  const rows = db.prepare('SELECT key, value FROM judged_items WHERE evaluation_id = ? AND value IS NOT NULL').all(id) as { key: string; value: number }[]
  return new Map(rows.map(({ key, value }) => [key, value]))
}

export type CalibrationPair = { benchmark: Benchmark; judge: string; judgeUrl: string | null; model: string; own: number; published: number }

/** What other judges gave answers that an official evaluation of this workspace has too (under the same length margin), in a fixed order. */
export function readCalibrationPairs(db: ReadableDb): CalibrationPair[] {
  return db
    .prepare(
      `SELECT own.benchmark, own.judge, own.judge_url AS judgeUrl, official.model, item.value AS own, published.value AS published
       FROM judged_evaluations AS official
       JOIN judged_items AS published ON published.evaluation_id = official.id
       JOIN judged_items AS item ON item.answers = published.answers
       JOIN judged_evaluations AS own ON own.id = item.evaluation_id AND own.benchmark = official.benchmark AND own.input ->> 'k' = official.input ->> 'k'
       WHERE official.official = 1 AND own.official = 0 AND own.judge IS NOT NULL AND official.removed = 0 AND own.removed = 0
         AND item.value IS NOT NULL AND published.value IS NOT NULL
       GROUP BY own.judge, own.judge_url, item.answers
       ORDER BY own.judge, own.judge_url, item.answers`,
    )
    .all() as CalibrationPair[]
}

type Row = OwnedRow & {
  id: string; benchmark: Benchmark; model: string; judge: string | null; judge_url: string | null; reference: string | null; official: number; discrete: number
  input: string; files: string; figures: string | null; intervals: string | null; notices: string; error: string | null; created_at: string
}

function toEvaluation(row: Row): StoredEvaluation {
  const parsed = <T>(text: string | null): T | null => (text === null ? null : (JSON.parse(text) as T))
  return {
    id: row.id, benchmark: row.benchmark, model: row.model, judge: row.judge, judgeUrl: row.judge_url, reference: row.reference, official: row.official === 1, discrete: row.discrete === 1,
    status: shownStatus(row), input: parsed<EvaluationInput>(row.input)!, files: parsed<EvaluationRow['files']>(row.files)!, figures: parsed(row.figures), intervals: parsed(row.intervals), notices: parsed<string[]>(row.notices)!, error: row.error, createdAt: row.created_at,
  }
}
