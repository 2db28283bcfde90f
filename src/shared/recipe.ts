/**
 * The recipe file (design section 5): TRL and alignment-handbook key names, validated here and nowhere else.
 * Unknown keys are an error that names the nearest key; keys TRL removed are translated and reported. The form shows
 * every key with the words it is described by here.
 */
import { z } from 'zod'
import './plain-issues.ts'
import { DEFAULT_WIRES, tripwireSchema } from './tripwires.ts'

export const engineName = z.enum(['embedded', 'torch'])
export const deviceName = z.enum(['cpu', 'webgpu', 'cuda', 'mps'])

export const samplingSchema = z.strictObject({
  temperature: z.number().min(0).default(0.7).describe('Of the sampled replies; 0 takes the likeliest token.'),
  top_p: z.number().gt(0).max(1).default(0.9).describe('Nucleus of the sampled replies.'),
  top_k: z.int().min(0).default(0).describe('Only this many of the likeliest tokens; 0 is all.'),
  min_p: z.number().min(0).max(1).default(0).describe('Only tokens at least this share as likely as the likeliest; 0 is all.'),
  repetition_penalty: z.number().positive().default(1).describe('Divides the logits of tokens that prompt or reply hold; 1 changes nothing.'),
  max_new_tokens: z.int().positive().default(512).describe('Longest sampled reply, in tokens.'),
  n: z.int().positive().default(1).describe('Samples of each prompt, a pair each; iterative DPO always draws two.'),
  max_prompt_tokens: z.int().positive().default(2048).describe('Longer prompts lose their beginning, never the instruction, unless truncation_side says otherwise.'),
  truncation_side: z.enum(['left', 'right']).default('left').describe('Of raw-text prompts too long (prompt_style paper): right cuts the end as the public script does, and with it the instruction and the user’s words.'),
  reply_from: z.enum(['completion', 'last-marker']).default('completion').describe('Of raw-text prompts: the reply is what was generated, or, as the public script takes it, all that follows the last “Assistant: ” of prompt and reply.'),
  batch_size: z.int().positive().default(64).describe('Prompts decoded together; part of what makes samples repeatable.'),
})

/** TRL's names of the losses that are implemented. */
export const lossType = z.enum(['sigmoid', 'hinge', 'ipo', 'sigmoid_norm', 'robust', 'sft'])

export const trainingSchema = z.strictObject({
  loss_type: z.array(lossType).min(1).default(['sigmoid', 'sft']).describe('What is minimised; several are added up by loss_weights.'),
  loss_weights: z.array(z.number()).nullable().default([1.0, 0.001]).describe('A weight for each loss, in their order; null: 1 each.'),
  beta: z.number().positive().default(0.1).describe('β of DPO.'),
  label_smoothing: z.number().min(0).lt(0.5).default(0).describe('Share of pairs whose labels are taken to be flipped; counts in loss_type robust alone, as in TRL 1.16.'),
  learning_rate: z.number().min(0).default(5e-7).describe('Peak of the schedule. DRIFT has the narrowest stable range of the methods.'),
  lr_scheduler_type: z.enum(['linear', 'cosine', 'constant', 'constant_with_warmup']).default('linear').describe('Shape of the learning rate over a round.'),
  min_lr_rate: z.number().min(0).max(1).default(0).describe('Where the schedule ends, as a share of learning_rate.'),
  warmup_steps: z.number().min(0).default(0.1).describe('Steps until the peak; below 1 a share of all steps.'),
  optim: z.enum(['rmsprop', 'adamw_torch']).default('rmsprop').describe('Optimizer.'),
  weight_decay: z.number().min(0).default(0).describe('Pull of the weights towards 0 at each step.'),
  adam_beta1: z.number().default(0.9).describe('Of AdamW: memory of the mean gradient.'),
  adam_beta2: z.number().default(0.999).describe('Of AdamW: memory of the squared gradient.'),
  adam_epsilon: z.number().default(1e-8).describe('Of AdamW: what keeps the division from zero.'),
  max_length: z.int().positive().default(2048).describe('Prompt and reply together, in tokens; longer pairs are cut at the end.'),
  per_device_train_batch_size: z.int().positive().default(4).describe('Pairs per step.'),
  gradient_accumulation_steps: z.int().positive().default(1).describe('Batches whose gradients are added up for one step.'),
  gradient_checkpointing: z.boolean().default(false).describe('Layers are computed again for their gradients instead of being kept: a third more work, less memory.'),
  num_train_epochs: z.number().positive().default(1).describe('Passes over a round’s pairs.'),
  max_steps: z.int().default(-1).describe('Ends a stage after so many steps; -1: by epochs.'),
  max_grad_norm: z.number().min(0).default(1.0).describe('Gradients are clipped to this norm; norms shown are from before.'),
  use_peft: z.boolean().default(false).describe('Each stage trains a new LoRA adapter and goes on with it merged; a reward model is trained as a whole.'),
  lora_r: z.int().positive().default(16).describe('Rank of the adapter.'),
  lora_alpha: z.number().positive().default(32).describe('The adapter counts lora_alpha / lora_r.'),
  lora_target_modules: z
    .union([z.literal('all-linear'), z.array(z.string().min(1)).min(1)], { error: 'Invalid input: expected all-linear, a list of layer names ([q_proj, v_proj]) or null' })
    .nullable()
    .default(null)
    .describe('all-linear, or ends of layer names (q_proj, v_proj); empty takes PEFT’s choice for the model’s family.'),
  use_rslora: z.boolean().default(false).describe('The adapter counts lora_alpha / √lora_r.'),
})

/** One evaluation per item. */
export const evaluationSchema = z.strictObject({
  type: z.enum(['verifiable', 'dsat-rate']).default('verifiable').describe('verifiable: a program checks every answer. dsat-rate: how likely each answer is to dissatisfy its user.'),
  dataset: z.string().describe('A prompts dataset; for verifiable its rows carry a task.'),
  reaction: z.enum(['scorer', 'simulated-user']).default('scorer').describe('Of dsat-rate, who reacts: a scorer of replies that learns from scorer_dataset, or the built-in world’s user, where rows carry its task.'),
  scorer_dataset: z.string().nullable().default(null).describe('Feedback dataset whose liked and disliked replies the scorer learns from; another one than the method trains on.'),
  k: z.int().positive().default(16).describe('Samples of each prompt at temperatures above 0.'),
  temperatures: z.array(z.number().min(0)).default([0, 1]).describe('Each is a series of its own; at 0 there is one answer.'),
  max_new_tokens: z.int().positive().default(64).describe('Longest answer, in tokens.'),
  batch_size: z.int().positive().default(256).describe('Prompts decoded together.'),
  heldout_pairs: z.string().nullable().default(null).describe('Preference dataset on which every method’s margin is measured against the base.'),
})

const warmStartSchema = z.strictObject({
  dataset: z.string().describe('Preference dataset: a disliked reply and the one that then pleased. Without it rounds begin at the base.'),
  num_train_epochs: z.number().positive().default(3).describe('Passes over the seed pairs.'),
  learning_rate: z.number().positive().optional().describe('Empty: that of training.'),
})

const rewardTrainingSchema = z.strictObject({
  num_train_epochs: z.number().positive().default(4).describe('Passes over the labelled replies.'),
  learning_rate: z.number().positive().default(3e-4).describe('Of the reward model.'),
  per_device_train_batch_size: z.int().positive().default(32).describe('Replies per step.'),
})

/** The key is no part of a recipe: DRIFT_JUDGE_API_KEY, or the one kept in the judge's settings. */
const judgeSchema = z.strictObject({
  base_url: z.string().min(1).describe('OpenAI-compatible endpoint with its version, as http://127.0.0.1:8000/v1.'),
  model: z.string().min(1).describe('As the endpoint names it.'),
  concurrency: z.int().min(1).max(64).default(4).describe('Requests at once.'),
  prompt_price: z.number().min(0).nullable().default(null).describe('Per million prompt tokens, for the estimate; empty where nothing is billed.'),
  completion_price: z.number().min(0).nullable().default(null).describe('Per million reply tokens, for the estimate.'),
})

/** Launch settings of the torch engine; names are transformers', bitsandbytes' and accelerate's. */
export const torchSchema = z.strictObject({
  dtype: z.enum(['float32', 'bfloat16', 'float16']).default('float32').describe('Of products; what is trained is held in float32'),
  load_in_4bit: z.boolean().default(false).describe('QLoRA: with use_peft, the model under the adapter in 4 bits; needs bitsandbytes'),
  num_processes: z.int().positive().default(1).describe('Processes that share each batch and shard the weights (torchrun, FSDP2)'),
  use_vllm: z.boolean().default(false).describe('Replies of a round and of evaluations are drawn by vLLM, which must be in that Python; batch_size then has no effect, and token entropies are not told'),
  vllm_tensor_parallel_size: z.int().positive().default(1).describe('With use_vllm: GPUs that share each layer; a copy of the model for each so many of num_processes'),
  deepspeed: z.string().min(1).nullable().default(null).describe('A DeepSpeed configuration (JSON file, relative to the workspace): its ZeRO stage and offloading instead of FSDP2; values it leaves to "auto" are the recipe’s; needs deepspeed'),
})

export const recipeSchema = z.strictObject({
  recipe: z.enum(['drift', 'drift-unguided', 'drift-own-rejected', 'drift-sft', 'drift-frozen', 'iterative-dpo', 'spin', 'dpo']).describe('Where chosen and rejected replies come from.'),
  model_name_or_path: z.string().describe('Folder of the base model, relative to the workspace, or org/name of the Hugging Face Hub (fetched when the run starts).'),
  dataset: z.string().describe('A feedback dataset of the workspace or a file; for recipe dpo a preference dataset.'),
  iterations: z.int().positive().default(2).describe('Rounds after the warm start.'),
  seed: z.int().default(42).describe('Same seed, same samples, same weights on this machine.'),
  engine: engineName.default('embedded').describe('What computes: embedded runs everywhere, torch needs Python. The token view computes on embedded either way.'),
  device: deviceName.default('cpu').describe('What the engine computes on (embedded: cpu, webgpu; torch: cpu, cuda, mps); a run never changes to another by itself.'),
  torch: torchSchema.prefault({}),
  reference: z.enum(['round-start', 'base']).default('round-start').describe('The frozen policy the loss is measured against. base holds at higher learning rates.'),
  warm_start: warmStartSchema.nullable().default(null),
  prompt_style: z.enum(['chat', 'paper']).default('chat').describe('How the user’s words are shown to the policy: a chat turn, or the public script’s raw text.'),
  improve_instruction: z.string().default('Please give an improved response that addresses my feedback.').describe('Stands after the user’s words (chat) or as the last System line (paper) when the chosen side is sampled.'),
  without_feedback: z.enum(['instruction', 'unguided', 'critique']).default('instruction').describe('Disliked replies without the user’s words: shown with the instruction alone, sampled unguided, or shown with the data’s critique (unguided where it has none).'),
  pairs_per_round: z.int().positive().nullable().default(null).describe('Pairs of each round; empty takes every row.'),
  token_budget: z.int().positive().nullable().default(null).describe('Tokens that the run generates, scores and trains in all, evaluations apart: rounds share them, and each trains as many steps as its share leaves after sampling. Empty: by epochs.'),
  holdout_pairs: z.int().min(0).default(0).describe('The first n pairs of a round are held out of training (the public script: 100).'),
  resample_stale_only: z.number().min(0).nullable().default(null).describe('DRIFT keeps a chosen reply of an earlier round until log π of it has moved by more than so many nats per token, and samples anew for those rows alone; empty samples all anew, as the paper does.'),
  mix_previous: z.boolean().default(false).describe('A round trains on the previous round’s pairs too, as SPIN’s authors do.'),
  sampling: samplingSchema.prefault({}),
  training: trainingSchema.prefault({}),
  reward: z.enum(['learned', 'verifiable', 'judge']).default('learned').describe('What ranks two samples. verifiable trains on what evaluation measures: an upper bound.'),
  reward_training: rewardTrainingSchema.prefault({}),
  judge: judgeSchema.nullable().default(null),
  evaluation: z.array(evaluationSchema).default([]),
  tripwires: z.array(tripwireSchema).default(DEFAULT_WIRES).describe('Conditions under which the run warns, or pauses and asks. Empty watches nothing.'),
  canary_steps: z.int().positive().nullable().default(null).describe('While training, the canary prompts are answered after every so many steps and the last; empty: never.'),
  canary_prompts: z.array(z.string().min(1)).default([]).describe('Answered at temperature 0, a line each, with at most 64 tokens; empty takes four held-out prompts (heldout_pairs), or of the evaluation.'),
  save_total_limit: z.int().positive().default(3).describe('Checkpoints kept of a training stage.'),
  threads: z.int().positive().nullable().default(null).describe('Of the engine; empty takes what the machine has.'),
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
export function decidingSampling({ top_k, min_p, repetition_penalty, truncation_side, reply_from, ...sampling }: SamplingConfig): Partial<SamplingConfig> {
  return { ...sampling, ...(truncation_side === 'right' && { truncation_side }), ...(reply_from === 'last-marker' && { reply_from }), ...(top_k && { top_k }), ...(min_p && { min_p }), ...(repetition_penalty !== undefined && repetition_penalty !== 1 && { repetition_penalty }) }
}

/** As `decidingTraining`, of an evaluation: what its samples and their scores depend on. */
export function decidingEvaluation({ heldout_pairs: _, reaction, scorer_dataset: _rows, ...config }: EvaluationConfig): Partial<EvaluationConfig> {
  return config.type === 'dsat-rate' ? { ...config, reaction } : config
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
export function methodOf({ recipe, reward }: Pick<Recipe, 'recipe' | 'reward'>): string {
  if (recipe === 'dpo') return 'warm-start'
  if (recipe !== 'iterative-dpo') return recipe
  return { learned: recipe, verifiable: 'iterative-dpo-oracle', judge: 'iterative-dpo-judge' }[reward]
}
