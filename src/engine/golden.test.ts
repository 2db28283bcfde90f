/**
 * Both engines against PyTorch, Transformers and TRL: the sets in `shared/golden` (tolerances in its README).
 * Skipped, aloud, where they are not on this machine; the torch engine where there is no Python with PyTorch.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DPO } from '../../tests/reference/train-config.ts'
import { embeddedEngine } from './embedded.ts'
import type { DpoConfig, Model, StepMetrics, TokenPair } from './engine.ts'
import { readEosIds, readModelConfig } from './model-folder.ts'
import { readSafetensors } from './safetensors.ts'
import { torchForTests } from '../../tests/support/torch.ts'
import { idsOf, TokenFilter } from './token-choice.ts'

type Side = { prompt_ids: number[]; completion_ids: number[]; token_logps: number[]; logp: number }
type Generation = { prompt_ids: number[]; greedy_ids: number[]; temperature: number; top_p: number; kept_ids: number[]; kept_probs: number[] }
type TrlRun = { config: Record<string, unknown> & { scheduler: string }; log: Record<string, number>[] }

const root = join(process.env.DRIFT_SHARED ?? '../shared', 'golden')
const SETS = ['llama-gqa', 'llama3-rope', 'qwen2-tied', 'qwen3-qknorm']
const present = existsSync(root)
if (!present) console.warn(`SKIPPED: golden vectors of PyTorch and TRL are not at ${root}; set DRIFT_SHARED`)

function readJson<T>(set: string, file: string): T {
  return JSON.parse(readFileSync(join(root, set, 'golden', file), 'utf8')) as T
}

function sum(values: Float32Array | undefined): number {
  return (values ?? new Float32Array()).reduce((total, value) => total + value, 0)
}

const engines = [embeddedEngine, ...torchForTests('the golden vectors')]

describe.skipIf(!present).each(SETS.flatMap(set => engines.map(engine => ({ set, engine, name: engine.name }))))('golden $set, $name engine', ({ set, engine }) => {
  let model: Model
  let sides: Side[]
  let pairs: TokenPair[]
  let logps: Float32Array[]
  let reference: { chosen: Float64Array; rejected: Float64Array }
  const outputs: string[] = []

  beforeAll(async () => {
    model = await engine.load(join(root, set))
    const scores = readJson<{ chosen: Side; rejected: Side }[]>(set, 'score.json')
    sides = scores.flatMap(({ chosen, rejected }) => [chosen, rejected])
    pairs = scores.map(({ chosen, rejected }) => ({ promptIds: chosen.prompt_ids, chosenIds: chosen.completion_ids, rejectedIds: rejected.completion_ids }))
    logps = await model.score(sides.map(side => ({ promptIds: side.prompt_ids, completionIds: side.completion_ids })))
    reference = { chosen: Float64Array.from(pairs, (_, i) => sum(logps[2 * i])), rejected: Float64Array.from(pairs, (_, i) => sum(logps[2 * i + 1])) }
  })
  afterAll(async () => {
    await model.dispose()
    for (const folder of outputs) rmSync(folder, { recursive: true })
  })

  it('scores completions as Transformers does (1e-4)', () => {
    sides.forEach((side, i) => side.token_logps.forEach((wanted, t) => expect(Math.abs((logps[i]?.[t] ?? NaN) - wanted)).toBeLessThan(1e-4)))
  })

  it('has the gradients of autograd (1e-4 of each tensor’s largest entry)', async () => {
    const wanted = readJson<{ loss: number; beta: number; rpo_alpha: number }>(set, 'dpo-first-grad.json')
    const { loss, gradients } = await model.dpoGradients(pairs, reference, { ...DPO, beta: wanted.beta, loss_type: ['sigmoid', 'sft'], loss_weights: [1, wanted.rpo_alpha] })
    expect(Math.abs(loss - wanted.loss)).toBeLessThan(1e-5)
    const tensors = readSafetensors(join(root, set, 'golden', 'dpo-first-grad.safetensors'))
    expect([...gradients.keys()].sort()).toEqual([...tensors.keys()].sort())
    for (const [name, { data }] of tensors) {
      const largest = data.reduce((top, value) => Math.max(top, Math.abs(value)), 0)
      const worst = data.reduce((top, value, i) => Math.max(top, Math.abs(value - (gradients.get(name)?.[i] ?? NaN))), 0)
      expect(worst / largest, name).toBeLessThan(1e-4)
    }
  })

  it('decodes greedily to the same ids', async () => {
    const generations = readJson<Generation[]>(set, 'generate.json')
    const settings = { temperature: 1, top_p: 1, max_new_tokens: 24, greedy: true, batch_size: 3, eosIds: readEosIds(join(root, set), readModelConfig(join(root, set))) }
    const got: number[][] = []
    for await (const batch of model.sample(generations.map(({ prompt_ids }) => ({ promptIds: prompt_ids, seed: 0 })), settings)) got.push(...batch.map(({ completionIds }) => completionIds))
    expect(got).toEqual(generations.map(({ greedy_ids }) => greedy_ids))
  })

  it('keeps the tokens that top-p keeps, with their probabilities (1e-4)', async () => {
    for (const { prompt_ids: promptIds, kept_ids: keptIds, kept_probs: keptProbs, temperature, top_p: topP } of readJson<Generation[]>(set, 'generate.json')) {
      const vocabulary = readModelConfig(join(root, set)).vocab_size
      const scores = await model.score(Array.from({ length: vocabulary }, (_, id) => ({ promptIds, completionIds: [id] })))
      const weights = scores.map(score => Math.exp((score[0] ?? NaN) / temperature))
      const total = weights.reduce((a, b) => a + b, 0)
      const probabilities = Float32Array.from(weights, weight => weight / total)
      const kept = idsOf(probabilities, new TokenFilter().cut(probabilities, { top_k: 0, top_p: topP, min_p: 0 }))
      expect(kept).toEqual(keptIds.toSorted((a, b) => a - b))
      const mass = kept.reduce((all, id) => all + (probabilities[id] ?? NaN), 0)
      keptIds.forEach((id, i) => expect(Math.abs((probabilities[id] ?? NaN) / mass - (keptProbs[i] ?? NaN))).toBeLessThan(1e-4))
    }
  })

  it.each(['dpo-rmsprop-rpo', 'dpo-adamw-sigmoid'])('trains as TRL does: %s', async file => {
    const { config, log } = readJson<TrlRun>(set, `${file}.json`)
    const { scheduler, max_length: _, ...settings } = config
    const trained = await engine.load(join(root, set))
    const metrics: StepMetrics[] = []
    await trained.trainDpo(pairs, reference, { ...DPO, ...settings, lr_scheduler_type: scheduler } as DpoConfig, { onStep: step => void metrics.push(step) })
    expect(metrics).toHaveLength(log.length)
    log.forEach((wanted, step) => {
      for (const [name, value] of Object.entries(wanted)) {
        const difference = Math.abs((metrics[step]?.[name] ?? NaN) - value)
        expect(difference, `step ${step + 1} ${name}: expected ${value}, got ${metrics[step]?.[name]}`).toBeLessThanOrEqual(Math.max(1e-3 * Math.abs(value), 1e-4))
      }
    })
    const output = join(mkdtempSync(join(tmpdir(), 'drift-golden-')), 'model')
    outputs.push(output)
    await trained.save(output)
    await trained.dispose()
    const [before, after] = [readSafetensors(join(root, set, 'model.safetensors')), readSafetensors(join(output, 'model.safetensors'))]
    for (const [name, { data }] of readSafetensors(join(root, set, 'golden', `${file}.safetensors`))) {
      // A tied head is saved under one name only.
      if (name === 'lm_head.weight' && !after.has(name)) continue
      const mean = (other: Float32Array | undefined): number => data.reduce((all, value, i) => all + Math.abs(value - (other?.[i] ?? NaN)), 0) / data.length
      expect(mean(after.get(name)?.data) / mean(before.get(name)?.data), name).toBeLessThan(0.05)
    }
  })
})
