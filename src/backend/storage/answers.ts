/** Sets of answers: how they were asked for, and every answer as it came. */
import type { AnswerRow, AnswerSet, AnswersInput } from '../../shared/answers.ts'
import type { AnsweredBy } from '../../shared/evaluation.ts'
import { BackendError } from '../errors.ts'
import { thisOwner } from '../jobs/owner.ts'
import type { ReadableDb, WritableDb } from './open.ts'
import { freeId, type OwnedRow, ownRow, setRowRemoved, shownStatus, stopRow } from './owned-work.ts'

export type NewAnswers = Pick<AnswerSet, 'generator' | 'input' | 'run' | 'checkpoint' | 'total' | 'notices'> & { promptsHash: string }

/** Makes a row that is running and owned by this process. Its id also names a folder. */
export function insertAnswers(db: WritableDb, { generator, input, run, checkpoint, total, notices, promptsHash }: NewAnswers, now: string): string {
  const owner = thisOwner()
  return db
    .transaction(() => {
      const id = freeId(db, 'answer_sets', input.benchmark, generator, 60)
      db.prepare(
        `INSERT INTO answer_sets (id, benchmark, generator, status, input, run_id, checkpoint, prompts_hash, total, notices, created_at, owner_pid, owner_started, owner_machine)
         VALUES (?, ?, ?, 'running', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ).run(id, input.benchmark, generator, JSON.stringify(input), run, checkpoint, promptsHash, total, JSON.stringify(notices), now, owner.pid, owner.started, owner.machine)
      return id
    })
    .immediate()
}

/** Takes over a set that nobody works on. @throws BackendError where somebody does, or where nothing is left to do. */
export function restartAnswers(db: WritableDb, id: string): void {
  db.transaction(() => {
    const { status } = requireAnswers(db, id)
    if (status === 'running' || status === 'done') throw new BackendError('bad-input', `answers ${id}: expected a set that has stopped, got one that ${status === 'done' ? 'is done' : 'is being answered'}`)
    ownAnswers(db, id)
  }).immediate()
}

/** From now on this process works on it. */
export const ownAnswers = (db: WritableDb, id: string): void => ownRow(db, 'answer_sets', id)

/** What answers, once it is known. */
export function setAnswerer(db: WritableDb, id: string, { modelHash, computedBy, notices }: Pick<AnswerSet, 'modelHash' | 'computedBy' | 'notices'>): void {
  db.prepare('UPDATE answer_sets SET model_hash = ?, computed_by = ?, notices = ? WHERE id = ?').run(modelHash, computedBy, JSON.stringify(notices), id)
}

/** Keeps a batch of answers, and the time it took. */
export function addAnswers(db: WritableDb, id: string, rows: readonly AnswerRow[], seconds: number): void {
  const insert = db.prepare('INSERT INTO answers (set_id, idx, prompt, text, finish_reason, tokens, prompt_tokens, cut_characters) VALUES (@id, @index, @prompt, @text, @finishReason, @tokens, @promptTokens, @cutCharacters)')
  db.transaction(() => {
    for (const row of rows) insert.run({ id, ...row })
    db.prepare('UPDATE answer_sets SET seconds = seconds + ? WHERE id = ?').run(seconds, id)
  }).immediate()
}

export function finishAnswers(db: WritableDb, id: string, { file, notices }: Pick<AnswerSet, 'file' | 'notices'>, now: string): void {
  db.prepare("UPDATE answer_sets SET status = 'done', file = ?, notices = ?, error = NULL, ended_at = ? WHERE id = ?").run(JSON.stringify(file), JSON.stringify(notices), now, id)
}

export const stopAnswers = (db: WritableDb, id: string, status: 'failed' | 'cancelled', error: string | null, now: string): void => stopRow(db, 'answer_sets', id, status, error, now)

/** Hidden ones keep their rows: taking a removal back is free. */
export function setAnswersRemoved(db: WritableDb, id: string, removed: boolean): void {
  requireAnswers(db, id)
  setRowRemoved(db, 'answer_sets', id, removed)
}

const SETS = `SELECT *, (SELECT count(*) FROM answers WHERE set_id = id) AS done, (SELECT coalesce(sum(tokens), 0) FROM answers WHERE set_id = id) AS tokens,
  (SELECT count(*) FROM answers WHERE set_id = id AND finish_reason = 'length') AS cut_answers, (SELECT count(*) FROM answers WHERE set_id = id AND cut_characters > 0) AS cut_prompts,
  (SELECT count(*) FROM answers WHERE set_id = id AND trim(text, ' ' || char(9, 10, 13)) = '') AS empty_answers FROM answer_sets`

/** Newest first; removed ones left out. */
export function listAnswers(db: ReadableDb): AnswerSet[] {
  return (db.prepare(`${SETS} WHERE removed = 0 ORDER BY position DESC`).all() as SetRow[]).map(toSet)
}

export function requireAnswers(db: ReadableDb, id: string): AnswerSet & { promptsHash: string } {
  const row = db.prepare(`${SETS} WHERE id = ?`).get(id) as SetRow | undefined
  if (row === undefined) throw new BackendError('not-found', `answers: expected the id of a set of answers of this workspace, got "${id}"`)
  return { ...toSet(row), promptsHash: row.prompts_hash }
}

/** Of earlier answers of the same model, or of the same run's checkpoints, drawn in the same way to prompts of the same benchmark; null where there are fewer than a batch. */
export function secondsPerAnswer(db: ReadableDb, { input, run }: Pick<NewAnswers, 'input' | 'run'>): number | null {
  const { benchmark, model, engine, device, useVllm, sampling: { max_new_tokens, batch_size } } = input
  const given = { benchmark, model, run, engine, device, useVllm: Number(useVllm), maxNewTokens: max_new_tokens, batch: batch_size }
  const found = db
    .prepare(
      `SELECT sum(s.seconds) AS seconds, sum(a.answers) AS answers FROM answer_sets s JOIN (SELECT set_id, count(*) AS answers FROM answers GROUP BY set_id) a ON a.set_id = s.id
       WHERE s.benchmark = @benchmark AND (s.run_id = @run OR s.input ->> '$.model' = @model) AND s.input ->> '$.engine' = @engine AND s.input ->> '$.device' = @device AND s.input ->> '$.useVllm' = @useVllm
         AND s.input ->> '$.sampling.max_new_tokens' = @maxNewTokens AND s.input ->> '$.sampling.batch_size' = @batch`,
    )
    .get(given) as { seconds: number | null; answers: number | null }
  return found.seconds === null || found.answers === null || found.answers < batch_size ? null : found.seconds / found.answers
}

/** Who gave the answers of each finished set, by the SHA-256 of its file. */
export function answeredFiles(db: ReadableDb): Map<string, AnsweredBy> {
  const rows = db.prepare("SELECT id, run_id AS run, checkpoint, model_hash AS modelHash, file ->> '$.sha256' AS sha256 FROM answer_sets WHERE file IS NOT NULL ORDER BY position").all() as (AnsweredBy & { sha256: string })[]
  return new Map(rows.map(({ sha256, ...set }) => [sha256, set]))
}

/** In the order of the prompts. */
export function readAnswerRows(db: ReadableDb, id: string, { offset, limit }: { offset: number; limit: number }): AnswerRow[] {
  return db
    .prepare('SELECT idx AS "index", prompt, text, finish_reason AS finishReason, tokens, prompt_tokens AS promptTokens, cut_characters AS cutCharacters FROM answers WHERE set_id = ? ORDER BY idx LIMIT ? OFFSET ?')
    .all(id, limit, offset) as AnswerRow[]
}

type SetRow = OwnedRow & {
  id: string; benchmark: AnswerSet['benchmark']; generator: string; input: string; run_id: string | null; checkpoint: string | null; model_hash: string | null; computed_by: string | null
  prompts_hash: string; total: number; done: number; tokens: number; cut_answers: number; cut_prompts: number; empty_answers: number; seconds: number; file: string | null; notices: string; error: string | null; created_at: string
}

function toSet(row: SetRow): AnswerSet {
  return {
    id: row.id, benchmark: row.benchmark, generator: row.generator, status: shownStatus(row), input: JSON.parse(row.input) as AnswersInput, run: row.run_id, checkpoint: row.checkpoint, modelHash: row.model_hash, computedBy: row.computed_by,
    total: row.total, done: row.done, tokens: row.tokens, cutAnswers: row.cut_answers, cutPrompts: row.cut_prompts, emptyAnswers: row.empty_answers, seconds: row.seconds, file: row.file === null ? null : (JSON.parse(row.file) as AnswerSet['file']), notices: JSON.parse(row.notices) as string[], error: row.error, createdAt: row.created_at,
  }
}
