/**
 * Which keys of config.json may stand in a model that runs here, and with which values.
 *
 * The reference is the class that Transformers 5 has for the model_type (LlamaConfig, Qwen2Config, Qwen3Config).
 * 1. Keys which that class computes with are read (`model-config.ts`, the family's file), or must have the value
 *    that switches off what we do not compute.
 * 2. Keys with which another family changes its computation (multipliers, soft caps, experts, windows, …) must be
 *    absent or neutral. Transformers' class would not read them, but a file that sets them describes another
 *    network under a borrowed model_type, and its results would be silently wrong. `DESCRIBES_SCALING` catches
 *    names of this kind that are not listed.
 * 3. Every other key is ignored, known or not: names, ids, dtype, cache, initialisation, quantities of training.
 *    attention_dropout is one of them in inference; training refuses it (`refuseDropout`).
 */
import { InputError } from '../input-error.ts'
import { describeJson } from '../json-file.ts'

type Raw = Readonly<Record<string, unknown>>

/** Absent, null, false, zero, or empty: the feature is off. */
const OFF = Symbol('off')

const REQUIRED: Readonly<Record<string, readonly unknown[]>> = {
  // 1. Read by Transformers' classes of these families.
  hidden_act: ['silu', 'swish'],
  mlp_bias: [false],
  partial_rotary_factor: [1],
  per_layer_config: [OFF],
  pruned_heads: [OFF],
  is_encoder_decoder: [OFF],
  // Weights in another form than numbers.
  quantization_config: [OFF],
  compression_config: [OFF],
  // 2. Scales.
  attention_multiplier: [OFF],
  query_pre_attn_scalar: [OFF],
  embedding_multiplier: [OFF, 1],
  residual_multiplier: [OFF, 1],
  residual_scale: [OFF, 1],
  logits_scaling: [OFF, 1],
  logit_scale: [OFF, 1],
  scale_embedding: [OFF, 1],
  scale_emb: [OFF, 1],
  scale_depth: [OFF],
  attn_scale: [OFF],
  attn_temperature_tuning: [OFF],
  mup_enabled: [OFF],
  // Caps.
  attn_logit_softcapping: [OFF],
  final_logit_softcapping: [OFF],
  logits_soft_cap: [OFF],
  attention_logit_cap: [OFF],
  clip_qkv: [OFF],
  swiglu_limit: [OFF],
  // Positions and attention.
  alibi: [OFF],
  use_alibi: [OFF],
  rotary_dim: [OFF],
  rotary_pct: [OFF, 1],
  rope_interleaved: [OFF],
  rope_interleave: [OFF],
  use_mrope: [OFF],
  layer_rope_theta: [OFF],
  no_rope_layers: [OFF],
  no_rope_layer_interval: [OFF],
  attention_chunk_size: [OFF],
  sliding_window_pattern: [OFF],
  use_bidirectional_attention: [OFF],
  is_causal: [true],
  add_cross_attention: [OFF],
  num_kv_shared_layers: [OFF],
  kv_lora_rank: [OFF],
  q_lora_rank: [OFF],
  qk_rope_head_dim: [OFF],
  use_qk_norm: [OFF],
  qk_norm: [OFF],
  qk_layernorm: [OFF],
  attention_out_bias: [OFF],
  // Blocks.
  use_bias: [OFF],
  lm_head_bias: [OFF],
  parallel_attn: [OFF],
  use_parallel_residual: [OFF],
  num_experts: [OFF],
  num_local_experts: [OFF, 1],
  n_routed_experts: [OFF],
  moe_intermediate_size: [OFF],
  text_config: [OFF],
  vision_config: [OFF],
}

/** Ends of names that multiply or cap something. */
const DESCRIBES_SCALING = /_(multiplier|softcapping|softcap|soft_cap|logit_cap)$/

/** Must be true, false, or absent: any other value would be read as one of them by accident. */
const BOOLEANS = ['attention_bias', 'mlp_bias', 'tie_word_embeddings', 'use_sliding_window']

/**
 * @param where names the file in errors.
 * @throws InputError for the first key whose value would give other results than Transformers.
 */
export function checkConfigKeys(raw: Raw, where: string): void {
  for (const key of BOOLEANS) {
    const value = raw[key]
    if (value != null && typeof value !== 'boolean') throw new InputError(`${where}: expected "${key}" to be true or false, got ${describeJson(value)}`)
  }
  for (const [key, value] of Object.entries(raw)) {
    const allowed = Object.hasOwn(REQUIRED, key) ? REQUIRED[key] : DESCRIBES_SCALING.test(key) ? [OFF, 1] : undefined
    if (allowed === undefined || value === null || allowed.some(item => (item === OFF ? isOff(value) : item === value))) continue
    if (key === 'quantization_config' || key === 'compression_config') throw new InputError(`${where}: a quantised model ("${key}") cannot be run or trained here; use its float32, float16 or bfloat16 original`)
    throw unsupported(where, key, allowed.map(item => (item === OFF ? 'it to be absent' : JSON.stringify(item))).join(' or '), value)
  }
  checkWindows(raw, where)
}

/** @throws InputError where training would need dropout: TRL leaves attention_dropout at config.json's value, it is no module that it switches off. */
export function refuseDropout(raw: Raw, where: string): void {
  if (!isOff(raw.attention_dropout)) {
    throw new InputError(`${where}: training with "attention_dropout" ${describeJson(raw.attention_dropout)} is not supported; set it to 0.0 in config.json to train without dropout`)
  }
}

/**
 * A window that no sequence can reach is no window. Qwen: only with use_sliding_window, only from layer
 * max_window_layers on. Llama: Transformers knows no window, other engines apply it.
 */
function checkWindows(raw: Raw, where: string): void {
  const { sliding_window: window, max_position_embeddings: positions, max_window_layers: first, num_hidden_layers: layers, layer_types: types } = raw
  if (types != null && !Array.isArray(types)) throw new InputError(`${where}: expected "layer_types" to be a list, got ${describeJson(types)}`)
  const other: unknown = types?.find(type => type !== 'full_attention')
  if (other !== undefined) throw unsupported(where, 'layer_types', 'only "full_attention"', other)
  if (Array.isArray(types) && types.length !== layers) throw new InputError(`${where}: expected "layer_types" to name ${describeJson(layers)} layers (num_hidden_layers), got ${types.length}`)
  const isUsed = raw.model_type === 'llama' ? raw.use_sliding_window !== false : raw.use_sliding_window === true
  const isReached = !(typeof window === 'number' && typeof positions === 'number' && window >= positions)
  const hasLayers = raw.model_type === 'llama' || !(typeof first === 'number' && typeof layers === 'number' && first >= layers)
  if (isUsed && !isOff(window) && isReached && hasLayers) {
    throw unsupported(where, 'sliding_window', `no sliding-window attention within the context of ${describeJson(positions)} positions`, window)
  }
}

function isOff(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0
  return value === undefined || value === null || value === false || value === 0 || value === ''
}

function unsupported(where: string, key: string, expected: string, got: unknown): InputError {
  return new InputError(`${where}: "${key}": expected ${expected}, got ${describeJson(got)}; this model cannot be run here without changing its results`)
}
