/**
 * The journal of a run: its stages and what they leave behind unit by unit (metrics, samples), so that a killed run
 * goes on where it was. Functions that write are called inside `writeAsOwner`.
 */
import { isSystem } from '../../core/run-time.ts'
import type { StepDetails } from '../../engine/engine.ts'
import type { Canary, Probe, StepCanaries } from '../../shared/monitors.ts'
import type { FairnessLedger, MetricRow, RunStage, SampleRow } from '../../shared/types.ts'
import type { ReadableDb, WritableDb } from './open.ts'

/**
 * Work of a stage, for the fairness ledger. `signals` and `uniquePrompts` are those of the run up to and with
 * the stage, the others the stage's own.
 */
export type StageCounts = { signals: number; uniquePrompts: number; samplesDrawn: number; rewardQueries: number; generatedTokens: number; scoredTokens: number; trainedTokens: number; optimizerSteps: number }

/** What a stage took so far. Machine and chance decide it, so that it stands apart from what is compared. */
export type StageUse = { seconds: number; peakMemoryBytes: number | null }

export type StoredStage = RunStage & { runId: string; inputHash: string; computedBy: string; result: unknown; counts: Partial<StageCounts> }

/** A sample with what only lineage and replay read. */
export type StoredSample = Omit<SampleRow, 'stage' | 'index' | 'reward'> & { completionIds: number[]; logp: number }

export function findStage(db: ReadableDb, runId: string, key: string): StoredStage | null {
  const row = db.prepare('SELECT * FROM run_stages WHERE run_id = ? AND key = ?').get(runId, key) as StageRow | undefined
  return row === undefined ? null : toStored(row)
}

/** Finished stages with the same inputs and engine, of any run, newest first. */
export function findEqualStages(db: ReadableDb, inputHash: string, computedBy: string): StoredStage[] {
  const rows = db.prepare("SELECT * FROM run_stages WHERE input_hash = ? AND computed_by = ? AND status = 'done' ORDER BY position DESC").all(inputHash, computedBy) as StageRow[]
  return rows.map(toStored)
}

/** What computed the run's latest stage; null where it has none. */
export function lastComputedBy(db: ReadableDb, runId: string): string | null {
  return (db.prepare('SELECT computed_by FROM run_stages WHERE run_id = ? ORDER BY position DESC LIMIT 1').pluck().get(runId) as string | undefined) ?? null
}

export function listStages(db: ReadableDb, runId: string): RunStage[] {
  return (db.prepare('SELECT * FROM run_stages WHERE run_id = ? ORDER BY position').all(runId) as StageRow[]).map(toStage)
}

/** Of the base and each finished round, ascending. */
export function readProbes(db: ReadableDb, runId: string): Probe[] {
  const rows = db.prepare("SELECT round, result FROM run_stages WHERE run_id = ? AND key LIKE '%/probe' AND status = 'done' ORDER BY round").all(runId) as { round: number; result: string }[]
  // Probes of earlier versions did not look at chosen replies.
  return rows.map(({ round, result }) => ({ round, moved: [], ...(JSON.parse(result) as Omit<Probe, 'round' | 'moved'>) }))
}

export type NewStage = Pick<StoredStage, 'runId' | 'key' | 'kind' | 'round' | 'startsFrom' | 'inputHash' | 'computedBy' | 'startedAt'>

export function insertStage(db: WritableDb, stage: NewStage): void {
  db.prepare(
    `INSERT INTO run_stages (run_id, key, kind, round, status, starts_from, input_hash, computed_by, started_at)
     VALUES (@runId, @key, @kind, @round, 'running', @startsFrom, @inputHash, @computedBy, @startedAt)`,
  ).run({ runId: stage.runId, key: stage.key, kind: stage.kind, round: stage.round, startsFrom: stage.startsFrom, inputHash: stage.inputHash, computedBy: stage.computedBy, startedAt: stage.startedAt })
}

export type StageEnd = { result: unknown; counts: Partial<StageCounts>; summary: RunStage['summary']; endedAt: string; reusedFrom: string | null } & StageUse

export function finishStage(db: WritableDb, runId: string, key: string, end: StageEnd): RunStage {
  const row = db
    .prepare("UPDATE run_stages SET status = 'done', result = ?, counts = ?, summary = ?, seconds = ?, peak_memory_bytes = ?, ended_at = ?, reused_from = ? WHERE run_id = ? AND key = ? RETURNING *")
    .get(JSON.stringify(end.result), JSON.stringify(end.counts), JSON.stringify(end.summary), end.seconds, end.peakMemoryBytes, end.endedAt, end.reusedFrom, runId, key) as StageRow | undefined
  if (row === undefined) throw new Error(`stage ${key} of run ${runId}: expected a row to finish, found none`)
  return toStage(row)
}

/** Work time and memory so far, kept with every unit. */
export function setStageUse(db: WritableDb, runId: string, key: string, { seconds, peakMemoryBytes }: StageUse): void {
  db.prepare('UPDATE run_stages SET seconds = ?, peak_memory_bytes = ? WHERE run_id = ? AND key = ?').run(seconds, peakMemoryBytes, runId, key)
}

/** Forgets a stage and its rows; its files are the caller's. */
export function deleteStage(db: WritableDb, runId: string, key: string, rounds: { evaluated: number } | null): void {
  db.prepare('DELETE FROM run_metrics WHERE run_id = ? AND stage = ?').run(runId, key)
  db.prepare('DELETE FROM run_samples WHERE run_id = ? AND stage = ?').run(runId, key)
  if (rounds !== null) {
    db.prepare('DELETE FROM run_evaluations WHERE run_id = ? AND round = ?').run(runId, rounds.evaluated)
    db.prepare('DELETE FROM run_heldout WHERE run_id = ? AND round = ?').run(runId, rounds.evaluated)
  }
  db.prepare('DELETE FROM run_stages WHERE run_id = ? AND key = ?').run(runId, key)
}

/**
 * What the step took (`system/…`) is kept beside its metrics, where comparing runs leaves it out.
 * @param details also answers to the canary prompts, where they were asked after this step.
 */
export function insertMetric(db: WritableDb, runId: string, { stage, step, ...row }: MetricRow, details: StepDetails & { canaries?: Canary[] }): void {
  const { system = [], metrics = [] } = Object.groupBy(Object.entries(row), ([name]) => (isSystem(name) ? 'system' : 'metrics'))
  db.prepare('INSERT INTO run_metrics (run_id, stage, step, row, details, system) VALUES (?, ?, ?, ?, ?, ?)').run(runId, stage, step, JSON.stringify(Object.fromEntries(metrics)), JSON.stringify(details), system.length === 0 ? null : JSON.stringify(Object.fromEntries(system)))
}

/** Steps that no checkpoint holds are done again. */
export function deleteMetricsAfter(db: WritableDb, runId: string, stage: string, step: number): void {
  db.prepare('DELETE FROM run_metrics WHERE run_id = ? AND stage = ? AND step > ?').run(runId, stage, step)
}

/** In the order they came, from row `after` on; with what each step took. */
export function readMetrics(db: ReadableDb, runId: string, after: number): MetricRow[] {
  const rows = db.prepare('SELECT stage, step, row, system FROM run_metrics WHERE run_id = ? ORDER BY position LIMIT -1 OFFSET ?').all(runId, after) as { stage: string; step: number; row: string; system: string | null }[]
  return rows.map(({ stage, step, row, system }) => ({ stage, step, ...(JSON.parse(row) as Record<string, number>), ...(system === null ? {} : (JSON.parse(system) as Record<string, number>)) }))
}

export function lastMetric(db: ReadableDb, runId: string, stage: string): MetricRow | null {
  const row = db.prepare('SELECT stage, step, row FROM run_metrics WHERE run_id = ? AND stage = ? ORDER BY step DESC LIMIT 1').get(runId, stage) as { stage: string; step: number; row: string } | undefined
  return row === undefined ? null : { stage: row.stage, step: row.step, ...(JSON.parse(row.row) as Record<string, number>) }
}

/** Each stage's last step and that row's place, which is never used twice: rows that were made again change it. By index alone, however many rows there are. */
export function markOfRows(db: ReadableDb): (id: string) => string {
  const last = db.prepare(`
    WITH RECURSIVE stages(stage) AS (
      SELECT min(stage) FROM run_metrics WHERE run_id = @id
      UNION ALL SELECT (SELECT min(stage) FROM run_metrics WHERE run_id = @id AND stage > stages.stage) FROM stages WHERE stages.stage IS NOT NULL
    )
    SELECT stage || ':' || (SELECT step || ':' || position FROM run_metrics m WHERE m.run_id = @id AND m.stage = stages.stage ORDER BY step DESC LIMIT 1) FROM stages WHERE stage IS NOT NULL`).pluck()
  return (id) => (last.all({ id }) as string[]).join(' ')
}

/** From so many steps on what is derived from a run's steps is kept in a file: reading them all takes longer than a reader waits. */
export const LONG = 5000

export const isLong = (db: ReadableDb, runId: string): boolean => db.prepare('SELECT 1 FROM run_metrics WHERE run_id = ? LIMIT 1 OFFSET ?').get(runId, LONG - 1) !== undefined

/** Of all training stages, in their order. */
export function readCanaries(db: ReadableDb, runId: string): StepCanaries[] {
  const rows = db.prepare("SELECT stage, step, details -> '$.canaries' AS canaries FROM run_metrics WHERE run_id = ? AND canaries IS NOT NULL ORDER BY position").all(runId) as { stage: string; step: number; canaries: string }[]
  return rows.map(({ stage, step, canaries }) => ({ stage, step, canaries: JSON.parse(canaries) as Canary[] }))
}

/** Of every step of a round's training: its gradient norm and the margins of its pairs, null where they were no finite numbers. */
export function* readRoundSteps(db: ReadableDb, runId: string): Generator<{ round: number; gradNorm: number | null; margins: (number | null)[] }> {
  const rows = db
    .prepare(
      `SELECT s.round, m.row ->> '$.grad_norm' AS gradNorm, m.details -> '$.margins' AS margins FROM run_metrics m JOIN run_stages s ON s.run_id = m.run_id AND s.key = m.stage
       WHERE m.run_id = ? AND s.round > 0 AND s.kind = 'train' ORDER BY s.round, m.step`,
    )
    .iterate(runId) as IterableIterator<{ round: number; gradNorm: number | null; margins: string | null }>
  for (const { margins, ...step } of rows) yield { ...step, margins: margins === null ? [] : (JSON.parse(margins) as (number | null)[]) }
}

export function insertSamples(db: WritableDb, runId: string, stage: string, samples: { index: number; sample: StoredSample }[]): void {
  const insert = db.prepare('INSERT INTO run_samples (run_id, stage, idx, row, conversation_id) VALUES (?, ?, ?, ?, ?)')
  for (const { index, sample } of samples) insert.run(runId, stage, index, JSON.stringify(sample), sample.conversationId)
}

export function readStoredSamples(db: ReadableDb, runId: string, stage: string): StoredSample[] {
  return (db.prepare('SELECT row FROM run_samples WHERE run_id = ? AND stage = ? ORDER BY idx').pluck().all(runId, stage) as string[]).map((row) => JSON.parse(row) as StoredSample)
}

export function countSamples(db: ReadableDb, runId: string, stage: string): number {
  return db.prepare('SELECT count(*) FROM run_samples WHERE run_id = ? AND stage = ?').pluck().get(runId, stage) as number
}

/** Rewards of the samples of a stage, in their order; nothing where the stage has another number of samples. */
export function setSampleRewards(db: WritableDb, runId: string, stage: string, rewards: readonly (number | null)[]): void {
  if (countSamples(db, runId, stage) !== rewards.length) return
  const set = db.prepare('UPDATE run_samples SET reward = ? WHERE run_id = ? AND stage = ? AND idx = ?')
  rewards.forEach((reward, index) => set.run(reward, runId, stage, index))
}

export function pageOfSamples(db: ReadableDb, runId: string, page: { stage?: string | undefined; conversation?: string | undefined; newestFirst: boolean; offset: number; limit: number }): { total: number; rows: SampleRow[] } {
  const filter = { runId, stage: page.stage ?? null, conversation: page.conversation ?? null }
  const passing = '(@stage IS NULL OR stage = @stage) AND (@conversation IS NULL OR conversation_id = @conversation)'
  const total = db.prepare(`SELECT count(*) FROM run_samples WHERE run_id = @runId AND ${passing}`).pluck().get(filter) as number
  const direction = page.newestFirst ? 'DESC' : 'ASC'
  const rows = db
    .prepare(
      `SELECT p.stage, p.idx, p.row, p.reward FROM run_samples p JOIN run_stages s ON s.run_id = p.run_id AND s.key = p.stage
       WHERE p.run_id = @runId AND ${passing} ORDER BY s.position ${direction}, p.idx ${direction} LIMIT @limit OFFSET @offset`,
    )
    .all({ ...filter, limit: page.limit, offset: page.offset }) as { stage: string; idx: number; row: string; reward: number | null }[]
  return { total, rows: rows.map(({ stage, idx, row, reward }) => toSampleRow(stage, idx, JSON.parse(row) as StoredSample, reward)) }
}

export function toSampleRow(stage: string, index: number, sample: StoredSample, reward: number | null): SampleRow {
  const { prompt, text, rejected, userFeedback, finishReason, tokens, entropy, conversationId, turnIndex } = sample
  return { stage, index, prompt, text, rejected, userFeedback, finishReason, tokens, entropy, reward, conversationId, turnIndex }
}

/** Copies what an equal stage of another run left behind. */
export function copyStageRows(db: WritableDb, from: { runId: string; key: string; round: number }, to: { runId: string; key: string; round: number }): void {
  const rows = { fromRun: from.runId, fromKey: from.key, fromRound: from.round, toRun: to.runId, toKey: to.key, toRound: to.round }
  db.prepare('INSERT INTO run_metrics (run_id, stage, step, row, details, system) SELECT @toRun, @toKey, step, row, details, system FROM run_metrics WHERE run_id = @fromRun AND stage = @fromKey ORDER BY step').run(rows)
  db.prepare('INSERT INTO run_samples (run_id, stage, idx, row, conversation_id) SELECT @toRun, @toKey, idx, row, conversation_id FROM run_samples WHERE run_id = @fromRun AND stage = @fromKey').run(rows)
}

/** Work of all stages but evaluations, which every method does alike; reused stages count as if done here. */
export function readLedger(db: ReadableDb, runId: string): FairnessLedger {
  const stages = db.prepare("SELECT kind, counts, seconds FROM run_stages WHERE run_id = ? AND kind <> 'evaluate'").all(runId) as { kind: string; counts: string; seconds: number }[]
  const ledger: FairnessLedger = { signals: 0, uniquePrompts: 0, samplesDrawn: 0, rewardQueries: 0, generatedTokens: 0, scoredTokens: 0, trainedTokens: 0, optimizerSteps: 0, seconds: 0 }
  for (const stage of stages) {
    const counts = JSON.parse(stage.counts) as Partial<StageCounts>
    ledger.signals = Math.max(ledger.signals, counts.signals ?? 0)
    ledger.uniquePrompts = Math.max(ledger.uniquePrompts, counts.uniquePrompts ?? 0)
    for (const key of ['samplesDrawn', 'rewardQueries', 'generatedTokens', 'scoredTokens', 'trainedTokens', 'optimizerSteps'] as const) ledger[key] += counts[key] ?? 0
    ledger.seconds += stage.seconds
  }
  return ledger
}

export function readScoredChunk(db: ReadableDb, key: string, start: number): Float64Array | null {
  const blob = db.prepare('SELECT figures FROM scored_chunks WHERE key = ? AND start = ?').pluck().get(key, start) as Buffer | undefined
  return blob === undefined ? null : new Float64Array(blob.buffer.slice(blob.byteOffset, blob.byteOffset + blob.byteLength))
}

export function insertScoredChunk(db: WritableDb, key: string, start: number, figures: Float64Array): void {
  db.prepare('INSERT OR IGNORE INTO scored_chunks (key, start, figures) VALUES (?, ?, ?)').run(key, start, Buffer.from(figures.buffer, figures.byteOffset, figures.byteLength))
}

export function findFileHash(db: ReadableDb, path: string, size: number, modifiedNs: bigint): string | null {
  return (db.prepare('SELECT hash FROM file_hashes WHERE path = ? AND size = ? AND modified_ns = ?').pluck().get(path, size, String(modifiedNs)) as string | undefined) ?? null
}

export function setFileHash(db: WritableDb, path: string, size: number, modifiedNs: bigint, hash: string): void {
  db.prepare('INSERT OR REPLACE INTO file_hashes (path, size, modified_ns, hash) VALUES (?, ?, ?, ?)').run(path, size, String(modifiedNs), hash)
}

type StageRow = {
  run_id: string; key: string; kind: RunStage['kind']; round: number; status: RunStage['status']; starts_from: string | null; input_hash: string; computed_by: string
  result: string | null; counts: string; summary: string; started_at: string; ended_at: string | null; seconds: number; peak_memory_bytes: number | null; reused_from: string | null
}

function toStage(row: StageRow): RunStage {
  const { trainedTokens, generatedTokens } = JSON.parse(row.counts) as Partial<StageCounts>
  return {
    key: row.key, kind: row.kind, round: row.round, status: row.status, startsFrom: row.starts_from, startedAt: row.started_at, endedAt: row.ended_at,
    seconds: row.status === 'done' ? row.seconds : null, tokens: trainedTokens ?? generatedTokens ?? null, peakMemoryBytes: row.peak_memory_bytes, reusedFrom: row.reused_from, summary: JSON.parse(row.summary) as RunStage['summary'],
  }
}

function toStored(row: StageRow): StoredStage {
  return {
    ...toStage(row), seconds: row.seconds, runId: row.run_id, inputHash: row.input_hash, computedBy: row.computed_by, result: row.result === null ? null : (JSON.parse(row.result) as unknown), counts: JSON.parse(row.counts) as Partial<StageCounts>,
  }
}
