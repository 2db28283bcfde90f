/** What a comparison needs to know of runs, as plain facts. */
import { join } from 'node:path'
import { type ComparedRun, type EvaluationSample, normsOver, WARM_START_ROUND } from '../../core/comparison.ts'
import type { Comparison, Measured } from '../../shared/comparison.ts'
import type { EvaluationConfig, Recipe } from '../../shared/recipe.ts'
import type { Run } from '../../shared/types.ts'
import { keep, readKept } from '../kept.ts'
import { requireDataset } from './datasets.ts'
import type { ReadableDb } from './open.ts'
import { isLong, markOfRows, readLedger } from './run-stages.ts'
import { readRunFiles, requireRun } from './runs.ts'

export function runIdsOfGroup(db: ReadableDb, group: string): string[] {
  return db.prepare('SELECT id FROM runs WHERE group_name = ? ORDER BY position').pluck().all(group) as string[]
}

/** What a comparison is made from, without reading it: every unit of work that is committed adds to its stage's seconds. The same answer means the same comparison. */
export function stateOfRuns(db: ReadableDb, ids: readonly string[]): string {
  const of = db.prepare(`
    SELECT r.id || ' ' || r.status || ' ' || r.round || ' ' || count(s.key) || ' ' || total(s.status = 'done') || ' ' || total(s.seconds)
    FROM runs r LEFT JOIN run_stages s ON s.run_id = r.id WHERE r.id = ?`).pluck()
  return ids.map((id) => of.get(id) as string).join('/')
}

/** How many runs of a group may still gain rows. */
export function stateOfGroup(db: ReadableDb, group: string): { going: number } {
  return { going: db.prepare("SELECT count(*) FROM runs WHERE group_name = ? AND status NOT IN ('done', 'failed', 'cancelled')").pluck().get(group) as number }
}

/** The evaluation all these runs share; runs with another one are left out by the caller's choice of runs. */
export type SharedEvaluation = { dataset: string; prompts: number; temperatures: number[]; heldoutPairs: number | null; measured: Measured }

/** The runs that have the first one's evaluation; imported ones have none. */
export function evaluatedRuns(db: ReadableDb, ids: readonly string[]): { runs: { run: Run; recipe: Recipe }[]; config: EvaluationConfig | null } {
  const runs = ids.map((id) => requireRun(db, id)).filter((run) => run.importedFrom === null).map((run) => ({ run, recipe: readRunFiles(db, run.id).recipe }))
  const config = runs.map(({ recipe }) => evaluationOf(recipe)).find((evaluation) => evaluation !== null) ?? null
  return { config, runs: runs.filter(({ recipe }) => config !== null && isSame(evaluationOf(recipe), config)) }
}

/** @param folder of the runs, where what a long run's steps come to is kept; null keeps nothing */
export function comparedRuns(db: ReadableDb, ids: readonly string[], folder: string | null = null): { runs: ComparedRun[]; evaluation: SharedEvaluation | null } {
  const { runs, config } = evaluatedRuns(db, ids)
  if (config === null) return { runs: [], evaluation: null }
  return {
    runs: runs.map(({ run, recipe }) => ({
      id: run.id,
      method: run.method,
      seed: run.seed,
      status: run.status,
      rounds: recipe.recipe === 'dpo' ? WARM_START_ROUND : run.rounds,
      dataset: config.dataset,
      k: config.k,
      samples: samplesOf(db, run.id, config.dataset),
      heldout: heldoutOf(db, run.id),
      gradNorms: gradNormsOf(db, run.id, folder),
      trainingPairs: db.prepare('SELECT round, pairs, chosen_score AS chosenScore, rejected_score AS rejectedScore, pair_accuracy AS pairAccuracy FROM run_pairs WHERE run_id = ? ORDER BY round').all(run.id) as ComparedRun['trainingPairs'],
      ledger: readLedger(db, run.id),
    })),
    evaluation: {
      dataset: config.dataset,
      prompts: requireDataset(db, config.dataset).rows,
      temperatures: config.temperatures,
      heldoutPairs: config.heldout_pairs === null ? null : requireDataset(db, config.heldout_pairs).rows,
      measured: measuredBy(db, ids, config),
    },
  }
}

/** Scores of one kind, made in one way. */
const isSame = (a: EvaluationConfig | null, b: EvaluationConfig): boolean => a !== null && (['dataset', 'k', 'type', 'reaction', 'scorer_dataset'] as const).every((key) => a[key] === b[key])

/** What the scores of these runs are. */
export function measuredBy(db: ReadableDb, ids: readonly string[], { type, reaction }: Pick<EvaluationConfig, 'type' | 'reaction'>): Measured {
  if (type === 'verifiable') return { measure: 'task score', reaction: null, scorer: null }
  const marks = ids.map(() => '?').join(', ')
  const summary = db.prepare(`SELECT summary FROM run_stages WHERE key = 'reward/scorer/calibrate' AND status = 'done' AND run_id IN (${marks}) LIMIT 1`).pluck().get(...ids) as string | undefined
  const { AUC: auc, replies } = summary === undefined ? {} as Record<string, number> : (JSON.parse(summary) as Record<string, number>)
  return { measure: 'content rate', reaction, scorer: auc === undefined || replies === undefined ? null : { auc, replies } }
}

const evaluationOf = (recipe: Recipe): EvaluationConfig | null => recipe.evaluation[0] ?? null

function samplesOf(db: ReadableDb, runId: string, dataset: string): EvaluationSample[] {
  const rows = db
    .prepare('SELECT round, temperature, prompt_index, score, pass, items, solution_size, tokens, entropy FROM run_evaluations WHERE run_id = ? AND dataset = ? ORDER BY round, temperature, prompt_index, sample_index')
    .all(runId, dataset) as { round: number; temperature: number; prompt_index: number; score: number; pass: number; items: string; solution_size: number | null; tokens: number; entropy: number | null }[]
  return rows.map((row) => ({
    run: runId,
    round: row.round,
    temperature: row.temperature,
    promptIndex: row.prompt_index,
    score: row.score,
    pass: row.pass === 1,
    items: JSON.parse(row.items) as string[],
    solutionSize: row.solution_size,
    tokens: row.tokens,
    entropy: row.entropy,
  }))
}

function heldoutOf(db: ReadableDb, runId: string): ComparedRun['heldout'] {
  const rows = db.prepare('SELECT round, json_group_array(margin ORDER BY pair_index) AS margins FROM run_heldout WHERE run_id = ? GROUP BY round ORDER BY round').all(runId) as { round: number; margins: string }[]
  return rows.map(({ round, margins }) => ({ round, margins: JSON.parse(margins) as number[] }))
}

/** Part of the mark of kept norms: raise it when they mean something else. */
const NORMS_EDITION = 2

/** Of the policy's own steps: a learned reward's training is none of them. */
function gradNormsOf(db: ReadableDb, runId: string, folder: string | null): ComparedRun['gradNorms'] {
  const file = folder === null || !isLong(db, runId) ? null : join(folder, runId, 'curves', 'gradient-norms.json')
  const mark = file === null ? '' : `${NORMS_EDITION} ${markOfRows(db)(runId)}`
  const kept = file === null ? null : readKept<ComparedRun['gradNorms']>(file, mark)
  if (kept !== null) return kept
  const rows = db
    .prepare("SELECT s.round AS round, json_group_array(json_extract(m.row, '$.grad_norm') ORDER BY m.step) AS norms FROM run_metrics m JOIN run_stages s ON s.run_id = m.run_id AND s.key = m.stage WHERE m.run_id = ? AND s.kind = 'train' AND m.stage NOT LIKE 'reward/%' AND json_extract(m.row, '$.grad_norm') IS NOT NULL GROUP BY s.round ORDER BY s.round")
    .all(runId) as { round: number; norms: string }[]
  const norms = rows.map(({ round, norms: values }) => ({ round, ...normsOver(JSON.parse(values) as number[]) }))
  if (file !== null) keep(file, mark, norms)
  return norms
}

/** The probe measured when the evaluation's prompts were made, where one was. */
export function probeOf(db: ReadableDb, dataset: string): Comparison['probe'] {
  const { probe } = requireDataset(db, dataset).recipe as { probe?: Comparison['probe'] }
  return probe ?? null
}

export function recipesOf(db: ReadableDb, ids: readonly string[]): { run: string; yaml: string }[] {
  return ids.map((id) => ({ run: id, yaml: readRunFiles(db, id).yaml }))
}
