/** config.json as Transformers 4 and 5 write it: sizes, rotation and what the families switch on. */
import { InputError } from './input-error.ts'
import { describeJson } from './json-file.ts'
import { checkConfigKeys } from './models/config-keys.ts'

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

/** Far above any model; what is beyond would be allocated before a tensor could contradict it. */
const LIMITS: Readonly<Record<string, number>> = { num_hidden_layers: 2048, head_dim: 8192, num_attention_heads: 4096 }
const MAX_SIZE = 2 ** 31 - 1

/** @param where names the file in errors. */
export function parseModelConfig(raw: Record<string, unknown>, where: string): ModelConfig {
  const modelType = raw.model_type
  if (!isSupported(modelType)) {
    throw new InputError(`${where}: model_type ${describeJson(modelType)} is not supported, expected ${SUPPORTED_MODEL_TYPES.join(', ')}; choose a model of these families`)
  }
  checkConfigKeys(raw, where)
  const size = (key: string, fallback?: number): number => {
    const value = raw[key] ?? fallback
    if (!Number.isSafeInteger(value) || (value as number) <= 0) throw new InputError(`${where}: expected "${key}" to be a positive whole number, got ${describeJson(raw[key])}`)
    const limit = LIMITS[key] ?? MAX_SIZE
    if ((value as number) > limit) throw new InputError(`${where}: expected "${key}" to be at most ${limit}, got ${String(value)}`)
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
  const epsilon = raw.rms_norm_eps ?? 1e-6
  if (typeof epsilon !== 'number' || !(epsilon >= 0)) throw new InputError(`${where}: expected "rms_norm_eps" to be a number of at least 0, got ${describeJson(epsilon)}`)
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
    rope: parseRope(raw, maxPositions, where),
    hidden_act: 'silu',
    bos_token_id: firstId(raw.bos_token_id),
    pad_token_id: firstId(raw.pad_token_id),
    raw,
  }
}

/**
 * Transformers 5: rope_parameters; Transformers 4: rope_theta and rope_scaling ({rope_type} or, older, {type}).
 * Where a file has both, they must agree: each version reads another one.
 */
function parseRope(raw: Record<string, unknown>, maxPositions: number, where: string): ModelConfig['rope'] {
  const [newer, older] = [ropeSettings(raw, 'rope_parameters', where), ropeSettings(raw, 'rope_scaling', where)]
  const { rope_theta: nestedTheta, rope_type: ropeType, type: olderType, ...parameters } = newer ?? older ?? {}
  const theta = nestedTheta ?? raw.rope_theta ?? 10000
  const type = ropeType ?? olderType ?? 'default'
  if (typeof theta !== 'number' || !(theta > 0)) throw new InputError(`${where}: expected "rope_theta" to be a positive number, got ${describeJson(theta)}`)
  if (typeof type !== 'string') throw new InputError(`${where}: expected "rope_type" to be a name, got ${describeJson(type)}`)
  const agree = (key: string, chosen: unknown, other: unknown): void => {
    if (other != null && other !== chosen) throw new InputError(`${where}: "${key}" is ${describeJson(chosen)} in one place and ${describeJson(other)} in another (rope_parameters, rope_scaling, rope_theta); remove the wrong one`)
  }
  agree('rope_theta', theta, raw.rope_theta)
  if (newer && older) {
    agree('rope_type', type, older.rope_type ?? older.type ?? 'default')
    for (const [key, value] of Object.entries(older)) if (key !== 'type') agree(key, { rope_theta: theta, rope_type: type, ...parameters }[key], value)
  }
  if (type === 'llama3') {
    // The key beside rope_parameters wins, and the whole context is what is left, as in Transformers.
    parameters.original_max_position_embeddings = raw.original_max_position_embeddings ?? parameters.original_max_position_embeddings ?? maxPositions
  }
  return { theta, type, parameters }
}

function ropeSettings(raw: Record<string, unknown>, key: string, where: string): Record<string, unknown> | undefined {
  const settings = raw[key]
  if (settings == null) return undefined
  if (typeof settings !== 'object' || Array.isArray(settings)) throw new InputError(`${where}: expected "${key}" to be an object, got ${describeJson(settings)}`)
  const nested = Object.entries(settings).find(([, value]) => typeof value === 'object' && value !== null)
  if (nested) throw new InputError(`${where}: "${key}" holds "${nested[0]}" ${describeJson(nested[1])}: settings by layer or section are not supported; choose another model`)
  return Object.keys(settings).length === 0 ? undefined : (settings as Record<string, unknown>)
}

function isSupported(modelType: unknown): modelType is ModelConfig['model_type'] {
  return (SUPPORTED_MODEL_TYPES as readonly unknown[]).includes(modelType)
}

function firstId(value: unknown): number | null {
  const first: unknown = Array.isArray(value) ? value[0] : value
  return Number.isSafeInteger(first) ? (first as number) : null
}
