/** The run verbs as a shell meets them, on the embedded engine and the built-in base model. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { aLabWorkspace, aRecipe } from '../../tests/support/lab-workspace.ts'
import type { Workspace } from '../backend/storage/open.ts'
import { readMetrics } from '../backend/storage/run-stages.ts'

const cli = join(import.meta.dirname, 'index.ts')
const base = join(import.meta.dirname, '../../resources/base-model')
const recipeOf = (steps: number): string => aRecipe('dpo', { training: { learning_rate: 1e-4, optim: 'adamw_torch', per_device_train_batch_size: 1, num_train_epochs: steps / 5 }, evaluation: [{ dataset: 'test', k: 2, max_new_tokens: 24, batch_size: 4, heldout_pairs: 'heldout' }] })
const id = 'warm-start-seed5'

function aWorkspace(steps: number): { workspace: Workspace; file: string } {
  const workspace = aLabWorkspace()
  cpSync(base, join(workspace.models, 'base'), { recursive: true })
  const file = join(workspace.recipes, 'dpo.yaml')
  writeFileSync(file, recipeOf(steps))
  return { workspace, file }
}

type Ended = { code: number | null; lines: Record<string, unknown>[]; notes: string }

/** In a process group of its own, as a shell's job. */
function drift(workspace: Workspace, ...args: string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [cli, ...args, '--workspace', workspace.path, '--json'], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, notes] = ['', '']
  child.stdout?.on('data', (data) => (out += String(data)))
  child.stderr?.on('data', (data) => (notes += String(data)))
  onTestFinished(() => {
    if (child.exitCode === null && child.signalCode === null) killGroup(child, 'SIGKILL')
  })
  return { child, ended: once(child, 'close').then(() => ({ code: child.exitCode, lines: out.split('\n').filter(Boolean).map((line) => JSON.parse(line) as Record<string, unknown>), notes })) }
}

const killGroup = (child: ChildProcess, signal: NodeJS.Signals): boolean => process.kill(-(child.pid ?? 0), signal)
const stepsDone = (workspace: Workspace): number => readMetrics(workspace.db, id, 0).length
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}
const weights = (folder: unknown): string => createHash('sha256').update(readFileSync(join(String(folder), 'model.safetensors'))).digest('hex')

describe('drift run', () => {
  it('killed with its whole group and resumed gives the weights of an undisturbed run', async () => {
    const steps = 45
    const [calm, storm] = [aWorkspace(steps), aWorkspace(steps)]
    const undisturbed = await drift(calm.workspace, 'run', calm.file).ended
    expect(undisturbed.code).toBe(0)
    expect(undisturbed.lines).toEqual([{ run: id, status: 'done', model_path: join(calm.workspace.path, 'runs', id, 'models', 'warm-start'), report: join(calm.workspace.exports, `comparison-${id}.html`) }])

    let going = drift(storm.workspace, 'run', storm.file)
    for (const killedAt of [5, 30]) {
      await until(() => stepsDone(storm.workspace) >= killedAt)
      killGroup(going.child, 'SIGKILL')
      await going.ended
      expect((await drift(storm.workspace, 'runs').ended).lines[0]?.['runs']).toMatchObject([{ id, recipe: 'dpo', status: 'interrupted' }])
      going = drift(storm.workspace, 'resume', id)
    }
    const resumed = await going.ended
    expect(resumed.code).toBe(0)
    expect(weights(resumed.lines.at(-1)?.['model_path'])).toBe(weights(undisturbed.lines[0]?.['model_path']))
    expect(stepsDone(storm.workspace)).toBe(steps)

    // A finished run resumed prints its last line again.
    expect(await drift(storm.workspace, 'resume', id).ended).toMatchObject({ code: 0, lines: resumed.lines })
  }, 120_000)

  it('interrupted by Ctrl-C pauses with exit code 130; stopped by another process it pauses too', async () => {
    const { workspace, file } = aWorkspace(5_000)
    const first = drift(workspace, 'run', file)
    await until(() => stepsDone(workspace) > 0)
    killGroup(first.child, 'SIGINT')
    const paused = await first.ended
    expect(paused).toMatchObject({ code: 130, lines: [{ run: id, status: 'paused', report: null }] })
    expect(paused.notes).toContain(`drift resume ${id}`)

    const second = drift(workspace, 'resume', id)
    const before = stepsDone(workspace)
    await until(() => stepsDone(workspace) > before)
    expect(await drift(workspace, 'stop', id).ended).toMatchObject({ code: 0, lines: [{ run: id, status: 'paused' }] })
    expect((await second.ended).code).toBe(130)
  }, 120_000)

  it('detached goes on by itself', async () => {
    const { workspace, file } = aWorkspace(5)
    const started = await drift(workspace, 'run', file, '--detach').ended
    expect(started).toMatchObject({ code: 0, lines: [{ run: id, report: null }] })
    await until(() => workspace.db.prepare('SELECT status FROM runs').pluck().get() === 'done')
  }, 60_000)

  it('that cannot be run is bad input: exit code 2, one line, no run', async () => {
    const { workspace, file } = aWorkspace(5)
    writeFileSync(file, 'recipe: drift\nmodel_name_or_path: models/base\ndataset: nowhere\nsampling: { max_new_tokens: 24 }\n')
    const ended = await drift(workspace, 'run', file).ended
    expect(ended).toMatchObject({ code: 2, lines: [] })
    expect(ended.notes).toMatch(/^drift: recipe: dataset: expected a dataset of the workspace or a file, got "nowhere".*\n$/)
    expect((await drift(workspace, 'runs').ended).lines).toEqual([{ runs: [] }])
  }, 30_000)
})
