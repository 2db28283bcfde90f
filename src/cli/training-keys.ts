/**
 * The keys of `drift train`: names and defaults of TRL 1.16's DPOConfig. Every TRL key is known here: it is
 * used, has no effect on results, or is refused when it asks for what the embedded engine does not do.
 */
import { z } from 'zod'
import type { EngineName } from '../engine/device.ts'
import type { DpoConfig, LoraSettings } from '../engine/engine.ts'
import { deepspeedIssues, readDeepspeed } from '../engine/torch/deepspeed.ts'
import { PLAIN_TORCH } from '../engine/torch/options.ts'
import type { TorchOptions } from '../engine/torch/options.ts'
import { UsageError } from '../shared/errors.ts'
import { nearestKey, translateRemovedKeys } from '../shared/key-names.ts'
import { issueWords } from '../shared/plain-issues.ts'
import { lossType } from '../shared/recipe.ts'

const positive = z.int().positive()
const atLeast0 = z.number().min(0)

/** What is used. Order and defaults as in DPOConfig. */
const usedKeys = z.strictObject({
  per_device_train_batch_size: positive.default(8),
  num_train_epochs: z.number().positive().default(3),
  max_steps: z.int().default(-1),
  learning_rate: atLeast0.default(1e-6),
  lr_scheduler_type: z.enum(['linear', 'cosine', 'cosine_with_min_lr', 'constant', 'constant_with_warmup']).default('linear'),
  lr_scheduler_kwargs: z.strictObject({ min_lr: atLeast0.optional(), min_lr_rate: atLeast0.max(1).optional() }).nullable().default(null),
  warmup_steps: atLeast0.default(0),
  optim: z.enum(['adamw_torch', 'adamw_torch_fused', 'rmsprop']).default('adamw_torch_fused'),
  weight_decay: atLeast0.default(0),
  adam_beta1: atLeast0.lt(1).default(0.9),
  adam_beta2: atLeast0.lt(1).default(0.999),
  adam_epsilon: atLeast0.default(1e-8),
  gradient_accumulation_steps: positive.default(1),
  /** TRL's default is true; results are the same, and where memory allows it costs time alone. */
  gradient_checkpointing: z.boolean().default(false),
  max_grad_norm: atLeast0.default(1),
  logging_strategy: z.enum(['no', 'steps']).default('steps'),
  logging_steps: z.number().positive().default(10),
  logging_first_step: z.boolean().default(false),
  seed: z.int().min(0).default(42),
  max_length: positive.nullable().default(1024),
  truncation_mode: z.enum(['keep_start', 'keep_end']).default('keep_start'),
  loss_type: z.array(lossType).min(1).default(['sigmoid']),
  loss_weights: z.array(z.number()).nullable().default(null),
  beta: z.number().positive().default(0.1),
  label_smoothing: atLeast0.lt(0.5).default(0),
  // ModelConfig's
  use_peft: z.boolean().default(false),
  lora_r: positive.default(16),
  lora_alpha: z.number().positive().default(32),
  lora_target_modules: z.array(z.string()).min(1).nullable().default(null),
  use_rslora: z.boolean().default(false),
  /** Removed from TRL, kept in meaning: the prompt's last, the completion's first tokens. */
  max_prompt_length: positive.nullable().default(null),
  max_completion_length: positive.nullable().default(null),
})

export type TrainingKeys = z.infer<typeof usedKeys>

/** Known to TRL and without effect on what the embedded engine computes. */
const WITHOUT_EFFECT = [
  'output_dir', 'model_name_or_path', 'model_revision', 'dataset_name', 'dataset_config', 'dataset_train_split', 'dataset_test_split', 'dataset_streaming', 'ignore_bias_buffers',
  'attn_implementation', 'trust_remote_code', 'model_init_kwargs', 'router_aux_loss_coef', 'disable_dropout', 'optim_args', 'average_tokens_across_devices',
  'bf16_full_eval', 'fp16_full_eval', 'tf32', 'activation_checkpointing', 'activation_checkpointing_kwargs', 'gradient_checkpointing_kwargs',
  'torch_compile', 'torch_compile_backend', 'torch_compile_mode', 'use_liger_kernel', 'liger_kernel_config', 'use_cache', 'torch_empty_cache_steps', 'auto_find_batch_size',
  'log_on_each_node', 'logging_nan_inf_filter', 'include_num_input_tokens_seen', 'log_level', 'log_level_replica', 'disable_tqdm', 'report_to', 'run_name', 'project', 'trackio_space_id',
  'trackio_bucket_id', 'trackio_static_space_id', 'eval_strategy', 'eval_steps', 'eval_delay', 'per_device_eval_batch_size', 'prediction_loss_only', 'eval_on_start', 'eval_do_concat_batches',
  'eval_use_gather_object', 'eval_accumulation_steps', 'include_for_metrics', 'batch_eval_metrics', 'save_only_model', 'save_strategy', 'save_steps', 'save_on_each_node', 'save_total_limit',
  'enable_jit_checkpoint', 'hub_token', 'hub_private_repo', 'hub_model_id', 'hub_strategy', 'hub_always_push', 'hub_revision', 'push_to_hub', 'metric_for_best_model', 'greater_is_better',
  'ignore_data_skip', 'restore_callback_states_from_checkpoint', 'full_determinism', 'data_seed', 'use_cpu', 'accelerator_config', 'parallelism_config', 'dataloader_num_workers', 'dataloader_pin_memory',
  'dataloader_persistent_workers', 'dataloader_prefetch_factor', 'dataloader_multiprocessing_context', 'dataloader_in_order', 'remove_unused_columns', 'label_names', 'length_column_name',
  'ddp_find_unused_parameters', 'ddp_bucket_cap_mb', 'ddp_broadcast_buffers', 'ddp_static_graph', 'ddp_backend', 'ddp_timeout', 'fsdp', 'fsdp_config', 'debug', 'skip_memory_metrics',
  'do_train', 'do_eval', 'do_predict', 'local_rank', 'dataset_num_proc', 'padding_free', 'pad_to_multiple_of', 'precompute_ref_log_probs', 'precompute_ref_batch_size', 'f_alpha_divergence_coef',
  'discopop_tau', 'activation_offloading', 'ref_model_mixup_alpha', 'ref_model_sync_steps', 'pad_token', 'lora_task_type',
]

/** Change results in ways that are not implemented: the value that asks for nothing is the only one accepted. */
const ONLY_NEUTRAL: Record<string, unknown> = {
  load_in_8bit: false, load_best_model_at_end: false, resume_from_checkpoint: null, optim_target_modules: null, label_smoothing_factor: 0,
  neftune_noise_alpha: null, dataloader_drop_last: false, train_sampling_strategy: 'random', ld_alpha: null, f_divergence_type: 'reverse_kl', use_weighting: false, sync_ref_model: false, reference_free: false,
}

/** As above, but TRL reads them with use_peft alone. */
const ONLY_NEUTRAL_IN_LORA: Record<string, unknown> = { lora_dropout: 0, lora_target_parameters: null, lora_modules_to_save: null, use_dora: false }
const LORA_KEYS = ['lora_r', 'lora_alpha', 'lora_target_modules', 'use_rslora', ...Object.keys(ONLY_NEUTRAL_IN_LORA)]

/** Read by the torch engine: TRL's keys of precision, accelerate's number of processes, transformers' deepspeed. */
const torchKeys = z.strictObject({
  bf16: z.boolean().default(false),
  fp16: z.boolean().default(false),
  dtype: z.enum(['float32', 'bfloat16', 'float16', 'auto']).nullable().default(null),
  load_in_4bit: z.boolean().default(false),
  num_processes: positive.default(1),
  deepspeed: z.union([z.string(), z.record(z.string(), z.unknown())], { error: 'Invalid input: expected a JSON file or a mapping' }).nullable().default(null),
})

/** Every name that is understood, for `nearestKey`. */
export const knownKeys: readonly string[] = [...Object.keys(usedKeys.shape), ...Object.keys(torchKeys.shape), ...WITHOUT_EFFECT, ...Object.keys(ONLY_NEUTRAL), ...Object.keys(ONLY_NEUTRAL_IN_LORA), 'rpo_alpha', 'warmup_ratio']

/**
 * @param fromFile keys of `--config`.
 * @param fromCommandLine keys given as `--key value`, as text; they win.
 * @returns the keys that are used, and what was translated or ignored, a sentence each.
 * @throws UsageError for unknown keys (with the nearest), wrong values, and what is not implemented.
 */
export function readTrainingKeys(fromFile: Readonly<Record<string, unknown>>, fromCommandLine: Readonly<Record<string, string>>, engine: EngineName = 'embedded'): { keys: TrainingKeys; torch: TorchOptions; notes: string[] } {
  const { keys: given, notes } = translateRemovedKeys({ ...fromFile, ...fromCommandLine })
  const used: Record<string, unknown> = {}
  const lora: Record<string, unknown> = {}
  const forTorch: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(given)) {
    if (Object.hasOwn(usedKeys.shape, key)) used[key] = typeof value === 'string' ? parseText(key, value) : value
    else if (Object.hasOwn(ONLY_NEUTRAL, key)) refuseUnlessNeutral(key, value)
    else if (Object.hasOwn(ONLY_NEUTRAL_IN_LORA, key)) lora[key] = value
    else if (Object.hasOwn(torchKeys.shape, key)) forTorch[key] = typeof value === 'string' ? parseText(key, value) : value
    else if (WITHOUT_EFFECT.includes(key)) notes.push(`${key} has no effect on the ${engine} engine`)
    else throw new UsageError(`unknown key "${key}"; did you mean "${nearestKey(key, knownKeys)}"?`)
  }
  for (const key of ['loss_type', 'lora_target_modules']) if (typeof used[key] === 'string') used[key] = [used[key]]
  const parsed = usedKeys.safeParse(used)
  if (!parsed.success) throw new UsageError(parsed.error.issues.map(issue => describeIssue(issue, used)).join('; '))
  const keys = parsed.data
  if (keys.loss_weights && keys.loss_weights.length !== keys.loss_type.length) {
    throw new UsageError(`loss_weights: expected one weight for each of the ${keys.loss_type.length} loss types (${keys.loss_type.join(',')}), got ${keys.loss_weights.length}`)
  }
  if (keys.lr_scheduler_type === 'cosine_with_min_lr' && keys.lr_scheduler_kwargs?.min_lr === undefined && keys.lr_scheduler_kwargs?.min_lr_rate === undefined) {
    throw new UsageError('lr_scheduler_type cosine_with_min_lr: expected lr_scheduler_kwargs with min_lr or min_lr_rate, got neither')
  }
  if (keys.use_peft) for (const [key, value] of Object.entries(lora)) refuseUnlessNeutral(key, value)
  else for (const key of LORA_KEYS) if (key in given) notes.push(`${key} has no effect without use_peft`)
  if (keys.label_smoothing > 0 && !keys.loss_type.includes('robust')) notes.push('label_smoothing has no effect without loss_type robust, as in TRL')
  if (keys.max_prompt_length !== null) notes.push(`max_prompt_length was removed from TRL; prompts keep their last ${keys.max_prompt_length} tokens`)
  if (keys.max_completion_length !== null) notes.push(`max_completion_length was removed from TRL; completions keep their first ${keys.max_completion_length} tokens`)
  const torch = torchOptions(forTorch, engine, notes)
  checkDeepspeed(torch, toDpoConfig(keys))
  return { keys, torch, notes }
}

function torchOptions(given: Record<string, unknown>, engine: EngineName, notes: string[]): TorchOptions {
  const parsed = torchKeys.safeParse(given)
  if (!parsed.success) throw new UsageError(parsed.error.issues.map(issue => describeIssue(issue, given)).join('; '))
  const { bf16, fp16, dtype, load_in_4bit, num_processes, deepspeed } = parsed.data
  if (bf16 && fp16) throw new UsageError('expected bf16 or fp16, got both')
  const half = bf16 || dtype === 'bfloat16' ? 'bfloat16' : fp16 || dtype === 'float16' ? 'float16' : 'float32'
  if (engine === 'torch') return { ...PLAIN_TORCH, dtype: half, load_in_4bit, num_processes, deepspeed }
  if (load_in_4bit) throw new UsageError('load_in_4bit: the embedded engine supports false alone, got true; leave it out, or choose --engine torch')
  if (num_processes !== 1) throw new UsageError(`num_processes: the embedded engine is one process, got ${num_processes}; leave it out, or choose --engine torch`)
  if (deepspeed !== null) notes.push('deepspeed has no effect on the embedded engine')
  if (half !== 'float32') notes.push('the embedded engine computes in float32, not in half precision')
  return PLAIN_TORCH
}

/** @throws InputError where the file is missing or none, UsageError where it contradicts the other keys. */
function checkDeepspeed(torch: TorchOptions, config: DpoConfig): void {
  if (torch.deepspeed === null) return
  const [issue] = deepspeedIssues(readDeepspeed(torch.deepspeed), config, torch)
  if (issue !== undefined) throw new UsageError(`deepspeed: ${issue}`)
}

/** The engine's names for the same thing. */
export function toDpoConfig(keys: TrainingKeys): DpoConfig {
  const floor = keys.lr_scheduler_type === 'cosine_with_min_lr' ? keys.lr_scheduler_kwargs : null
  return {
    optim: keys.optim === 'rmsprop' ? 'rmsprop' : 'adamw_torch',
    learning_rate: keys.learning_rate,
    weight_decay: keys.weight_decay,
    adam_beta1: keys.adam_beta1,
    adam_beta2: keys.adam_beta2,
    adam_epsilon: keys.adam_epsilon,
    max_grad_norm: keys.max_grad_norm,
    lr_scheduler_type: keys.lr_scheduler_type === 'cosine_with_min_lr' ? 'cosine' : keys.lr_scheduler_type,
    warmup_steps: keys.warmup_steps,
    min_lr_rate: floor?.min_lr_rate ?? (floor?.min_lr ?? 0) / (keys.learning_rate || 1),
    per_device_train_batch_size: keys.per_device_train_batch_size,
    gradient_accumulation_steps: keys.gradient_accumulation_steps,
    gradient_checkpointing: keys.gradient_checkpointing,
    num_train_epochs: keys.num_train_epochs,
    max_steps: keys.max_steps,
    seed: keys.seed,
    beta: keys.beta,
    loss_type: keys.loss_type,
    loss_weights: keys.loss_weights,
    label_smoothing: keys.label_smoothing,
  }
}

/** The adapter that `use_peft` asks for; nothing without it. */
export function toLoraSettings(keys: TrainingKeys): LoraSettings | undefined {
  if (!keys.use_peft) return undefined
  const targets = keys.lora_target_modules
  const isAll = targets?.length === 1 && targets[0]?.toLowerCase() === 'all-linear'
  return { r: keys.lora_r, lora_alpha: keys.lora_alpha, target_modules: isAll ? 'all-linear' : targets, use_rslora: keys.use_rslora, seed: keys.seed }
}

/** Command-line text in the type its key wants: a,b lists, true|false, none, numbers, JSON objects. */
function parseText(key: string, text: string): unknown {
  if (/^(none|null)$/i.test(text)) return null
  if (['loss_type', 'loss_weights', 'lora_target_modules', 'lora_target_parameters', 'lora_modules_to_save'].includes(key)) return text.split(',').map(item => (key === 'loss_weights' ? toNumber(item.trim()) : item.trim()))
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true'
  if (text.startsWith('{')) {
    try {
      return JSON.parse(text)
    } catch {
      throw new UsageError(`${key}: expected JSON, got ${text}`)
    }
  }
  return toNumber(text)
}

function toNumber(text: string): unknown {
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : text
}

function refuseUnlessNeutral(key: string, value: unknown): void {
  const neutral = { ...ONLY_NEUTRAL, ...ONLY_NEUTRAL_IN_LORA }[key]
  const parsed = typeof value === 'string' ? parseText(key, value) : value
  if (parsed === neutral || parsed === null || (typeof neutral === 'boolean' && parsed === false)) return
  if (key === 'lora_dropout') throw new UsageError(`lora_dropout: the embedded engine trains without dropout, as TRL does unless disable_dropout is false; expected 0, got ${JSON.stringify(parsed)}; leave it out`)
  throw new UsageError(`${key}: the embedded engine supports ${String(neutral)} alone, got ${JSON.stringify(value)}; leave it out`)
}

function describeIssue(issue: z.core.$ZodIssue, given: Record<string, unknown>): string {
  return `${issue.path.join('.')}: ${issueWords(issue, given)}`
}
