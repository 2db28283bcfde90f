/** What the eval verbs do. Figures go to stdout, in words or with --json as one object; what they are not, and progress, go to stderr. */
import { resolve } from 'node:path'
import { evaluateAlpaca, evaluateComparisons, evaluateScores, type Evaluated } from '../backend/evaluations/evaluate-files.ts'
import { calibrationOf, readCalibrations, toRow } from '../backend/evaluations/calibrations.ts'
import { estimateJudging, nameOf, runEvaluation } from '../backend/evaluations/run-evaluation.ts'
import { answeredFiles } from '../backend/storage/answers.ts'
import { insertEvaluation, requireEvaluation } from '../backend/storage/judged-evaluations.ts'
import { judgingWords } from '../core/estimate-words.ts'
import { badgeOf } from '../core/evals/badge.ts'
import { UsageError } from '../shared/errors.ts'
import { type AlpacaFigures, type EvaluationFiles, evaluationInput, type EvaluationInput, type JudgeBadge, type JudgingEstimate, type WildBenchReward, type WildBenchScore } from '../shared/evaluation.ts'
import { print, withWorkspace } from './data-verbs.ts'
import type { AlpacaOptions, JudgeOptions, WildBenchOptions } from './eval-verbs.ts'
import { interruption } from './interruption.ts'

export async function runAlpacaEval(options: AlpacaOptions): Promise<void> {
  const { annotations, outputs, baseline, difficulty, gamed, instructions, match, c } = options
  const input = makeInput(options, { benchmark: 'alpacaeval', files: { annotations, outputs, baseline, difficulty, gamed, instructions }, match, ...(c === undefined ? {} : { c }) }, options.swap)
  if (input.judge !== null || options.workspace !== undefined) return evaluateInWorkspace(options, input)
  if (annotations === undefined) throw new UsageError("eval alpacaeval: expected --annotations, the judge's file, or --judge-url to ask a judge")
  showFiles(await evaluateAlpaca({ ...input.files, annotations, match, c }), options)
}

export async function runWildBench(options: WildBenchOptions): Promise<void> {
  const { scores, pairwise, tasks, outputs, baseline, reference, tags, k } = options
  const rewards = pairwise !== undefined || baseline !== undefined
  const input = makeInput(options, { benchmark: rewards ? 'wb-reward' : 'wb-score', files: { scores, pairwise, tasks, outputs, baseline, tags }, k, ...(reference === undefined ? {} : { reference }) })
  if (rewards && reference === undefined) throw new UsageError('eval wildbench: expected --reference, the name of the reference model')
  if (input.judge !== null || options.workspace !== undefined) return evaluateInWorkspace(options, input)
  if ((scores === undefined) === (pairwise === undefined)) throw new UsageError('eval wildbench: expected either --scores or --pairwise, or --judge-url to ask a judge')
  if (scores !== undefined) showFiles(await evaluateScores({ scores, tags }), options)
  else showFiles(await evaluateComparisons({ pairwise: pairwise!, reference: reference!, k, tags }), options)
}

type Given = Omit<Partial<EvaluationInput>, 'files' | 'judge'> & { files: { [Role in keyof EvaluationFiles]: string | undefined } }

function makeInput({ judgeUrl, judgeModel, concurrency }: JudgeOptions, { files, ...rest }: Given, swap: true | undefined = undefined): EvaluationInput {
  if ((judgeUrl === undefined) !== (judgeModel === undefined)) throw new UsageError('eval: expected --judge-url and --judge-model together')
  const judge = judgeUrl === undefined ? null : { url: judgeUrl, model: judgeModel, swap: swap ?? false, concurrency }
  const given = Object.entries(files).filter(([, file]) => file !== undefined)
  return evaluationInput.parse({ ...rest, files: Object.fromEntries(given.map(([role, file]) => [role, resolve(file!)])), judge })
}

/** Tells what a judge will take and asks it where there is one, keeps everything in the workspace, and shows the figures. */
async function evaluateInWorkspace(options: JudgeOptions, input: EvaluationInput): Promise<void> {
  if (options.workspace === undefined) throw new UsageError("eval: expected --workspace, where the judge's replies are kept so that nothing is asked twice")
  await withWorkspace(options.workspace, true, async (workspace) => {
    if (input.judge !== null) {
      const estimate = await estimateJudging(workspace, input)
      if (options.estimate) {
        if (options.json) print({ ...estimate, cost: costOf(estimate, options.price) })
        else console.log(judgingWords(estimate, costOf(estimate, options.price)))
        return
      }
      console.error(`drift: ${judgingWords(estimate, costOf(estimate, options.price))}`)
    }
    const id = insertEvaluation(workspace.db, input, nameOf(input), new Date().toISOString())
    let told = 0
    await runEvaluation(workspace, id, {
      signal: interruption(),
      onProgress: ({ done, total, stage }) => {
        const tenth = Math.floor((10 * done) / total)
        if (tenth > told) console.error(`drift: ${stage} ${done}/${total}`)
        told = tenth
      },
    })
    const calibrations = readCalibrations(workspace.db)
    const row = toRow(requireEvaluation(workspace.db, id), calibrations, answeredFiles(workspace.db))
    const calibration = calibrationOf(row, calibrations)
    if (calibration !== null) console.error(`drift: ${row.judge} agrees with the published judge on ${(100 * calibration.agreement.estimate).toFixed(1)} % of ${calibration.agreementN} answers (${(100 * calibration.agreementByChance).toFixed(1)} % by chance), rank correlation ${calibration.rankCorrelation?.toFixed(3) ?? 'not defined'}, shift ${calibration.shift.estimate.toFixed(2)} points`)
    show({ ...row, figures: row.figures! }, options, { evaluation: id, ...(row.answeredBy === null ? {} : { answered_by: row.answeredBy }), ...(input.judge === null ? {} : { file: row.files.at(-1)!.path }), ...(calibration === null ? {} : { calibration }) })
  })
}

const costOf = ({ promptTokens, completionTokens }: JudgingEstimate, price: JudgeOptions['price']): number | null => (price === undefined ? null : (promptTokens * price.prompt + completionTokens * price.completion) / 1e6)

type Shown = { model: string; judge: string | null; badge: JudgeBadge; figures: AlpacaFigures | WildBenchScore | WildBenchReward; notices: readonly string[] }

/** Without a workspace no calibration is known. */
const showFiles = (evaluated: Evaluated<Shown['figures']>, options: JudgeOptions): void => show({ ...evaluated, badge: badgeOf(evaluated, null) }, options)

function show(evaluated: Shown, { json }: JudgeOptions, kept: object = {}): void {
  const { figures, model, judge, badge, notices } = evaluated
  for (const notice of notices) console.error(`drift: ${notice}`)
  if (json) print({ ...figures, model, judge, badge, ...kept })
  else for (const line of [`${model}, judged by ${judge ?? 'an unnamed judge'} (${badge})`, ...describe(figures)]) console.log(line)
}

function describe(figures: Shown['figures']): string[] {
  if ('win_rate' in figures) {
    return [
      `win rate ${percent(figures.win_rate)} ± ${percent(figures.standard_error)} (standard error), discrete ${percent(figures.discrete_win_rate)}, n = ${figures.n_total}`,
      `length-controlled ${percent(figures.length_controlled_winrate)}, average length ${figures.avg_length}`,
    ]
  }
  if ('wb_score' in figures) return [`WB-Score ${figures.wb_score.toFixed(2)} (mean score ${figures.score.toFixed(3)}), n = ${figures.total}, average length ${figures.avg_len?.toFixed(0) ?? 'not defined'}`, ...perTask(figures.task_categorized_scores, figures.task_macro_score)]
  return [`WB-Reward ${figures.reward.toFixed(4)}, n = ${figures.total} (${figures.win_much} much better, ${figures.win} better, ${figures.tie} ties, ${figures.lose} worse, ${figures.lose_much} much worse)`, ...perTask(figures.task_categorized_rewards, figures.task_macro_reward)]
}

const percent = (value: number | null): string => (value === null ? 'not defined' : value.toFixed(2))
const perTask = (figures: Record<string, number> | null, macro: number | null): string[] =>
  figures === null ? [] : [`task macro ${macro?.toFixed(4) ?? 'not defined'}: ${Object.entries(figures).map(([group, figure]) => `${group} ${figure.toFixed(3)}`).join(', ')}`]
