import { describe, expect, it } from 'vitest'
import { scriptedBackend, type ScriptedBackend } from '../../tests/support/scripted-backend.ts'
import type { Backend } from '../backend/index.ts'
import type { Job } from '../shared/types.ts'
import { runFirstDemo } from './first-demo.ts'
import { Interrupted } from './interruption.ts'

const job = (changes: Partial<Job>): Job => ({ id: 'demo', kind: 'demo', title: 'quick experiment', status: 'running', stage: 'base', done: 0, total: 0, perSecond: null, etaSeconds: null, runId: null, error: null, ...changes })

function start(backend: ScriptedBackend, isTTY = false) {
  const controller = new AbortController()
  let notes = ''
  let result = ''
  const stream = { isTTY, columns: 80, write: (text: string) => (notes += text) } as unknown as NodeJS.WriteStream
  backend.answers['demo.start'] ??= async () => ({ jobId: 'demo' })
  backend.answers['jobs.list'] ??= async () => []
  const ended = runFirstDemo(backend as unknown as Backend, { interrupted: controller.signal, notes: stream, printResult: (text) => (result = text) })
  const tell = async (changes: Partial<Job>) => {
    await expect.poll(() => backend.calls.some(({ name }) => name === 'jobs.list')).toBe(true)
    backend.push({ type: 'job', job: job(changes) })
  }
  return { ended, tell, interrupt: () => controller.abort(), notes: () => notes, result: () => result }
}

describe('the first experiment in a terminal', () => {
  it('is a line per stage where output is no terminal', async () => {
    const backend = scriptedBackend()
    backend.answers['workspace.info'] = async () => ({ demo: null })
    const demo = start(backend)
    await demo.tell({ id: 'run', title: 'drift', stage: 'round-1/sample', done: 1, total: 9 })
    await demo.tell({ id: 'run', title: 'drift', stage: 'round-1/sample', done: 2, total: 9 })
    await demo.tell({ id: 'run', title: 'drift', stage: 'round-1/train' })
    await demo.tell({ status: 'done' })
    await demo.ended
    expect(demo.notes().split('\n').slice(1, -2)).toEqual(['drift: round-1/sample', 'drift: round-1/train'])
  })

  it('is one line that updates in a terminal', async () => {
    const backend = scriptedBackend()
    backend.answers['workspace.info'] = async () => ({ demo: null })
    const demo = start(backend, true)
    await demo.tell({ title: 'drift/seed 1', stage: 'round-2/sample', done: 318, total: 512, perSecond: 41.2, etaSeconds: 65 })
    await demo.tell({ status: 'done' })
    await demo.ended
    expect(demo.notes()).toContain('\r\x1b[2Kdrift/seed 1 · round-2/sample 318/512 · 41/s · 1:05 left\r\x1b[2K')
  })

  it('ends with the table of the comparison', async () => {
    const backend = scriptedBackend()
    const interval = { estimate: 0.5, low: 0.4, high: 0.6 }
    const method = { label: 'DRIFT', byTemperature: [{ temperature: 1, rounds: [{ round: 2, score: interval, pass: interval, coverage: interval, length: 12.3 }] }], ledger: { samplesDrawn: 512, optimizerSteps: 40 } }
    backend.answers['workspace.info'] = async () => ({ demo: { group: 'g' } })
    backend.answers['comparisons.get'] = async () => ({ headline: 'DRIFT is ahead.', methods: [method], evaluation: { prompts: 48, k: 4, temperatures: [0, 1] }, cautions: ['one seed'] })
    const demo = start(backend)
    await demo.tell({ status: 'done' })
    await demo.ended
    expect(backend.calls.find(({ name }) => name === 'comparisons.get')?.input).toEqual({ group: 'g' })
    expect(demo.result()).toMatch(/DRIFT is ahead\.[^]*DRIFT +2 +0\.500 \[0\.400, 0\.600\].* 512 +40\n[^]*Caution: one seed/)
  })

  it('is cancelled on Ctrl-C and says interrupted', async () => {
    const backend = scriptedBackend()
    backend.answers['jobs.cancel'] = async () => job({ status: 'cancelled' })
    const demo = start(backend)
    await demo.tell({ stage: 'base' })
    demo.interrupt()
    await expect(demo.ended).rejects.toBeInstanceOf(Interrupted)
    expect(backend.calls.at(-1)).toEqual({ name: 'jobs.cancel', input: { id: 'demo' } })
  })

  it('that cannot start or fails leaves the workbench open and says why', async () => {
    const backend = scriptedBackend()
    backend.answers['demo.start'] = async () => {
      throw new Error('no base model')
    }
    const refused = start(backend)
    await refused.ended
    expect(refused.notes()).toContain('did not come to its end: no base model. The workbench stays open')

    const failing = start(scriptedBackend())
    await failing.tell({ status: 'failed', error: 'out of memory' })
    await failing.ended
    expect(failing.notes()).toContain('out of memory')
  })
})
