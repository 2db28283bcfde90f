/**
 * One connected interface, on whichever pipe: answers its request frames from the backend and tells it every
 * push. Knows frames, not sockets or ports; the headless host and the Electron host both end here.
 */
import type { CallName, Push, RequestFrame, ResponseFrame } from '../shared/contract.ts'
import { toBackendError } from './errors.ts'

/** What a connection needs of the backend (`Backend` is one): names and inputs come unchecked, the backend checks them. */
export type Answering = {
  call(name: CallName, input: unknown): Promise<unknown>
  subscribe(listener: (push: Push) => void): () => void
}

/** The host's end of a pipe that carries one JSON object per message. */
export type Pipe = {
  send(text: string): void
  /** Bytes sent that the other side has not taken yet. */
  backlog(): number
  close(reason: string): void
}

/** A reader this far behind is cut off: it reconnects and asks afresh, instead of filling the memory here. */
export const maxBacklogBytes = 32 * 1024 * 1024
const maxCallsInFlight = 64

export function connectClient(backend: Answering, pipe: Pipe): { receive(text: string): void; close(): void } {
  let open = true
  let inFlight = 0

  const send = (frame: ResponseFrame) => {
    if (!open) return
    if (pipe.backlog() > maxBacklogBytes) return end('too slow: the interface does not take what it asked for')
    pipe.send(JSON.stringify(frame))
  }
  const unsubscribe = backend.subscribe((push) => send({ push }))
  const close = () => {
    if (!open) return
    open = false
    unsubscribe()
  }
  const end = (reason: string) => {
    close()
    pipe.close(reason)
  }

  const answer = async ({ id, call, input }: RequestFrame) => {
    if (inFlight >= maxCallsInFlight) return send({ id, error: { code: 'failed', message: `expected at most ${maxCallsInFlight} calls at once; ask again when some are answered` } })
    inFlight++
    try {
      send({ id, ok: (await backend.call(call, input)) ?? null })
    } catch (error) {
      send({ id, error: toBackendError(error).toCallError() })
    } finally {
      inFlight--
    }
  }

  return {
    receive(text) {
      if (!open) return
      const frame = parseRequest(text)
      if (frame) void answer(frame)
      else end('expected a frame { id, call, input }')
    },
    close,
  }
}

function parseRequest(text: string): RequestFrame | null {
  let frame: unknown
  try {
    frame = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof frame !== 'object' || frame === null || !('id' in frame) || !('call' in frame)) return null
  const { id, call, input } = frame as { id: unknown; call: unknown; input?: unknown }
  return Number.isSafeInteger(id) && typeof call === 'string' ? { id: id as number, call: call as CallName, input } : null
}
