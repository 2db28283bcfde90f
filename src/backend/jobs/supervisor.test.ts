import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { aLabWorkspace, aRecipe } from '../../../tests/support/lab-workspace.ts'
import type { Push } from '../../shared/contract.ts'
import type { Job } from '../../shared/types.ts'
import type { Session } from '../session.ts'
import { openWorkspace, type Workspace } from '../storage/open.ts'
import { readMetrics } from '../storage/run-stages.ts'
import { readLog, requestOfRun, requireRun } from '../storage/runs.ts'
import { forkModule } from './fork.ts'
import { type Supervisor, supervisorOf } from './supervisor.ts'

const worker = join(import.meta.dirname, '../../../tests/support/fake-worker.ts')

afterEach(() => {
  delete process.env['DRIFT_FAKE_TICK_MS']
  delete process.env['DRIFT_FAKE_END']
})

function aSupervisor(workspace: Workspace = aLabWorkspace()): { supervisor: Supervisor; workspace: Workspace; pushes: Push[]; close(): Promise<void> } {
  const pushes: Push[] = []
  const releases: (() => void | Promise<void>)[] = []
  const session: Session = { workspace, host: 'cli', version: 'test', push: (push) => void pushes.push(push), onClose: (release) => void releases.push(release), fork: (args, log) => forkModule(worker, args, log) }
  const supervisor = supervisorOf(session)
  const close = async (): Promise<void> => {
    for (const release of releases.splice(0)) await release()
  }
  onTestFinished(close)
  return { supervisor, workspace, pushes, close }
}

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10))
}
const jobsIn = (pushes: Push[]): Job[] => pushes.flatMap((push) => (push.type === 'job' ? [push.job] : []))

describe('a run under the supervisor', () => {
  it('is recorded before anything else, worked on in a process of its own, and told of as it goes', async () => {
    const { supervisor, workspace, pushes } = aSupervisor()
    const started = supervisor.start({ yaml: aRecipe('dpo'), group: 'g' })
    expect(started).toMatchObject({ id: 'warm-start-seed5', method: 'warm-start', group: 'g', status: 'queued', rounds: 0 })
    expect(await supervisor.wait(started.id)).toMatchObject({ status: 'done', modelPath: 'runs/warm-start-seed5/models/warm-start', error: null })
    const rows = pushes.flatMap((push) => (push.type === 'run.metrics' ? push.rows : []))
    expect(rows).toEqual(readMetrics(workspace.db, started.id, 0))
    expect(pushes.flatMap((push) => (push.type === 'run.stage' && push.stage.status === 'done' ? [push.stage.key] : []))).toEqual(['warm-start/train', 'base/evaluate', 'round-0/evaluate', 'base/probe', 'round-0/probe'])
    expect(jobsIn(pushes).map(({ status }) => status).filter((status, i, all) => status !== all[i - 1])).toEqual(['queued', 'running', 'done'])
    expect(supervisor.jobs()).toMatchObject([{ kind: 'run', runId: started.id, status: 'done' }])
  })

  it('waits for a lane', async () => {
    process.env['DRIFT_FAKE_TICK_MS'] = '10'
    const { supervisor, workspace } = aSupervisor()
    supervisor.lanes = 1
    const [one, two] = [supervisor.start({ yaml: aRecipe('dpo') }), supervisor.start({ yaml: aRecipe('dpo', { seed: 6 }) })]
    await until(() => requireRun(workspace.db, one.id).status === 'running')
    expect(requireRun(workspace.db, two.id).status).toBe('queued')
    await supervisor.wait(one.id)
    expect((await supervisor.wait(two.id)).status).toBe('done')
    expect((requireRun(workspace.db, two.id).startedAt ?? '') >= (requireRun(workspace.db, one.id).endedAt ?? 'z')).toBe(true)
  })

  it('pauses when asked here, and when asked by another process; resumed it comes to its end', async () => {
    process.env['DRIFT_FAKE_TICK_MS'] = '15'
    const { supervisor, workspace, pushes } = aSupervisor()
    const { id } = supervisor.start({ yaml: aRecipe('drift') })
    await until(() => pushes.some((push) => push.type === 'run.metrics'))
    supervisor.pause(id)
    expect((await supervisor.wait(id)).status).toBe('paused')
    // Another process is heard once a second: the rest of the run must last longer than that.
    process.env['DRIFT_FAKE_TICK_MS'] = '100'
    expect(supervisor.resume(id).status).toBe('queued')
    await until(() => requireRun(workspace.db, id).status === 'running')
    requestOfRun(workspace.db, id, 'pause', Date.now())
    expect((await supervisor.wait(id)).status).toBe('paused')
    process.env['DRIFT_FAKE_TICK_MS'] = '0'
    supervisor.resume(id)
    expect(await supervisor.wait(id)).toMatchObject({ status: 'done', round: 2 })
    expect(supervisor.resume(id).status).toBe('done')
  })

  it('goes on with another engine or device where that is asked for, and the engine has it', async () => {
    process.env['DRIFT_FAKE_TICK_MS'] = '15'
    const { supervisor, workspace, pushes } = aSupervisor()
    const { id } = supervisor.start({ yaml: aRecipe('drift') })
    await until(() => pushes.some((push) => push.type === 'run.metrics'))
    supervisor.pause(id)
    await supervisor.wait(id)
    process.env['DRIFT_FAKE_TICK_MS'] = '0'
    expect(() => supervisor.resume(id, { engine: 'embedded', device: 'cuda' })).toThrow('device: expected cpu or webgpu with engine embedded, got cuda')
    supervisor.resume(id, { engine: 'embedded', device: 'webgpu' })
    expect(await supervisor.wait(id)).toMatchObject({ status: 'done', round: 2 })
    expect(readLog(workspace.db, id).map(({ text }) => text).join('\n')).toContain('engine changed, as was asked: computed with embedded so far, now it is embedded, webgpu; what is finished stays')
  })

  it('cancelled in the queue never starts', async () => {
    const { supervisor, workspace } = aSupervisor()
    supervisor.lanes = 1
    const [one, two] = [supervisor.start({ yaml: aRecipe('dpo') }), supervisor.start({ yaml: aRecipe('dpo') })]
    expect(supervisor.cancel(two.id)).toMatchObject({ id: 'warm-start-seed5-2', status: 'cancelled' })
    await supervisor.wait(one.id)
    expect(requireRun(workspace.db, two.id)).toMatchObject({ status: 'cancelled', startedAt: null })
  })

  it.each([
    ['SIGKILL', 'interrupted', /killed \(SIGKILL\), perhaps because memory ran out. Resume it/],
    ['SIGSEGV', 'failed', /the engine crashed \(SIGSEGV\).*resume the run; if it crashes again, lower batch sizes/],
    ['throw', 'failed', /exit code 1: .*Error: the fake engine broke.*worker\.log/],
  ])('whose process ends by %s is %s, says what to do, and can be resumed', async (end, status, message) => {
    process.env['DRIFT_FAKE_END'] = `${end}@40`
    const { supervisor, workspace } = aSupervisor()
    const { id } = supervisor.start({ yaml: aRecipe('drift') })
    const ended = await supervisor.wait(id)
    expect(ended.status).toBe(status)
    expect(ended.error).toMatch(message)
    expect(readLog(workspace.db, id).at(-1)?.text).toMatch(message)
    delete process.env['DRIFT_FAKE_END']
    supervisor.resume(id)
    expect(await supervisor.wait(id)).toMatchObject({ status: 'done', error: null })
  })

  it('pauses when the app closes', async () => {
    process.env['DRIFT_FAKE_TICK_MS'] = '15'
    const { supervisor, workspace, pushes, close } = aSupervisor()
    const [running, queued] = [supervisor.start({ yaml: aRecipe('drift', { threads: 64 }) }), supervisor.start({ yaml: aRecipe('spin') })]
    await until(() => pushes.some((push) => push.type === 'run.metrics'))
    await close()
    expect([requireRun(workspace.db, running.id).status, requireRun(workspace.db, queued.id).status]).toEqual(['paused', 'paused'])
  })

  it('of a recipe that is wrong is not recorded', () => {
    const { supervisor, workspace } = aSupervisor()
    expect(() => supervisor.start({ yaml: 'recipe: drift\n' })).toThrow(/^recipe: model_name_or_path: expected this key/)
    expect(workspace.db.prepare('SELECT count(*) FROM runs').pluck().get()).toBe(0)
  })

  it('stops when its supervisor is killed, and is taken over by another', async () => {
    const { path } = aLabWorkspace()
    const starter = `
      import { openWorkspace } from ${JSON.stringify(join(import.meta.dirname, '../storage/open.ts'))}
      import { forkModule } from ${JSON.stringify(join(import.meta.dirname, 'fork.ts'))}
      import { supervisorOf } from ${JSON.stringify(join(import.meta.dirname, 'supervisor.ts'))}
      const session = { workspace: openWorkspace(${JSON.stringify(path)}), host: 'cli', version: 'test', push() {}, onClose() {}, fork: (args, log) => forkModule(${JSON.stringify(worker)}, args, log) }
      supervisorOf(session).start({ yaml: ${JSON.stringify(aRecipe('drift'))} })`
    const parent = spawn(process.execPath, ['--input-type=module', '-e', starter], { stdio: 'inherit', env: { ...process.env, DRIFT_FAKE_TICK_MS: '40' } })
    const workspace = openWorkspace(path)
    onTestFinished(() => workspace.close())
    const pidOf = (): number => (workspace.db.prepare("SELECT owner_pid FROM runs WHERE status = 'running'").pluck().get() as number | undefined) ?? 0
    await until(() => readMetrics(workspace.db, 'drift-seed5', 0).length > 0)
    const child = pidOf()
    expect(requireRun(workspace.db, 'drift-seed5').status).toBe('running')
    parent.kill('SIGKILL')
    await once(parent, 'exit')
    await until(() => requireRun(workspace.db, 'drift-seed5').status === 'interrupted')
    expect(child).toBeGreaterThan(0)

    const { supervisor } = aSupervisor(workspace)
    supervisor.resume('drift-seed5')
    expect(await supervisor.wait('drift-seed5')).toMatchObject({ status: 'done', round: 2 })
  })
})

it('a folder that lies where a run will be is not taken for its work', () => {
  const { supervisor, workspace } = aSupervisor()
  mkdirSync(join(workspace.runs, 'warm-start-seed5', 'models'), { recursive: true })
  expect(supervisor.start({ yaml: aRecipe('dpo') }).id).toBe('warm-start-seed5')
  supervisor.cancel('warm-start-seed5')
})
