/**
 * A model folder in Hugging Face layout: config.json, safetensors (one file, or shards with their index),
 * tokenizer and chat-template files. Reads what Transformers 4 and 5 write; writes what both load.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { InputError } from './input-error.ts'
import { readJsonObject, readJsonObjectVerbatim } from './json-file.ts'
import { readSafetensors, syncFolder, writeSafetensors } from './safetensors.ts'
import type { Tensor } from './safetensors.ts'

export const SUPPORTED_MODEL_TYPES = ['llama', 'qwen2', 'qwen3'] as const

/** config.json with Transformers' names, defaults filled in; `raw` is the file as it stands. */
export type ModelConfig = {
  model_type: (typeof SUPPORTED_MODEL_TYPES)[number]
  vocab_size: number
  hidden_size: number
  num_hidden_layers: number
  num_attention_heads: number
  num_key_value_heads: number
  head_dim: number
  intermediate_size: number
  rms_norm_eps: number
  max_position_embeddings: number
  tie_word_embeddings: boolean
  /** `type`: default, llama3, linear, …; `parameters`: its settings (factor, low_freq_factor, …) without theta and type. */
  rope: { theta: number; type: string; parameters: Record<string, unknown> }
  hidden_act: string
  bos_token_id: number | null
  pad_token_id: number | null
  raw: Record<string, unknown>
}

export type ModelFolder = {
  /** Absolute. */
  folder: string
  config: ModelConfig
  weights: Map<string, Tensor>
  /** Ids that end a completion: generation_config.json's, else config.json's. */
  eosIds: number[]
}

const CONFIG = 'config.json'
export const ADAPTER_CONFIG = 'adapter_config.json'
const WEIGHTS = 'model.safetensors'
const INDEX = 'model.safetensors.index.json'
const GENERATION_CONFIG = 'generation_config.json'
const MAX_SHARD_BYTES = 5_000_000_000

/** What `writeModelFolder` copies beside the weights, where the source has it. */
const COMPANION_FILES = [
  GENERATION_CONFIG, 'tokenizer.json', 'tokenizer_config.json', 'tokenizer.model', 'special_tokens_map.json', 'added_tokens.json',
  'vocab.json', 'merges.txt', 'chat_template.jinja', 'chat_template.json', 'additional_chat_templates', 'LICENSE', 'NOTICE',
]

/**
 * Reads configuration and weights.
 * @throws InputError when the folder is no model, of an unsupported kind, or any of its files is damaged.
 */
export function readModelFolder(folder: string): ModelFolder {
  const path = resolve(folder)
  const config = readModelConfig(path)
  return { folder: path, config, weights: readWeights(path), eosIds: readEosIds(path, config) }
}

/** Configuration alone: cheap, for estimates and for checks before a job starts. */
export function readModelConfig(folder: string): ModelConfig {
  const path = resolve(folder)
  if (!existsSync(path)) throw new InputError(`expected a model folder, ${path} does not exist: check the path`)
  if (!statSync(path).isDirectory()) throw new InputError(`expected a model folder, got a file: ${path}; name the folder that holds ${CONFIG}`)
  const file = join(path, CONFIG)
  if (!existsSync(file)) {
    throw new InputError(`expected a model folder with ${CONFIG} and ${WEIGHTS} (or ${INDEX}), found no ${CONFIG} in ${path}; name a Hugging Face model folder`)
  }
  return parseModelConfig(readJsonObject(file), file)
}

/** @param where names the file in errors. */
export function parseModelConfig(raw: Record<string, unknown>, where: string): ModelConfig {
  const modelType = raw.model_type
  if (!isSupported(modelType)) {
    throw new InputError(`${where}: model_type ${JSON.stringify(modelType)} is not supported, expected ${SUPPORTED_MODEL_TYPES.join(', ')}; choose a model of these families`)
  }
  if (raw.quantization_config != null) throw new InputError(`${where}: a quantised model cannot be trained here; use its float32, float16 or bfloat16 original`)
  if (raw.hidden_act !== undefined && raw.hidden_act !== 'silu') throw new InputError(`${where}: hidden_act ${JSON.stringify(raw.hidden_act)} is not supported, expected "silu"`)
  const size = (key: string, fallback?: number): number => {
    const value = raw[key] ?? fallback
    if (!Number.isSafeInteger(value) || (value as number) <= 0) throw new InputError(`${where}: expected "${key}" to be a positive whole number, got ${JSON.stringify(raw[key])}`)
    return value as number
  }
  const hidden = size('hidden_size')
  const heads = size('num_attention_heads')
  const keyValueHeads = size('num_key_value_heads', heads)
  const maxPositions = size('max_position_embeddings', modelType === 'llama' ? 2048 : 32768)
  // Qwen3Config's own default is 128, the others divide.
  const headDim = size('head_dim', modelType === 'qwen3' ? 128 : Math.floor(hidden / heads))
  if (heads % keyValueHeads !== 0) throw new InputError(`${where}: num_attention_heads ${heads} is no multiple of num_key_value_heads ${keyValueHeads}`)
  if (headDim % 2 !== 0) throw new InputError(`${where}: rotary embeddings want an even head_dim, got ${headDim}`)
  checkSlidingWindow(raw, maxPositions, where)
  const epsilon = raw.rms_norm_eps ?? 1e-6
  if (typeof epsilon !== 'number' || !(epsilon >= 0)) throw new InputError(`${where}: expected "rms_norm_eps" to be a number, got ${JSON.stringify(epsilon)}`)
  return {
    model_type: modelType,
    vocab_size: size('vocab_size'),
    hidden_size: hidden,
    num_hidden_layers: size('num_hidden_layers'),
    num_attention_heads: heads,
    num_key_value_heads: keyValueHeads,
    head_dim: headDim,
    intermediate_size: size('intermediate_size'),
    rms_norm_eps: epsilon,
    max_position_embeddings: maxPositions,
    tie_word_embeddings: raw.tie_word_embeddings === true,
    rope: parseRope(raw, where),
    hidden_act: 'silu',
    bos_token_id: firstId(raw.bos_token_id),
    pad_token_id: firstId(raw.pad_token_id),
    raw,
  }
}

/**
 * Writes a complete model folder beside its place and moves it there: the folder is whole or absent.
 * Files of `source` that belong to a model are copied; config.json gets `configChanges` and float32.
 * An existing model folder (or empty folder) at `folder` is replaced.
 * @throws InputError when `folder` holds something that is no model.
 */
export function writeModelFolder(folder: string, source: string, weights: Map<string, Tensor>, configChanges: Record<string, unknown> = {}, maxShardBytes = MAX_SHARD_BYTES): void {
  const from = resolve(source)
  writeFolder(folder, temporary => {
    copyCompanions(from, temporary)
    writeDurably(join(temporary, CONFIG), `${JSON.stringify(changeConfig(readJsonObjectVerbatim(join(from, CONFIG)), configChanges), null, 2)}\n`)
    writeWeights(temporary, [...weights.values()], maxShardBytes)
  })
}

/**
 * Fills a folder beside its place and moves it there: it is whole or absent. A model, adapter or empty folder is replaced.
 * @throws InputError when `folder` holds something else.
 */
export function writeFolder(folder: string, fill: (temporary: string) => void): void {
  const target = resolve(folder)
  checkModelTarget(target)
  const parent = dirname(target)
  mkdirSync(parent, { recursive: true })
  removeAbandoned(parent, basename(target))
  const temporary = join(parent, `.${basename(target)}.tmp-${process.pid}`)
  mkdirSync(temporary)
  try {
    fill(temporary)
    syncFolder(temporary)
    replaceFolder(target, temporary)
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true })
    throw error
  }
  syncFolder(parent)
}

/** @throws InputError unless a model may be written to `folder`: absent, empty, or a model already. Ask before hours of training. */
export function checkModelTarget(folder: string): void {
  const target = resolve(folder)
  if (!existsSync(target)) return
  if (!statSync(target).isDirectory()) throw new InputError(`expected a folder to write the model to, got a file: ${target}; choose another --output`)
  const inside = readdirSync(target)
  if (inside.length > 0 && !inside.includes(CONFIG) && !inside.includes(ADAPTER_CONFIG)) {
    throw new InputError(`expected an absent or empty folder, or a model to replace, but ${target} holds other files (${inside.slice(0, 3).join(', ')}${inside.length > 3 ? ', …' : ''}); choose another --output`)
  }
}

/** Ids that end a completion, as Transformers' generate reads them. */
export function readEosIds(folder: string, config: ModelConfig): number[] {
  const file = join(folder, GENERATION_CONFIG)
  const generation = existsSync(file) ? readJsonObject(file) : {}
  const value = generation.eos_token_id ?? config.raw.eos_token_id ?? []
  const ids = Array.isArray(value) ? value : [value]
  if (!ids.every(id => Number.isSafeInteger(id) && id >= 0)) throw new InputError(`${folder}: expected "eos_token_id" to be an id or a list of ids, got ${JSON.stringify(value)}`)
  return ids as number[]
}

function readWeights(folder: string): Map<string, Tensor> {
  const single = join(folder, WEIGHTS)
  if (existsSync(single)) return readSafetensors(single)
  const index = join(folder, INDEX)
  if (existsSync(index)) return readShards(folder, index)
  const pickled = readdirSync(folder).find(name => /^pytorch_model.*\.bin$/.test(name))
  throw new InputError(`expected ${WEIGHTS} or ${INDEX} in ${folder}, found ${pickled ? `only ${pickled}; convert it with Transformers' save_pretrained` : 'neither; name a complete model folder'}`)
}

function readShards(folder: string, index: string): Map<string, Tensor> {
  const map = readJsonObject(index).weight_map
  if (typeof map !== 'object' || map === null || Array.isArray(map)) throw new InputError(`${index}: expected "weight_map" with a shard for each tensor`)
  const placed = Object.entries(map as Record<string, unknown>)
  const shards = [...new Set(placed.map(([, shard]) => shard))]
  const weights = new Map<string, Tensor>()
  for (const shard of shards) {
    if (typeof shard !== 'string' || shard !== basename(shard) || shard.includes('\\')) throw new InputError(`${index}: expected shard file names inside the folder, got ${JSON.stringify(shard)}`)
    const file = join(folder, shard)
    if (!existsSync(file)) throw new InputError(`${index} names the shard ${shard}, which is not in ${folder}; copy or download the missing file`)
    for (const [name, tensor] of readSafetensors(file)) weights.set(name, tensor)
  }
  for (const [name, shard] of placed) {
    if (!weights.has(name)) throw new InputError(`${index} places the tensor "${name}" in ${String(shard)}, which does not hold it; copy or download the folder again`)
  }
  return weights
}

/** Transformers 5: rope_parameters; Transformers 4: rope_theta and rope_scaling ({rope_type} or, older, {type}). */
function parseRope(raw: Record<string, unknown>, where: string): ModelConfig['rope'] {
  const key = raw.rope_parameters != null ? 'rope_parameters' : 'rope_scaling'
  const settings = raw[key] ?? {}
  if (typeof settings !== 'object' || Array.isArray(settings)) throw new InputError(`${where}: expected "${key}" to be an object, got ${JSON.stringify(settings)}`)
  const { rope_theta: nestedTheta, rope_type: ropeType, type: olderType, ...parameters } = settings as Record<string, unknown>
  const theta = nestedTheta ?? raw.rope_theta ?? 10000
  const type = ropeType ?? olderType ?? 'default'
  if (typeof theta !== 'number' || !(theta > 0)) throw new InputError(`${where}: expected "rope_theta" to be a positive number, got ${JSON.stringify(theta)}`)
  if (typeof type !== 'string') throw new InputError(`${where}: expected "rope_type" to be a name, got ${JSON.stringify(type)}`)
  return { theta, type, parameters }
}

function checkSlidingWindow(raw: Record<string, unknown>, maxPositions: number, where: string): void {
  const window = raw.sliding_window
  if (raw.use_sliding_window === true && typeof window === 'number' && window < maxPositions) {
    throw new InputError(`${where}: sliding-window attention (${window} of ${maxPositions} positions) is not supported; choose a model with full attention`)
  }
}

function changeConfig(raw: Record<string, unknown>, changes: Record<string, unknown>): Record<string, unknown> {
  // Transformers 4 reads torch_dtype, 5 reads dtype: the key that is there stays.
  const key = 'torch_dtype' in raw && !('dtype' in raw) ? 'torch_dtype' : 'dtype'
  return { ...raw, [key]: 'float32', ...changes }
}

function copyCompanions(from: string, to: string): void {
  for (const name of COMPANION_FILES) {
    const file = join(from, name)
    if (!existsSync(file)) continue
    // Contents only: the mode of a read-only source must not make the copy read-only.
    if (statSync(file).isDirectory()) copyFolder(file, join(to, name))
    else writeDurably(join(to, name), readFileSync(file))
  }
}

function copyFolder(from: string, to: string): void {
  mkdirSync(to)
  for (const name of readdirSync(from)) writeDurably(join(to, name), readFileSync(join(from, name)))
}

/** One file, or shards filled in order of name, as Transformers names them. */
function writeWeights(folder: string, tensors: Tensor[], maxShardBytes: number): void {
  const sorted = tensors.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  const shards: Tensor[][] = [[]]
  let shardBytes = 0
  let totalBytes = 0
  for (const tensor of sorted) {
    if (shardBytes > 0 && shardBytes + tensor.data.byteLength > maxShardBytes) {
      shards.push([])
      shardBytes = 0
    }
    shards.at(-1)?.push(tensor)
    shardBytes += tensor.data.byteLength
    totalBytes += tensor.data.byteLength
  }
  if (shards.length === 1) {
    writeSafetensors(join(folder, WEIGHTS), sorted)
    return
  }
  const weightMap: Record<string, string> = {}
  shards.forEach((shard, i) => {
    const name = `model-${pad5(i + 1)}-of-${pad5(shards.length)}.safetensors`
    writeSafetensors(join(folder, name), shard)
    for (const tensor of shard) weightMap[tensor.name] = name
  })
  const totalParameters = sorted.reduce((sum, tensor) => sum + tensor.data.length, 0)
  writeDurably(join(folder, INDEX), `${JSON.stringify({ metadata: { total_parameters: totalParameters, total_size: totalBytes }, weight_map: weightMap }, null, 2)}\n`)
}

/** The old folder is moved aside, not emptied: at no instant is there a mixture. */
function replaceFolder(target: string, replacement: string): void {
  if (!existsSync(target)) {
    renameSync(replacement, target)
    return
  }
  const old = `${replacement}-old`
  renameSync(target, old)
  try {
    renameSync(replacement, target)
  } catch (error) {
    renameSync(old, target)
    throw error
  }
  rmSync(old, { recursive: true, force: true })
}

/** Temporary folders of writers that were killed. */
function removeAbandoned(parent: string, name: string): void {
  for (const entry of readdirSync(parent)) {
    const pid = entry.startsWith(`.${name}.tmp-`) ? /^(\d+)$/.exec(entry.slice(name.length + 6))?.[1] : undefined
    if (pid !== undefined && (Number(pid) === process.pid || !isAlive(Number(pid)))) rmSync(join(parent, entry), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

export function writeDurably(file: string, content: string | Uint8Array): void {
  writeFileSync(file, content)
  const descriptor = openSync(file, 'r+')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function isSupported(modelType: unknown): modelType is ModelConfig['model_type'] {
  return (SUPPORTED_MODEL_TYPES as readonly unknown[]).includes(modelType)
}

function firstId(value: unknown): number | null {
  const first: unknown = Array.isArray(value) ? value[0] : value
  return Number.isSafeInteger(first) ? (first as number) : null
}

function pad5(n: number): string {
  return String(n).padStart(5, '0')
}
