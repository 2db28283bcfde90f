/**
 * The embedded engine on WebGPU against definitions and against itself on the CPU. In CI the adapter is SwiftShader
 * (`tests/support/swiftshader.ts`; vitest.config.ts starts this project's process with it). Skipped, aloud, without it.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { runScore } from '../../src/cli/engine-verbs.ts'
import { probeWebGpu, requireWebGpu } from '../../src/engine/device-check.ts'
import { DeviceMemory } from '../../src/engine/device-memory.ts'
import { embeddedEngine } from '../../src/engine/embedded.ts'
import type { DpoConfig, LoadOptions, Model, RewardRow, SampledCompletion, StepMetrics, TokenPair, TrainerState } from '../../src/engine/engine.ts'
import { Graph } from '../../src/engine/graph.ts'
import type { TrainingMemory } from '../../src/engine/memory.ts'
import { readSafetensors } from '../../src/engine/safetensors.ts'
import { GraphSession } from '../../src/engine/session.ts'
import { computeGradients, computeValues, GRADIENT_CASES, OP_CASES, worstError } from '../reference/op-examples.ts'
import type { Comparison } from '../reference/op-examples.ts'
import { writeRandomModel } from '../reference/random-model.ts'
import { DPO, TRAIN } from '../reference/train-config.ts'
import { goldenSets } from '../support/golden-sets.ts'
import { swiftshaderEnvironment } from '../support/swiftshader.ts'

const present = swiftshaderEnvironment() !== null
if (!present) console.warn('SKIPPED: WebGPU needs SwiftShader as Chromium carries it (libvk_swiftshader.so beside the browser, Linux); install chromium or set DRIFT_CHROMIUM')

const folders = [mkdtempSync(join(tmpdir(), 'drift-webgpu-'))]
// The self-test's result is kept here, not in the user's cache.
process.env['DRIFT_HOME'] = folders[0]
afterAll(() => folders.forEach(folder => rmSync(folder, { recursive: true, force: true })))

/** Float32 on both sides: the same bound as on the CPU. */
const OP_TOLERANCE = 2e-5
const GRADIENT_TOLERANCE = 2e-5

function expectClose(comparisons: Comparison[]): void {
  expect(comparisons.length).toBeGreaterThan(0)
  for (const comparison of comparisons) expect(worstError(comparison), `${comparison.what}: expected ${comparison.wanted.data.join(' ')}, got ${comparison.got.join(' ')}`).toBeLessThan(OP_TOLERANCE)
}

const ids = (length: number, salt: number): number[] => Array.from({ length }, (_, i) => 3 + ((i * 7919 + salt * 31) % 55))
const pairs: TokenPair[] = Array.from({ length: 6 }, (_, i) => ({ promptIds: ids(3 + i, i), chosenIds: ids(2 + i, i + 9), rejectedIds: ids(7 - i, i + 20) }))
const rows = pairs.flatMap(({ promptIds, chosenIds, rejectedIds }) => [{ promptIds, completionIds: chosenIds }, { promptIds, completionIds: rejectedIds }])
const reference = { chosen: new Float64Array(6).fill(-9), rejected: new Float64Array(6).fill(-14) }
const dpo: DpoConfig = { ...DPO, loss_type: ['sigmoid', 'sft'], loss_weights: [1, 0.1], weight_decay: 0.1, per_device_train_batch_size: 2, gradient_accumulation_steps: 2, num_train_epochs: 2 }

async function both<T>(folder: string, work: (model: Model) => Promise<T>, options: LoadOptions = {}): Promise<{ cpu: T; webgpu: T }> {
  const run = async (device: 'cpu' | 'webgpu'): Promise<T> => {
    const model = await embeddedEngine.load(folder, { ...options, device })
    try {
      expect(model.device).toBe(device)
      return await work(model)
    } finally {
      await model.dispose()
    }
  }
  return { cpu: await run('cpu'), webgpu: await run('webgpu') }
}

/** L2 error of each tensor relative to the CPU's; the worst. */
function worstTensor(got: ReadonlyMap<string, Float32Array>, wanted: ReadonlyMap<string, Float32Array>): number {
  expect([...got.keys()].sort()).toEqual([...wanted.keys()].sort())
  return Math.max(...[...wanted].map(([name, values]) => {
    const other = got.get(name) ?? new Float32Array()
    const difference = values.reduce((sum, value, i) => sum + ((other[i] ?? NaN) - value) ** 2, 0)
    return Math.sqrt(difference / values.reduce((sum, value) => sum + value ** 2, 0))
  }))
}

async function completions(model: Model, greedy: boolean): Promise<SampledCompletion[]> {
  const all: SampledCompletion[] = []
  const settings = { temperature: 1, top_p: 1, max_new_tokens: 12, greedy, batch_size: 4, eosIds: [2] }
  for await (const batch of model.sample(pairs.map(({ promptIds }, i) => ({ promptIds, seed: i })), settings)) all.push(...batch)
  return all
}

describe.skipIf(!present)('on WebGPU every operation', () => {
  it.each(OP_CASES)('$op ($i) computes what its definition says', async opCase => expectClose(await computeValues(opCase, 'webgpu')))

  it.each(GRADIENT_CASES)('$op ($i) has the gradient of its definition', async opCase => expectClose(await computeGradients(opCase, 'webgpu')))
})

const MODELS: [string, Record<string, unknown>][] = [
  ['llama with grouped queries', {}],
  ['qwen2, tied head', { model_type: 'qwen2', tie_word_embeddings: true, num_key_value_heads: 4 }],
  ['qwen3, tied head', { model_type: 'qwen3', tie_word_embeddings: true, head_dim: 12 }],
]

describe.skipIf(!present).each(MODELS)('on WebGPU %s', (_, changes) => {
  const folder = writeRandomModel(changes)
  folders.push(folder)

  it('scores as on the CPU (1e-4)', async () => {
    const { cpu, webgpu } = await both(folder, model => model.score(rows))
    cpu.forEach((row, i) => row.forEach((logp, t) => expect(Math.abs((webgpu[i]?.[t] ?? NaN) - logp)).toBeLessThan(1e-4)))
  })

  it('draws the tokens that the CPU draws, greedily and by seed', async () => {
    for (const greedy of [true, false]) {
      const { cpu, webgpu } = await both(folder, model => completions(model, greedy))
      expect(webgpu.map(({ completionIds }) => completionIds)).toEqual(cpu.map(({ completionIds }) => completionIds))
    }
  })

  it(`has the CPU's DPO gradient in every tensor (relative L2 error ${GRADIENT_TOLERANCE})`, async () => {
    const { cpu, webgpu } = await both(folder, model => model.dpoGradients(pairs, reference, dpo))
    expect(Math.abs(webgpu.loss - cpu.loss)).toBeLessThan(1e-5)
    expect(worstTensor(webgpu.gradients, cpu.gradients)).toBeLessThan(GRADIENT_TOLERANCE)
  })
})

describe.skipIf(!present)('training on WebGPU', () => {
  const folder = writeRandomModel({ tie_word_embeddings: true })
  folders.push(folder)

  it('comes with samples in float32 alone: 8 bits are refused', async () => {
    const model = await embeddedEngine.load(folder, { device: 'webgpu' })
    await expect(model.sample([{ promptIds: [5], seed: 1 }], { temperature: 1, top_p: 1, max_new_tokens: 2, greedy: true, batch_size: 1, eosIds: [2], weights: 'int8' }).next()).rejects.toThrow('int8: expected device cpu, got webgpu; choose device cpu, or float32 weights')
    await model.dispose()
  })

  it.each(['adamw_torch', 'rmsprop'] as const)('takes the CPU\'s steps with %s, accumulation, clipping and decay', async optim => {
    const { cpu, webgpu } = await both(folder, async model => {
      const metrics: StepMetrics[] = []
      let last: TrainerState | undefined
      // An epsilon that outweighs noise: else entries without gradient move by its sign.
      await model.trainDpo(pairs, reference, { ...dpo, optim, adam_epsilon: 1e-4 }, { onStep: step => void metrics.push(step), onCheckpoint: state => void (last = { ...state, weights: new Map([...state.weights].map(([name, values]) => [name, values.slice()])) }) })
      return { metrics, last, after: await model.score(rows) }
    })
    expect(webgpu.metrics).toHaveLength(4)
    cpu.metrics.forEach((step, i) => {
      for (const name of ['loss', 'grad_norm', 'rewards/margins', 'entropy']) expect(Math.abs((webgpu.metrics[i]?.[name] ?? NaN) / (step[name] ?? NaN) - 1), `${name} of step ${i + 1}`).toBeLessThan(1e-3)
    })
    expect(worstTensor(webgpu.last?.weights ?? new Map(), cpu.last?.weights ?? new Map())).toBeLessThan(1e-3)
    expect([...(webgpu.last?.optimizer ?? new Map()).keys()].sort()).toEqual([...(cpu.last?.optimizer ?? new Map()).keys()].sort())
    cpu.after.forEach((row, i) => row.forEach((logp, t) => expect(Math.abs((webgpu.after[i]?.[t] ?? NaN) - logp)).toBeLessThan(0.02)))
  })

  it('goes on from a checkpoint as if it had not stopped', async () => {
    const run = async (resumeFrom?: TrainerState): Promise<TrainerState[]> => {
      const model = await embeddedEngine.load(folder, { device: 'webgpu' })
      const states: TrainerState[] = []
      const copied = (arrays: Map<string, Float32Array>): Map<string, Float32Array> => new Map([...arrays].map(([name, values]) => [name, values.slice()]))
      await model.trainDpo(pairs, reference, dpo, { checkpointEvery: 2, onCheckpoint: state => void states.push({ step: state.step, weights: copied(state.weights), optimizer: copied(state.optimizer) }), ...(resumeFrom && { resumeFrom }) })
      await model.dispose()
      return states
    }
    const whole = await run()
    expect(whole.map(({ step }) => step)).toEqual([2, 4])
    const [resumed] = await run(whole[0])
    expect(worstTensor(resumed?.weights ?? new Map(), whole[1]?.weights ?? new Map())).toBe(0)
    expect(worstTensor(resumed?.optimizer ?? new Map(), whole[1]?.optimizer ?? new Map())).toBe(0)
  })

  it('learns a reward head, whose weights the device had not known', async () => {
    const examples: RewardRow[] = Array.from({ length: 8 }, (_, i) => ({ ids: [...ids(3 + i, i), i % 2 ? 7 : 9], label: i % 2 ? 1 : 0 }))
    const { cpu, webgpu } = await both(folder, async model => {
      await model.score(rows)
      await model.trainReward(examples, { ...TRAIN, adam_epsilon: 1e-4, max_steps: 3 })
      return [...await model.reward(examples.map(row => row.ids))]
    })
    cpu.forEach((reward, i) => expect(Math.abs((webgpu[i] ?? NaN) - reward)).toBeLessThan(1e-3))
  })
})

describe.skipIf(!present)('an adapter on WebGPU', () => {
  const [folder, adapter] = [writeRandomModel(), mkdtempSync(join(tmpdir(), 'drift-adapter-'))]
  folders.push(folder, adapter)

  it('has the CPU\'s gradients, takes its steps, and leaves the model under it alone', async () => {
    // After a first step both factors have a gradient; a new B is zero.
    const fresh = await embeddedEngine.load(folder, { newAdapter: { r: 4, lora_alpha: 8, target_modules: 'all-linear', use_rslora: false, seed: 1 } })
    await fresh.trainDpo(pairs, reference, { ...dpo, learning_rate: 0.05, max_steps: 1 })
    await fresh.save(join(adapter, 'first'))
    await fresh.dispose()
    const { cpu, webgpu } = await both(folder, async model => {
      const { gradients } = await model.dpoGradients(pairs, reference, dpo)
      const states: TrainerState[] = []
      let memory: TrainingMemory | undefined
      await model.trainDpo(pairs, reference, { ...dpo, adam_epsilon: 1e-4 }, { onStart: plan => void (memory = plan.memory), onCheckpoint: state => void states.push(state) })
      await model.save(join(adapter, model.device))
      return { gradients, weights: states.at(-1)?.weights ?? new Map<string, Float32Array>(), memory }
    }, { adapter: join(adapter, 'first') })
    expect(webgpu.gradients.size).toBe(2 * 7 * 2)
    expect(worstTensor(webgpu.gradients, cpu.gradients)).toBeLessThan(GRADIENT_TOLERANCE)
    expect([...webgpu.weights.keys()].every(name => name.includes('.lora_'))).toBe(true)
    expect(worstTensor(webgpu.weights, cpu.weights)).toBeLessThan(1e-3)
    expect(webgpu.memory).toMatchObject({ weights: cpu.memory?.weights, gradients: 0, optimizer: 0 })
    const saved = ['cpu', 'webgpu'].map(device => new Map([...readSafetensors(join(adapter, device, 'adapter_model.safetensors')).values()].map(({ name, data }) => [name, data])))
    expect(worstTensor(saved[1] ?? new Map(), saved[0] ?? new Map())).toBeLessThan(1e-3)
  })

  it('begins there, and what a run goes on with, the model with it merged, is the CPU\'s', async () => {
    const { cpu, webgpu } = await both(folder, async model => {
      await model.trainDpo(pairs, reference, { ...dpo, adam_epsilon: 1e-4, learning_rate: 0.01 })
      await model.save(join(adapter, `${model.device}-merged`), { merged: true })
      return new Map([...readSafetensors(join(adapter, `${model.device}-merged`, 'model.safetensors')).values()].map(({ name, data }) => [name, data]))
    }, { newAdapter: { r: 4, lora_alpha: 8, target_modules: 'all-linear', use_rslora: false, seed: 1 } })
    const before = new Map([...readSafetensors(join(folder, 'model.safetensors')).values()].map(({ name, data }) => [name, data]))
    expect(worstTensor(webgpu, before)).toBeGreaterThan(1e-2)
    expect(worstTensor(webgpu, cpu)).toBeLessThan(1e-3)
  })
})

describe.skipIf(!present)('the device\'s memory', () => {
  it('keeps arrays between runs and graphs, and gives them back unchanged', async () => {
    const memory = new DeviceMemory()
    const numbers = Float32Array.from({ length: 6000 }, (_, i) => i / 7)
    const kept = await memory.upload({ data: numbers, dims: [60, 100] })
    const graph = new Graph()
    const x = graph.input('x', ['N', 'M'])
    graph.output('y', graph.add(x, x))
    const session = await GraphSession.create(graph, 1, { device: 'webgpu' })
    const doubled = await memory.borrow([60, 100])
    await session.run({ x: kept }, { y: doubled })
    const [got, back] = [new Float32Array(6000), new Float32Array(6000)]
    await memory.read(doubled, got)
    await memory.read(kept, back)
    expect(got).toEqual(numbers.map(value => value * 2))
    expect(back).toEqual(numbers)
    await memory.write(kept, got)
    await memory.read(kept, back)
    expect(back).toEqual(got)
    await session.release()
    await memory.release()
  })
})

describe.skipIf(!present)('before WebGPU is used', () => {
  it('an adapter is found and the self-test passes by a wide margin; its result is kept', async () => {
    const { error } = await requireWebGpu()
    expect(error).toBeGreaterThan(0)
    expect(error).toBeLessThan(1e-4)
    expect(readdirSync(join(folders[0] ?? '', 'cache'))).toHaveLength(1)
    expect(await probeWebGpu()).toEqual({ ok: true, detail: expect.stringContaining('gradients equal the CPU') as string })
  })

  it.each(['dpo', 'lean', 'checkpointed', 'adapter', 'language-model', 'reward-training', 'score', 'reward', 'prefill', 'decode'])('every node of the %s graph is placed on the device', name => {
    const { stderr, status } = spawnSync(process.execPath, [join(import.meta.dirname, 'placement.ts'), name], { encoding: 'utf8' })
    expect(status).toBe(0)
    const [, onCpu = ''] = stderr.split('placed on [CPUExecutionProvider]')
    const nodes = [...onCpu.matchAll(/VerifyEachNodeIsAssignedToAnEp\]\s+(\w+) \(/g)].map(match => match[1])
    expect(stderr).toContain('placed on [WebGpuExecutionProvider]')
    // What keeps the binding from copying outputs (session.ts); it computes nothing.
    expect(nodes).toEqual(['SequenceEmpty'])
  })
})

describe.skipIf(!present)('the command line with --device webgpu', () => {
  const golden = goldenSets()[0]!

  it('scores as Transformers does (1e-4), and says what computed', async () => {
    const scored: Record<'chosen' | 'rejected', { token_logps: number[] }>[] = []
    const notes: string[] = []
    await runScore({ model: golden.folder, data: join(golden.folder, 'golden', 'pairs.jsonl'), engine: 'embedded', device: 'webgpu' }, {
      writeRow: async row => void scored.push(row as (typeof scored)[number]), note: text => void notes.push(text), signal: new AbortController().signal,
    })
    const wanted = golden.read('score.json') as typeof scored
    expect(scored).toHaveLength(wanted.length)
    wanted.forEach((pair, i) => {
      for (const side of ['chosen', 'rejected'] as const) pair[side].token_logps.forEach((logp, t) => expect(Math.abs((scored[i]?.[side].token_logps[t] ?? NaN) - logp)).toBeLessThan(1e-4))
    })
    expect(notes).toContain('computing on webgpu')
  })

  it('is explained by doctor', () => {
    const { checks } = JSON.parse(execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, '../../src/cli/index.ts'), 'doctor', '--json'], { encoding: 'utf8' })) as { checks: { name: string; ok: boolean; detail: string }[] }
    expect(checks.find(({ name }) => name === 'webgpu')).toEqual({ name: 'webgpu', ok: true, detail: expect.stringContaining('an adapter is here and computes') as string })
  })
})
