import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeRandomModel } from '../../tests/reference/random-model.ts'
import { DPO, TRAIN } from '../../tests/reference/train-config.ts'
import { embeddedEngine } from './embedded.ts'
import type { DpoConfig, LoraSettings, Model, StepMetrics, TokenPair, TrainerState } from './engine.ts'
import { readModelFolder } from './model-folder.ts'
import { adapterWeights, linearLayers } from './models/decoder.ts'
import { decoderConfig } from './models/index.ts'
import { createRandom } from './rng.ts'
import { readSafetensors, writeSafetensors } from './safetensors.ts'
import type { Tensor } from './safetensors.ts'
import { runDpoBatch } from './tasks.ts'
import { buildTrainingGraph } from './training-graph.ts'
import { TrainingStep } from './training-step.ts'

const LORA: LoraSettings = { r: 3, lora_alpha: 6, target_modules: 'all-linear', use_rslora: false, seed: 9 }
const random = createRandom(5)
const ids = (length: number): number[] => Array.from({ length }, () => 3 + Math.floor(random() * 58))
const pairs: TokenPair[] = Array.from({ length: 6 }, (_, i) => ({ promptIds: ids(3 + (i % 4)), chosenIds: ids(1 + (i % 4)), rejectedIds: ids(1 + ((i * 3) % 7)) }))
const reference = { chosen: new Float64Array(6).fill(-9), rejected: new Float64Array(6).fill(-14) }
const rows = pairs.map(({ promptIds, chosenIds }) => ({ promptIds, completionIds: chosenIds }))

let root = ''
let folder = ''
let trained = ''
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'drift-adapter-'))
  folder = writeRandomModel()
  trained = join(root, 'trained')
  const model = await embeddedEngine.load(folder, { newAdapter: LORA })
  await model.trainDpo(pairs, reference, { ...DPO, learning_rate: 1e-2, max_steps: 3 })
  await model.save(trained)
  await model.dispose()
})
afterAll(() => [root, folder].forEach(path => rmSync(path, { recursive: true })))

async function scoresOf(adapter?: string): Promise<Float32Array[]> {
  const model = await embeddedEngine.load(folder, adapter === undefined ? {} : { adapter })
  const scores = await model.score(rows)
  await model.dispose()
  return scores
}

/** The trained adapter with a change, in a folder of its own. */
function changed(changes: Record<string, unknown>, change: (tensors: Map<string, Tensor>) => void = () => {}): string {
  const path = mkdtempSync(join(root, 'changed-'))
  const tensors = readSafetensors(join(trained, 'adapter_model.safetensors'))
  change(tensors)
  writeFileSync(join(path, 'adapter_config.json'), JSON.stringify({ ...(JSON.parse(readFileSync(join(trained, 'adapter_config.json'), 'utf8')) as object), ...changes }))
  writeSafetensors(join(path, 'adapter_model.safetensors'), tensors.values())
  return path
}

describe('a new adapter', () => {
  it('adds nothing: the model with it equals the model without, bit for bit', async () => {
    const model = await embeddedEngine.load(folder, { newAdapter: LORA })
    expect(await model.score(rows)).toEqual(await scoresOf())
    await model.dispose()
  })

  it('begins A within 1/sqrt(in) from its seed, and B at zero', async () => {
    const path = join(root, 'new')
    const begin = async (seed: number): Promise<Map<string, Tensor>> => {
      const model = await embeddedEngine.load(folder, { newAdapter: { ...LORA, r: 8, seed } })
      await model.save(path)
      await model.dispose()
      return readSafetensors(join(path, 'adapter_model.safetensors'))
    }
    const tensors = await begin(1)
    expect(await begin(1)).toEqual(tensors)
    expect(await begin(2)).not.toEqual(tensors)
    for (const [name, { shape, data }] of tensors) {
      const largest = data.reduce((top, value) => Math.max(top, Math.abs(value)), 0)
      if (name.includes('lora_B')) expect(largest, name).toBe(0)
      else {
        const bound = 1 / Math.sqrt(shape[1] ?? NaN)
        expect(largest, name).toBeLessThanOrEqual(bound)
        expect(largest, name).toBeGreaterThan(0.95 * bound)
        // Variance of a uniform distribution.
        expect(data.reduce((sum, value) => sum + value * value, 0) / data.length / (bound * bound / 3), name).toBeCloseTo(1, 0)
      }
    }
  })

  it('goes where it is told; by default where PEFT puts it', async () => {
    const layersOf = async (targets: LoraSettings['target_modules']): Promise<string[]> => {
      const model = await embeddedEngine.load(folder, { newAdapter: { ...LORA, target_modules: targets } })
      const { gradients } = await model.dpoGradients(pairs, reference, DPO)
      await model.dispose()
      return [...gradients.keys()].filter(name => name.endsWith('lora_A.weight')).map(name => name.slice('model.layers.'.length, -'.lora_A.weight'.length))
    }
    expect(await layersOf(null)).toEqual(['0.self_attn.q_proj', '0.self_attn.v_proj', '1.self_attn.q_proj', '1.self_attn.v_proj'])
    expect(await layersOf(['mlp.up_proj', 'layers.1.self_attn.o_proj'])).toEqual(['0.mlp.up_proj', '1.self_attn.o_proj', '1.mlp.up_proj'])
    expect(await layersOf('all-linear')).toHaveLength(14)
    await expect(layersOf(['q_proj', 'fc1'])).rejects.toThrow('expected ends of the names of')
    await expect(layersOf(['lm_head'])).rejects.toThrow('(q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj) or all-linear, got "lm_head"')
  })
})

describe('an adapter folder', () => {
  it('holds what PEFT 0.21 writes, and reads back to the same numbers', async () => {
    const config = JSON.parse(readFileSync(join(trained, 'adapter_config.json'), 'utf8')) as Record<string, unknown>
    const peft = JSON.parse(readFileSync(join(import.meta.dirname, '../../tests/reference/golden/llama-untied/golden/lora-init/adapter_config.json'), 'utf8')) as Record<string, unknown>
    expect(Object.keys(config)).toEqual(Object.keys(peft))
    const own = { base_model_name_or_path: folder, r: 3, lora_alpha: 6, target_modules: ['down_proj', 'gate_proj', 'k_proj', 'o_proj', 'q_proj', 'up_proj', 'v_proj'] }
    expect(config).toEqual({ ...peft, ...own })
    const names = [...readSafetensors(join(trained, 'adapter_model.safetensors')).keys()]
    expect(names).toHaveLength(28)
    expect(names).toContain('base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight')
    expect(readdirSync(trained).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors'])

    const again = join(root, 'again')
    const model = await embeddedEngine.load(folder, { adapter: trained })
    await model.save(again)
    await model.dispose()
    expect(readFileSync(join(again, 'adapter_model.safetensors'))).toEqual(readFileSync(join(trained, 'adapter_model.safetensors')))
    expect(await scoresOf(again)).toEqual(await scoresOf(trained))
    expect(await scoresOf(trained)).not.toEqual(await scoresOf())
  })

  it('counts alpha / r, or alpha / sqrt(r) under rslora', async () => {
    const same = changed({ use_rslora: true, lora_alpha: 6 / Math.sqrt(3) })
    const [a, b] = [await scoresOf(trained), await scoresOf(same)]
    a.forEach((logps, i) => logps.forEach((logp, t) => expect(b[i]?.[t]).toBeCloseTo(logp, 5)))
    expect(await scoresOf(changed({ lora_alpha: 12 }))).not.toEqual(a)
  })

  it('may name its layers by an expression', async () => {
    expect(await scoresOf(changed({ target_modules: 'model\\.layers\\.\\d+\\.(self_attn|mlp)\\..*_proj' }))).toEqual(await scoresOf(trained))
    expect(await scoresOf(changed({ target_modules: 'all-linear' }))).toEqual(await scoresOf(trained))
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['another kind', { peft_type: 'IA3' }, 'expected peft_type "LORA", got "IA3"'],
    ['dora', { use_dora: true }, '"use_dora": expected nothing, got true'],
    ['trained heads', { modules_to_save: ['lm_head'] }, '"modules_to_save": expected nothing, got ["lm_head"]'],
    ['some layers only', { layers_to_transform: [1] }, '"layers_to_transform"'],
    ['ranks that differ', { rank_pattern: { q_proj: 2 } }, '"rank_pattern"'],
    ['scales that differ', { alpha_pattern: { q_proj: 2 } }, '"alpha_pattern"'],
    ['biases', { bias: 'lora_only' }, '"bias": expected "none", got "lora_only"'],
    ['something from the future', { use_quantum: true }, '"use_quantum": expected nothing, got true'],
    ['changed base weights', { init_lora_weights: 'pissa' }, 'changes the model\'s own weights'],
    ['no rank', { r: 0 }, 'expected "r" to be a whole number from 1, got 0'],
    ['no alpha', { lora_alpha: '16' }, 'expected "lora_alpha" to be a number, got "16"'],
    ['no layers', { target_modules: ['c_attn'] }, 'is it an adapter for another model?'],
    ['no expression', { target_modules: '(' }, 'could not read the expression "("'],
    ['more layers than stored', { r: 4 }, 'expected shape [4, 32], got [3, 32]'],
    ['fewer layers than stored', { target_modules: ['q_proj'] }, 'the model has no place for the tensor'],
  ])('is refused where it asks for %s', async (_, changes, message) => {
    await expect(embeddedEngine.load(folder, { adapter: changed(changes) })).rejects.toThrow(message)
  })

  it('is refused for another model, damaged or absent', async () => {
    const other = writeRandomModel({ hidden_size: 48 })
    await expect(embeddedEngine.load(other, { adapter: trained })).rejects.toThrow(/expected shape \[3, 48\], got \[3, 32\]; is it an adapter for another model than/)
    rmSync(other, { recursive: true })
    const name = 'base_model.model.model.layers.0.mlp.up_proj.lora_B.weight'
    await expect(embeddedEngine.load(folder, { adapter: changed({}, tensors => tensors.delete(name)) })).rejects.toThrow(`expected the tensor "${name}" of shape [48, 3], found none`)
    await expect(embeddedEngine.load(folder, { adapter: changed({}, tensors => tensors.get(name)?.data.set([NaN], 7)) })).rejects.toThrow('expected finite numbers, got NaN at index 7')
    await expect(embeddedEngine.load(folder, { adapter: join(root, 'nowhere') })).rejects.toThrow('does not exist')
    await expect(embeddedEngine.load(folder, { adapter: folder })).rejects.toThrow('this is a model folder, name it as the model')
    await expect(embeddedEngine.load(folder, { adapter: trained, newAdapter: LORA })).rejects.toThrow('got both')
  })
})

describe('training an adapter', () => {
  it('has the gradients of central differences, for A and B alone', async () => {
    const { config, weights } = readModelFolder(folder)
    const plain = decoderConfig(config)
    const decoder = { ...plain, adapter: { rank: 3, scale: 2, modules: new Set(linearLayers(plain).map(({ name }) => name)) } }
    const draw = createRandom(3)
    for (const { name, shape } of adapterWeights(decoder)) weights.set(name, { name, shape, data: Float32Array.from({ length: (shape[0] ?? 0) * (shape[1] ?? 0) }, () => draw() - 0.5) })
    const step = await TrainingStep.create(decoder, 'dpo', weights, 1, { chunks: 1, lean: false, checkpointed: false })
    const dpo: DpoConfig = { ...DPO, loss_type: ['sigmoid', 'ipo', 'sigmoid_norm', 'sft'] }
    const lossOf = async (): Promise<number> => (await runDpoBatch(step, decoder, pairs, reference, [0, 1, 2, 3, 4, 5], dpo, 1, true)).loss
    await lossOf()
    expect(step.parameters.map(({ name }) => name)).toEqual(adapterWeights(decoder).map(({ name }) => name))
    const gradients = step.parameters.map(({ gradient }) => gradient.slice())
    const [name, epsilon] = ['model.layers.0.', 2e-3]
    let compared = 0
    for (const [p, { weight }] of step.parameters.entries()) {
      if (!step.parameters[p]?.name.startsWith(name)) continue
      const largest = (gradients[p] ?? new Float32Array()).reduce((top, value) => Math.max(top, Math.abs(value)), 0)
      for (const i of [0, weight.length - 1]) {
        const original = weight[i] ?? NaN
        weight[i] = original + epsilon
        const above = await lossOf()
        weight[i] = original - epsilon
        const below = await lossOf()
        weight[i] = original
        // float32 losses: the differences themselves are good to about a percent.
        expect(Math.abs((above - below) / (2 * epsilon) - (gradients[p]?.[i] ?? NaN)), `${step.parameters[p]?.name}[${i}]`).toBeLessThan(0.02 * largest)
        compared++
      }
    }
    expect(compared).toBe(28)
    await step.release()
  })

  it('computes no gradient below the lowest adapter, and none of the model\'s own weights', () => {
    const plain = decoderConfig(readModelFolder(folder).config)
    const graphOf = (modules: string[]): ReturnType<typeof buildTrainingGraph> => buildTrainingGraph({ ...plain, adapter: { rank: 3, scale: 2, modules: new Set(modules) } }, 'dpo', { chunks: 1, lean: false, checkpointed: false })
    const top = graphOf(['model.layers.1.mlp.down_proj'])
    expect([...top.outputs.keys()].filter(name => name.startsWith('gradient'))).toEqual(['gradient model.layers.1.mlp.down_proj.lora_A.weight', 'gradient model.layers.1.mlp.down_proj.lora_B.weight'])
    const backward = top.liveNodes().filter(({ name }) => name.startsWith('gradient'))
    expect(backward.length).toBeGreaterThan(0)
    expect(backward.filter(({ name }) => name.includes('layers.0') || name.includes('Attention'))).toEqual([])
    const all = graphOf(linearLayers(plain).map(({ name }) => name)).liveNodes()
    const products = (nodes: typeof all): number => nodes.filter(({ op }) => op === 'MatMul' || op === 'Gemm').length
    expect(products(backward)).toBeLessThan(products(all) / 4)
  })

  it('leaves the model as it is, and continues from a checkpoint bit for bit', async () => {
    const config: DpoConfig = { ...DPO, learning_rate: 1e-2, per_device_train_batch_size: 2, num_train_epochs: 3, weight_decay: 0.01 }
    const run = async (resumeFrom?: TrainerState): Promise<{ metrics: StepMetrics[]; states: TrainerState[]; model: Model }> => {
      const model = await embeddedEngine.load(folder, { newAdapter: LORA })
      const [metrics, states]: [StepMetrics[], TrainerState[]] = [[], []]
      await model.trainDpo(pairs, reference, config, { onStep: step => void metrics.push(step), onCheckpoint: state => void states.push(structuredClone(state)), checkpointEvery: 4, ...(resumeFrom && { resumeFrom }) })
      return { metrics, states, model }
    }
    const whole = await run()
    expect(whole.metrics).toHaveLength(9)
    expect([...(whole.states[0]?.weights.keys() ?? [])].every(name => name.includes('.lora_'))).toBe(true)
    const continued = await run(whole.states[0])
    expect(continued.metrics).toEqual(whole.metrics.slice(4))
    expect(continued.states.at(-1)).toEqual(whole.states.at(-1))
    const path = join(root, 'continued')
    await continued.model.save(path)
    expect(await scoresOf(path)).toEqual(await whole.model.score(rows))
    await Promise.all([whole.model.dispose(), continued.model.dispose()])
  })

  it('serves next-token training too; a reward model is refused', async () => {
    const model = await embeddedEngine.load(folder, { newAdapter: LORA })
    const losses: number[] = []
    const sequences = pairs.map(({ promptIds, chosenIds }) => ({ ids: [...promptIds, ...chosenIds], lossMask: [...promptIds, ...chosenIds].map(() => 1) }))
    await model.trainLanguageModel(sequences, { ...TRAIN, learning_rate: 2e-2, num_train_epochs: 20 }, { onStep: ({ loss }) => void losses.push(loss) })
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 2)
    await expect(model.trainReward([{ ids: [1, 2], label: 1 }], TRAIN)).rejects.toThrow('expected a model without adapter')
    await model.dispose()
  })

  it('changes what is sampled as it changes what is scored', async () => {
    const model = await embeddedEngine.load(folder, { adapter: trained })
    const settings = { temperature: 1, top_p: 1, max_new_tokens: 6, greedy: false, batch_size: 4, eosIds: [] }
    const promptIds = pairs[0]?.promptIds ?? []
    for await (const batch of model.sample([1, 2, 3].map(seed => ({ promptIds, seed })), settings)) {
      const scored = await model.score(batch.map(({ completionIds }) => ({ promptIds, completionIds })))
      batch.forEach(({ logp }, i) => expect(logp).toBeCloseTo((scored[i] ?? new Float32Array()).reduce((a, b) => a + b, 0), 3))
    }
    await model.dispose()
  })
})
