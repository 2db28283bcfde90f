/**
 * bfloat16 and float16 on the CPU beside TRL itself (bf16=True, fp16=True) on the same pairs, whole and LoRA. bfloat16 has 8
 * significant bits, float16 11: figures of the first step agree to two units of that, losses of a training within 1 %.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { DPO } from '../../../tests/reference/train-config.ts'
import { hasPackage, torchForTests } from '../../../tests/support/torch.ts'
import { createAdapter, writeAdapterFolder } from '../adapter-folder.ts'
import type { StepMetrics, TokenPair } from '../engine.ts'
import { readModelConfig } from '../model-folder.ts'
import { decoderConfig } from '../models/index.ts'
import { createRandom } from '../rng.ts'
import { torchPython } from './interpreter.ts'
import type { TorchOptions } from './options.ts'

const BASE = 'resources/base-model'
const STEPS = 50
const SHOWN = ['loss', 'grad_norm', 'rewards/chosen', 'rewards/rejected', 'rewards/margins'] as const
/** Relative distance of neighbouring numbers. */
const EPSILON = { bfloat16: 2 ** -7, float16: 2 ** -10 }

const outputs = mkdtempSync(join(tmpdir(), 'drift-half-'))
afterAll(() => rmSync(outputs, { recursive: true }))
const random = createRandom(7)
const ids = (count: number): number[] => Array.from({ length: count }, () => 4 + Math.floor(random() * 196))
const PAIRS: TokenPair[] = Array.from({ length: 8 }, () => ({ promptIds: ids(6 + Math.floor(random() * 10)), chosenIds: ids(3 + Math.floor(random() * 8)), rejectedIds: ids(3 + Math.floor(random() * 8)) }))

function newAdapter(): string {
  const config = readModelConfig(BASE)
  const folder = join(outputs, 'adapter')
  writeAdapterFolder(folder, createAdapter({ r: 4, lora_alpha: 8, target_modules: 'all-linear', use_rslora: false, seed: 1 }, { folder: BASE, modelType: config.model_type, decoder: decoderConfig(config) }))
  return folder
}

async function ours(dtype: TorchOptions['dtype'], adapter: string | null, learning_rate: number): Promise<StepMetrics[]> {
  const model = await torchForTests('half precision', { dtype })[0]!.load(BASE, { threads: 1, ...(adapter && { adapter }) })
  const sums = async (side: 'chosenIds' | 'rejectedIds'): Promise<Float64Array> => Float64Array.from(await model.score(PAIRS.map(pair => ({ promptIds: pair.promptIds, completionIds: pair[side] }))), logps => logps.reduce((sum, value) => sum + value, 0))
  const reference = { chosen: await sums('chosenIds'), rejected: await sums('rejectedIds') }
  const steps: StepMetrics[] = []
  await model.trainDpo(PAIRS, reference, { ...DPO, learning_rate, max_steps: STEPS, per_device_train_batch_size: PAIRS.length }, { onStep: metrics => void steps.push(metrics) })
  await model.dispose()
  return steps
}

function trls(precision: { bf16?: true; fp16?: true }, adapter: string | null, learning_rate: number): StepMetrics[] {
  // A model under an adapter is held in the type here; on a CPU TRL knows no float16.
  const dtype = adapter && precision.bf16 ? 'bfloat16' : 'float32'
  const [request, result] = [join(outputs, 'request.json'), join(outputs, 'result.json')]
  const config = { ...precision, max_steps: STEPS, learning_rate, optim: 'adamw_torch', lr_scheduler_type: 'constant', beta: 0.1, max_length: 256, max_grad_norm: 1 }
  writeFileSync(request, JSON.stringify({ folder: BASE, dtype, adapter, pairs: PAIRS.map(({ promptIds, chosenIds, rejectedIds }) => ({ prompt_ids: promptIds, chosen_ids: chosenIds, rejected_ids: rejectedIds })), config }))
  const { status, stderr } = spawnSync(torchPython(process.env), ['scripts/trl_dpo.py', request, result], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr.slice(-2000))
  const { log, refused } = JSON.parse(readFileSync(result, 'utf8')) as { log?: StepMetrics[]; refused?: string }
  if (log === undefined) throw new Error(refused)
  return log
}

describe.skipIf(!hasPackage('trl', 'half precision beside TRL'))('half precision', () => {
  it.each([
    ['bfloat16', { bf16: true }, 'whole', 5e-5], ['bfloat16', { bf16: true }, 'LoRA', 3e-4],
    // On a CPU TRL takes fp16=True and computes in float32.
    ['float16', { fp16: true }, 'whole', 5e-5], ['float16', { fp16: true }, 'LoRA', 3e-4],
  ] as const)('%s trains as TRL does with %o, %s', async (dtype, precision, kind, rate) => {
    const adapter = kind === 'LoRA' ? newAdapter() : null
    const [got, wanted] = [await ours(dtype, adapter, rate), trls(precision, adapter, rate)]
    const first = (name: (typeof SHOWN)[number]): [number, number] => [got[0]?.[name] ?? NaN, wanted[0]?.[name] ?? NaN]
    for (const name of SHOWN) expect(Math.abs(first(name)[0] - first(name)[1]), name).toBeLessThan(2 * EPSILON[dtype] * Math.max(0.1, Math.abs(first(name)[1])))
    // Rewards are 0 at first; then they are beta times a difference of sums of log-probabilities.
    for (let i = 1; i < 5; i++) for (const side of ['chosen', 'rejected']) expect(Math.abs((got[i]?.[`rewards/${side}`] ?? NaN) - (wanted[i]?.[`rewards/${side}`] ?? NaN)), `step ${i + 1}, rewards/${side}`).toBeLessThan(0.1 * EPSILON[dtype] * Math.abs(wanted[0]?.[`logps/${side}`] ?? NaN))
    const last = (steps: StepMetrics[]): number => steps.slice(-5).reduce((sum, { loss }) => sum + loss / 5, 0)
    expect(got).toHaveLength(STEPS)
    expect(last(wanted)).toBeLessThan(0.6)
    expect(Math.abs(last(got) / last(wanted) - 1)).toBeLessThan(0.01)
  }, 600_000)
})
