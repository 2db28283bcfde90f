/** What an evaluation makes of answers: a program's verdict, or how likely each is to dissatisfy its user. */
import { scoreDetector } from '../../core/detector-score.ts'
import { fitPlatt } from '../../core/detector/logistic-regression.ts'
import { hash32 } from '../../core/rng.ts'
import { sigmoid } from '../../core/statistics.ts'
import { verify, type Verdict } from '../../core/verifiers.ts'
import { chanceOfDissatisfaction } from '../../core/world/user.ts'
import type { Policy } from '../../recipes/lab.ts'
import { UsageError } from '../../shared/errors.ts'
import { type EvaluationConfig, recipeSchema } from '../../shared/recipe.ts'
import type { FeedbackRow, PromptRow, VerifiableTask } from '../../shared/types.ts'
import { type LabContext, log } from './context.ts'
import { runStage } from './journal.ts'
import { scoreRewards } from './scores.ts'
import { replyIds } from './text.ts'
import { trainRewardStage } from './training.ts'

type Answer = { row: PromptRow; /** Of the row in its dataset. */ index: number; reply: string }
export type Rate = (answers: readonly Answer[]) => Promise<Verdict[]>
/** `by`: what else the verdicts depend on. */
export type Rater = { rate: Rate; by: { scorer: string; calibration: Calibration } | null }

/** Of DSAT rates the score is 1 − P(dissatisfied), so that more is better as everywhere. */
export async function raterOf(context: LabContext, base: Policy, config: EvaluationConfig, labelled: readonly FeedbackRow[]): Promise<Rater> {
  if (config.type === 'verifiable') return { by: null, rate: (answers) => Promise.resolve(answers.map(({ row, index, reply }) => verify(taskOf(row, config.dataset, index), reply))) }
  if (config.reaction === 'simulated-user') return { by: null, rate: (answers) => Promise.resolve(answers.map(({ row, index, reply }) => asUser(verify(taskOf(row, config.dataset, index), reply)))) }
  const scorer = await trainScorer(context, base, labelled)
  return {
    by: { scorer: scorer.hash, calibration: scorer.calibration },
    async rate(answers) {
      const rewards = await scoreRewards(context, scorer, answers.map(({ row, reply }) => replyIds(context.text, row.prompt, reply, context.recipe.training.max_length)), () => {})
      return answers.map(({ reply }, i) => {
        const content = 1 - probabilityOf(scorer.calibration, rewards[i]!)
        // Without a verifier an answer is its text, and how many good ones there are nobody knows.
        return { reward: content, taskScore: content, pass: content > 0.5, checks: {}, items: [reply], solutionSize: null }
      })
    },
  }
}

function asUser(verdict: Verdict): Verdict {
  const failed = Object.values(verdict.checks).filter((met) => met !== 1).length
  return { ...verdict, taskScore: 1 - chanceOfDissatisfaction(failed) }
}

function taskOf(row: PromptRow, dataset: string, index: number): VerifiableTask {
  if (!row.task) throw new UsageError(`evaluation dataset ${dataset}, row ${index}: expected a task that a program can verify, got none. Name a prompts dataset whose rows carry a task, or set type: dsat-rate with a scorer`)
  return row.task
}

/** One in so many conversations is kept from the scorer, to calibrate it and to say how well it orders. */
const KEPT_EVERY = 4
const SCORER = 'reward/scorer'

/** P(dissatisfied) = σ(weight·reward + intercept). */
type Calibration = { weight: number; intercept: number }
type Scorer = { folder: string; hash: string; calibration: Calibration }

/**
 * A reply-only scorer: a scalar head on the base, trained on liked and disliked replies, its rewards turned into
 * P(dissatisfied) by Platt's scaling on conversations it did not see. The same for every run on the same base and rows:
 * neither the run's seed nor its optimizer is in it.
 */
async function trainScorer(context: LabContext, base: Policy, labelled: readonly FeedbackRow[]): Promise<Scorer> {
  const rated = labelled.filter(({ label }) => label !== 'neutral')
  const isKept = ({ conversationId }: FeedbackRow): boolean => hash32(`scorer/${conversationId}`) % KEPT_EVERY === 0
  const kept = rated.filter(isKept)
  const learned = rated.filter((row) => !isKept(row))
  const disliked = kept.map(({ label }) => label === 'dissatisfied')
  if (!disliked.includes(true) || !disliked.includes(false)) throw new UsageError(`${SCORER}: expected liked and disliked replies among the conversations kept for its calibration, got ${kept.length} replies of ${disliked.includes(true) ? 'dissatisfied' : 'satisfied'} users alone; name a scorer_dataset with more of both`)
  const { max_length } = context.recipe.training
  const plain = recipeSchema.shape
  const how = { seed: 0, own: plain.reward_training.parse(undefined), training: { ...plain.training.parse(undefined), optim: 'adamw_torch' as const, max_length }, forEvaluation: true as const }
  const model = await trainRewardStage(context, `${SCORER}/train`, base, learned.filter(({ label }) => label === 'satisfied'), learned.filter(({ label }) => label === 'dissatisfied'), how)
  const calibration = await runStage<Calibration>(context, {
    key: `${SCORER}/calibrate`,
    kind: 'reward',
    round: 0,
    startsFrom: null,
    inputs: { scorer: model.hash, rows: kept.map(({ prompt, reply, label }) => [prompt, reply, label]), max_length },
    async work({ tell }) {
      tell(0, kept.length)
      const rewards = [...(await scoreRewards(context, model, kept.map(({ prompt, reply }) => replyIds(context.text, prompt, reply, max_length)), (done) => tell(done, kept.length)))]
      const { weights, intercept } = fitPlatt(rewards, disliked)
      const fitted = { weight: weights[0]!, intercept }
      const probabilities = rewards.map((reward) => probabilityOf(fitted, reward))
      const auc = scoreDetector(probabilities.map((probability, i) => ({ probability, dissatisfied: disliked[i]!, ratings: null }))).roc_auc!
      const brier = probabilities.reduce((sum, probability, i) => sum + (probability - Number(disliked[i])) ** 2, 0) / kept.length
      log(context, auc < 0.6 ? 'warning' : 'info', `${SCORER}: orders liked and disliked replies of ${kept.length} conversations it did not see with AUC ${auc.toFixed(3)} (Brier score ${brier.toFixed(3)})${auc < 0.6 ? '; that is close to guessing, do not rest anything on this DSAT rate' : ''}`)
      return { result: fitted, summary: { AUC: auc, Brier: brier, replies: kept.length } }
    },
  })
  return { ...model, calibration }
}

const probabilityOf = ({ weight, intercept }: Calibration, reward: number): number => sigmoid(weight * reward + intercept)
