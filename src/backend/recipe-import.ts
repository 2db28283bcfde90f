/**
 * Recipes of TRL (DPOConfig as YAML or JSON), alignment-handbook and LLaMA-Factory as recipes of ours. Every key is
 * kept, translated and told, or listed as left. What a file leaves out is written with its trainer's default, for ours
 * are others; only precision is float32 unless the file says otherwise.
 */
import { parseDocument, stringify } from 'yaml'
import { UsageError } from '../shared/errors.ts'
import { translateRemovedKeys } from '../shared/key-names.ts'
import { lossType, trainingSchema } from '../shared/recipe.ts'
import type { ForeignFormat, ImportedRecipe } from '../shared/recipe-exchange.ts'
import { CUT_ELSEWHERE, isMap, parseRecipe, show, type Yaml } from './recipe-file.ts'

/** Where TRL 1.16's DPOConfig differs from our defaults. */
const TRL_DEFAULTS: Yaml = { loss_type: ['sigmoid'], loss_weights: null, learning_rate: 1e-6, warmup_steps: 0, optim: 'adamw_torch', max_length: 1024, per_device_train_batch_size: 8, gradient_checkpointing: true, num_train_epochs: 3 }
/** Where LLaMA-Factory's stage dpo differs (its hparams and transformers' TrainingArguments). */
const LLAMA_FACTORY_DEFAULTS: Yaml = { ...TRL_DEFAULTS, learning_rate: 5e-5, max_length: 2048, use_peft: true, lora_r: 8, lora_target_modules: 'all-linear' }

/** LLaMA-Factory's names, old ones included. */
const LLAMA_FACTORY_NAMES: Record<string, string> = {
  pref_beta: 'beta', dpo_beta: 'beta', pref_loss: 'loss_type', dpo_loss: 'loss_type', cutoff_len: 'max_length', lora_rank: 'lora_r', lora_target: 'lora_target_modules', pref_ftx: 'rpo_alpha', dpo_ftx: 'rpo_alpha',
}
/** The same update by another implementation. */
const ADAMW = ['adamw_torch', 'adamw_torch_fused', 'adamw_hf', 'adamw_apex_fused', 'paged_adamw_32bit']
/** Without counterpart, and what is trained depends on them. */
const DECIDING = [
  'lora_dropout', 'lora_modules_to_save', 'lora_target_parameters', 'use_dora', 'load_in_8bit', 'label_smoothing_factor', 'neftune_noise_alpha', 'f_divergence_type', 'ld_alpha', 'sync_ref_model', 'reference_free', 'use_weighting',
  'ref_model', 'dpo_label_smoothing', 'pref_bco_weight', 'simpo_gamma', 'adapter_name_or_path', 'additional_target', 'use_galore', 'use_badam', 'loraplus_lr_ratio', 'pissa_init', 'packing', 'max_samples', 'template', 'truncation_mode', 'chat_template',
]
const isNothing = (value: unknown): boolean => value === null || value === undefined || value === false || value === 0 || value === ''

/** @throws UsageError where the text is no YAML or JSON, or trains otherwise than by preference. */
export function importRecipe(text: string): ImportedRecipe {
  const document = parseDocument(text)
  const value: unknown = document.errors.length > 0 ? null : document.toJS()
  if (!isMap(value)) throw new UsageError(`recipe import: expected YAML or JSON with a trainer's keys (model_name_or_path, beta, learning_rate, …), got ${document.errors[0]?.message.split('\n')[0] ?? show(value)}`)
  if (typeof value['recipe'] === 'string') throw new UsageError(`recipe import: expected a file of TRL, alignment-handbook or LLaMA-Factory, got a recipe of ours (recipe: ${value['recipe']}); use it as it is`)
  return new Import(value).done()
}

function formatOf(given: Yaml): ForeignFormat {
  const has = (...keys: string[]): boolean => keys.some((key) => Object.hasOwn(given, key))
  if (has('stage', 'finetuning_type', 'cutoff_len', 'pref_beta', 'pref_loss')) return 'llama-factory'
  return has('dataset_mixer', 'dataset_mixture', 'dataset_splits', 'preprocessing_num_workers') ? 'alignment-handbook' : 'trl'
}

/** One file on its way: each key is taken out of `rest` once. */
class Import {
  private readonly format: ForeignFormat
  private readonly rest: Yaml
  private readonly translated: ImportedRecipe['translated'] = []
  private readonly left: ImportedRecipe['left'] = []
  private readonly top: Yaml = { recipe: 'dpo' }
  private readonly training: Yaml
  private readonly torch: Yaml = {}

  constructor(given: Yaml) {
    this.format = formatOf(given)
    this.rest = { ...given }
    this.training = { ...(this.format === 'llama-factory' ? LLAMA_FACTORY_DEFAULTS : TRL_DEFAULTS) }
  }

  done(): ImportedRecipe {
    if (this.format === 'llama-factory') this.readLlamaFactory()
    this.readData()
    this.readRemoved()
    this.readPrecision()
    this.readOptimizer()
    this.readTraining()
    for (const key of ['model_name_or_path', 'seed', 'save_total_limit']) {
      const value = this.take(key)
      if (key === 'save_total_limit' && value === null) this.leave(key, 'all checkpoints are kept there; here save_total_limit counts them')
      else if (value !== undefined) this.top[key] = value
    }
    for (const [key, value] of Object.entries(this.rest)) this.leave(key, DECIDING.includes(key) && !isNothing(value) ? `${show(value)} has no counterpart, and what is trained depends on it` : 'no counterpart in a recipe')
    const yaml = stringify({ ...this.top, ...(Object.keys(this.torch).length > 0 ? { engine: 'torch', device: 'cuda', torch: this.torch } : {}), training: this.training }, { lineWidth: 0 })
    return { format: this.format, yaml, translated: this.translated, left: this.left, issues: parseRecipe(yaml).issues }
  }

  private take(key: string): unknown {
    const value = this.rest[key]
    delete this.rest[key]
    return value
  }

  private tell(from: string, to: string, note: string): void {
    this.translated.push({ from, to, note })
  }

  private leave(key: string, note: string): void {
    this.left.push({ key, note })
  }

  private readLlamaFactory(): void {
    const stage = this.take('stage')
    if (stage !== 'dpo') throw new UsageError(`recipe import: expected stage: dpo, got ${stage === undefined ? 'no stage (sft there)' : `stage: ${show(stage)}`}; only preference training is a recipe`)
    this.tell('stage', 'recipe', 'stage dpo is recipe dpo')
    const tuning = this.take('finetuning_type')
    if (tuning === 'full' || tuning === 'lora') {
      this.training['use_peft'] = tuning === 'lora'
      if (tuning === 'full') for (const key of ['lora_r', 'lora_target_modules']) delete this.training[key]
      this.tell('finetuning_type', 'training.use_peft', `finetuning_type ${tuning} is use_peft ${tuning === 'lora'}`)
    } else if (tuning !== undefined) this.leave('finetuning_type', `expected full or lora, got ${show(tuning)}; read as lora`)
    for (const [old, name] of Object.entries(LLAMA_FACTORY_NAMES)) {
      const value = this.take(old)
      if (value === undefined) continue
      this.rest[name] = name === 'lora_target_modules' ? targetsOf(value) : value
      this.tell(old, name === 'rpo_alpha' ? 'training.loss_weights' : `training.${name}`, name === 'rpo_alpha' ? `${old} is the weight of the SFT part` : `${old} is ${name}`)
    }
    const rank = this.rest['lora_r'] ?? this.training['lora_r']
    if (this.training['use_peft'] === true && isNothing(this.rest['lora_alpha'])) this.rest['lora_alpha'] = typeof rank === 'number' ? 2 * rank : null
    const disabled = this.take('disable_gradient_checkpointing')
    if (typeof disabled === 'boolean') {
      this.training['gradient_checkpointing'] = !disabled
      this.tell('disable_gradient_checkpointing', 'training.gradient_checkpointing', `disable_gradient_checkpointing ${disabled} is gradient_checkpointing ${!disabled}`)
    }
    if (this.rest['quantization_bit'] === 4) {
      this.take('quantization_bit')
      this.rest['load_in_4bit'] = true
      this.tell('quantization_bit', 'torch.load_in_4bit', 'quantization_bit 4 is load_in_4bit')
    }
  }

  /** The one dataset; mixtures keep their first. */
  private readData(): void {
    for (const key of ['dataset_name', 'dataset', 'dataset_mixer', 'dataset_mixture']) {
      const value = this.take(key)
      if (value === undefined || value === null) continue
      const names = datasetNames(value)
      const [first, ...others] = names
      if (first === undefined || this.top['dataset'] !== undefined) this.leave(key, `expected one dataset, got ${show(value)}`)
      else {
        this.top['dataset'] = first
        this.tell(key, 'dataset', `${key} is dataset, a dataset of the workspace or a file with the pairs of its train split${names.length > 1 || typeof value !== 'string' ? '; shares, splits and weights are not kept' : ''}`)
        if (others.length > 0) this.leave(key, `a recipe has one dataset; these are left: ${others.join(', ')}`)
      }
    }
  }

  private readRemoved(): void {
    for (const [key, note] of Object.entries(CUT_ELSEWHERE)) if (this.take(key) !== undefined) this.tell(key, '', `${key} ${note}`)
    if ('rpo_alpha' in this.rest && isNothing(this.rest['rpo_alpha'])) this.tell('rpo_alpha', '', `rpo_alpha ${show(this.take('rpo_alpha'))} asks for nothing`)
    if (typeof this.rest['loss_type'] === 'string') this.rest['loss_type'] = this.rest['loss_type'].split(',').map((name) => name.trim())
    const { keys, notes } = translateRemovedKeys(this.rest)
    for (const note of notes) {
      const to = /read as (\w+)/.exec(note)?.[1] ?? ''
      this.tell(note.split(' ')[0] ?? '', Object.hasOwn(trainingSchema.shape, to) ? `training.${to}` : '', note)
    }
    for (const key of Object.keys(this.rest)) delete this.rest[key]
    Object.assign(this.rest, keys)
  }

  private readPrecision(): void {
    for (const [key, dtype] of [['bf16', 'bfloat16'], ['pure_bf16', 'bfloat16'], ['fp16', 'float16']] as const) {
      const value = this.take(key)
      if (value === undefined) continue
      if (value === true) this.torch['dtype'] = dtype
      this.tell(key, 'torch.dtype', value === true ? `${key} is torch.dtype ${dtype}, with engine torch on cuda` : `${key} ${show(value)}: float32, unless another key says otherwise`)
    }
    const dtype = this.take('dtype')
    if (dtype === 'bfloat16' || dtype === 'float16') this.torch['dtype'] ??= dtype
    if (dtype !== undefined) this.tell('dtype', 'torch.dtype', dtype === 'bfloat16' || dtype === 'float16' ? `dtype ${dtype} is torch.dtype, with engine torch on cuda` : `dtype ${show(dtype)}: float32, unless another key says otherwise`)
    for (const key of ['load_in_4bit', 'num_processes', 'deepspeed']) {
      if (key === 'deepspeed' && isMap(this.rest[key])) continue
      const value = this.take(key)
      if (value === undefined) continue
      if (!isNothing(value) && value !== 1) this.torch[key] = value
      this.tell(key, `torch.${key}`, `${key} is torch.${key}${isNothing(value) || value === 1 ? ', left at its default' : ', with engine torch on cuda'}`)
    }
  }

  private readOptimizer(): void {
    const optim = this.rest['optim']
    if (typeof optim === 'string' && optim !== 'adamw_torch' && ADAMW.includes(optim)) {
      this.rest['optim'] = 'adamw_torch'
      this.tell('optim', 'training.optim', `${optim} is adamw_torch: the same update`)
    }
    if (this.rest['lr_scheduler_type'] === 'cosine_with_min_lr') {
      this.rest['lr_scheduler_type'] = 'cosine'
      this.tell('lr_scheduler_type', 'training.lr_scheduler_type', 'cosine_with_min_lr is cosine with min_lr_rate')
    }
    const floor = this.take('lr_scheduler_kwargs')
    if (floor === undefined || floor === null) return
    const { min_lr_rate: rate, min_lr: least, ...others } = isMap(floor) ? floor : { other: floor }
    const peak = this.rest['learning_rate'] ?? this.training['learning_rate']
    const share = rate ?? (typeof least === 'number' && typeof peak === 'number' && peak > 0 ? least / peak : undefined)
    if (share !== undefined) {
      this.rest['min_lr_rate'] = share
      this.tell('lr_scheduler_kwargs', 'training.min_lr_rate', `lr_scheduler_kwargs is min_lr_rate ${show(share)}`)
    }
    if (Object.keys(others).length > 0 || share === undefined) this.leave('lr_scheduler_kwargs', `expected min_lr_rate or min_lr, got ${show(floor)}`)
  }

  /** Keys that are called the same; a value that ours cannot take is left, and the trainer's default stands. */
  private readTraining(): void {
    for (const [key, schema] of Object.entries(trainingSchema.shape)) {
      const value = this.take(key)
      if (value === undefined) continue
      const parsed = schema.safeParse(value)
      if (parsed.success) this.training[key] = value
      else this.leave(key, `expected ${key === 'loss_type' ? lossType.options.join(', ') : `what training.${key} takes`}, got ${show(value)}; ${key} is ${show(this.training[key] ?? schema.parse(undefined))} now`)
    }
  }
}

/** all, or names with commas between. */
function targetsOf(value: unknown): unknown {
  if (value === 'all') return 'all-linear'
  return typeof value === 'string' ? value.split(',').map((name) => name.trim()) : value
}

/** `name`, `name,name`, {name: share} or {datasets: [{id}]}. */
function datasetNames(value: unknown): string[] {
  if (typeof value === 'string') return value.split(',').map((name) => name.trim())
  if (Array.isArray(value)) return value.map((one) => (isMap(one) ? String(one['id'] ?? one['path'] ?? '') : String(one)))
  if (!isMap(value)) return []
  return Array.isArray(value['datasets']) ? datasetNames(value['datasets']) : Object.keys(value)
}
