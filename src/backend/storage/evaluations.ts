/** Verified samples of a run's policies and their margins on held-out pairs. Round -1 is the base, 0 the warm start. */
import { clipped, SHARE } from '../../core/statistics.ts'
import type { RunDetail } from '../../shared/contract.ts'
import type { Interval } from '../../shared/types.ts'
import type { ReadableDb, WritableDb } from './open.ts'

export type StoredEvaluation = {
  round: number
  dataset: string
  temperature: number
  promptIndex: number
  sampleIndex: number
  seed: number
  text: string
  score: number
  reward: number
  pass: boolean
  checks: Partial<Record<string, number>>
  items: string[]
  solutionSize: number | null
  tokens: number
  /** Null where what drew it does not tell. */
  entropy: number | null
  finishReason: 'stop' | 'length'
}

export type PairStatistics = { round: number; pairs: number; chosenScore: number | null; rejectedScore: number | null; pairAccuracy: number | null }

export function insertEvaluations(db: WritableDb, runId: string, rows: readonly StoredEvaluation[]): void {
  const insert = db.prepare(
    `INSERT INTO run_evaluations (run_id, round, dataset, temperature, prompt_index, sample_index, seed, text, score, reward, pass, checks, items, solution_size, tokens, entropy, finish_reason)
     VALUES (@runId, @round, @dataset, @temperature, @promptIndex, @sampleIndex, @seed, @text, @score, @reward, @pass, @checks, @items, @solutionSize, @tokens, @entropy, @finishReason)`,
  )
  for (const row of rows) insert.run({ ...row, runId, pass: Number(row.pass), checks: JSON.stringify(row.checks), items: JSON.stringify(row.items) })
}

export function countEvaluations(db: ReadableDb, runId: string, of: { round: number; dataset: string; temperature: number }): number {
  return db.prepare('SELECT count(*) FROM run_evaluations WHERE run_id = ? AND round = ? AND dataset = ? AND temperature = ?').pluck().get(runId, of.round, of.dataset, of.temperature) as number
}

export function copyEvaluations(db: WritableDb, from: { runId: string; round: number }, to: { runId: string; round: number }): void {
  const rows = { fromRun: from.runId, fromRound: from.round, toRun: to.runId, toRound: to.round }
  db.prepare(
    `INSERT INTO run_evaluations (run_id, round, dataset, temperature, prompt_index, sample_index, seed, text, score, reward, pass, checks, items, solution_size, tokens, entropy, finish_reason)
     SELECT @toRun, @toRound, dataset, temperature, prompt_index, sample_index, seed, text, score, reward, pass, checks, items, solution_size, tokens, entropy, finish_reason
     FROM run_evaluations WHERE run_id = @fromRun AND round = @fromRound`,
  ).run(rows)
  db.prepare('INSERT INTO run_heldout (run_id, round, dataset, pair_index, margin) SELECT @toRun, @toRound, dataset, pair_index, margin FROM run_heldout WHERE run_id = @fromRun AND round = @fromRound').run(rows)
}

/** Replaces the margins of a round on one dataset. */
export function setHeldout(db: WritableDb, runId: string, round: number, dataset: string, margins: readonly number[]): void {
  db.prepare('DELETE FROM run_heldout WHERE run_id = ? AND round = ? AND dataset = ?').run(runId, round, dataset)
  const insert = db.prepare('INSERT INTO run_heldout (run_id, round, dataset, pair_index, margin) VALUES (?, ?, ?, ?, ?)')
  margins.forEach((margin, index) => insert.run(runId, round, dataset, index, margin))
}

export function setPairStatistics(db: WritableDb, runId: string, row: PairStatistics): void {
  db.prepare('INSERT OR REPLACE INTO run_pairs (run_id, round, pairs, chosen_score, rejected_score, pair_accuracy) VALUES (?, ?, ?, ?, ?, ?)').run(runId, row.round, row.pairs, row.chosenScore, row.rejectedScore, row.pairAccuracy)
}

export function readPairStatistics(db: ReadableDb, runId: string): PairStatistics[] {
  const rows = db.prepare('SELECT round, pairs, chosen_score, rejected_score, pair_accuracy FROM run_pairs WHERE run_id = ? ORDER BY round').all(runId) as { round: number; pairs: number; chosen_score: number | null; rejected_score: number | null; pair_accuracy: number | null }[]
  return rows.map(({ round, pairs, chosen_score, rejected_score, pair_accuracy }) => ({ round, pairs, chosenScore: chosen_score, rejectedScore: rejected_score, pairAccuracy: pair_accuracy }))
}

/** Every verified sample of the runs, ordered by run, round, temperature, prompt, sample. */
export function readEvaluations(db: ReadableDb, runIds: readonly string[]): (StoredEvaluation & { run: string })[] {
  const statement = db.prepare('SELECT * FROM run_evaluations WHERE run_id = ? ORDER BY round, dataset, temperature, prompt_index, sample_index')
  return runIds.flatMap((id) => (statement.all(id) as EvaluationRow[]).map((row) => ({ run: id, ...toEvaluation(row) })))
}

/** Margins on held-out pairs per run, round and dataset, in the order of the pairs. */
export function readHeldout(db: ReadableDb, runIds: readonly string[]): { run: string; round: number; dataset: string; margins: number[] }[] {
  const statement = db.prepare('SELECT round, dataset, margin FROM run_heldout WHERE run_id = ? ORDER BY round, dataset, pair_index')
  return runIds.flatMap((run) => {
    const groups = new Map<string, { run: string; round: number; dataset: string; margins: number[] }>()
    for (const { round, dataset, margin } of statement.all(run) as { round: number; dataset: string; margin: number }[]) {
      const key = `${round}/${dataset}`
      const group = groups.get(key) ?? { run, round, dataset, margins: [] }
      group.margins.push(margin)
      groups.set(key, group)
    }
    return [...groups.values()]
  })
}

/** Mean score per round and temperature with a 95 % normal interval over prompts, of one dataset: others may be scored otherwise. */
export function summarizeEvaluations(db: ReadableDb, runId: string, dataset: string): RunDetail['evaluations'] {
  const prompts = db
    .prepare('SELECT round, temperature, avg(score) AS score, avg(pass) AS pass FROM run_evaluations WHERE run_id = ? AND dataset = ? GROUP BY round, temperature, prompt_index ORDER BY round, temperature')
    .all(runId, dataset) as { round: number; temperature: number; score: number; pass: number }[]
  return summaries(prompts, ({ round, temperature }) => `${round}/${temperature}`).map(({ rows, ...summary }) => ({ round: rows[0]!.round, temperature: rows[0]!.temperature, ...summary }))
}

/** Every run's score at its last evaluated round, at the highest temperature there. */
export function summarizeScores(db: ReadableDb): Map<string, { value: Interval; n: number }> {
  const prompts = db
    .prepare(
      `WITH latest AS (SELECT id, (SELECT max(round) FROM run_evaluations WHERE run_id = runs.id) AS round FROM runs),
         hottest AS (SELECT id, round, (SELECT max(temperature) FROM run_evaluations e WHERE e.run_id = latest.id AND e.round = latest.round) AS temperature FROM latest WHERE round IS NOT NULL)
       SELECT e.run_id AS run, avg(e.score) AS score, avg(e.pass) AS pass FROM hottest h JOIN run_evaluations e ON e.run_id = h.id AND e.round = h.round AND e.temperature = h.temperature
       GROUP BY e.run_id, e.dataset, e.prompt_index ORDER BY e.run_id`,
    )
    .all() as { run: string; score: number; pass: number }[]
  return new Map(summaries(prompts, ({ run }) => run).map(({ rows, score, low, high, n }) => [rows[0]!.run, { value: { estimate: score, low, high }, n }]))
}

/** Means over prompts with a normal interval, of the rows of each key. */
function summaries<Row extends { score: number; pass: number }>(prompts: readonly Row[], keyOf: (row: Row) => string): { rows: Row[]; score: number; low: number; high: number; pass: number; n: number }[] {
  return [...Map.groupBy(prompts, keyOf).values()].map((rows) => {
    const n = rows.length
    const score = mean(rows.map((row) => row.score))
    const variance = n > 1 ? rows.reduce((sum, row) => sum + (row.score - score) ** 2, 0) / (n - 1) : 0
    const half = 1.96 * Math.sqrt(variance / n)
    const { low, high } = clipped({ estimate: score, low: score - half, high: score + half }, SHARE)
    return { rows, score, low, high, pass: mean(rows.map((row) => row.pass)), n }
  })
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)

type EvaluationRow = {
  round: number; dataset: string; temperature: number; prompt_index: number; sample_index: number; seed: number; text: string; score: number; reward: number; pass: number
  checks: string; items: string; solution_size: number | null; tokens: number; entropy: number | null; finish_reason: 'stop' | 'length'
}

function toEvaluation(row: EvaluationRow): StoredEvaluation {
  return {
    round: row.round, dataset: row.dataset, temperature: row.temperature, promptIndex: row.prompt_index, sampleIndex: row.sample_index, seed: row.seed, text: row.text, score: row.score, reward: row.reward,
    pass: row.pass === 1, checks: JSON.parse(row.checks) as StoredEvaluation['checks'], items: JSON.parse(row.items) as string[], solutionSize: row.solution_size, tokens: row.tokens, entropy: row.entropy, finishReason: row.finish_reason,
  }
}
