import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { SMALL_LLAMA, writeRandomModel } from '../../../tests/reference/random-model.ts'
import { DPO } from '../../../tests/reference/train-config.ts'
import { embeddedEngine } from '../embedded.ts'
import { InputError } from '../input-error.ts'
import { parseModelConfig } from '../model-folder.ts'
import { readSafetensors, writeSafetensors } from '../safetensors.ts'
import type { Tensor } from '../safetensors.ts'
import { decoderConfig } from './index.ts'

const folders: string[] = []
afterEach(() => folders.splice(0).forEach(folder => rmSync(folder, { recursive: true })))

function decoderOf(changes: Record<string, unknown>): ReturnType<typeof decoderConfig> {
  return decoderConfig(parseModelConfig({ ...SMALL_LLAMA, ...changes }, 'config.json'))
}

function changedModel(change: (weights: Map<string, Tensor>) => void, config: Record<string, unknown> = {}): string {
  const folder = writeRandomModel(config)
  folders.push(folder)
  const weights = readSafetensors(join(folder, 'model.safetensors'))
  change(weights)
  writeSafetensors(join(folder, 'model.safetensors'), weights.values())
  return folder
}

describe('a configuration', () => {
  it.each([
    [{ mlp_bias: true }, '"mlp_bias": expected false, got true'],
    [{ sliding_window: 64 }, '"sliding_window": expected no sliding-window attention within the context of 128 positions, got 64'],
    [{ layer_types: ['full_attention', 'sliding_attention'] }, '"layer_types": expected only "full_attention", got "sliding_attention"'],
    [{ rope_parameters: { rope_type: 'yarn', rope_theta: 10000, factor: 4 } }, 'rope type "yarn" is not supported, expected default, linear or llama3'],
    [{ rope_scaling: { type: 'dynamic', factor: 2 } }, 'rope type "dynamic" is not supported, expected default, linear or llama3'],
    [{ rope_scaling: { type: 'linear' } }, 'rope type linear: expected "factor" to be a positive number, got undefined'],
  ])('that would change results is refused: %o', (changes, message) => {
    expect(() => decoderOf(changes)).toThrow(message)
  })

  it.each([
    { architectures: ['X'], torch_dtype: 'bfloat16', transformers_version: '4.40', use_cache: true, initializer_range: 0.02, _name_or_path: 'x', auto_map: {}, attention_dropout: 0.1, pretraining_tp: 2 },
    { quantization_config: null, logit_scale: 1, final_logit_softcapping: null, num_experts: 0, rope_interleaved: false, is_llama_config: true, 'transformers.js_config': {}, unsloth_fixed: true },
    { hidden_act: 'swish', mlp_bias: false, layer_types: ['full_attention', 'full_attention'], sliding_window: 128, is_causal: true },
  ])('that changes nothing is taken: %o', changes => {
    expect({ ...decoderOf(changes) }).toEqual(decoderOf({}))
  })

  it('of Qwen has a window only with use_sliding_window, where a layer and a sequence can reach it', () => {
    const qwen = (changes: Record<string, unknown>) => () => decoderOf({ model_type: 'qwen2', ...changes })
    for (const changes of [{ sliding_window: 64, use_sliding_window: false }, { sliding_window: 64, use_sliding_window: true, max_window_layers: 2 }, { sliding_window: 128, use_sliding_window: true }]) expect(qwen(changes)).not.toThrow()
    expect(qwen({ sliding_window: 64, use_sliding_window: true, max_window_layers: 1 })).toThrow('"sliding_window": expected no sliding-window attention')
  })

  it.each([
    [{ attention_multiplier: 0.1 }, '"attention_multiplier": expected it to be absent, got 0.1'],
    [{ logits_scaling: 8 }, '"logits_scaling": expected it to be absent or 1, got 8'],
    [{ a_new_multiplier: 2 }, '"a_new_multiplier": expected it to be absent or 1, got 2'],
    [{ final_logit_softcapping: 30 }, '"final_logit_softcapping": expected it to be absent, got 30'],
    [{ num_local_experts: 8 }, '"num_local_experts": expected it to be absent or 1, got 8'],
    [{ partial_rotary_factor: 0.5 }, '"partial_rotary_factor": expected 1, got 0.5'],
    [{ per_layer_config: { 0: { mlp_bias: true } } }, '"per_layer_config": expected it to be absent'],
    [{ quantization_config: { bits: 4 } }, 'a quantised model ("quantization_config")'],
    [{ tie_word_embeddings: 'true' }, '"tie_word_embeddings" to be true or false, got "true"'],
    [{ layer_types: ['full_attention'] }, '"layer_types" to name 2 layers (num_hidden_layers), got 1'],
    [{ num_hidden_layers: 1e9 }, '"num_hidden_layers" to be at most 2048, got 1000000000'],
    [{ head_dim: 2 ** 40 }, '"head_dim" to be at most 8192'],
    [{ rope_parameters: { rope_theta: 5 } }, '"rope_theta" is 5 in one place and 10000 in another'],
    [{ rope_parameters: { rope_type: 'linear', factor: 2 }, rope_scaling: { type: 'linear', factor: 4 } }, '"factor" is 2 in one place and 4 in another'],
    [{ rope_parameters: { full_attention: { rope_type: 'default' } } }, 'settings by layer or section are not supported'],
    [{ rope_scaling: { type: 'mrope', mrope_section: [1, 2] } }, '"mrope_section" [1,2]: settings by layer or section'],
  ])('that would change results is refused: %o', (changes, message) => {
    expect(() => decoderOf(changes)).toThrow(message)
  })

  it('takes the context that llama3 scales from beside the settings, from within, or the whole one, as Transformers', () => {
    const rope = (changes: Record<string, unknown>, settings = {}) => parseModelConfig({ ...SMALL_LLAMA, ...changes, rope_scaling: { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, ...settings } }, 'x').rope.parameters.original_max_position_embeddings
    expect([rope({ original_max_position_embeddings: 16 }, { original_max_position_embeddings: 32 }), rope({}, { original_max_position_embeddings: 32 }), rope({})]).toEqual([16, 32, 128])
  })

  it('switches on what its family adds', () => {
    expect(decoderOf({ model_type: 'qwen2' })).toMatchObject({ qkvBias: true, outputBias: false, qkNorm: false })
    expect(decoderOf({ model_type: 'qwen3' })).toMatchObject({ qkvBias: false, qkNorm: true, headDim: 128 })
    expect(decoderOf({ attention_bias: true })).toMatchObject({ qkvBias: true, outputBias: true })
    expect(decoderOf({ rope_scaling: { type: 'linear', factor: 2 } }).frequencies[0]).toBe(0.5)
  })
})

describe('weights', () => {
  it('must all be there, in the shape that the configuration says, and finite', async () => {
    const name = 'model.layers.1.mlp.up_proj.weight'
    await expect(embeddedEngine.load(changedModel(weights => weights.delete(name)))).rejects.toThrow(`expected the tensor "${name}" of shape [48, 32], found none`)
    await expect(embeddedEngine.load(changedModel(weights => weights.set(name, { name, shape: [32, 48], data: new Float32Array(1536) })))).rejects.toThrow(`tensor "${name}": expected shape [48, 32], got [32, 48]`)
    await expect(embeddedEngine.load(changedModel(weights => (weights.get(name)?.data ?? new Float32Array()).set([NaN], 5)))).rejects.toThrow(`tensor "${name}": expected finite numbers, got NaN at index 5`)
  })

  const renamed = (weights: Map<string, Tensor>, from: string, to: string) => {
    const tensor = weights.get(from)!
    weights.delete(from)
    weights.set(to, { ...tensor, name: to })
  }
  const score = async (folder: string) => [...((await (await embeddedEngine.load(folder)).score([{ promptIds: [3, 4], completionIds: [5, 6] }]))[0] ?? [])]

  it('without the prefix "model." are the same weights', async () => {
    const bare = changedModel(weights => [...weights.keys()].filter(name => name.startsWith('model.')).forEach(name => renamed(weights, name, name.slice(6))))
    expect(await score(bare)).toEqual(await score(changedModel(() => {})))
  })

  it('of a tied model may hold its head where it is equal, or in place of the embedding', async () => {
    const tied = (change: (weights: Map<string, Tensor>) => void) => changedModel(change, { tie_word_embeddings: true })
    const wanted = await score(tied(() => {}))
    const copyHead = (weights: Map<string, Tensor>) => {
      const { shape, data } = weights.get('model.embed_tokens.weight')!
      return weights.set('lm_head.weight', { name: 'lm_head.weight', shape, data: data.slice() })
    }
    expect(await score(tied(copyHead))).toEqual(wanted)
    expect(await score(tied(weights => renamed(weights, 'model.embed_tokens.weight', 'lm_head.weight')))).toEqual(wanted)
    await expect(score(tied(weights => copyHead(weights).get('lm_head.weight')!.data.set([1])))).rejects.toThrow('"lm_head.weight" differs from "model.embed_tokens.weight"; set tie_word_embeddings to false')
  })

  it('that the configuration does not know are refused where they would take part, else left aside', async () => {
    const extra = (name: string) => changedModel(weights => weights.set(name, { name, shape: [1], data: new Float32Array(1) }))
    for (const name of ['model.layers.0.self_attn.q_proj.bias', 'model.layers.1.self_attn.q_norm.weight', 'model.layers.2.mlp.up_proj.weight', 'lm_head.bias']) {
      await expect(embeddedEngine.load(extra(name))).rejects.toThrow(`the weights hold the tensor "${name}", which the model that config.json describes does not have`)
    }
    expect(await score(extra('model.layers.0.self_attn.rotary_emb.inv_freq'))).toEqual(await score(extra('v_head.summary.weight')))
  })

  it('are not asked for ids outside the vocabulary', async () => {
    const model = await embeddedEngine.load(changedModel(() => {}))
    for (const row of [{ promptIds: [61], completionIds: [1] }, { promptIds: [1], completionIds: [2, 61] }, { promptIds: [-1], completionIds: [1] }]) {
      await expect(model.score([row])).rejects.toThrow(InputError)
      await expect(model.score([row])).rejects.toThrow("expected token ids below 61 (vocab_size), got")
    }
  })

  it('are not trained where TRL would drop attention at random', async () => {
    const model = await embeddedEngine.load(changedModel(() => {}, { attention_dropout: 0.1 }))
    await expect(model.trainDpo([], { chosen: new Float64Array(), rejected: new Float64Array() }, DPO)).rejects.toThrow('training with "attention_dropout" 0.1 is not supported; set it to 0.0')
  })

  it('of a small model run on one thread unless told otherwise', async () => {
    const folder = changedModel(() => {})
    expect((await embeddedEngine.load(folder)).threads).toBe(1)
    expect((await embeddedEngine.load(folder, { threads: 2 })).threads).toBe(2)
  })
})
