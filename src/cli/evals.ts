/** What the eval verbs do. Figures go to stdout, in words or with --json as one object; what they are not goes to stderr. */
import { evaluateAlpaca, evaluateComparisons, evaluateScores, type Evaluated } from '../backend/evaluations/evaluate-files.ts'
import { badgeOf } from '../core/evals/badge.ts'
import { UsageError } from '../shared/errors.ts'
import type { AlpacaOptions, WildBenchOptions } from './eval-verbs.ts'

export async function runAlpacaEval({ json, ...files }: AlpacaOptions): Promise<void> {
  const evaluated = await evaluateAlpaca(files)
  const { figures } = evaluated
  show(evaluated, json, [
    `win rate ${percent(figures.win_rate)} ± ${percent(figures.standard_error)} (standard error), discrete ${percent(figures.discrete_win_rate)}, n = ${figures.n_total}`,
    `length-controlled ${percent(figures.length_controlled_winrate)}, average length ${figures.avg_length}`,
  ])
}

export async function runWildBench({ json, scores, pairwise, reference, tags, k }: WildBenchOptions): Promise<void> {
  if ((scores === undefined) === (pairwise === undefined)) throw new UsageError('eval wildbench: expected either --scores or --pairwise')
  const withTags = tags === undefined ? {} : { tags }
  if (scores !== undefined) {
    const evaluated = await evaluateScores({ scores, ...withTags })
    const { figures } = evaluated
    return show(evaluated, json, [`WB-Score ${figures.wb_score.toFixed(2)} (mean score ${figures.score.toFixed(3)}), n = ${figures.total}, average length ${figures.avg_len?.toFixed(0) ?? 'not defined'}`, ...perTask(figures.task_categorized_scores, figures.task_macro_score)])
  }
  if (reference === undefined) throw new UsageError('eval wildbench --pairwise: expected --reference, the name of the reference model')
  const evaluated = await evaluateComparisons({ pairwise: pairwise!, reference, k, ...withTags })
  const { figures } = evaluated
  show(evaluated, json, [`WB-Reward ${figures.reward.toFixed(4)} against ${reference} at K = ${k}, n = ${figures.total} (${figures.win_much} much better, ${figures.win} better, ${figures.tie} ties, ${figures.lose} worse, ${figures.lose_much} much worse)`, ...perTask(figures.task_categorized_rewards, figures.task_macro_reward)])
}

function show(evaluated: Evaluated<object>, json: true | undefined, words: string[]): void {
  const badge = badgeOf(evaluated, null)
  for (const notice of evaluated.notices) console.error(`drift: ${notice}`)
  if (json) console.log(JSON.stringify({ ...evaluated.figures, model: evaluated.model, judge: evaluated.judge, badge }))
  else for (const line of [`${evaluated.model}, judged by ${evaluated.judge ?? 'an unnamed judge'} (${badge})`, ...words]) console.log(line)
}

const percent = (value: number | null): string => (value === null ? 'not defined' : value.toFixed(2))
const perTask = (figures: Record<string, number> | null, macro: number | null): string[] =>
  figures === null ? [] : [`task macro ${macro?.toFixed(4) ?? 'not defined'}: ${Object.entries(figures).map(([group, figure]) => `${group} ${figure.toFixed(3)}`).join(', ')}`]
