/**
 * The verbs a recipe may use. Whoever implements `Lab` journals every call under its stage key: after a kill
 * the recipe runs again from its first line, and finished stages answer from the journal. That is why recipes
 * can be plain loops. Keys must therefore be the same on every run of the same recipe.
 */
import type { FeedbackRow, Message, Pair } from '../shared/types.ts'
import type { Recipe, SamplingConfig, TrainingConfig } from '../shared/recipe.ts'

/** A model folder of this run; `hash` is the hash of its weights. */
export type Policy = { name: string; folder: string; hash: string }
export type RewardModel = { folder: string } | { verifier: true }

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
  /** Scalar head on `start`, BCE on satisfied (1) against dissatisfied (0) replies; or the task's own verifier. */
  trainReward(stage: string, start: Policy, satisfied: FeedbackRow[], dissatisfied: FeedbackRow[]): Promise<RewardModel>
  /** Reward of each reply; higher is better. */
  reward(stage: string, model: RewardModel, rows: { row: FeedbackRow; reply: string }[]): Promise<number[]>
  /** Score `policy` as the recipe's `evaluation` asks; round 0 is the warm start. */
  evaluate(round: number, policy: Policy, pairs: Pair[]): Promise<void>
}

/** `about` ties a sample to the logged reply it is meant to improve on, for display and lineage. */
export type SamplePrompt = { messages: Message[]; about: FeedbackRow }

export type RunRecipe = (lab: Lab, logs: Logs, recipe: Recipe) => Promise<Policy>
