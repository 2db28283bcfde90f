/** Processes of a run on the torch engine that die or cannot begin: what the run says, and that nothing is lost. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { aLabWorkspace, aRecipe, execute, forgetRuns, leftBehind, queueRun, reclaim } from '../../../tests/support/lab-workspace.ts'
import { putRandomModel } from '../../../tests/support/real-models.ts'
import { hasPackage, hasTorch } from '../../../tests/support/torch.ts'
import { inAHomeOfItsOwn } from '../../../tests/support/torch-home.ts'
import type { Engine } from '../../engine/engine.ts'
import { createTorchEngine, launchOf } from '../../engine/torch/engine.ts'
import { PLAIN_TORCH } from '../../engine/torch/options.ts'
import type { TorchOptions } from '../../engine/torch/options.ts'
import type { Workspace } from '../storage/open.ts'
import { readMetrics } from '../storage/run-stages.ts'
import { readLog, requireRun } from '../storage/runs.ts'

/** Behind a checkpoint, which is written every 16 steps at least. */
const KILLED_AT = 18
const STEPS = 20
const ZERO_3 = { zero_optimization: { stage: 3 } }

describe.skipIf(!hasTorch || process.platform !== 'linux')('a run on the torch engine', () => {
  inAHomeOfItsOwn()

  it.each([
    { processes: 1, killed: 0, says: 'engine torch: the worker was ended by SIGKILL (often: the system was out of memory) during trainBatch' },
    { processes: 2, killed: 1, says: 'engine torch: process 1 of the run was ended by SIGKILL (often: the system was out of memory) during trainBatch' },
    ...(!hasPackage('deepspeed', 'a killed process under DeepSpeed') ? [] : [{ processes: 2, killed: 1, deepspeed: ZERO_3, says: 'engine torch: process 1 of the run was ended by SIGKILL (often: the system was out of memory) during trainBatch' }]),
  ])('of $processes processes (DeepSpeed: $deepspeed) that loses one fails saying so, and goes on from its last checkpoint to the end of an undisturbed one', async ({ processes, killed, says, deepspeed = null }: { processes: number; killed: number; says: string; deepspeed?: typeof ZERO_3 | null }) => {
    const workspace = aWorkspace()
    if (deepspeed !== null) writeFileSync(join(workspace.path, 'zero.json'), JSON.stringify(deepspeed))
    const yaml = aRecipe('dpo', { engine: 'torch', torch: { num_processes: processes, ...(deepspeed && { deepspeed: 'zero.json' }) }, training: { learning_rate: 0.01, per_device_train_batch_size: 1, num_train_epochs: STEPS / 5 }, evaluation: [] })
    const calm = queueRun(workspace, yaml)
    expect(await execute(workspace, calm, { engine: anEngine({ num_processes: processes, deepspeed }, 'calm') })).toMatchObject({ status: 'done' })
    const expected = leftBehind(workspace, calm.runId)
    forgetRuns(workspace)

    const { runId, ...lease } = queueRun(workspace, yaml)
    const step = (): unknown => readMetrics(workspace.db, runId, 0).at(-1)?.step
    const { status } = await execute(workspace, { runId, ...lease }, {
      engine: anEngine({ num_processes: processes, deepspeed }, 'disturbed'),
      isFatal(_, what) {
        if (what === 'told metrics' && step() === KILLED_AT) process.kill(pidOf('disturbed', killed), 'SIGKILL')
        return false
      },
    })
    expect(status).toBe('failed')
    expect(requireRun(workspace.db, runId).error).toContain(says)
    expect(step()).toBe(KILLED_AT)
    expect((await execute(workspace, reclaim(workspace, runId), { engine: anEngine({ num_processes: processes, deepspeed }, 'calm') })).status).toBe('done')
    expect(readLog(workspace.db, runId).map(({ text }) => text).join('\n')).toContain('train: continued')
    expect(leftBehind(workspace, runId)).toEqual(expected)
  }, 180_000)

  it('works through a whole iteration in two processes as in one', async () => {
    const rewards: unknown[] = []
    for (const processes of [1, 2]) {
      const workspace = aWorkspace()
      const run = queueRun(workspace, aRecipe('drift', { engine: 'torch', torch: { num_processes: processes }, iterations: 1, sampling: { max_new_tokens: 16, batch_size: 3 }, evaluation: [{ dataset: 'test', k: 2, max_new_tokens: 16, batch_size: 4, heldout_pairs: 'heldout' }] }))
      await execute(workspace, run, { engine: anEngine({ num_processes: processes }, 'whole') })
      expect(requireRun(workspace.db, run.runId)).toMatchObject({ status: 'done', error: null })
      const { samples, evaluations, heldout } = leftBehind(workspace, run.runId) as Record<string, { row?: string; text?: string; margin?: number }[]>
      rewards.push([samples!.map(({ row }) => (JSON.parse(row!) as { text: string }).text), evaluations!.map(({ text }) => text), heldout!.map(({ margin }) => margin!.toFixed(2))])
    }
    expect(rewards[1]).toEqual(rewards[0])
  }, 240_000)

  it('whose processes cannot talk to each other says so, with their words', async () => {
    const launch = () => launchOf({ num_processes: 2 }, { ...process.env, GLOO_SOCKET_IFNAME: 'nowhere0' })
    const load = createTorchEngine({ ...PLAIN_TORCH, num_processes: 2 }, launch).load('resources/base-model')
    await expect(load).rejects.toThrow(/^engine torch: process \d of the run ended with code 1 during hello; the processes could not talk to each other \(gloo\): .*; its last lines: .*nowhere0/)
  }, 60_000)
})

function aWorkspace(): Workspace {
  const workspace = aLabWorkspace()
  putRandomModel(join(workspace.models, 'base'), 3)
  return workspace
}

/** Another copy of these tests on this machine has processes of its own. */
const ownMark = (mark: string): string => `${mark}-${process.pid}`

/** @param mark in the environment of its processes, by which they are found. */
function anEngine(changes: Partial<TorchOptions>, mark: string): Engine {
  const options = { ...PLAIN_TORCH, ...changes }
  const engine = createTorchEngine(options, () => launchOf(options, { ...process.env, DRIFT_TEST_MARK: ownMark(mark) }))
  onTestFinished(() => engine.close?.())
  return engine
}

/** The worker of this rank among the processes that carry the mark; torchrun, their parent, has no rank. */
function pidOf(mark: string, rank: number): number {
  const read = (pid: string, file: string): string[] => {
    try {
      return readFileSync(join('/proc', pid, file), 'utf8').split('\0')
    } catch {
      return []
    }
  }
  const found = readdirSync('/proc').filter(name => /^\d+$/.test(name)).find(pid => {
    const [environment, command] = [read(pid, 'environ'), read(pid, 'cmdline')]
    const isRank = environment.includes(`RANK=${rank}`) || (!environment.some(entry => entry.startsWith('RANK=')) && !command.includes('torch.distributed.run'))
    return environment.includes(`DRIFT_TEST_MARK=${ownMark(mark)}`) && command.includes('drift_torch.worker') && isRank
  })
  if (found === undefined) throw new Error(`expected a process of rank ${rank}, found none`)
  return Number(found)
}
