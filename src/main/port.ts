/** A page's MessagePort as a pipe to the backend; runs in the utility process, beside the backend. */
import { type Answering, connectClient } from '../backend/connection.ts'

/** What is used of Electron's `MessagePortMain`. */
export type PagePort = {
  postMessage(message: string): void
  on(event: 'message', listener: (event: { data: unknown }) => void): unknown
  on(event: 'close', listener: () => void): unknown
  start(): void
  close(): void
}

export function connectPort(backend: Answering, port: PagePort): void {
  // Ports queue without telling how much; a page on the same machine that stops reading has hung as a whole.
  const connection = connectClient(backend, { send: (text) => port.postMessage(text), backlog: () => 0, close: () => port.close() })
  port.on('message', ({ data }) => connection.receive(String(data)))
  port.on('close', connection.close)
  port.start()
}
