import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RequestFrame } from '../shared/contract.ts'
import { CallFailure, createClient } from './client.ts'
import type { PipeEvents } from './pipes.ts'

/** A pipe whose other end is the test. */
function makePipe() {
  const sent: RequestFrame[] = []
  let events: PipeEvents | null = null
  const drop = vi.fn((reason: string) => events?.onGone(reason))
  const client = createClient((given) => {
    events = given
    return { send: (text) => sent.push(JSON.parse(text) as RequestFrame), drop, retry: () => undefined }
  })
  return { client, sent, drop, open: () => events?.onOpen(), say: (frame: unknown) => events?.onText(JSON.stringify(frame)), lose: (reason: string) => events?.onGone(reason) }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('client', () => {
  it('answers each call with its own answer, in whatever order they come', async () => {
    const { client, sent, open, say } = makePipe()
    open()
    const [jobs, runs] = [client.call('jobs.list', {}), client.call('runs.list', {})]
    say({ id: sent[1]?.id, ok: ['runs'] })
    say({ id: sent[0]?.id, ok: ['jobs'] })
    expect([await jobs, await runs]).toEqual([['jobs'], ['runs']])
  })

  it('rejects with what the backend said, its code and detail', async () => {
    const { client, sent, open, say } = makePipe()
    open()
    const call = client.call('runs.get', { id: 'x' })
    say({ id: sent[0]?.id, error: { code: 'not-found', message: 'no such run', detail: 'x' } })
    await expect(call).rejects.toMatchObject({ name: 'CallFailure', call: 'runs.get', code: 'not-found', message: 'no such run', detail: 'x' })
  })

  it('holds calls made before the pipe is there, and sends each once', async () => {
    const { client, sent, open, say } = makePipe()
    const call = client.call('jobs.list', {})
    expect(sent).toEqual([])
    open()
    say({ id: sent[0]?.id, ok: [] })
    await expect(call).resolves.toEqual([])
    open()
    expect(sent.length).toBe(1)
  })

  it('rejects what waits when the pipe dies, and what comes after it at once', async () => {
    const { client, open, lose } = makePipe()
    open()
    const waiting = client.call('jobs.list', {})
    lose('it ended')
    await expect(waiting).rejects.toThrow('it ended')
    await expect(client.call('jobs.list', {})).rejects.toBeInstanceOf(CallFailure)
    expect(client.connection.value).toEqual({ state: 'gone', reason: 'it ended', attempts: 1 })
  })

  it('tells listeners of their pushes alone, until they leave, and when it is open again', () => {
    const { client, open, say, lose } = makePipe()
    const [heard, opened] = [vi.fn(), vi.fn()]
    const leave = client.on('job', heard)
    client.onOpen(opened)
    open()
    say({ push: { type: 'job', job: { id: 'a' } } })
    say({ push: { type: 'run', run: { id: 'b' } } })
    leave()
    say({ push: { type: 'job', job: { id: 'c' } } })
    lose('')
    open()
    expect(heard.mock.calls.map(([push]) => push.job.id)).toEqual(['a'])
    expect(opened).toHaveBeenCalledTimes(2)
  })

  it('gives a pipe up that stays silent while a call waits, after asking whether anybody is there', async () => {
    const { client, sent, drop, open } = makePipe()
    open()
    const waiting = client.call('datasets.list', {})
    const rejected = expect(waiting).rejects.toThrow('silent')
    vi.advanceTimersByTime(50_000)
    expect(sent.map((frame) => frame.call)).toEqual(['datasets.list', 'workspace.info'])
    expect(drop).not.toHaveBeenCalled()
    vi.advanceTimersByTime(25_000)
    expect(drop).toHaveBeenCalledOnce()
    await rejected
  })

  it('waits as long as it takes where the backend still speaks', () => {
    const { client, drop, open, say } = makePipe()
    open()
    void client.call('datasets.list', {})
    for (let seconds = 0; seconds < 300; seconds += 20) {
      vi.advanceTimersByTime(20_000)
      say({ push: { type: 'job', job: { id: 'a' } } })
    }
    expect(drop).not.toHaveBeenCalled()
  })
})
