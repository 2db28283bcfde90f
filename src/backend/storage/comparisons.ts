/** What a comparison needs to know of runs, as plain facts. */
import { join } from 'node:path'
import { type Arm, armsOf } from '../../core/arms.ts'
import { type ComparedRun, type EvaluationSample, normsOver, WARM_START_ROUND } from '../../core/comparison.ts'
import type { Comparison, Measured } from '../../shared/comparison.ts'
import type { EvaluationConfig, Recipe } from '../../shared/recipe.ts'
import type { PromptRow, Run } from '../../shared/types.ts'
import { keep, readKept } from '../kept.ts'
import { readDatasetRows, requireDataset } from './datasets.ts'
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

/** The evaluation all these runs share, and what is said of runs that are left out. */
export type SharedEvaluation = { dataset: string; prompts: number; temperatures: number[]; heldoutPairs: number | null; measured: Measured; cautions: string[] }

/** A run with the keys it is compared under. `places`: of its own prompts those that are compared, by their place in its dataset the place in the first run's. */
export type EvaluatedRun = { run: Run; recipe: Recipe; evaluation: EvaluationConfig; arm: Arm; places: Places }
/** Null: all, at their own place. */
export type Places = ReadonlyMap<number, number> | null

/** Runs on other prompts are compared on those that are asked in all, where there are so many; fewer decide nothing. */
export const SHARED_FROM = 20

/**
 * The runs that share the first one's evaluation, each a seed of its arm, and in words why others are left out. Of
 * datasets that overlap, the prompts asked in all of them count; `prompts` is how many.
 */
export function evaluatedRuns(db: ReadableDb, ids: readonly string[]): { runs: EvaluatedRun[]; config: EvaluationConfig | null; prompts: number; cautions: string[] } {
  const all = ids.map((id) => requireRun(db, id)).map((run) => ({ run, evaluations: run.importedFrom === null ? readRunFiles(db, run.id).recipe.evaluation : [] }))
  const config = all.find(({ evaluations }) => evaluations.length > 0)?.evaluations[0] ?? null
  if (config === null) return { runs: [], config, prompts: 0, cautions: [] }
  const none = all.filter(({ evaluations }) => evaluations.length === 0).map(({ run }) => run.id)
  const { datasets, places } = sharedPlaces(db, config, all.flatMap(({ evaluations }) => (evaluations.some((one) => isSame(one, config)) ? [] : evaluations.filter((one) => isAlike(one, config)).map(({ dataset }) => dataset))))
  const evaluationOf = (evaluations: readonly EvaluationConfig[]): EvaluationConfig | undefined => evaluations.find((one) => isSame(one, config)) ?? evaluations.find((one) => isAlike(one, config) && datasets.has(one.dataset))
  const other = all.filter(({ evaluations }) => evaluations.length > 0 && evaluationOf(evaluations) === undefined)
  const shared = all.flatMap(({ run, evaluations }) => {
    const evaluation = evaluationOf(evaluations)
    return evaluation ? [{ run, evaluation, recipe: readRunFiles(db, run.id).recipe, places: places?.get(evaluation.dataset) ?? null }] : []
  })
  const partly = shared.filter(({ evaluation }) => evaluation.dataset !== config.dataset)
  const { arms, cautions } = armsOf(shared.map(({ run: { id, method, seed, status }, recipe }) => ({ id, method, seed, status, recipe })))
  return {
    config,
    prompts: places?.get(config.dataset)?.size ?? requireDataset(db, config.dataset).rows,
    runs: shared.flatMap((one) => (arms.has(one.run.id) ? [{ ...one, arm: arms.get(one.run.id)! }] : [])),
    cautions: [
      ...(places !== null && partly.length > 0 ? [`Compared on the ${places.get(config.dataset)!.size} prompts that all of ${[...datasets].join(', ')} ask: ${named(partly.map(({ run }) => run.id))} ${partly.length > 1 ? 'were' : 'was'} evaluated on ${[...new Set(partly.map(({ evaluation }) => evaluation.dataset))].join(', ')}, the first run on ${config.dataset} (${requireDataset(db, config.dataset).rows} prompts).`] : []),
      ...(none.length > 0 ? [`${named(none)} ${none.length > 1 ? 'have' : 'has'} no evaluation: left out here, curves by step show what ${none.length > 1 ? 'they' : 'it'} trained.`] : []),
      ...[...Map.groupBy(other, ({ evaluations }) => JSON.stringify(evaluations[0]))].map(([, of]) => otherEvaluation(db, of.map(({ run }) => run.id), of[0]!.evaluations[0]!, config)),
      ...cautions,
    ],
  }
}

const named = (ids: readonly string[]): string => `${ids.slice(0, 4).join(', ')}${ids.length > 4 ? ` and ${ids.length - 4} more` : ''}`

/** Scores of one kind, made in one way. */
const SHARED_KEYS = ['dataset', 'k', 'type', 'reaction', 'scorer_dataset', 'max_new_tokens'] as const
const isSame = (a: EvaluationConfig, b: EvaluationConfig): boolean => SHARED_KEYS.every((key) => a[key] === b[key])

/** But for the prompts. */
const isAlike = (a: EvaluationConfig, b: EvaluationConfig): boolean => isSame({ ...a, dataset: b.dataset }, b)

/**
 * The datasets that can be compared and, by dataset, where the prompts stand that all of them ask; `places` is null where
 * there is one dataset. A prompt is the same where its messages and its task are. A dataset that would leave fewer than
 * SHARED_FROM is none of them.
 */
function sharedPlaces(db: ReadableDb, { dataset: first }: EvaluationConfig, others: readonly string[]): { datasets: Set<string>; places: Map<string, ReadonlyMap<number, number>> | null } {
  const datasets = new Set([first])
  if (others.every((name) => name === first)) return { datasets, places: null }
  const asked = new Map([...new Set([first, ...others])].map((name) => [name, promptsOf(db, name)]))
  const own = asked.get(first)!
  let shared = new Set(own.keys())
  for (const name of asked.keys()) {
    const both = new Set([...shared].filter((prompt) => asked.get(name)!.has(prompt)))
    if (both.size < SHARED_FROM) continue
    shared = both
    datasets.add(name)
  }
  if (datasets.size === 1) return { datasets, places: null }
  return { datasets, places: new Map([...datasets].map((name) => [name, new Map([...asked.get(name)!].flatMap(([prompt, place]): [number, number][] => (shared.has(prompt) ? [[place, own.get(prompt)!]] : [])))])) }
}

/** Place of each prompt, of equal ones the first. */
function promptsOf(db: ReadableDb, dataset: string): Map<string, number> {
  const places = new Map<string, number>()
  readDatasetRows<PromptRow>(db, dataset).forEach(({ prompt, task }, place) => {
    const key = JSON.stringify([prompt.map(({ role, content }) => [role, content]), task])
    if (!places.has(key)) places.set(key, place)
  })
  return places
}

function otherEvaluation(db: ReadableDb, ids: readonly string[], own: EvaluationConfig, config: EvaluationConfig): string {
  const differing = SHARED_KEYS.filter((key) => own[key] !== config[key]).map((key) => `${key} ${own[key]} instead of ${config[key]}`)
  const [asked, other] = own.dataset === config.dataset ? [null, null] : [config, own].map(({ dataset }) => promptsOf(db, dataset))
  const overlap = asked && other ? ` (${[...other.keys()].filter((prompt) => asked.has(prompt)).length} of its ${other.size} prompts are asked in both${isAlike(own, config) ? `, ${SHARED_FROM} asked in all are needed` : ''})` : ''
  return `${named(ids)} ${ids.length > 1 ? 'are' : 'is'} left out: evaluated with ${differing.join(', ')}${overlap}. Start ${ids.length > 1 ? 'them' : 'it'} again with the evaluation of the others; what is trained already is taken over.`
}

/** Whether nothing of these runs can be compared, without reading their recipes. Of an unknown run it says nothing. */
export function noneEvaluated(db: ReadableDb, ids: readonly string[]): boolean {
  const isEvaluated = db.prepare("SELECT imported_from IS NULL AND json_array_length(settings, '$.evaluation') > 0 FROM runs WHERE id = ?").pluck()
  return ids.every((id) => isEvaluated.get(id) === 0)
}

/** @param folder of the runs, where what a long run's steps come to is kept; null keeps nothing */
export function comparedRuns(db: ReadableDb, ids: readonly string[], folder: string | null = null): { runs: ComparedRun[]; evaluation: SharedEvaluation | null } {
  const { runs, config, prompts, cautions } = evaluatedRuns(db, ids)
  if (config === null) return { runs: [], evaluation: null }
  const otherPairs = runs.filter(({ evaluation }) => evaluation.heldout_pairs !== config.heldout_pairs).map(({ run }) => run.id)
  if (otherPairs.length > 0) cautions.push(`Held-out margins of ${named(otherPairs)} are left out: they are of other pairs than the first run’s (${config.heldout_pairs ?? 'it has none'}).`)
  for (const temperature of config.temperatures) {
    const without = runs.filter(({ evaluation }) => !evaluation.temperatures.includes(temperature)).map(({ run }) => run.id)
    if (without.length > 0) cautions.push(`${named(without)} ${without.length > 1 ? 'were' : 'was'} not evaluated at T = ${temperature}: missing there.`)
  }
  return {
    runs: runs.map(({ run, recipe, evaluation, arm, places }) => ({
      id: run.id,
      ...arm,
      seed: run.seed,
      status: run.status,
      rounds: recipe.recipe === 'dpo' ? WARM_START_ROUND : run.rounds,
      dataset: config.dataset,
      k: config.k,
      samples: samplesOf(db, run.id, evaluation.dataset, places),
      heldout: evaluation.heldout_pairs === config.heldout_pairs ? heldoutOf(db, run.id) : [],
      gradNorms: gradNormsOf(db, run.id, folder),
      trainingPairs: db.prepare('SELECT round, pairs, chosen_score AS chosenScore, rejected_score AS rejectedScore, pair_accuracy AS pairAccuracy FROM run_pairs WHERE run_id = ? ORDER BY round').all(run.id) as ComparedRun['trainingPairs'],
      ledger: readLedger(db, run.id),
    })),
    evaluation: {
      dataset: config.dataset,
      prompts,
      temperatures: config.temperatures,
      heldoutPairs: config.heldout_pairs === null ? null : requireDataset(db, config.heldout_pairs).rows,
      measured: measuredBy(db, ids, config),
      cautions,
    },
  }
}

/** What the scores of these runs are. */
export function measuredBy(db: ReadableDb, ids: readonly string[], { type, reaction }: Pick<EvaluationConfig, 'type' | 'reaction'>): Measured {
  if (type === 'verifiable') return { measure: 'task score', reaction: null, scorer: null }
  const marks = ids.map(() => '?').join(', ')
  const summary = db.prepare(`SELECT summary FROM run_stages WHERE key = 'reward/scorer/calibrate' AND status = 'done' AND run_id IN (${marks}) LIMIT 1`).pluck().get(...ids) as string | undefined
  const { AUC: auc, replies } = summary === undefined ? {} as Record<string, number> : (JSON.parse(summary) as Record<string, number>)
  return { measure: 'content rate', reaction, scorer: auc === undefined || replies === undefined ? null : { auc, replies } }
}

/** Rows of a run's evaluation that are compared, by the place of their prompt in the first run's dataset. */
export function atPlaces<Row extends { prompt_index: number }>(rows: readonly Row[], places: Places): Row[] {
  if (places === null) return [...rows]
  return rows.flatMap((row) => (places.has(row.prompt_index) ? [{ ...row, prompt_index: places.get(row.prompt_index)! }] : []))
}

function samplesOf(db: ReadableDb, runId: string, dataset: string, places: Places): EvaluationSample[] {
  const rows = db
    .prepare('SELECT round, temperature, prompt_index, score, pass, items, solution_size, tokens, entropy FROM run_evaluations WHERE run_id = ? AND dataset = ? ORDER BY round, temperature, prompt_index, sample_index')
    .all(runId, dataset) as { round: number; temperature: number; prompt_index: number; score: number; pass: number; items: string; solution_size: number | null; tokens: number; entropy: number | null }[]
  return atPlaces(rows, places).map((row) => ({
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
