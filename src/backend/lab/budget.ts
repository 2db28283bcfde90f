/** Equal compute: how long a round trains so that the run ends on its `token_budget`. */
import { tokensOf } from '../../core/fairness.ts'
import { stepsForTokens } from '../../engine/train.ts'
import { pairTokens } from '../../engine/dpo-loss.ts'
import { UsageError } from '../../shared/errors.ts'
import type { TrainingConfig } from '../../shared/recipe.ts'
import type { Pair } from '../../shared/types.ts'
import { findStage } from '../storage/run-stages.ts'
import { type LabContext, roundOf } from './context.ts'
import { dpoSeed } from './training.ts'
import { tokenizePairs } from './text.ts'

/**
 * What a run has used of its budget. Of what is left, each round still to come has an equal share; what the round has
 * sampled is taken off its own, and the rest is trained: fewer steps than an epoch, or more. Filled anew by every replay,
 * by the stages in their order, so that a continued run plans as the uninterrupted one did.
 */
export class TokenBudget {
  private readonly context: LabContext
  private readonly played: string[] = []

  constructor(context: LabContext) {
    this.context = context
  }

  /** A stage that has ended. */
  add(stage: string): void {
    this.played.push(stage)
  }

  /**
   * The training of a stage as its share affords it; as it is where the recipe has no budget, and in the warm start.
   * @throws UsageError where nothing is left to train on.
   */
  fit(stage: string, pairs: readonly Pair[], training: TrainingConfig): TrainingConfig {
    const { recipe: { token_budget: budget, recipe, iterations, seed }, text } = this.context
    const isOnly = recipe === 'dpo'
    if (budget === null || budget === undefined || (roundOf(stage) === 0 && !isOnly)) return training
    const round = isOnly ? 1 : roundOf(stage)
    const rounds = isOnly ? 1 : iterations
    const before = this.spent((other) => roundOf(other) < round)
    const now = this.spent((other) => roundOf(other) === round && !isOnly)
    const share = (budget - before) / (rounds - round + 1)
    const { tokens } = tokenizePairs(text, pairs, training.max_length)
    // What is wrong with pairs of which none is left, training says itself.
    if (tokens.length === 0) return training
    const steps = stepsForTokens(tokens.map(pairTokens), { ...training, seed: dpoSeed(seed, stage) }, share - now)
    if (steps === 0) throw new UsageError(`${stage}: expected room for a step of training within token_budget ${budget}, but ${Math.round(before)} tokens were used before this round and ${Math.round(now)} to sample it, of its share of ${Math.round(share)}. Raise token_budget, or lower pairs_per_round`)
    return { ...training, max_steps: steps }
  }

  private spent(counts: (stage: string) => boolean): number {
    const { workspace: { db }, lease: { runId } } = this.context
    return this.played.filter(counts).reduce((sum, key) => sum + tokensOf(findStage(db, runId, key)?.counts ?? {}), 0)
  }
}
