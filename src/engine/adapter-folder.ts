/**
 * LoRA adapters as PEFT 0.21 reads and writes them: adapter_config.json and adapter_model.safetensors. An option that
 * would change what the adapter computes, and that is not supported, is refused; unknown ones too unless they are empty.
 */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { LoraSettings } from './engine.ts'
import { InputError } from './input-error.ts'
import { readJsonObject, readJsonObjectVerbatim } from './json-file.ts'
import { ADAPTER_CONFIG, writeDurably, writeFolder } from './model-folder.ts'
import type { ModelConfig } from './model-folder.ts'
import { checkTensor } from './models/checkpoint.ts'
import { adapterWeights, linearLayers } from './models/decoder.ts'
import type { DecoderConfig, LowRank } from './models/decoder.ts'
import { createRandom } from './rng.ts'
import { readSafetensors, writeSafetensors } from './safetensors.ts'
import type { Tensor } from './safetensors.ts'

/** The model that an adapter adds to. */
export type AdapterBase = { folder: string; modelType: ModelConfig['model_type']; decoder: DecoderConfig }

/** `tensors` by the engine's names, in the order of `adapterWeights`; `config` is what adapter_config.json holds. */
export type Adapter = { lowRank: LowRank; tensors: Map<string, Tensor>; config: Record<string, unknown> }

const ADAPTER_WEIGHTS = 'adapter_model.safetensors'
/** PEFT wraps the model twice. */
const KEY_PREFIX = 'base_model.model.'
const ALL_LINEAR = 'all-linear'

/** PEFT's target modules where none are named (TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING). */
const DEFAULT_TARGETS: Record<ModelConfig['model_type'], string[]> = { llama: ['q_proj', 'v_proj'], qwen2: ['q_proj', 'v_proj'], qwen3: ['q_proj', 'v_proj'] }

/** Options that say nothing about what a saved adapter computes; dropout counts in training alone, where TRL's disable_dropout turns it off. */
const WITHOUT_EFFECT = ['auto_mapping', 'base_model_name_or_path', 'revision', 'task_type', 'inference_mode', 'peft_version', 'lora_dropout', 'megatron_core', 'qalora_group_size', 'ensure_weight_tying', 'runtime_config']
const READ = ['peft_type', 'r', 'lora_alpha', 'target_modules', 'use_rslora', 'bias', 'init_lora_weights']
/** Ways to begin that leave the model's own weights alone; pissa, olora, corda and others change them when the adapter is loaded. */
const HARMLESS_BEGINNINGS: unknown[] = [undefined, null, true, false, 'gaussian', 'orthogonal', 'eva']

/** Everything that PEFT 0.21's LoraConfig writes. */
const WRITTEN_DEFAULTS: Record<string, unknown> = {
  alora_invocation_tokens: null, alpha_pattern: {}, arrow_config: null, auto_mapping: null, base_model_name_or_path: null, bias: 'none', corda_config: null, ensure_weight_tying: false, eva_config: null,
  exclude_modules: null, fan_in_fan_out: false, inference_mode: true, init_lora_weights: true, kasa_config: null, layer_replication: null, layers_pattern: null, layers_to_transform: null, loftq_config: {},
  lora_alpha: 8, lora_bias: false, lora_dropout: 0, lora_ga_config: null, megatron_config: null, megatron_core: 'megatron.core', modules_to_save: null, monteclora_config: null, peft_type: 'LORA',
  peft_version: '0.21.2', qalora_group_size: 16, r: 8, rank_pattern: {}, revision: null, target_modules: null, target_parameters: null, task_type: 'CAUSAL_LM', trainable_token_indices: null, use_bdlora: null,
  use_dora: false, use_qalora: false, use_rslora: false, velora_config: null,
}

/**
 * Reads an adapter and checks that it fits the model.
 * @throws InputError where the folder is no LoRA adapter, asks for what is not supported, is damaged, or belongs to another model.
 */
export function readAdapterFolder(folder: string, base: AdapterBase): Adapter {
  const path = checkAdapterFolder(folder)
  const file = join(path, ADAPTER_CONFIG)
  const config = readJsonObject(file)
  const lowRank = parseAdapterConfig(config, base.decoder, file)
  const weights = join(path, ADAPTER_WEIGHTS)
  const tensors = checkAdapterWeights(readSafetensors(weights), { ...base.decoder, adapter: lowRank }, weights, base.folder)
  return { lowRank, tensors, config: readJsonObjectVerbatim(file) }
}

/** @throws InputError unless the folder holds both files of an adapter. Cheap: ask before a model is loaded. */
export function checkAdapterFolder(folder: string): string {
  const path = resolve(folder)
  if (!existsSync(path)) throw new InputError(`expected an adapter folder, ${path} does not exist: check the path`)
  if (!statSync(path).isDirectory()) throw new InputError(`expected an adapter folder, got a file: ${path}; name the folder that holds ${ADAPTER_CONFIG}`)
  const inside = readdirSync(path)
  if (!inside.includes(ADAPTER_CONFIG)) {
    throw new InputError(`expected an adapter folder with ${ADAPTER_CONFIG} and ${ADAPTER_WEIGHTS}, found no ${ADAPTER_CONFIG} in ${path}; ${inside.includes('config.json') ? 'this is a model folder, name it as the model' : 'name a PEFT adapter folder'}`)
  }
  if (!inside.includes(ADAPTER_WEIGHTS)) {
    throw new InputError(`expected ${ADAPTER_WEIGHTS} in ${path}, found ${inside.includes('adapter_model.bin') ? 'only adapter_model.bin; save it again with PEFT' : 'none; copy the whole folder'}`)
  }
  return path
}

/**
 * A new adapter: A uniform within ±1/sqrt(in), as PEFT begins it (kaiming_uniform with a = sqrt(5)), B zero.
 * @throws InputError where target_modules name no linear layer of the model.
 */
export function createAdapter(settings: LoraSettings, base: AdapterBase): Adapter {
  const { r, lora_alpha: alpha, use_rslora: isStabilised, seed } = settings
  const { folder, decoder } = base
  const { lowRank, names } = planAdapter(settings, base)
  const random = createRandom(seed)
  const tensors = adapterWeights({ ...decoder, adapter: lowRank }).map(({ name, shape }): [string, Tensor] => {
    const [rows = 0, columns = 0] = shape
    const bound = name.endsWith('lora_A.weight') ? 1 / Math.sqrt(columns) : 0
    return [name, { name, shape, data: Float32Array.from({ length: rows * columns }, () => (bound > 0 ? (2 * random() - 1) * bound : 0)) }]
  })
  const config = { ...WRITTEN_DEFAULTS, base_model_name_or_path: folder, lora_alpha: alpha, r, target_modules: names.toSorted(), use_rslora: isStabilised }
  return { lowRank, tensors: new Map(tensors), config }
}

/**
 * Where a new adapter goes, before any number of it is drawn; `names` are the targets as PEFT stores them.
 * @throws InputError where target_modules name no linear layer of the model.
 */
export function planAdapter({ r, lora_alpha: alpha, target_modules: targets, use_rslora: isStabilised }: Omit<LoraSettings, 'seed'>, { folder, modelType, decoder }: AdapterBase): { lowRank: LowRank; names: string[] } {
  if (!Number.isSafeInteger(r) || r < 1) throw new InputError(`lora_r: expected a whole number from 1, got ${r}`)
  const layers = linearLayers(decoder).map(({ name }) => name)
  const names = targets === ALL_LINEAR ? distinct(layers.map(lastPart)) : (targets ?? DEFAULT_TARGETS[modelType])
  for (const name of names) {
    if (!layers.some(layer => isNamed(layer, name))) throw new InputError(`lora_target_modules: expected ends of the names of ${folder}'s linear layers (${distinct(layers.map(lastPart)).join(', ')}) or ${ALL_LINEAR}, got "${name}"`)
  }
  return { lowRank: { rank: r, scale: scaleOf(r, alpha, isStabilised), modules: new Set(layers.filter(layer => names.some(name => isNamed(layer, name)))) }, names }
}

/** Writes the adapter's folder, whole or not at all: a continued adapter's configuration stays what it was. @throws InputError as `writeFolder`. */
export function writeAdapterFolder(folder: string, { config, tensors }: Adapter): void {
  const settings = Object.fromEntries(Object.entries({ ...config, inference_mode: true }).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  writeFolder(folder, temporary => {
    writeDurably(join(temporary, ADAPTER_CONFIG), JSON.stringify(settings, null, 2))
    writeSafetensors(join(temporary, ADAPTER_WEIGHTS), [...tensors.values()].map(({ name, shape, data }) => ({ name: `${KEY_PREFIX}${name}`, shape, data })))
  })
}

function parseAdapterConfig(config: Record<string, unknown>, decoder: DecoderConfig, file: string): LowRank {
  const { peft_type: type, r, lora_alpha: alpha, target_modules: targets, use_rslora: isStabilised, bias, init_lora_weights: beginning } = config
  if (type !== 'LORA') throw new InputError(`${file}: expected peft_type "LORA", got ${JSON.stringify(type)}; other adapters are not supported: merge it into its model with PEFT (merge_and_unload)`)
  for (const [key, value] of Object.entries(config)) {
    if (READ.includes(key) || WITHOUT_EFFECT.includes(key) || isEmpty(value)) continue
    throw new InputError(`${file}: "${key}": expected nothing, got ${JSON.stringify(value)}; this adapter cannot be run here without changing its results: merge it into its model with PEFT (merge_and_unload)`)
  }
  if (bias !== undefined && bias !== 'none') throw new InputError(`${file}: "bias": expected "none", got ${JSON.stringify(bias)}; trained bias terms are not supported`)
  if (!HARMLESS_BEGINNINGS.includes(beginning)) throw new InputError(`${file}: "init_lora_weights": ${JSON.stringify(beginning)} changes the model's own weights when it is loaded, which is not supported; convert it to a plain LoRA adapter with PEFT (save_pretrained with path_initial_model_for_weight_conversion)`)
  if (!Number.isSafeInteger(r) || (r as number) < 1) throw new InputError(`${file}: expected "r" to be a whole number from 1, got ${JSON.stringify(r)}`)
  if (typeof alpha !== 'number' || !Number.isFinite(alpha)) throw new InputError(`${file}: expected "lora_alpha" to be a number, got ${JSON.stringify(alpha)}`)
  const isTarget = targetRule(targets, file)
  const modules = new Set(linearLayers(decoder).map(({ name }) => name).filter(isTarget))
  if (modules.size === 0) throw new InputError(`${file}: expected "target_modules" to name linear layers of the model, got ${JSON.stringify(targets)}; is it an adapter for another model?`)
  return { rank: r as number, scale: scaleOf(r as number, alpha, isStabilised === true), modules }
}

/** Which layers `target_modules` means: ends of names, or one regular expression over whole names (BaseTuner in PEFT). */
function targetRule(targets: unknown, file: string): (layer: string) => boolean {
  if (Array.isArray(targets) && targets.every(name => typeof name === 'string')) return layer => targets.some(name => isNamed(layer, name as string))
  if (typeof targets !== 'string') throw new InputError(`${file}: expected "target_modules" to be a list of names or an expression, got ${JSON.stringify(targets)}`)
  if (targets.toLowerCase() === ALL_LINEAR) return () => true
  try {
    const pattern = new RegExp(`^(?:${targets})$`)
    return layer => pattern.test(layer)
  } catch {
    throw new InputError(`${file}: "target_modules": could not read the expression ${JSON.stringify(targets)}; list the names of the layers instead`)
  }
}

function checkAdapterWeights(stored: ReadonlyMap<string, Tensor>, decoder: DecoderConfig, file: string, model: string): Map<string, Tensor> {
  const advice = `is it an adapter for another model than ${model}?`
  const specs = adapterWeights(decoder)
  const wanted = new Set(specs.map(({ name }) => `${KEY_PREFIX}${name}`))
  const foreign = [...stored.keys()].find(name => !wanted.has(name))
  if (foreign !== undefined) throw new InputError(`${file}: the model has no place for the tensor "${foreign}" under these target_modules; ${advice}`)
  return new Map(specs.map(({ name, shape }) => {
    const tensor = stored.get(`${KEY_PREFIX}${name}`)
    if (!tensor) throw new InputError(`${file}: expected the tensor "${KEY_PREFIX}${name}" of shape [${shape.join(', ')}], found none; ${advice}`)
    checkTensor(tensor, shape, `${file}: tensor "${tensor.name}"`, { misshapen: advice, damaged: 'use an undamaged adapter' })
    return [name, { name, shape, data: tensor.data }]
  }))
}

function scaleOf(rank: number, alpha: number, isStabilised: boolean): number {
  return alpha / (isStabilised ? Math.sqrt(rank) : rank)
}

function isNamed(layer: string, name: string): boolean {
  return layer === name || layer.endsWith(`.${name}`)
}

function lastPart(layer: string): string {
  return layer.slice(layer.lastIndexOf('.') + 1)
}

function distinct(names: string[]): string[] {
  return [...new Set(names)]
}

function isEmpty(value: unknown): boolean {
  return value === null || value === false || value === '' || (typeof value === 'object' && Object.keys(value as object).length === 0)
}
