/**
 * Sizes and recipes of the built-in experiment (world.md). The recipe files it writes are ordinary recipes: nothing
 * that runs them knows of the demo.
 */
import { stringify } from 'yaml'
import type { RaceFile } from '../../shared/race.ts'

export type DemoSize = {
  /** Simulated users of each log. */
  users: number
  iterations: number
  pairsPerRound: number
  testPrompts: number
  heldoutPrompts: number
  /** Samples per prompt at T = 1. */
  k: number
  /** The oracle-reward arm (an upper bound) runs in the full experiment alone. */
  oracle: boolean
  seeds: number
}

export const QUICK: DemoSize = { users: 700, iterations: 2, pairsPerRound: 256, testPrompts: 60, heldoutPrompts: 80, k: 8, oracle: false, seeds: 1 }
/**
 * Logs, pairs and rounds are those of the sweep that chose the learning rates: at twice the pairs the same rates
 * over-optimise by round 3 (docs/log.md).
 */
export const FULL: DemoSize = { users: 800, iterations: 3, pairsPerRound: 256, testPrompts: 80, heldoutPrompts: 150, k: 16, oracle: true, seeds: 6 }

/** The world's own seed: which requests exist in test, validation and held-out splits. Frozen. */
export const WORLD_SEED = 1
export const BASE_MODEL = 'models/base'
export const TEST_DATASET = 'test-requests'
export const HELDOUT_DATASET = 'heldout-pairs'
/** Requests to choose settings on, none of which is in test, validation or held-out splits. */
export const SWEEP_DATASET = 'sweep-requests'
export const SWEEP_PROMPTS = 60
export const feedbackDataset = (seed: number | '{seed}'): string => `feedback-${seed}`
export const seedPairsDataset = (seed: number | '{seed}'): string => `seed-pairs-${seed}`

/** The instruction DRIFT appends to the user's words: the first of the world's improve lines. */
export const IMPROVE_INSTRUCTION = 'please give an improved reply.'

export type DemoMethod = 'warm-start' | 'drift' | 'iterative-dpo' | 'iterative-dpo-oracle' | 'spin'

/**
 * Each method's best cell of one grid (learning rate x reference), the same grid for all, on requests and a log that
 * no reported run uses (`scripts/sweep.ts`, docs/log.md). The oracle arm was not swept: it takes iterative DPO's.
 */
const TUNED: Record<DemoMethod, { learning_rate: number; reference: 'base' | 'round-start' }> = {
  'warm-start': { learning_rate: 3e-4, reference: 'base' },
  drift: { learning_rate: 3e-4, reference: 'base' },
  'iterative-dpo': { learning_rate: 3e-4, reference: 'round-start' },
  'iterative-dpo-oracle': { learning_rate: 3e-4, reference: 'round-start' },
  spin: { learning_rate: 8e-4, reference: 'base' },
}

/**
 * The experiment's declaration, which `drift race` would read too: the competitors under equal pairs. The warm start
 * is a row of its own, no competitor; the oracle arm, where it runs, is an upper bound.
 */
export function demoRace(group: string, seeds: number[], methods: readonly DemoMethod[]): RaceFile {
  return {
    name: group,
    regime: 'equal-pairs',
    declared: { metric: 'score', temperature: [0, 1], pairs: [['drift', 'iterative-dpo'], ['drift', 'spin']] },
    seeds,
    members: methods.filter((method) => method !== 'warm-start').map((method) => ({ recipe: `recipes/${method}.yaml`, set: { dataset: feedbackDataset('{seed}'), 'warm_start.dataset': seedPairsDataset('{seed}') } })),
  }
}

/** One recipe file. All methods share everything but where pairs come from and what the sweep chose. */
export function demoRecipe(method: DemoMethod, seed: number, size: DemoSize): string {
  const recipe = method === 'warm-start' ? 'dpo' : method === 'iterative-dpo-oracle' ? 'iterative-dpo' : method
  const training = {
    loss_type: ['sigmoid', 'sft'],
    loss_weights: [1, 0.001],
    beta: 0.1,
    learning_rate: TUNED[method].learning_rate,
    lr_scheduler_type: 'linear',
    min_lr_rate: 0.1,
    warmup_steps: 0.1,
    optim: 'adamw_torch',
    adam_beta2: 0.95,
    max_length: 256,
    per_device_train_batch_size: 16,
    num_train_epochs: method === 'warm-start' ? 2 : 1,
    max_grad_norm: 2,
  }
  const common = {
    recipe,
    model_name_or_path: BASE_MODEL,
    dataset: method === 'warm-start' ? seedPairsDataset(seed) : feedbackDataset(seed),
    iterations: method === 'warm-start' ? 1 : size.iterations,
    seed,
    reference: TUNED[method].reference,
    ...(method === 'warm-start' ? {} : { warm_start: { dataset: seedPairsDataset(seed), num_train_epochs: 2, learning_rate: TUNED['warm-start'].learning_rate }, improve_instruction: IMPROVE_INSTRUCTION, pairs_per_round: size.pairsPerRound }),
    sampling: { temperature: 1, top_p: 1, max_new_tokens: 48, batch_size: 256 },
    training,
    ...(recipe === 'iterative-dpo' ? { reward: method === 'iterative-dpo-oracle' ? 'verifiable' : 'learned' } : {}),
    evaluation: [{ type: 'verifiable', dataset: TEST_DATASET, k: size.k, temperatures: [0, 1], max_new_tokens: 48, batch_size: 256, heldout_pairs: HELDOUT_DATASET }],
  }
  return `# ${TITLES[method]} on the built-in world, seed ${seed}\n${stringify(common, { lineWidth: 0 })}`
}

const TITLES: Record<DemoMethod, string> = {
  'warm-start': 'The warm start alone: DPO on pairs of a disliked reply and the reply that then pleased',
  drift: 'DRIFT',
  'iterative-dpo': 'Iterative DPO, reward learned from the logs',
  'iterative-dpo-oracle': "Iterative DPO ranked by the evaluation's own verifier (upper bound)",
  spin: 'SPIN on satisfied replies',
}

export function demoMethods(size: DemoSize): DemoMethod[] {
  return size.oracle ? ['warm-start', 'drift', 'iterative-dpo', 'iterative-dpo-oracle', 'spin'] : ['warm-start', 'drift', 'iterative-dpo', 'spin']
}
