/**
 * DeepSpeed configurations (`deepspeed: FILE.json`, as TRL and transformers take them). What the engine computes itself
 * (optimizer, rate, clipping, batches, precision) must agree with the recipe or say "auto", which is filled as
 * transformers fills it (integrations/deepspeed.py); what it cannot hand on is refused. The rest goes to DeepSpeed.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { OptimizerConfig, TrainConfig } from '../engine.ts'
import { InputError } from '../input-error.ts'
import type { TorchOptions } from './options.ts'

export type DeepspeedConfig = Record<string, unknown>
type Launch = Pick<TorchOptions, 'dtype' | 'load_in_4bit' | 'num_processes'>
type Training = OptimizerConfig & Pick<TrainConfig, 'per_device_train_batch_size' | 'gradient_accumulation_steps' | 'max_grad_norm'>

/** Handed on as they are; how DeepSpeed shards, communicates and logs. */
const HANDED_ON = ['zero_optimization', 'communication_data_type', 'prescale_gradients', 'gradient_predivide_factor', 'data_types', 'steps_per_print', 'wall_clock_breakdown', 'memory_breakdown', 'dump_state', 'comms_logger', 'disable_allgather', 'zero_allow_untested_optimizer', 'zero_force_ds_cpu_optimizer']
const HELD_AGAINST_RECIPE = ['train_batch_size', 'train_micro_batch_size_per_gpu', 'gradient_accumulation_steps', 'gradient_clipping', 'optimizer', 'bf16', 'fp16']
const WHY_REFUSED: Record<string, string> = {
  scheduler: 'the rate of each step is the recipe\'s (lr_scheduler_type, warmup_steps)',
  activation_checkpointing: 'the recipe\'s gradient_checkpointing does that',
  torch_autocast: 'torch.dtype says in what type products are computed',
  amp: 'torch.dtype says in what type products are computed',
}
/** DeepSpeed's names of AdamW as PyTorch computes it; Adam is AdamW there unless adam_w_mode is false. */
const OPTIMIZERS: Record<string, OptimizerConfig['optim']> = { adamw: 'adamw_torch', adam: 'adamw_torch', rmsprop: 'rmsprop' }

/** Where the file lies, for whoever does not know the folder that its path is relative to. */
export function placeDeepspeed<Options extends Pick<TorchOptions, 'deepspeed'>>(options: Options, folder: string): Options {
  return typeof options.deepspeed === 'string' && !isAbsolute(options.deepspeed) ? { ...options, deepspeed: join(folder, options.deepspeed) } : options
}

/** @throws InputError where the file is missing, or no JSON object. */
export function readDeepspeed(given: string | DeepspeedConfig): DeepspeedConfig {
  if (typeof given !== 'string') return given
  if (!existsSync(given)) throw new InputError(`deepspeed: expected a DeepSpeed configuration (JSON) at ${given}, found nothing; correct the path`)
  let value: unknown
  try {
    value = JSON.parse(readFileSync(given, 'utf8'))
  } catch (error) {
    throw new InputError(`deepspeed: expected JSON in ${given}, got something else (${(error as Error).message})`)
  }
  if (!isMap(value)) throw new InputError(`deepspeed: expected a JSON object in ${given}, got ${show(value)}`)
  return value
}

/** What is known of a configuration without reading it in Python. */
export function zeroOf(config: DeepspeedConfig): { stage: 0 | 1 | 2 | 3; offloadsOptimizer: boolean; offloadsWeights: boolean } {
  const zero = at(config, 'zero_optimization')
  const offloads = (key: string): boolean => isMap(zero[key]) && zero[key]['device'] === 'cpu'
  return { stage: Number(zero['stage'] ?? 0) as 0 | 1 | 2 | 3, offloadsOptimizer: offloads('offload_optimizer'), offloadsWeights: offloads('offload_param') }
}

/** `ZeRO 2, optimizer offloaded, 1a2b3c4d`; the last is of all that the configuration says. */
export function describeDeepspeed(config: DeepspeedConfig): string {
  const { stage, offloadsOptimizer, offloadsWeights } = zeroOf(config)
  const hash = createHash('sha256').update(JSON.stringify(sorted(config))).digest('hex').slice(0, 8)
  return [`ZeRO ${stage}`, ...(offloadsOptimizer ? ['optimizer offloaded'] : []), ...(offloadsWeights ? ['weights offloaded'] : []), hash].join(' ')
}

/** What of the configuration contradicts the recipe, or cannot be handed on: a sentence each, both values named. */
export function deepspeedIssues(config: DeepspeedConfig, training: Training, { dtype, load_in_4bit, num_processes }: Launch): string[] {
  const issues: string[] = []
  const match = (name: string, got: unknown, wanted: unknown, key: string): void => {
    if (got !== undefined && got !== 'auto' && !isDeepStrictEqual(got, wanted)) issues.push(`${name} ${show(got)}: expected ${key} ${show(wanted)} or "auto"; change one of them`)
  }
  for (const key of Object.keys(config)) {
    if (HANDED_ON.includes(key) || HELD_AGAINST_RECIPE.includes(key)) continue
    issues.push(`${key}: ${WHY_REFUSED[key] ?? `the torch engine does not hand it on (it does: ${[...HELD_AGAINST_RECIPE, ...HANDED_ON].join(', ')})`}; leave it out`)
  }
  match('gradient_clipping', config['gradient_clipping'], training.max_grad_norm, 'max_grad_norm')
  match('gradient_accumulation_steps', config['gradient_accumulation_steps'], training.gradient_accumulation_steps, 'gradient_accumulation_steps')
  // A batch is shared by the processes here.
  match('train_micro_batch_size_per_gpu', config['train_micro_batch_size_per_gpu'], training.per_device_train_batch_size / num_processes, `per_device_train_batch_size ${training.per_device_train_batch_size} / num_processes ${num_processes} =`)
  match('train_batch_size', config['train_batch_size'], training.per_device_train_batch_size * training.gradient_accumulation_steps, `per_device_train_batch_size ${training.per_device_train_batch_size} * gradient_accumulation_steps ${training.gradient_accumulation_steps} =`)
  match('bf16.enabled', at(config, 'bf16')['enabled'], dtype === 'bfloat16', 'dtype bfloat16')
  if (at(config, 'fp16')['enabled'] === true || dtype === 'float16') issues.push(`${dtype === 'float16' ? 'dtype float16' : 'fp16.enabled true'}: expected bfloat16 or float32 with deepspeed, which leaves a step out where float16 overflows instead of computing it again; choose bfloat16`)
  if (load_in_4bit) issues.push('load_in_4bit true: expected false with deepspeed, quantized weights are not sharded; leave one of them out')
  optimizerIssues(config, training, match, issues)
  zeroIssues(config, dtype, issues)
  return issues
}

function optimizerIssues(config: DeepspeedConfig, training: Training, match: (name: string, got: unknown, wanted: unknown, key: string) => void, issues: string[]): void {
  if (config['optimizer'] === undefined) return
  const { type, params, ...others } = at(config, 'optimizer')
  const optim = OPTIMIZERS[String(type).toLowerCase()]
  if (type !== 'auto' && optim !== training.optim) issues.push(`optimizer.type ${show(type)}: expected ${training.optim === 'rmsprop' ? 'RMSprop' : 'AdamW'} (optim ${training.optim}), or no optimizer; change one of them`)
  for (const key of Object.keys(others)) issues.push(`optimizer.${key}: expected type and params alone; leave it out`)
  const { lr, betas, eps, weight_decay, torch_adam: _, adam_w_mode, ...rest } = isMap(params) ? params : {}
  match('optimizer.params.lr', lr, training.learning_rate, 'learning_rate')
  match('optimizer.params.weight_decay', weight_decay, training.weight_decay, 'weight_decay')
  if (training.optim !== 'rmsprop') match('optimizer.params.betas', betas, [training.adam_beta1, training.adam_beta2], 'adam_beta1 and adam_beta2')
  if (training.optim !== 'rmsprop') match('optimizer.params.eps', eps, training.adam_epsilon, 'adam_epsilon')
  match('optimizer.params.adam_w_mode', adam_w_mode, true, 'AdamW, adam_w_mode')
  for (const key of [...Object.keys(rest), ...(training.optim === 'rmsprop' ? ['betas', 'eps'].filter(key => isMap(params) && key in params) : [])]) issues.push(`optimizer.params.${key}: ${training.optim} as it is computed here has no such setting; leave it out`)
}

function zeroIssues(config: DeepspeedConfig, dtype: TorchOptions['dtype'], issues: string[]): void {
  const zero = at(config, 'zero_optimization')
  const stage = zero['stage'] ?? 0
  if (![0, 1, 2, 3].includes(stage as number)) issues.push(`zero_optimization.stage ${show(stage)}: expected 0, 1, 2 or 3`)
  if (stage === 0 && dtype === 'bfloat16') issues.push('zero_optimization.stage 0: expected 1, 2 or 3 with dtype bfloat16 (without ZeRO DeepSpeed lets nobody read the float32 weights that a checkpoint needs)')
  for (const key of ['offload_optimizer', 'offload_param']) {
    const device = at(zero, key)['device']
    // DeepSpeed would take no notice.
    const least = key === 'offload_param' ? 3 : 1
    if (device === 'cpu' && Number(stage) < least) issues.push(`zero_optimization.${key}.device "cpu": expected stage ${least === 3 ? '3' : '1, 2 or 3'} with it, got ${show(stage)}; change one of them`)
    if (device !== undefined && !['cpu', 'none'].includes(String(device))) issues.push(`zero_optimization.${key}.device ${show(device)}: expected cpu or none; checkpoints cannot be read from elsewhere`)
  }
  if (at(config, 'data_types')['grad_accum_dtype'] !== undefined && stage !== 1 && stage !== 2 && stage !== 3) issues.push('data_types: expected a ZeRO stage from 1 with it; leave it out')
  if (config['zero_force_ds_cpu_optimizer'] === true) issues.push('zero_force_ds_cpu_optimizer true: expected false, the optimizer is PyTorch\'s; leave it out')
}

/**
 * What DeepSpeed is told: "auto" filled, and nothing of what the engine does itself.
 * @param hidden width of the model, from which transformers takes bucket sizes.
 */
export function fillDeepspeed(config: DeepspeedConfig, { dtype, hidden }: { dtype: TorchOptions['dtype']; hidden: number }): DeepspeedConfig {
  const sizes: Record<string, number> = { reduce_bucket_size: hidden * hidden, stage3_prefetch_bucket_size: Math.floor(0.9 * hidden * hidden), stage3_param_persistence_threshold: 10 * hidden }
  const zero = Object.fromEntries(Object.entries(at(config, 'zero_optimization')).map(([key, value]) => [key, value === 'auto' && sizes[key] !== undefined ? sizes[key] : value]))
  const handed = Object.fromEntries(Object.entries(config).filter(([key]) => HANDED_ON.includes(key)))
  return {
    ...handed,
    zero_optimization: zero,
    bf16: { ...at(config, 'bf16'), enabled: dtype === 'bfloat16' },
    train_micro_batch_size_per_gpu: 1,
    gradient_accumulation_steps: 1,
    // Left out it is 1, not none.
    gradient_clipping: 0,
    zero_allow_untested_optimizer: true,
    zero_force_ds_cpu_optimizer: false,
  }
}

function at(map: Record<string, unknown>, key: string): Record<string, unknown> {
  const value = map[key]
  return isMap(value) ? value : {}
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  return isMap(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sorted(inner)])) : value
}

const show = (value: unknown): string => JSON.stringify(value) ?? 'nothing'
