/**
 * A model folder in Hugging Face layout: config.json, safetensors (one file, or shards with their index),
 * tokenizer and chat-template files. Reads what Transformers 4 and 5 write; writes what both load.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { isPresent, listFolder } from './entries.ts'
import { InputError } from './input-error.ts'
import { describeJson, readJsonObject, readJsonObjectVerbatim } from './json-file.ts'
import { parseModelConfig } from './model-config.ts'
import type { ModelConfig } from './model-config.ts'
import { CONFIG, readWeightMap, TOKENIZER, WEIGHTS, WEIGHTS_INDEX } from './model-files.ts'
import { isAlive } from './process.ts'
import { readSafetensors, syncFolder, writeSafetensors } from './safetensors.ts'
import type { Tensor } from './safetensors.ts'

export { parseModelConfig, SUPPORTED_MODEL_TYPES } from './model-config.ts'
export type { ModelConfig } from './model-config.ts'

export type ModelFolder = {
  /** Absolute. */
  folder: string
  config: ModelConfig
  weights: Map<string, Tensor>
  /** Ids that end a completion: generation_config.json's, else config.json's. */
  eosIds: number[]
}

export const ADAPTER_CONFIG = 'adapter_config.json'
const GENERATION_CONFIG = 'generation_config.json'
const MAX_SHARD_BYTES = 5_000_000_000

/** What `writeModelFolder` copies beside the weights, where the source has it. */
const COMPANION_FILES = [
  GENERATION_CONFIG, TOKENIZER, 'tokenizer_config.json', 'tokenizer.model', 'special_tokens_map.json', 'added_tokens.json',
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
  if (!existsSync(path)) throw new InputError(`expected a model folder, ${path} ${isPresent(path) ? 'is a link that leads nowhere' : 'does not exist'}: check the path`)
  if (!statSync(path).isDirectory()) throw new InputError(`expected a model folder, got a file: ${path}; name the folder that holds ${CONFIG}`)
  const file = join(path, CONFIG)
  if (!isPresent(file)) {
    throw new InputError(`expected a model folder with ${CONFIG} and ${WEIGHTS} (or ${WEIGHTS_INDEX}), found no ${CONFIG} in ${path}; name a Hugging Face model folder`)
  }
  return parseModelConfig(readJsonObject(file), file)
}

/**
 * Writes a complete model folder beside its place and moves it there: the folder is whole or absent.
 * Files of `source` that belong to a model are copied; config.json gets `configChanges` and float32.
 * An existing model folder (or empty folder) at `folder` is replaced.
 * @throws InputError when `folder` holds something that is no model.
 */
export function writeModelFolder(folder: string, source: string, weights: Map<string, Tensor>, configChanges: Record<string, unknown> = {}, maxShardBytes = MAX_SHARD_BYTES): void {
  writeFolder(folder, temporary => {
    writeCompanions(source, temporary, configChanges)
    writeWeights(temporary, [...weights.values()], maxShardBytes)
  })
}

/** As `writeModelFolder`, of weights that another process writes: `fill` resolves when they lie in the folder it is given. */
export async function receiveModelFolder(folder: string, source: string, configChanges: Record<string, unknown>, fill: (temporary: string) => Promise<void>): Promise<void> {
  const draft = draftFolder(folder)
  try {
    writeCompanions(source, draft.temporary, configChanges)
    await fill(draft.temporary)
    for (const name of readdirSync(draft.temporary).filter(file => file.startsWith('model'))) syncFile(join(draft.temporary, name))
    draft.keep()
  } catch (error) {
    draft.discard()
    throw error
  }
}

function writeCompanions(source: string, folder: string, configChanges: Record<string, unknown>): void {
  const from = resolve(source)
  copyCompanions(from, folder)
  writeDurably(join(folder, CONFIG), `${JSON.stringify(changeConfig(readJsonObjectVerbatim(join(from, CONFIG)), configChanges), null, 2)}\n`)
}

/**
 * Fills a folder beside its place and moves it there: it is whole or absent. A model, adapter or empty folder is replaced.
 * @throws InputError when `folder` holds something else.
 */
export function writeFolder(folder: string, fill: (temporary: string) => void): void {
  const { temporary, keep, discard } = draftFolder(folder)
  try {
    fill(temporary)
    keep()
  } catch (error) {
    discard()
    throw error
  }
}

/** An empty folder beside `folder` that takes its place when it is kept. */
function draftFolder(folder: string): { temporary: string; keep(): void; discard(): void } {
  const target = resolve(folder)
  checkModelTarget(target)
  const parent = dirname(target)
  mkdirSync(parent, { recursive: true })
  removeAbandoned(parent, basename(target))
  const temporary = join(parent, `.${basename(target)}.tmp-${process.pid}`)
  mkdirSync(temporary)
  return {
    temporary,
    keep() {
      syncFolder(temporary)
      replaceFolder(target, temporary)
      syncFolder(parent)
    },
    discard: () => rmSync(temporary, { recursive: true, force: true }),
  }
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
  const generation = isPresent(file) ? readJsonObject(file) : {}
  const value = generation.eos_token_id ?? config.raw.eos_token_id ?? []
  const ids = Array.isArray(value) ? value : [value]
  if (!ids.every(id => Number.isSafeInteger(id) && id >= 0)) throw new InputError(`${folder}: expected "eos_token_id" to be an id or a list of ids, got ${describeJson(value)}`)
  return ids as number[]
}

function readWeights(folder: string): Map<string, Tensor> {
  const single = join(folder, WEIGHTS)
  if (isPresent(single)) return readSafetensors(single)
  const index = join(folder, WEIGHTS_INDEX)
  if (isPresent(index)) return readShards(folder, index)
  const pickled = listFolder(folder, 'a model folder').find(name => /^pytorch_model.*\.bin$/.test(name))
  throw new InputError(`expected ${WEIGHTS} or ${WEIGHTS_INDEX} in ${folder}, found ${pickled ? `only ${pickled}; convert it with Transformers' save_pretrained` : 'neither; name a complete model folder'}`)
}

function readShards(folder: string, index: string): Map<string, Tensor> {
  const placed = readWeightMap(index)
  const shards = new Set(placed.values())
  const weights = new Map<string, Tensor>()
  // All shards are looked for before the first is read, which may take minutes.
  for (const shard of shards) {
    if (!isPresent(join(folder, shard))) throw new InputError(`${index} names the shard ${shard}, which is not in ${folder}; copy or download the missing file`)
  }
  for (const shard of shards) {
    for (const [name, tensor] of readSafetensors(join(folder, shard))) {
      if (weights.has(name)) throw new InputError(`${folder}: expected the tensor "${name}" in one shard, found it in ${shard} and in another; save the model again`)
      weights.set(name, tensor)
    }
  }
  for (const [name, shard] of placed) {
    if (!weights.has(name)) throw new InputError(`${index} places the tensor "${name}" in ${shard}, but no shard holds it; copy or download the folder again`)
  }
  return weights
}

function changeConfig(raw: Record<string, unknown>, changes: Record<string, unknown>): Record<string, unknown> {
  // Transformers 4 reads torch_dtype, 5 reads dtype: the key that is there stays.
  const key = 'torch_dtype' in raw && !('dtype' in raw) ? 'torch_dtype' : 'dtype'
  return { ...raw, [key]: 'float32', ...changes }
}

function copyCompanions(from: string, to: string): void {
  for (const name of COMPANION_FILES) {
    const file = join(from, name)
    if (!isPresent(file)) continue
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
  writeDurably(join(folder, WEIGHTS_INDEX), `${JSON.stringify({ metadata: { total_parameters: totalParameters, total_size: totalBytes }, weight_map: weightMap }, null, 2)}\n`)
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

export function writeDurably(file: string, content: string | Uint8Array): void {
  writeFileSync(file, content)
  syncFile(file)
}

function syncFile(file: string): void {
  const descriptor = openSync(file, 'r+')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function pad5(n: number): string {
  return String(n).padStart(5, '0')
}
