/** Scores and answers of every prompt of an evaluation, for the per-prompt board. */
import { arrangeBoard, boardColumns, boardRows, type BoardSort } from '../../core/board.ts'
import type { AnswerCell, BoardColumn, PromptAnswers, PromptBoard } from '../../shared/comparison.ts'
import type { PromptRow, ReplyOrigin } from '../../shared/types.ts'
import { UsageError } from '../../shared/errors.ts'
import { BackendError } from '../errors.ts'
import { atPlaces, type EvaluatedRun, evaluatedRuns } from './comparisons.ts'
import { readDatasetRows } from './datasets.ts'
import type { ReadableDb } from './open.ts'

/** What the list shows of a request. */
const TEXT_CHARACTERS = 240

export type BoardView = { seed?: number | undefined; temperature?: number | undefined }

/** The columns of one seed, and what else can be chosen. Null where the runs have no evaluation. */
function viewOf(db: ReadableDb, ids: readonly string[], { seed, temperature }: BoardView): { dataset: string; seeds: number[]; seed: number; temperatures: number[]; temperature: number; columns: BoardColumn[]; runOf: (id: string) => EvaluatedRun } | null {
  const { runs, config } = evaluatedRuns(db, ids)
  const seeds = [...new Set(runs.map(({ run }) => run.seed))].sort((a, b) => a - b)
  const chosen = seed ?? seeds[0]
  if (config === null || chosen === undefined) return null
  const temperatures = [...config.temperatures].sort((a, b) => b - a)
  const rounds = db.prepare('SELECT DISTINCT round FROM run_evaluations WHERE run_id = ? AND dataset = ?').pluck()
  const own = runs.filter(({ run }) => run.seed === chosen)
  const columns = boardColumns(own.map(({ run, evaluation, arm }) => ({ id: run.id, ...arm, rounds: rounds.all(run.id, evaluation.dataset) as number[] })))
  return { dataset: config.dataset, seeds, seed: chosen, temperatures, temperature: temperature ?? temperatures[0] ?? 1, columns, runOf: (id) => own.find(({ run }) => run.id === id)! }
}

export function readBoard(db: ReadableDb, ids: readonly string[], view: BoardView & { sort: BoardSort; turnedBad: boolean }): PromptBoard {
  const at = viewOf(db, ids, view)
  if (at === null) return { total: 0, turnedBad: 0, seeds: [], seed: 0, temperature: 1, temperatures: [], columns: [], rows: [] }
  const { dataset, columns, runOf, ...chosen } = at
  const prompts = readDatasetRows<PromptRow>(db, dataset).map(({ prompt }, index) => ({
    index,
    text: (prompt.at(-1)?.content ?? '').slice(0, TEXT_CHARACTERS),
    scores: columns.map((): number | null => null),
    passes: columns.map((): number | null => null),
  }))
  const select = db.prepare('SELECT prompt_index, avg(score) AS score, avg(pass) AS pass FROM run_evaluations WHERE run_id = ? AND round = ? AND dataset = ? AND temperature = ? GROUP BY prompt_index')
  columns.forEach(({ run, round }, i) => {
    const { evaluation, places } = runOf(run)
    for (const { prompt_index: index, score, pass } of atPlaces(select.all(run, round, evaluation.dataset, chosen.temperature) as { prompt_index: number; score: number; pass: number }[], places)) {
      const prompt = prompts[index]
      if (prompt) [prompt.scores[i], prompt.passes[i]] = [score, pass]
    }
  })
  // Prompts that only some of the runs were asked are no part of the comparison.
  const places = columns[0] === undefined ? null : runOf(columns[0].run).places
  const shared = places === null ? null : new Set(places.values())
  const rows = boardRows(columns, prompts.filter(({ index }) => shared?.has(index) ?? true))
  return { total: rows.length, turnedBad: rows.filter(({ turnedBad }) => turnedBad.length > 0).length, ...chosen, columns, rows: arrangeBoard(rows, view) }
}

/**
 * A run's answers after its last round, one a prompt: at the lowest temperature it was evaluated at, the first sample.
 * Prompts of several messages are left out: an answer is shown and learned from with its request alone.
 * @throws where nothing of the run is evaluated.
 */
export function readLastAnswers(db: ReadableDb, id: string): { prompt: string; answer: string; origin: ReplyOrigin }[] {
  const { config } = evaluatedRuns(db, [id])
  const rows = config === null ? [] : (db
    .prepare(
      `SELECT prompt_index AS "index", round, temperature, text FROM run_evaluations AS one WHERE run_id = @id AND dataset = @dataset AND sample_index = 0
         AND round = (SELECT max(round) FROM run_evaluations WHERE run_id = @id AND dataset = @dataset)
         AND temperature = (SELECT min(temperature) FROM run_evaluations WHERE run_id = @id AND dataset = @dataset AND round = one.round) ORDER BY prompt_index`,
    )
    .all({ id, dataset: config.dataset }) as { index: number; round: number; temperature: number; text: string }[])
  if (config === null || rows.length === 0) throw new UsageError(`answers of ${id}: expected an evaluated run, found no evaluation. Let it finish a round, or give its recipe an evaluation`)
  const prompts = readDatasetRows<PromptRow>(db, config.dataset)
  return rows.flatMap(({ index, text, ...at }) => {
    const [asked, ...more] = prompts[index]?.prompt ?? []
    return asked === undefined || more.length > 0 ? [] : [{ prompt: asked.content, answer: text, origin: { run: id, ...at, prompt: index, sample: 0 } }]
  })
}

export function readAnswers(db: ReadableDb, ids: readonly string[], { index, ...view }: BoardView & { index: number }): PromptAnswers {
  const at = viewOf(db, ids, view)
  const prompt = at && readDatasetRows<PromptRow>(db, at.dataset)[index]?.prompt
  if (!at || !prompt) throw new BackendError('not-found', `answers: expected a prompt of the runs' evaluation, got number ${index}. \`comparisons.prompts\` lists what there is.`)
  const select = db.prepare('SELECT text, score, pass FROM run_evaluations WHERE run_id = ? AND round = ? AND dataset = ? AND temperature = ? AND prompt_index = ? ORDER BY sample_index')
  const cells = at.columns.flatMap((column): AnswerCell[] => {
    const { evaluation, places } = at.runOf(column.run)
    const own = places === null ? index : [...places].find(([, shared]) => shared === index)?.[0]
    const answers = (select.all(column.run, column.round, evaluation.dataset, at.temperature, own ?? -1) as { text: string; score: number; pass: number }[]).map(({ pass, ...answer }) => ({ ...answer, pass: pass === 1 }))
    if (answers.length === 0 || own === undefined) return []
    return [{ ...column, dataset: evaluation.dataset, place: own, temperature: at.temperature, answers, n: answers.length, passes: answers.filter(({ pass }) => pass).length, score: answers.reduce((sum, { score }) => sum + score, 0) / answers.length }]
  })
  return { index, seed: at.seed, prompt, cells }
}
