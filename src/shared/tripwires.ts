/** Tripwires: conditions on a run's figures under which it warns, or pauses and asks. */
import { z } from 'zod'

/** Of every optimizer step, under TRL's names. */
export const STEP_METRICS = ['loss', 'grad_norm', 'entropy', 'mean_token_accuracy', 'rewards/chosen', 'rewards/rejected', 'rewards/accuracies', 'rewards/margins', 'logps/chosen', 'logps/rejected'] as const
/** Of the fixed probe at the end of every round. */
export const PROBE_METRICS = ['probe/kl', 'probe/length', 'probe/entropy', 'probe/repeated', 'probe/margin', 'probe/accuracy'] as const
export const WIRE_METRICS = [...STEP_METRICS, ...PROBE_METRICS] as const
export type WireMetric = (typeof WIRE_METRICS)[number]

export const tripwireSchema = z.strictObject({
  metric: z.enum(WIRE_METRICS).describe('A metric of TRL’s, looked at every step, or one of the probe’s (probe/…), at the end of a round.'),
  above: z.number().nullable().default(null).describe('Trips where the metric is above this, or is no number.'),
  below: z.number().nullable().default(null).describe('Trips where the metric is below this, or is no number.'),
  for_steps: z.int().positive().default(1).describe('So many steps (or rounds) in a row.'),
  action: z.enum(['warn', 'pause']).default('warn').describe('warn: the run’s log and page say so. pause: the run stops after the step and asks.'),
})
export type Tripwire = z.infer<typeof tripwireSchema>

/** What is watched where a recipe does not say: nothing of it stops a run. */
export const DEFAULT_WIRES: Tripwire[] = [
  { metric: 'grad_norm', above: 100, below: null, for_steps: 3, action: 'warn' },
  { metric: 'probe/repeated', above: 0.3, below: null, for_steps: 1, action: 'warn' },
  { metric: 'probe/kl', above: 50, below: null, for_steps: 1, action: 'warn' },
  { metric: 'probe/accuracy', above: null, below: 0.5, for_steps: 1, action: 'warn' },
]

/** A wire that tripped. */
export type Trip = { stage: string; step: number; metric: WireMetric; value: number | null; above: number | null; below: number | null; forSteps: number; action: Tripwire['action']; time: string }

/** What a value beyond the threshold usually means, and what helps. */
export const WIRE_WORDS: Record<WireMetric, { name: string; meaning: string }> = {
  loss: { name: 'loss', meaning: 'The loss ran away: the learning rate is too high for this beta, or a batch holds broken rows.' },
  grad_norm: { name: 'gradient norm', meaning: 'Steps are far larger than usual before clipping: a learning rate that is too high, or pairs whose sides hardly differ in text and much in length.' },
  entropy: { name: 'entropy', meaning: 'The policy became much surer, or much less sure, of its tokens than it was: it collapses onto few answers, or forgets the language.' },
  mean_token_accuracy: { name: 'token accuracy', meaning: 'The policy predicts the chosen replies worse than before: likelihood displacement, or chosen replies that it cannot write.' },
  'rewards/chosen': { name: 'reward of chosen', meaning: 'Chosen replies became rarer under the policy than under the reference: likelihood displacement. A weight on the sft loss, or a lower learning rate, holds them.' },
  'rewards/rejected': { name: 'reward of rejected', meaning: 'Rejected replies are pushed down without end; what else shares their tokens goes with them.' },
  'rewards/accuracies': { name: 'accuracy', meaning: 'The policy orders its own pairs no better than chance: the pairs contradict each other, or it no longer learns.' },
  'rewards/margins': { name: 'margin', meaning: 'Margins this wide leave no gradient, or come from a few tokens: look at the pairs with the largest ones.' },
  'logps/chosen': { name: 'log-probability of chosen', meaning: 'Chosen replies became unlikely: likelihood displacement.' },
  'logps/rejected': { name: 'log-probability of rejected', meaning: 'Rejected replies became unlikely far beyond what ordering asks for.' },
  'probe/kl': { name: 'KL to the base', meaning: 'Replies are far from what the base would write: gains may be the reward’s weakness rather than better answers. Roll back, or train against reference: base.' },
  'probe/length': { name: 'reply length', meaning: 'Replies grew or shrank: a preference for length, not for quality. Look at the length of chosen against rejected.' },
  'probe/entropy': { name: 'entropy of replies', meaning: 'Answers become all alike, or noise.' },
  'probe/repeated': { name: 'share in loops', meaning: 'Replies run in circles: over-optimisation. Roll back to the round before, lower the learning rate.' },
  'probe/margin': { name: 'held-out margin', meaning: 'On pairs it never trained on, the policy does not prefer the better side any more than the base does.' },
  'probe/accuracy': { name: 'held-out accuracy', meaning: 'On pairs it never trained on, the policy prefers the worse side as often as the better one.' },
}
