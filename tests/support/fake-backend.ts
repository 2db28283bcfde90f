/**
 * A backend of made-up data behind the real headless host, to look at the interface by itself:
 * `node tests/support/fake-backend.ts [--state done|empty|waiting|failed] [--conversations 900] [--port 4820] [--slow ms]`.
 * Prints its address. For development and tests only.
 */
import { parseArgs } from 'node:util'
import { resolve } from 'node:path'
import type { Answering } from '../../src/backend/connection.ts'
import { BackendError } from '../../src/backend/errors.ts'
import { calls, type CallName, type Push } from '../../src/shared/contract.ts'
import { serve, type Serving } from '../../src/server/index.ts'
import { fakeData } from './fake-data.ts'
import { fakeRuns } from './fake-runs.ts'

export type FakeBackendOptions = {
  state: 'done' | 'empty' | 'waiting' | 'failed'
  conversations: number
  /** Every answer waits this long. */
  slowMs: number
  /** Calls that fail. */
  broken: string[]
}

export function fakeBackend({ state, conversations, slowMs, broken }: FakeBackendOptions): Answering & { play(speed: number): Promise<void> } {
  const listeners = new Set<(push: Push) => void>()
  const push = (message: Push): void => {
    for (const listener of listeners) listener(message)
  }
  const runs = fakeRuns(push, { state: state === 'failed' ? 'done' : state, failed: state === 'failed' })
  const handlers: Record<string, (input: never) => unknown> = { ...fakeData({ conversations: state === 'empty' ? 0 : conversations, push, runs: runs.count, demo: runs.demo }), ...runs.handlers }
  return {
    play: (speed) => runs.play(speed),
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async call(name: CallName, input: unknown) {
      if (slowMs > 0) await new Promise((done) => setTimeout(done, slowMs))
      if (broken.includes(name)) throw new BackendError('failed', `${name}: expected a readable database, got "database disk image is malformed" in /home/ana/drift/support-logs/workspace.sqlite. Copy the folder, then run drift doctor.`)
      const handler = handlers[name]
      if (!handler) throw new BackendError('bad-input', `no such call: ${name}`)
      // The contract's schema has just made sure of the handler's input.
      return handler(calls[name].input.parse(input) as never)
    },
  }
}

export async function serveFake(options: FakeBackendOptions & { port: number; interfaceFolder: string }): Promise<Serving> {
  return serve({ backend: fakeBackend(options), interfaceFolder: options.interfaceFolder, host: '127.0.0.1', port: options.port, token: 'look' })
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { state: { type: 'string', default: 'done' }, conversations: { type: 'string', default: '900' }, port: { type: 'string', default: '4820' }, slow: { type: 'string', default: '0' }, broken: { type: 'string', multiple: true, default: [] }, interface: { type: 'string', default: 'out/renderer' } } })
  const serving = await serveFake({ state: values.state as FakeBackendOptions['state'], conversations: Number(values.conversations), slowMs: Number(values.slow), broken: values.broken, port: Number(values.port), interfaceFolder: resolve(values.interface) })
  console.log(serving.url)
}
