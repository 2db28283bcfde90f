/** LoRA against TRL and PEFT: the project's own sets and the shared ones where they are (tolerances in their README). */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { runScore, runTrain } from '../../src/cli/engine-verbs.ts'
import type { VerbIo } from '../../src/cli/engine-verbs.ts'
import { embeddedEngine } from '../../src/engine/embedded.ts'
import type { TokenPair } from '../../src/engine/engine.ts'
import { gradientNorm } from '../../src/engine/optimizer.ts'
import { readSafetensors } from '../../src/engine/safetensors.ts'
import { goldenSets } from '../support/golden-sets.ts'
import { DPO } from './train-config.ts'

type Run = { config: { learning_rate: number; weight_decay?: number }; log: Record<string, number>[]; token_logps?: { chosen: number[]; rejected: number[] }[]; first?: { loss: number; grad_norm: number } }

const outputs = mkdtempSync(join(tmpdir(), 'drift-lora-'))
afterAll(() => rmSync(outputs, { recursive: true }))

function outside(): VerbIo & { rows: Record<string, unknown>[] } {
  const rows: Record<string, unknown>[] = []
  return { rows, signal: new AbortController().signal, writeRow: async row => void rows.push(row as Record<string, unknown>), note: () => {} }
}

function weightsOf(folder: string): ReturnType<typeof readSafetensors> {
  return readSafetensors(join(folder, 'adapter_model.safetensors'))
}

describe.each(goldenSets().filter(({ folder }) => existsSync(join(folder, 'golden', 'dpo-lora.json'))))('$name', set => {
  const { config, log, token_logps: tokenLogps, first } = set.read('dpo-lora.json') as Run
  const [begin, end, data] = ['lora-init', 'lora-final', 'pairs.jsonl'].map(name => join(set.folder, 'golden', name)) as [string, string, string]

  test('drift train --adapter continues an adapter as TRL does', async () => {
    const output = join(outputs, set.name)
    const io = outside()
    const keys = {
      learning_rate: String(config.learning_rate), weight_decay: String(config.weight_decay ?? 0), beta: '0.1', max_grad_norm: '1.0', optim: 'adamw_torch', lr_scheduler_type: 'constant',
      per_device_train_batch_size: '8', max_steps: '10', max_length: '512', logging_steps: '1',
    }
    await runTrain({ model: set.folder, data, output, adapter: begin, engine: 'embedded', keys }, io)
    const steps = io.rows.filter(row => 'loss' in row) as Record<string, number>[]
    expect(steps).toHaveLength(log.length)
    log.forEach((wanted, i) => {
      for (const [name, value] of Object.entries(wanted)) {
        const difference = Math.abs((steps[i]?.[name] ?? NaN) - value)
        expect(difference, `step ${i + 1} ${name}: expected ${value}, got ${steps[i]?.[name]}`).toBeLessThanOrEqual(Math.max(1e-3 * Math.abs(value), 1e-4))
      }
    })
    const [before, after, wanted] = [weightsOf(begin), weightsOf(output), weightsOf(end)]
    expect([...after.keys()].sort()).toEqual([...wanted.keys()].sort())
    for (const [name, { data: values }] of wanted) {
      const mean = (other: Float32Array | undefined): number => values.reduce((all, value, i) => all + Math.abs(value - (other?.[i] ?? NaN)), 0) / values.length
      expect(mean(after.get(name)?.data) / mean(before.get(name)?.data), name).toBeLessThan(0.05)
    }
  })

  test.skipIf(!tokenLogps)('drift score --adapter gives PEFT\'s log-probabilities (1e-4)', async () => {
    const io = outside()
    await runScore({ model: set.folder, data, adapter: begin, engine: 'embedded' }, io)
    expect(io.rows).toHaveLength(tokenLogps?.length ?? NaN)
    tokenLogps?.forEach((sides, i) => {
      for (const side of ['chosen', 'rejected'] as const) {
        const got = (io.rows[i]?.[side] as { token_logps: number[] }).token_logps
        sides[side].forEach((logp, t) => expect(Math.abs((got[t] ?? NaN) - logp)).toBeLessThan(1e-4))
      }
    })
  })

  test.skipIf(!first)('gradients are those of autograd, of the adapter alone (1e-4 of each tensor\'s largest entry)', async () => {
    const scores = set.read('score.json') as { chosen: { prompt_ids: number[]; completion_ids: number[] }; rejected: { completion_ids: number[] } }[]
    const pairs = scores.map(({ chosen, rejected }): TokenPair => ({ promptIds: chosen.prompt_ids, chosenIds: chosen.completion_ids, rejectedIds: rejected.completion_ids }))
    const model = await embeddedEngine.load(set.folder, { adapter: begin })
    const side = async (key: 'chosenIds' | 'rejectedIds'): Promise<Float64Array> =>
      Float64Array.from(await model.score(pairs.map(pair => ({ promptIds: pair.promptIds, completionIds: pair[key] }))), logps => logps.reduce((a, b) => a + b, 0))
    const { loss, gradients } = await model.dpoGradients(pairs, { chosen: await side('chosenIds'), rejected: await side('rejectedIds') }, DPO)
    await model.dispose()
    expect(Math.abs(loss - (first?.loss ?? NaN))).toBeLessThan(1e-5)
    expect(Math.abs(gradientNorm(gradients.values()) / (first?.grad_norm ?? NaN) - 1)).toBeLessThan(1e-4)
    const wanted = readSafetensors(join(set.folder, 'golden', 'dpo-lora-first-grad.safetensors'))
    expect([...gradients.keys()].map(name => `base_model.model.${name}`).sort()).toEqual([...wanted.keys()].sort())
    for (const [name, { data: values }] of wanted) {
      const got = gradients.get(name.slice('base_model.model.'.length))
      const largest = values.reduce((top, value) => Math.max(top, Math.abs(value)), 0)
      const worst = values.reduce((top, value, i) => Math.max(top, Math.abs(value - (got?.[i] ?? NaN))), 0)
      expect(worst / largest, name).toBeLessThan(1e-4)
    }
  })
})
