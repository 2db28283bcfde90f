import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TrainingMemory } from '../../engine/memory.ts'
import { estimateTorchDpo } from '../../engine/torch/estimate.ts'
import { readModelConfig } from '../../engine/model-folder.ts'
import type { TorchDevice } from '../../shared/engines.ts'
import { adapterOf, type Recipe, recipeSchema } from '../../shared/recipe.ts'
import { adviseTorch } from './advice.ts'

/** Qwen2.5-7B's shape, as its published config.json has it. */
const QWEN_7B = { architectures: ['Qwen2ForCausalLM'], model_type: 'qwen2', vocab_size: 152_064, hidden_size: 3584, intermediate_size: 18_944, num_hidden_layers: 28, num_attention_heads: 28, num_key_value_heads: 4, max_position_embeddings: 32_768, rms_norm_eps: 1e-6, rope_theta: 1_000_000, tie_word_embeddings: false, hidden_act: 'silu', eos_token_id: 151_643 }

const gpu = (gigabytes: number, name = 'cuda:0'): TorchDevice => ({ name, kind: 'cuda', label: 'a GPU', total_bytes: gigabytes * 1e9, free_bytes: gigabytes * 1e9, other_processes: [], dtypes: ['float32', 'bfloat16'], computes: true })
const sevenB = (settings: object = {}): Recipe => recipeSchema.parse({ recipe: 'drift', model_name_or_path: 'm', dataset: 'd', engine: 'torch', device: 'cuda', ...settings })

describe('advice for a run on the torch engine', () => {
  const home = mkdtempSync(join(tmpdir(), 'drift-advice-'))
  const env = { DRIFT_HOME: home, DRIFT_PYTHON: 'python-of-the-test' }
  let memoryOf: (recipe: Recipe) => TrainingMemory
  const know = (devices: TorchDevice[]): void => {
    const capabilities = { versions: { python: '3.12.1', torch: '2.13.0', transformers: '5.24.0', peft: '0.21.2', accelerate: '1.15.0', safetensors: '0.8.0', vllm: null, bitsandbytes: null, flash_attn: null, deepspeed: null }, devices, error: null }
    mkdirSync(join(home, 'torch'), { recursive: true })
    writeFileSync(join(home, 'torch', 'capabilities.json'), JSON.stringify({ key: JSON.stringify(['python-of-the-test', null]), at: 0, capabilities }))
  }
  beforeAll(() => {
    writeFileSync(join(home, 'config.json'), JSON.stringify(QWEN_7B))
    const config = readModelConfig(home)
    const pairs = Array.from({ length: 4 }, () => ({ prompt: 1024, chosen: 512, rejected: 512 }))
    memoryOf = ({ training, torch }) => estimateTorchDpo(config, home, { optim: training.optim, batchSize: 4, accumulates: false, checkpointed: training.gradient_checkpointing, pairs, ...(training.use_peft && { adapter: adapterOf(training) }) }, torch).memory
  })
  afterAll(() => rmSync(home, { recursive: true, force: true }))

  it('knows what 7B weights, gradients and RMSprop take in float32', () => {
    const { weights, gradients, optimizer } = memoryOf(sevenB())
    // 7,615,616,512 parameters (the model card's count) of 4 bytes.
    expect([weights, gradients, optimizer].map((bytes) => bytes / 4)).toEqual([7_615_616_512, 7_615_616_512, 7_615_616_512])
  })

  it('asks for LoRA where 7B does not fit one GPU as a whole, with numbers', () => {
    know([gpu(80)])
    const [warning] = adviseTorch(sevenB(), memoryOf, env)
    expect(warning?.message).toMatch(/^needs about 1?\d\d\.\d GB on each GPU .*a GPU has 80\.0 GB; what fits: LoRA/)
    expect(adviseTorch(sevenB({ training: { use_peft: true, gradient_checkpointing: true }, torch: { dtype: 'bfloat16' } }), memoryOf, env)).toEqual([])
  })

  it('asks for sharding first where there are GPUs enough', () => {
    know([0, 1, 2, 3].map((index) => gpu(80, `cuda:${index}`)))
    expect(adviseTorch(sevenB(), memoryOf, env)[0]?.message).toContain('torch.num_processes: 4')
    expect(adviseTorch(sevenB({ torch: { num_processes: 8 } }), memoryOf, env)[0]?.message).toContain('this machine has 4')
  })

  it('counts what another process holds', () => {
    const recipe = sevenB({ training: { use_peft: true, gradient_checkpointing: true }, torch: { dtype: 'bfloat16' } })
    know([{ ...gpu(40), other_processes: [{ pid: 1, name: 'python', bytes: 30e9 }] }])
    expect(adviseTorch(recipe, memoryOf, env)[0]?.message).toContain('a GPU has 10.0 GB')
  })

  it('says that vLLM is asked for and missing', () => {
    know([gpu(80)])
    const recipe = sevenB({ training: { use_peft: true, gradient_checkpointing: true }, torch: { dtype: 'bfloat16', use_vllm: true } })
    expect(adviseTorch(recipe, memoryOf, env)).toEqual([{ path: 'torch.use_vllm', message: 'needs vLLM, which python-of-the-test lacks: python-of-the-test -m pip install vllm, or set it to false' }])
  })

  it('says when the device is not here, when nothing is known, and when there is no Python', () => {
    know([])
    expect(adviseTorch(sevenB(), memoryOf, env)[0]).toMatchObject({ path: 'device', message: expect.stringContaining('not cuda') as string })
    expect(adviseTorch(sevenB(), memoryOf, { ...env, DRIFT_PYTHON: 'another' })[0]?.message).toContain('drift engine list')
    expect(adviseTorch(sevenB(), memoryOf, { DRIFT_HOME: home })[0]?.message).toContain('drift engine install torch')
    expect(adviseTorch(recipeSchema.parse({ recipe: 'dpo', model_name_or_path: 'm', dataset: 'd' }), memoryOf, env)).toEqual([])
  })
})
