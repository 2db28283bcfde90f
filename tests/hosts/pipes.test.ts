/** One contract, two pipes: the same promises over the headless host's WebSocket and over Electron's port. */
import { once } from 'node:events'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { BackendError } from '../../src/backend/errors.ts'
import { connectPort } from '../../src/main/port.ts'
import type { Push, ResponseFrame } from '../../src/shared/contract.ts'
import { serveForTest } from '../support/serve-for-test.ts'
import { scriptedBackend, type ScriptedBackend } from '../support/scripted-backend.ts'

type Client = { send(text: string): void; next(): Promise<ResponseFrame>; isClosed(): boolean; close(): void; end(): Promise<void> }

const pipes: Record<string, (backend: ScriptedBackend) => Promise<Client>> = {
  async 'WebSocket'(backend) {
    const serving = await serveForTest(backend)
    const socket = new WebSocket(`ws://127.0.0.1:${serving.port}/ws?token=${serving.token}`)
    const frames = inbox()
    let closed = false
    socket.on('message', (data) => frames.put(JSON.parse(String(data)) as ResponseFrame))
    socket.on('close', () => (closed = true))
    await once(socket, 'open')
    return { send: (text) => socket.send(text), next: frames.take, isClosed: () => closed, close: () => socket.close(), end: () => serving.close() }
  },
  async 'Electron port'(backend) {
    const { port1, port2 } = new MessageChannel()
    connectPort(backend, asElectronPort(port1))
    const frames = inbox()
    let closed = false
    port2.on('message', (text: string) => frames.put(JSON.parse(text) as ResponseFrame))
    port2.on('close', () => (closed = true))
    return { send: (text) => port2.postMessage(text), next: frames.take, isClosed: () => closed, close: () => port2.close(), end: async () => port2.close() }
  },
}

describe.each(Object.keys(pipes))('over %s', (name) => {
  let backend: ScriptedBackend
  let client: Client
  beforeEach(async () => {
    backend = scriptedBackend()
    client = await pipes[name]!(backend)
  })
  afterEach(() => client.end())

  const ask = (id: number, call: string, input: unknown = {}) => client.send(JSON.stringify({ id, call, input }))

  it('a call is answered under its id', async () => {
    backend.answers['runs.list'] = async () => [{ id: 'r1' }]
    ask(7, 'runs.list')
    expect(await client.next()).toEqual({ id: 7, ok: [{ id: 'r1' }] })
  })

  it('a call without a result is answered too', async () => {
    backend.answers['jobs.cancel'] = async () => undefined
    ask(1, 'jobs.cancel', { id: 'j' })
    expect(await client.next()).toEqual({ id: 1, ok: null })
  })

  it('calls overtake each other', async () => {
    const slow = Promise.withResolvers<string>()
    backend.answers['runs.list'] = () => slow.promise
    backend.answers['jobs.list'] = async () => 'quick'
    ask(1, 'runs.list')
    ask(2, 'jobs.list')
    expect(await client.next()).toEqual({ id: 2, ok: 'quick' })
    slow.resolve('slow')
    expect(await client.next()).toEqual({ id: 1, ok: 'slow' })
  })

  it("an error keeps the backend's code, message and detail", async () => {
    backend.answers['runs.get'] = async () => {
      throw new BackendError('not-found', 'run "x" is not in this workspace', 'runs: a, b')
    }
    ask(3, 'runs.get', { id: 'x' })
    expect(await client.next()).toEqual({ id: 3, error: { code: 'not-found', message: 'run "x" is not in this workspace', detail: 'runs: a, b' } })
  })

  it('every push arrives, in order', async () => {
    const pushes: Push[] = [
      { type: 'workspace.changed', nouns: ['runs'] },
      { type: 'workspace.changed', nouns: ['datasets'] },
    ]
    ask(1, 'jobs.list')
    await client.next()
    for (const push of pushes) backend.push(push)
    expect([await client.next(), await client.next()]).toEqual(pushes.map((push) => ({ push })))
  })

  it('text beyond ASCII survives', async () => {
    backend.answers['runs.list'] = async () => 'naïve 漢字 😀 \u2028'
    ask(1, 'runs.list')
    expect(await client.next()).toEqual({ id: 1, ok: 'naïve 漢字 😀 \u2028' })
  })

  it.each(['not JSON', '[]', '"text"', '{"call":"runs.list"}', '{"id":1.5,"call":"runs.list"}', '{"id":1,"call":2}'])('what is no frame (%s) ends the connection', async (text) => {
    client.send(text)
    await expect.poll(client.isClosed).toBe(true)
    expect(backend.listeners.size).toBe(0)
  })

  it('a client that leaves is forgotten', async () => {
    ask(1, 'jobs.list')
    await client.next()
    expect(backend.listeners.size).toBe(1)
    client.close()
    await expect.poll(() => backend.listeners.size).toBe(0)
  })

  it('an answer that comes after the client left harms nobody', async () => {
    const late = Promise.withResolvers<string>()
    backend.answers['runs.list'] = () => late.promise
    ask(1, 'runs.list')
    await expect.poll(() => backend.calls.length).toBe(1)
    client.close()
    await expect.poll(() => backend.listeners.size).toBe(0)
    late.resolve('too late')
    await new Promise((resolve) => setImmediate(resolve))
  })

  it('a flood of calls is answered with a refusal, not with memory', async () => {
    backend.answers['runs.list'] = () => new Promise(() => {})
    for (let id = 0; id < 65; id++) ask(id, 'runs.list')
    expect(await client.next()).toMatchObject({ id: 64, error: { code: 'failed' } })
  })
})

/** Node's ports hand over the data, Electron's an event that holds it. */
function asElectronPort(port: MessagePort): Parameters<typeof connectPort>[1] {
  return {
    postMessage: (text) => port.postMessage(text),
    on(event: 'message' | 'close', listener: ((event: { data: unknown }) => void) | (() => void)) {
      if (event === 'message') port.on('message', (data: unknown) => listener({ data }))
      else port.on('close', () => (listener as () => void)())
    },
    start: () => port.start(),
    close: () => port.close(),
  }
}

function inbox() {
  const waiting: ((frame: ResponseFrame) => void)[] = []
  const frames: ResponseFrame[] = []
  return {
    put(frame: ResponseFrame) {
      const taker = waiting.shift()
      if (taker) taker(frame)
      else frames.push(frame)
    },
    take: () =>
      new Promise<ResponseFrame>((resolve) => {
        const frame = frames.shift()
        if (frame) resolve(frame)
        else waiting.push(resolve)
      }),
  }
}
