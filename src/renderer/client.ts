/**
 * The interface's end of the contract: one typed client over a WebSocket (headless host) or a MessagePort
 * (Electron). A call always settles: with its answer, with the backend's error, or, when the pipe dies or stays
 * silent, with `code: 'failed'`.
 */
import { readonly, shallowRef, type DeepReadonly, type ShallowRef } from 'vue'
import type { CallError, CallInput, CallName, CallOutput, Push, RequestFrame, ResponseFrame } from '../shared/contract.ts'
import { desktop } from './composables/desktop.ts'
import { openPort, openSocket, type Pipe, type PipeEvents } from './pipes.ts'

/** What went wrong with a call, as the backend said it. */
export class CallFailure extends Error implements CallError {
  override readonly name = 'CallFailure'
  readonly call: CallName
  readonly code: CallError['code']
  readonly detail?: string
  constructor(call: CallName, error: CallError) {
    super(error.message)
    this.call = call
    this.code = error.code
    if (error.detail !== undefined) this.detail = error.detail
  }
}

/** `connecting`: not there yet (calls wait); `gone`: lost, being looked for (calls fail at once). */
export type Connection = { state: 'connecting' | 'open' | 'gone'; reason: string; attempts: number }

export type Client = {
  readonly connection: DeepReadonly<ShallowRef<Connection>>
  call<Name extends CallName>(name: Name, input: CallInput<Name>): Promise<CallOutput<Name>>
  /** Calls back for every push of that type; returns what ends it. */
  on<Type extends Push['type']>(type: Type, listener: (push: Extract<Push, { type: Type }>) => void): () => void
  /** Calls back whenever the backend is there (again): time to ask afresh. */
  onOpen(listener: () => void): () => void
  /** Tries to reach the backend now instead of waiting for the next attempt. */
  retry(): void
}

type Pending = { call: CallName; text: string; sent: boolean; resolve: (value: unknown) => void; reject: (failure: CallFailure) => void }

/** Silence allowed while a call waits; then a small call asks whether anybody is there. */
const silenceMs = 45_000
const probeMs = 20_000

export function createClient(open: (events: PipeEvents) => Pipe): Client {
  const connection = shallowRef<Connection>({ state: 'connecting', reason: '', attempts: 0 })
  const pending = new Map<number, Pending>()
  const listeners = new Map<Push['type'], Set<(push: Push) => void>>()
  const openListeners = new Set<() => void>()
  let nextId = 1
  let lastHeard = 0

  const pipe = open({
    onOpen() {
      connection.value = { state: 'open', reason: '', attempts: 0 }
      lastHeard = Date.now()
      for (const entry of pending.values()) send(entry)
      for (const listener of [...openListeners]) listener()
    },
    onText: receive,
    onGone(reason) {
      connection.value = { state: 'gone', reason, attempts: connection.value.attempts + 1 }
      const waiting = [...pending.values()]
      pending.clear()
      for (const entry of waiting) entry.reject(new CallFailure(entry.call, { code: 'failed', message: `No answer to ${entry.call}: ${reason}` }))
    },
  })

  function send(entry: Pending): void {
    if (entry.sent) return
    entry.sent = true
    pipe.send(entry.text)
  }

  function receive(text: string): void {
    lastHeard = Date.now()
    const frame = parseFrame(text)
    if (!frame) return
    if ('push' in frame) return tell(frame.push)
    const entry = pending.get(frame.id)
    if (!entry) return
    pending.delete(frame.id)
    if ('error' in frame) entry.reject(new CallFailure(entry.call, frame.error))
    else entry.resolve(frame.ok)
  }

  function tell(push: Push): void {
    for (const listener of [...(listeners.get(push.type) ?? [])]) listener(push)
  }

  function call<Name extends CallName>(name: Name, input: CallInput<Name>): Promise<CallOutput<Name>> {
    const { state, reason } = connection.value
    if (state === 'gone') return Promise.reject(new CallFailure(name, { code: 'failed', message: `${name} was not sent: ${reason}` }))
    const id = nextId++
    const frame: RequestFrame = { id, call: name, input }
    return new Promise<CallOutput<Name>>((resolve, reject) => {
      // The contract types the answer by the call's name; the frame on the wire cannot.
      const entry: Pending = { call: name, text: JSON.stringify(frame), sent: false, resolve: (value) => resolve(value as CallOutput<Name>), reject }
      pending.set(id, entry)
      if (state === 'open') send(entry)
    })
  }

  /** A cut tunnel or a sleeping laptop leaves a pipe that looks open: who waits, listens for silence. */
  setInterval(() => {
    if (pending.size === 0 || connection.value.state !== 'open') return
    const silent = Date.now() - lastHeard
    if (silent > silenceMs + probeMs) pipe.drop('the connection has gone silent')
    else if (silent > silenceMs && ![...pending.values()].some((entry) => entry.call === 'workspace.info')) call('workspace.info', {}).catch(() => undefined)
  }, 5_000)

  return {
    connection: readonly(connection),
    call,
    on(type, listener) {
      const those = listeners.get(type) ?? new Set()
      listeners.set(type, those)
      // Only pushes of this type reach this set.
      those.add(listener as (push: Push) => void)
      return () => void those.delete(listener as (push: Push) => void)
    },
    onOpen(listener) {
      openListeners.add(listener)
      return () => void openListeners.delete(listener)
    },
    retry: () => pipe.retry(),
  }
}

function parseFrame(text: string): ResponseFrame | null {
  try {
    return JSON.parse(text) as ResponseFrame
  } catch {
    return null
  }
}

/** The page's client; the pipe opens on first use, not on import. */
let shared: Client | null = null
export function useClient(): Client {
  shared ??= createClient(desktop ? openPort : openSocket)
  return shared
}

/** What to show of anything caught. */
export function toFailure(error: unknown): { message: string; detail: string; code: CallError['code'] } {
  if (error instanceof CallFailure) return { message: error.message, detail: [`${error.call}: ${error.code}`, error.message, error.detail].filter(Boolean).join('\n'), code: error.code }
  if (error instanceof Error) return { message: error.message, detail: error.stack ?? error.message, code: 'failed' }
  return { message: String(error), detail: String(error), code: 'failed' }
}
