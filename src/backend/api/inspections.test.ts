import { join } from 'node:path'
import { onTestFinished, describe, expect, it } from 'vitest'
import { aLabWorkspace, aRecipe, execute, queueRun, seedPairs } from '../../../tests/support/lab-workspace.ts'
import { putBaseModel, putRandomModel } from '../../../tests/support/real-models.ts'
import { loadRenderer } from '../../engine/chat-template.ts'
import { embeddedEngine } from '../../engine/embedded.ts'
import { inspectPairs, layOutPair } from '../../engine/inspect.ts'
import type { InspectedPair } from '../../shared/inspection.ts'
import type { Pair } from '../../shared/types.ts'
import { forkFor } from '../jobs/fork.ts'
import type { WorkerProcess } from '../jobs/messages.ts'
import type { Session } from '../session.ts'
import type { Workspace } from '../storage/open.ts'
import { inspectionsApi } from './inspections.ts'

type Started = Pick<WorkerProcess, 'kill'> & { ended: Promise<void> }

/** The calls with real processes; `started` are those they have started. */
function anApi(workspace: Workspace): { api: ReturnType<typeof inspectionsApi>; started: Started[] } {
  const started: Started[] = []
  const fork: Session['fork'] = (args, logFile) => {
    const child = forkFor('cli')(args, logFile)
    let told: () => void = () => {}
    started.push({ kill: () => child.kill(), ended: new Promise((resolve) => (told = resolve)) })
    return {
      ...child,
      onExit: (listener) => child.onExit((...how) => {
        listener(...how)
        told()
      }),
    }
  }
  onTestFinished(() => started.forEach((child) => child.kill()))
  return { api: inspectionsApi({ workspace, host: 'cli', version: 'test', fork, push() {}, onClose() {} }), started }
}

async function expectedPair(policy: string, reference: string, { prompt, chosen, rejected }: Pick<Pair, 'prompt' | 'chosen' | 'rejected'>, beta: number): Promise<InspectedPair> {
  const models = { policy: await embeddedEngine.load(policy), reference: await embeddedEngine.load(reference) }
  const layout = layOutPair(loadRenderer(policy), { prompt, chosen: [{ role: 'assistant', content: chosen }], rejected: [{ role: 'assistant', content: rejected }] }, null)
  const [pair] = await inspectPairs([layout], models, beta)
  await Promise.all([models.policy.dispose(), models.reference.dispose()])
  if (!pair) throw new Error('no pair')
  return pair
}

describe('a pair token by token, over the contract', () => {
  it('of a dataset is scored in a process of its own, once, and survives that process', async () => {
    const workspace = aLabWorkspace()
    const [base, random] = [join(workspace.models, 'base'), join(workspace.models, 'random')]
    putBaseModel(base)
    putRandomModel(random, 5)
    const { api, started } = anApi(workspace)
    expect(api['models.list']().map(({ path }) => path)).toEqual(['models/base', 'models/random'])

    const question = { name: 'seed-pairs', row: 1, policy: 'models/random', reference: 'models/base' }
    const { pair, policy, reference, note } = await api['datasets.inspect'](question)
    expect([policy, reference, note]).toEqual(['models/random', 'models/base', null])
    const expected = await expectedPair(random, base, seedPairs[1]!, 0.1)
    expect(pair.chosen.tokens.map(({ id, text, template }) => [id, text, template])).toEqual(expected.chosen.tokens.map(({ id, text, template }) => [id, text, template]))
    for (const [t, { logp, refLogp }] of pair.rejected.tokens.entries()) {
      expect(logp).toBeCloseTo(expected.rejected.tokens[t]?.logp ?? NaN, 5)
      expect(refLogp).toBeCloseTo(expected.rejected.tokens[t]?.refLogp ?? NaN, 5)
    }
    expect(pair.margin).toBeCloseTo(expected.margin ?? NaN, 5)

    started[0]?.kill()
    await started[0]?.ended
    expect((await api['datasets.inspect'](question)).pair).toEqual(pair)
    // Another model in the same folder is another answer, from a new process.
    putRandomModel(random, 6)
    expect((await api['datasets.inspect'](question)).pair.margin).not.toBe(pair.margin)
    expect(started).toHaveLength(2)
  })

  it('of a run is scored under the round\'s policy and what its loss measured against', async () => {
    const workspace = aLabWorkspace()
    const lease = queueRun(workspace, aRecipe('drift', { training: { beta: 0.3, learning_rate: 0.05, optim: 'adamw_torch', per_device_train_batch_size: 2, num_train_epochs: 1, max_length: 400 } }))
    await execute(workspace, lease)
    const id = lease.runId
    const folder = (name: string): string => join(workspace.runs, id, 'models', name)
    putBaseModel(folder('warm-start'))
    putRandomModel(folder('round-1'), 7)
    const { api } = anApi(workspace)
    expect(api['models.list']().map(({ path, reference }) => [path, reference])).toContainEqual([`runs/${id}/models/round-1`, `runs/${id}/models/warm-start`])

    const { pair, policy, reference } = await api['runs.inspect']({ id, stage: 'round-1/sample', index: 2 })
    expect([policy, reference]).toEqual([`runs/${id}/models/round-1`, `runs/${id}/models/warm-start`])
    expect(pair.beta).toBe(0.3)
    const ratio = (pair.chosen.logRatio ?? NaN) - (pair.rejected.logRatio ?? NaN)
    expect(pair.margin).toBeCloseTo(0.3 * ratio, 10)
    expect(pair.weight).toBeCloseTo(0.3 / (1 + Math.exp(0.3 * ratio)), 10)
    await expect((async () => api['runs.inspect']({ id, stage: 'round-3/sample', index: 0 }))()).rejects.toThrow('round 3 is not trained yet')
  })

  it('with a model that is not of the workspace, or a process that dies, fails in words', async () => {
    const workspace = aLabWorkspace()
    putBaseModel(join(workspace.models, 'base'))
    const { api, started } = anApi(workspace)
    expect(() => api['datasets.inspect']({ name: 'seed-pairs', row: 0, policy: '/etc', reference: null })).toThrow('model: expected one of this workspace, got "/etc"')
    const asked = api['datasets.inspect']({ name: 'seed-pairs', row: 0, policy: 'models/base', reference: null })
    started[0]?.kill()
    await expect(asked).rejects.toThrow('the process that scores pairs has ended (signal SIGKILL)')
    // It is not held against the next question.
    expect((await api['datasets.inspect']({ name: 'seed-pairs', row: 0, policy: 'models/base', reference: null })).pair.margin).toBeNull()
  })
})
