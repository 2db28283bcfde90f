/**
 * The verbs a recipe may use. Whoever implements `Lab` journals every call under its stage key: after a kill
 * the recipe runs again from its first line, and finished stages answer from the journal. That is why recipes
 * can be plain loops. Keys must therefore be the same on every run of the same recipe.
 */
import type { FeedbackRow, Message, Pair } from '../shared/types.ts'
import type { Recipe, SamplingConfig, TrainingConfig } from '../shared/recipe.ts'

/** A model folder of this run; `hash` is the hash of its weights. */
export type Policy = { name: string; folder: string; hash: string }
export type RewardModel = { folder: string } | { verifier: true } | { judge: true }

/** The logs as a recipe sees them. */
export type Logs = {
  dissatisfied: FeedbackRow[]
  satisfied: FeedbackRow[]
  /** Every logged request once, whatever its user thought of the reply. */
  requests: FeedbackRow[]
  /** DSAT then SAT within one conversation: rejected the first reply, chosen the second. */
  seedPairs: Pair[]
}

export type Lab = {
  readonly base: Policy
  /** n rows drawn without replacement while they last, then again; all rows where n is null. Seeded by the stage. */
  draw<Row>(stage: string, rows: Row[], n: number | null): Row[]
  /** DPO from `start` on `pairs`; the reference is `reference`, frozen. */
  train(stage: string, start: Policy, reference: Policy, pairs: Pair[], training: TrainingConfig): Promise<Policy>
  /** One list of `sampling.n` replies per prompt. */
  sample(stage: string, policy: Policy, prompts: SamplePrompt[], sampling: SamplingConfig): Promise<string[][]>
  /**
   * As `sample`, but replies that the run drew for the same row in an earlier round stay while `policy` has hardly moved
   * from them: |log π(reply | prompt) − log π_by(reply | prompt)| / tokens <= `staleBeyond` nats for each reply to the
   * prompt, π_by being who drew it, both at temperature 1. Null, or nothing drawn before: sampled anew.
   */
  resample(stage: string, policy: Policy, prompts: SamplePrompt[], sampling: SamplingConfig, staleBeyond: number | null): Promise<Drawn[]>
  /** Scalar head on `start`, BCE on satisfied (1) against dissatisfied (0) replies; or the task's own verifier; or a judge. */
  trainReward(stage: string, start: Policy, satisfied: FeedbackRow[], dissatisfied: FeedbackRow[]): Promise<RewardModel>
  /** Reward of each reply; higher is better. Null where a judge gave none. */
  reward(stage: string, model: RewardModel, rows: { row: FeedbackRow; reply: string }[]): Promise<(number | null)[]>
  /** Score `policy` as the recipe's `evaluation` asks; round 0 is the warm start. */
  evaluate(round: number, policy: Policy, pairs: Pair[]): Promise<void>
}

/** What a row without the user's words was sampled with instead. */
export type Stopgap = Recipe['without_feedback']

/**
 * `about` ties a sample to the logged reply it is meant to improve on, for display and lineage. A string is raw text,
 * which gets no chat template. `stopgap` is set on guided prompts of rows without feedback, for the run's log.
 */
export type SamplePrompt = { messages: Message[] | string; about: FeedbackRow; stopgap?: Stopgap }

/** Replies to a prompt, with who drew them. */
export type Drawn = { replies: string[]; by: Policy }

export type Method = {
  /** Where it is described in public. */
  source: string
  /** What is done otherwise than there, or left open there; printed into the log of every run. */
  deviations: readonly string[]
  run(lab: Lab, logs: Logs, recipe: Recipe): Promise<Policy>
}
