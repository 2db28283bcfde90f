import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { aLabWorkspace, aRecipe, execute, forgetRuns, leftBehind, queueRun, reclaim, seedPairs } from '../../../tests/support/lab-workspace.ts'
import { putRandomModel } from '../../../tests/support/real-models.ts'
import { DPO } from '../../../tests/reference/train-config.ts'
import { hash32, makeRng } from '../../core/rng.ts'
import { gradientFigures } from '../../core/probe-figures.ts'
import { embeddedEngine } from '../../engine/embedded.ts'
import { readSafetensors } from '../../engine/safetensors.ts'
import type { Workspace } from '../storage/open.ts'
import { findStage, listStages, readMetrics, readProbes } from '../storage/run-stages.ts'
import { readLog, requireRun } from '../storage/runs.ts'
import { hashOf, Stopped } from './context.ts'
import { hashModel } from './models.ts'
import { loadText, tokenizePairs } from './text.ts'

const training = { learning_rate: 0.01, optim: 'adamw_torch', per_device_train_batch_size: 1, num_train_epochs: 1, use_peft: true, lora_r: 4, lora_target_modules: 'all-linear' }
const changes = { training, sampling: { temperature: 1, max_new_tokens: 6 }, evaluation: [{ dataset: 'test', k: 1, temperatures: [1], max_new_tokens: 6 }] }
const yaml = aRecipe('spin', changes)

const ADAPTER = { r: 4, lora_alpha: 32, target_modules: 'all-linear' as const, use_rslora: false }
/** As the probe shuffles held-out pairs. */
const probeOrder = (pairs: typeof seedPairs): unknown[] => makeRng('probe/heldout').shuffled(pairs).map(({ prompt, chosen, rejected }) => [prompt, chosen, rejected])

/** On the embedded engine, with weights of its own. */
function aWorkspace(): Workspace {
  const workspace = aLabWorkspace()
  putRandomModel(join(workspace.models, 'base'), 3)
  return workspace
}

const finish = async (workspace: Workspace, recipe = yaml): Promise<string> => {
  const lease = queueRun(workspace, recipe)
  const { status } = await execute(workspace, lease, { engine: embeddedEngine })
  if (status !== 'done') throw new Error(requireRun(workspace.db, lease.runId).error ?? status)
  return lease.runId
}

async function logpOf(folder: string, adapter?: string): Promise<number> {
  const model = await embeddedEngine.load(folder, adapter === undefined ? {} : { adapter })
  const [logps] = await model.score([{ promptIds: [1, 40, 41, 42], completionIds: [50, 51, 52, 53] }])
  await model.dispose()
  return (logps ?? new Float32Array()).reduce((sum, value) => sum + value, 0)
}

describe('a run with use_peft', () => {
  it('stopped and killed in the middle of training ends with the weights of an undisturbed one', async () => {
    const workspace = aWorkspace()
    const id = await finish(workspace)
    const expected = leftBehind(workspace, id)
    forgetRuns(workspace)
    let lease = queueRun(workspace, yaml)
    // Paused with a checkpoint after step 3 of the warm start, killed at step 7, paused after the first step of round 2.
    for (const [stage, at, how] of [['warm-start/train', 3, 'pause'], ['warm-start/train', 7, 'kill'], ['round-2/train', 1, 'pause']] as const) {
      const stop = new AbortController()
      const { status } = await execute(workspace, lease, {
        engine: embeddedEngine, stop,
        isFatal(_, what) {
          const last = readMetrics(workspace.db, lease.runId, 0).filter((row) => row.stage === stage).at(-1)
          if (what !== 'told metrics' || last?.step !== at) return false
          if (how === 'pause') stop.abort(new Stopped('pause'))
          return how === 'kill'
        },
      })
      expect(status).toBe(how === 'pause' ? 'paused' : 'killed')
      if (how === 'pause') {
        const [checkpoint] = readdirSync(join(workspace.runs, lease.runId, 'checkpoints', stage.replace('/', '-')))
        expect(checkpoint).toBe(`checkpoint-${at}`)
        const names = [...readSafetensors(join(workspace.runs, lease.runId, 'checkpoints', stage.replace('/', '-'), checkpoint ?? '', 'weights.safetensors')).keys()]
        expect(names.length).toBeGreaterThan(0)
        expect(names.every((name) => /\.lora_[AB]\.weight$/.test(name))).toBe(true)
      }
      lease = reclaim(workspace, lease.runId)
    }
    expect((await execute(workspace, lease, { engine: embeddedEngine })).status).toBe('done')
    expect(leftBehind(workspace, lease.runId)).toEqual(expected)
  })

  it('keeps each stage\'s adapter beside the model that has it merged, and starts the next one on that model', async () => {
    const workspace = aWorkspace()
    const id = await finish(workspace)
    const run = join(workspace.runs, id)
    let start = join(workspace.models, 'base')
    for (const name of ['warm-start', 'round-1', 'round-2']) {
      const [adapter, merged] = [join(run, 'adapters', name), join(run, 'models', name)]
      const config = JSON.parse(readFileSync(join(adapter, 'adapter_config.json'), 'utf8')) as Record<string, unknown>
      expect(config).toMatchObject({ base_model_name_or_path: start, r: 4, lora_alpha: 32, use_rslora: false })
      const [together, alone, before] = [await logpOf(start, adapter), await logpOf(merged), await logpOf(start)]
      expect(Math.abs(together - alone)).toBeLessThan(1e-3)
      expect(Math.abs(alone - before)).toBeGreaterThan(0.01)
      start = merged
    }
    // Where the reference is the round's start, the adapter begins as the reference.
    const first = readMetrics(workspace.db, id, 0).filter(({ step }) => step === 1)
    expect(first.map((row) => row['rewards/margins'])).toEqual([0, 0, 0])
    expect(listStages(workspace.db, id).every(({ status }) => status === 'done')).toBe(true)
    expect(requireRun(workspace.db, id).modelPath).toBe(`runs/${id}/models/round-2`)
  })

  it('shares what another run has trained, the adapter too; another rank is another training', async () => {
    const workspace = aWorkspace()
    const first = await finish(workspace)
    const second = await finish(workspace, aRecipe('drift', changes))
    const other = await finish(workspace, aRecipe('drift', { ...changes, seed: 5, training: { ...training, lora_r: 2 } }))
    const inode = (run: string): number => statSync(join(workspace.runs, run, 'adapters', 'warm-start', 'adapter_model.safetensors')).ino
    expect(inode(second)).toBe(inode(first))
    expect(inode(other)).not.toBe(inode(first))
  })
})

describe('the probe of a run with use_peft', () => {
  const probed = { ...changes, iterations: 1, evaluation: [{ ...changes.evaluation[0], heldout_pairs: 'heldout' }] }

  it('measures gradients over an adapter as the next round begins it, and says so', async () => {
    const workspace = aWorkspace()
    const id = await finish(workspace, aRecipe('spin', probed))
    const probes = readProbes(workspace.db, id)
    expect(probes.map(({ round, over }) => [round, over])).toEqual([-1, 0, 1].map((round) => [round, 'a new adapter of rank 4 on all linear layers']))
    for (const probe of probes) {
      const figures = gradientFigures(probe)
      expect(figures?.norms).toHaveLength(3)
      expect(figures!.norms.every((norm) => norm > 0)).toBe(true)
      expect(figures!.agreement).toBeGreaterThan(0)
      expect(figures!.agreement).toBeLessThanOrEqual(1)
    }
    // By itself on the model that the round left.
    const [last] = probes.slice(-1)
    const model = await embeddedEngine.load(join(workspace.runs, id, 'models', 'round-1'), { newAdapter: { ...ADAPTER, seed: hash32('probe/adapter') } })
    const { tokens } = tokenizePairs(loadText(join(workspace.models, 'base')), seedPairs.slice(0, 3), 2048)
    const base = await embeddedEngine.load(join(workspace.models, 'base'))
    const side = async (key: 'chosenIds' | 'rejectedIds'): Promise<Float64Array> => Float64Array.from(await base.score(tokens.map((pair) => ({ promptIds: pair.promptIds, completionIds: pair[key] }))), (logps) => logps.reduce((a, b) => a + b, 0))
    const { norms } = await model.pairGradients(tokens, { chosen: await side('chosenIds'), rejected: await side('rejectedIds') }, { ...DPO, beta: last!.beta })
    await model.dispose()
    await base.dispose()
    const inOrder = (values: Iterable<number>): number[] => [...values].sort((a, b) => a - b)
    inOrder(norms).forEach((norm, i) => expect(Math.abs(norm / inOrder(last!.pairs.map((pair) => pair.norm!))[i]! - 1)).toBeLessThan(1e-4))
  })

  it('goes on with a run whose probes an older version took without gradients', async () => {
    const workspace = aWorkspace()
    const recipe = aRecipe('spin', probed)
    const stop = new AbortController()
    const lease = queueRun(workspace, recipe)
    await execute(workspace, lease, { engine: embeddedEngine, stop, isFatal: () => { if (findStage(workspace.db, lease.runId, 'base/probe')?.status === 'done') stop.abort(new Stopped('pause')); return false } })
    expect(requireRun(workspace.db, lease.runId).status).toBe('paused')
    const before = findStage(workspace.db, lease.runId, 'base/probe')!
    const older = { kind: 'evaluate', inputs: { probe: probeOrder(seedPairs.slice(0, 3)), policy: hashModel(null, join(workspace.models, 'base')), base: hashModel(null, join(workspace.models, 'base')), beta: 0.1, maxLength: 2048, maxNewTokens: 6, adapter: true } }
    workspace.db.prepare("UPDATE run_stages SET input_hash = ? WHERE run_id = ? AND key = 'base/probe'").run(hashOf(older), lease.runId)
    expect(hashOf(older)).not.toBe(before.inputHash)
    expect((await execute(workspace, reclaim(workspace, lease.runId), { engine: embeddedEngine })).status).toBe('done')
    expect(findStage(workspace.db, lease.runId, 'base/probe')!.inputHash).toBe(hashOf(older))
  })
})

it('a run that diverges keeps the last good state, and says so', async () => {
  const workspace = aWorkspace()
  const lease = queueRun(workspace, aRecipe('dpo', { ...changes, training: { ...training, learning_rate: 1e37, lr_scheduler_type: 'constant', use_peft: false } }))
  expect((await execute(workspace, lease, { engine: embeddedEngine })).status).toBe('failed')
  expect(requireRun(workspace.db, lease.runId).error).toMatch(/^step 2: expected a finite (loss|gradient), got NaN or infinity in pairs \d; the weights of step 1 are kept/)
  expect(existsSync(join(workspace.runs, lease.runId, 'checkpoints', 'warm-start-train', 'checkpoint-1', 'weights.safetensors'))).toBe(true)
  expect(readLog(workspace.db, lease.runId).some(({ level }) => level === 'error')).toBe(true)
})
