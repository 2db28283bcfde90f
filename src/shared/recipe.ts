/**
 * The recipe file (design section 5): TRL and alignment-handbook key names, validated here and nowhere else.
 * Unknown keys are an error that names the nearest key; keys TRL removed are translated and reported.
 */
import { z } from 'zod'

export const samplingSchema = z.strictObject({
  temperature: z.number().min(0).default(0.7),
  top_p: z.number().gt(0).max(1).default(0.9),
  /** 0 keeps all tokens. */
  top_k: z.int().min(0).default(0),
  /** 0 keeps all tokens. */
  min_p: z.number().min(0).max(1).default(0),
  /** 1 changes nothing. */
  repetition_penalty: z.number().positive().default(1),
  max_new_tokens: z.int().positive().default(512),
  n: z.int().positive().default(1),
  max_prompt_tokens: z.int().positive().default(2048),
  batch_size: z.int().positive().default(64),
})

/** TRL's names of the losses that are implemented. */
export const lossType = z.enum(['sigmoid', 'hinge', 'ipo', 'sigmoid_norm', 'robust', 'sft'])

export const trainingSchema = z.strictObject({
  loss_type: z.array(lossType).min(1).default(['sigmoid', 'sft']),
  loss_weights: z.array(z.number()).nullable().default([1.0, 0.001]),
  beta: z.number().positive().default(0.1),
  label_smoothing: z.number().min(0).lt(0.5).default(0).describe('Share of pairs whose labels are taken to be flipped; counts in loss_type robust alone, as in TRL 1.16'),
  learning_rate: z.number().min(0).default(5e-7),
  lr_scheduler_type: z.enum(['linear', 'cosine', 'constant', 'constant_with_warmup']).default('linear'),
  min_lr_rate: z.number().min(0).max(1).default(0),
  warmup_steps: z.number().min(0).default(0.1),
  optim: z.enum(['rmsprop', 'adamw_torch']).default('rmsprop'),
  weight_decay: z.number().min(0).default(0),
  adam_beta1: z.number().default(0.9),
  adam_beta2: z.number().default(0.999),
  adam_epsilon: z.number().default(1e-8),
  max_length: z.int().positive().default(2048),
  per_device_train_batch_size: z.int().positive().default(4),
  gradient_accumulation_steps: z.int().positive().default(1),
  gradient_checkpointing: z.boolean().default(false).describe('Layers are computed again for their gradients instead of being kept: a third more work, less memory'),
  num_train_epochs: z.number().positive().default(1),
  max_steps: z.int().default(-1),
  max_grad_norm: z.number().min(0).default(1.0),
  use_peft: z.boolean().default(false).describe('Each stage trains a new LoRA adapter and goes on with it merged; a reward model is trained as a whole'),
  lora_r: z.int().positive().default(16),
  lora_alpha: z.number().positive().default(32),
  lora_target_modules: z
    .union([z.literal('all-linear'), z.array(z.string().min(1)).min(1)], { error: 'Invalid input: expected all-linear, a list of layer names ([q_proj, v_proj]) or null' })
    .nullable()
    .default(null)
    .describe('Ends of layer names; null takes PEFT\'s choice for the model\'s family (q_proj, v_proj)'),
  use_rslora: z.boolean().default(false).describe('Scale lora_alpha / sqrt(lora_r) instead of lora_alpha / lora_r'),
})

/** One evaluation per item; `verifiable` needs a prompts dataset whose rows carry a task. */
export const evaluationSchema = z.strictObject({
  type: z.enum(['verifiable']).default('verifiable'),
  dataset: z.string(),
  k: z.int().positive().default(16),
  temperatures: z.array(z.number().min(0)).default([0, 1]),
  max_new_tokens: z.int().positive().default(64),
  batch_size: z.int().positive().default(256),
  /** Preference dataset on which every method's margin is measured against the base. */
  heldout_pairs: z.string().nullable().default(null),
})

/** Launch settings of the torch engine; names are transformers', bitsandbytes' and accelerate's. */
export const torchSchema = z.strictObject({
  dtype: z.enum(['float32', 'bfloat16', 'float16']).default('float32').describe('Of products; what is trained is held in float32'),
  load_in_4bit: z.boolean().default(false).describe('QLoRA: with use_peft, the model under the adapter in 4 bits; needs bitsandbytes'),
  num_processes: z.int().positive().default(1).describe('Processes that share each batch and shard the weights (torchrun, FSDP2)'),
})

export const recipeSchema = z.strictObject({
  recipe: z.enum(['drift', 'iterative-dpo', 'spin', 'dpo']),
  model_name_or_path: z.string(),
  dataset: z.string().describe('A feedback dataset of the workspace or a file; for recipe dpo a preference dataset'),
  iterations: z.int().positive().default(2),
  seed: z.int().default(42),
  engine: z.enum(['embedded', 'torch']).default('embedded'),
  /** What the engine computes on (embedded: cpu, webgpu; torch: cpu, cuda, mps); a run never changes to another by itself. */
  device: z.enum(['cpu', 'webgpu', 'cuda', 'mps']).default('cpu'),
  /** Of engine torch alone. */
  torch: torchSchema.prefault({}),
  reference: z.enum(['round-start', 'base']).default('round-start'),
  warm_start: z.strictObject({ dataset: z.string(), num_train_epochs: z.number().positive().default(3), learning_rate: z.number().positive().optional() }).nullable().default(null),
  prompt_style: z.enum(['chat', 'paper']).default('chat'),
  /** Appended to the user's feedback (chat) or given as a system line (paper) when the chosen side is sampled. */
  improve_instruction: z.string().default('Please give an improved response that addresses my feedback.'),
  /** Pairs per round; null takes every row. */
  pairs_per_round: z.int().positive().nullable().default(null),
  /** The first n pairs of a round are held out of training (the public script: 100). */
  holdout_pairs: z.int().min(0).default(0),
  sampling: samplingSchema.prefault({}),
  training: trainingSchema.prefault({}),
  reward: z.enum(['learned', 'verifiable']).default('learned'),
  reward_training: z.strictObject({ num_train_epochs: z.number().positive().default(4), learning_rate: z.number().positive().default(3e-4), per_device_train_batch_size: z.int().positive().default(32) }).prefault({}),
  evaluation: z.array(evaluationSchema).default([]),
  save_total_limit: z.int().positive().default(3),
  threads: z.int().positive().nullable().default(null),
})

export type Recipe = z.infer<typeof recipeSchema>
export type TrainingConfig = z.infer<typeof trainingSchema>
export type SamplingConfig = z.infer<typeof samplingSchema>
export type EvaluationConfig = z.infer<typeof evaluationSchema>

/**
 * What a stage is known by. Settings that ask for nothing are left out, so that stages done before the keys existed
 * are the same stages still.
 */
export function decidingTraining(training: TrainingConfig): Partial<TrainingConfig> {
  return training.use_peft ? training : wholeTraining(training)
}

/** As `decidingTraining`, of samples. */
export function decidingSampling({ top_k, min_p, repetition_penalty, ...sampling }: SamplingConfig): Partial<SamplingConfig> {
  return { ...sampling, ...(top_k && { top_k }), ...(min_p && { min_p }), ...(repetition_penalty !== undefined && repetition_penalty !== 1 && { repetition_penalty }) }
}

type LoraKey = 'use_peft' | 'lora_r' | 'lora_alpha' | 'lora_target_modules' | 'use_rslora'

/** Training without an adapter: also that of the reward model, whatever the recipe says. */
export function wholeTraining({ use_peft: _, lora_r: _r, lora_alpha: _alpha, lora_target_modules: _targets, use_rslora: _scale, ...training }: TrainingConfig): Omit<TrainingConfig, LoraKey> {
  return training
}

/** The adapter that a training with use_peft begins, but for its seed. TRL takes a list of the one word all-linear for the word. */
export function adapterOf({ lora_r: r, lora_alpha, lora_target_modules: targets, use_rslora }: Pick<TrainingConfig, LoraKey>): { r: number; lora_alpha: number; target_modules: string[] | 'all-linear' | null; use_rslora: boolean } {
  return { r, lora_alpha, target_modules: Array.isArray(targets) && targets.length === 1 && targets[0] === 'all-linear' ? 'all-linear' : targets, use_rslora }
}

/** The key under which a run's figures stand in tables. */
export function methodOf(recipe: Pick<Recipe, 'recipe' | 'reward'>): string {
  if (recipe.recipe === 'dpo') return 'warm-start'
  return recipe.recipe === 'iterative-dpo' && recipe.reward === 'verifiable' ? 'iterative-dpo-oracle' : recipe.recipe
}
