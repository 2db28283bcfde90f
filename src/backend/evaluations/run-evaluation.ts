/** Makes a judged evaluation of a workspace: asks the judge where there is one, computes, stores. */
import { basename, join, resolve } from 'node:path'
import { lengthControlledInterval, macroInterval, meanInterval, type TaskValue } from '../../core/evals/intervals.ts'
import { makeRng } from '../../core/rng.ts'
import { type Scale, SHARE } from '../../core/statistics.ts'
import { UsageError } from '../../shared/errors.ts'
import { type EvaluationFiles, type EvaluationInput, type EvaluationIntervals, type JudgingEstimate, RESUMABLE } from '../../shared/evaluation.ts'
import { BackendError, toBackendError } from '../errors.ts'
import { hashFile } from '../hash-file.ts'
import { askAll, countKept } from '../judge/ask-all.ts'
import { chatEndpoint } from '../judge/chat-endpoint.ts'
import { environmentKey } from '../judge/judge-settings.ts'
import { planJudging } from '../judge/plans.ts'
import { finishEvaluation, type FinishedEvaluation, requireEvaluation, stopEvaluation } from '../storage/judged-evaluations.ts'
import { medianMilliseconds } from '../storage/judge-replies.ts'
import type { Workspace } from '../storage/open.ts'
import { writeLines } from '../write-lines.ts'
import { evaluateAlpaca, evaluateComparisons, evaluateScores, readSideFiles } from './evaluate-files.ts'

export type RunOptions = { signal?: AbortSignal; onProgress?: (progress: { done: number; total: number; stage: string }) => void }

/** What an evaluation is called until its files have been read. */
export function nameOf({ files }: EvaluationInput): string {
  const file = files.outputs ?? files.scores ?? files.pairwise ?? files.annotations ?? ''
  const parts = file.split(/[\\/]/)
  return /^(annotations|model_outputs)\.json/.test(parts.at(-1) ?? '') && parts.length > 1 ? parts.at(-2)! : basename(file).replace(/\.json(l)?(\.gz)?$/, '') || 'model'
}

/** Works a row off that `insertEvaluation` or `restartEvaluation` gave to this process, and leaves it done, failed or cancelled. */
export async function runEvaluation(workspace: Workspace, id: string, options: RunOptions = {}): Promise<void> {
  const { db } = workspace
  try {
    const finished = await makeEvaluation(workspace, id, requireEvaluation(db, id).input, options)
    finishEvaluation(db, id, finished, new Date().toISOString())
  } catch (error) {
    const cancelled = options.signal?.aborted === true
    stopEvaluation(db, id, cancelled ? 'cancelled' : 'failed', cancelled ? null : toBackendError(error).message, new Date().toISOString())
    throw error
  }
}

/** What asking the judge of `input` will take. Throws what reading its files throws. */
export async function estimateJudging(workspace: Workspace, given: EvaluationInput): Promise<JudgingEstimate> {
  const input = withAbsoluteFiles(workspace, given)
  const { url, model, concurrency } = requireJudge(input)
  const { answers, questions } = await planJudging(input)
  const cached = countKept(workspace.db, url, model, questions)
  const median = medianMilliseconds(workspace.db, url, model)
  const calls = questions.length - cached
  // What is kept is not known to be cheaper or dearer than the rest.
  const open = questions.length === 0 ? 0 : calls / questions.length
  const characters = questions.reduce((sum, { messages }) => sum + messages.reduce((total, { content }) => total + content.length, 0), 0)
  return {
    answers,
    calls,
    cached,
    promptTokens: Math.round((open * characters) / 4),
    completionTokens: Math.round(open * questions.reduce((sum, { options }) => sum + options.maxTokens, 0)),
    seconds: median === null ? null : (calls * median) / 1000 / concurrency,
  }
}

async function makeEvaluation(workspace: Workspace, id: string, given: EvaluationInput, options: RunOptions): Promise<FinishedEvaluation> {
  const input = withAbsoluteFiles(workspace, given)
  const hashed = await hashFiles(input.files)
  if (input.judge === null) return evaluate(input, hashed)
  const judged = await runJudge(workspace, id, input, options)
  options.onProgress?.({ done: 1, total: 1, stage: 'figures' })
  const finished = await evaluate({ ...input, files: judged.files }, [...hashed, ...(await hashFiles({ [judged.role]: judged.files[judged.role]! }))])
  return { ...finished, official: false, discrete: judged.discrete, notices: [...judged.notices, ...finished.notices] }
}

const RESULT_OF = { alpacaeval: 'annotations', 'wb-score': 'scores', 'wb-reward': 'pairwise' } as const

/** Leaves the judge's file in the exports folder, in the published format, and names it among the files. */
async function runJudge(workspace: Workspace, id: string, input: EvaluationInput, { signal, onProgress }: RunOptions): Promise<{ role: keyof EvaluationFiles; files: EvaluationFiles; notices: string[]; discrete: boolean }> {
  const judge = requireJudge(input)
  const plan = await planJudging(input)
  // A bad file must be told before the judge is paid.
  await readSideFiles(input.files)
  // Enough tries to outlast a limit per minute that the server does not tell.
  const endpoint = chatEndpoint({ baseUrl: judge.url, model: judge.model, key: environmentKey(), attempts: 9 })
  const { completions, firstFailure, model, notices: told } = await askAll(workspace.db, endpoint, plan.questions, {
    url: judge.url,
    concurrency: judge.concurrency,
    ...(signal ? { signal } : {}),
    onProgress: ({ done, total }) => onProgress?.({ done, total, stage: `judge ${judge.model}` }),
  })
  const { rows, readable, notices, discrete } = plan.rows(completions, model)
  if (readable === 0) throw new BackendError('failed', `judge ${judge.url}: expected replies that decide, got none in ${completions.length}: ${notices.join('; ')}. The replies are kept. Name a model that answers in this form`)
  const failed = completions.filter((completion) => completion === null).length
  const role = RESULT_OF[input.benchmark]
  const path = await writeLines(join(workspace.exports, 'evaluations', id, 'judged.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`))
  const { tags = plan.tagged ? input.files.tasks : undefined } = input.files
  return {
    role,
    files: { ...input.files, [role]: path, tags },
    notices: [
      ...plan.notices,
      ...(model === judge.model ? [] : [`the endpoint answered as ${model} where ${judge.model} was asked for`]),
      ...told,
      ...(failed > 0 ? [`the endpoint failed on ${failed} of ${completions.length} questions, which are left out (first: ${firstFailure}); ${RESUMABLE}`] : []),
      ...notices,
    ],
    discrete,
  }
}

/** A judge's scores of a task, and WB-Reward's verdicts. */
const JUDGE_SCORES: Scale = [1, 10]
const REWARDS: Scale = [-1, 1]

async function evaluate(input: EvaluationInput, hashed: FinishedEvaluation['files']): Promise<FinishedEvaluation> {
  const { files, benchmark, match, c } = input
  const random = (figure: string): (() => number) => makeRng(`evaluation/${benchmark}/${figure}`).next
  if (benchmark === 'alpacaeval') {
    const { lengthRows, gamed, ...evaluated } = await evaluateAlpaca({ ...files, annotations: requireFile(files, 'annotations', input), match, c })
    const { length_controlled_winrate: lc, lc_c } = evaluated.figures
    const intervals: EvaluationIntervals = {
      win_rate: meanInterval(evaluated.items.flatMap(({ value }) => (value === null ? [] : [value])), random('win_rate'), 100, 0, SHARE),
      length_controlled_winrate: lc === null || lc_c === null || lengthRows === null ? null : lengthControlledInterval(lc, lengthRows, gamed, lc_c, random('length_controlled_winrate')),
    }
    return { ...evaluated, intervals, files: hashed }
  }
  const macro = (taskValues: TaskValue[] | null, figure: number | null) => (taskValues === null || figure === null ? null : macroInterval(figure, taskValues, random('macro')))
  if (benchmark === 'wb-score') {
    const { taskValues, ...evaluated } = await evaluateScores({ scores: requireFile(files, 'scores', input), tags: files.tags })
    const scores = evaluated.items.flatMap(({ value }) => (value === null ? [] : [value]))
    return { ...evaluated, intervals: { wb_score: meanInterval(scores, random('wb_score'), 20, -100, JUDGE_SCORES), task_macro_score: macro(taskValues, evaluated.figures.task_macro_score) }, files: hashed }
  }
  if (input.reference === undefined) throw new UsageError('WB-Reward: expected the name of the reference model')
  const { taskValues, ...evaluated } = await evaluateComparisons({ pairwise: requireFile(files, 'pairwise', input), reference: input.reference, k: input.k, tags: files.tags })
  // The reward's divisor counts rows whose answers were left out: they are zeros.
  const rewards = evaluated.items.map(({ value }) => value ?? 0)
  return { ...evaluated, intervals: { reward: meanInterval(rewards, random('reward'), 1, 0, REWARDS), task_macro_reward: macro(taskValues, evaluated.figures.task_macro_reward) }, files: hashed }
}

function requireJudge({ judge }: EvaluationInput): NonNullable<EvaluationInput['judge']> {
  if (judge === null) throw new UsageError('judge: expected the URL of an OpenAI-compatible endpoint and the name of a model, got none')
  return judge
}

function requireFile(files: EvaluationFiles, role: keyof EvaluationFiles, { benchmark }: EvaluationInput): string {
  const file = files[role]
  if (file === undefined) throw new UsageError(`${benchmark}: expected a file of ${role}, got none`)
  return file
}

function withAbsoluteFiles({ path }: Workspace, input: EvaluationInput): EvaluationInput {
  return { ...input, files: Object.fromEntries(Object.entries(input.files).map(([role, file]) => [role, resolve(path, file)])) }
}

async function hashFiles(files: EvaluationFiles): Promise<FinishedEvaluation['files']> {
  const hashed: FinishedEvaluation['files'] = []
  for (const [role, path] of Object.entries(files)) {
    try {
      hashed.push({ role, path, sha256: await hashFile(path) })
    } catch (error) {
      throw new UsageError(`evaluation: expected a readable file of ${role}, got ${(error as Error).message}`, { cause: error })
    }
  }
  return hashed
}
