/** The WebSocket at `/ws`: admitted before the upgrade or not at all, then one connection to the backend each. */
import type { Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import { type Answering, connectClient } from '../backend/connection.ts'
import { type Guard, requestUrl } from './guard.ts'

const maxFrameBytes = 8 * 1024 * 1024
const heartbeatMs = 30_000

export function acceptSockets(server: Server, guard: Guard, backend: Answering): { close(): void } {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maxFrameBytes, perMessageDeflate: false })

  server.on('upgrade', (request, stream, head) => {
    stream.on('error', () => stream.destroy())
    if (requestUrl(request)?.pathname !== '/ws') return reject(stream, '404 Not Found')
    if (!guard.isOurHost(request)) return reject(stream, '421 Misdirected Request')
    if (!guard.isOwnOrigin(request)) return reject(stream, '403 Forbidden')
    if (!guard.hasToken(request)) return reject(stream, '401 Unauthorized')
    sockets.handleUpgrade(request, stream, head, (socket) => attach(socket, backend))
  })

  const heartbeat = setInterval(() => {
    for (const socket of sockets.clients) checkPulse(socket)
  }, heartbeatMs)

  return {
    close() {
      clearInterval(heartbeat)
      for (const socket of sockets.clients) socket.close(1001, 'the host is closing')
      sockets.close()
    },
  }
}

function reject(stream: Duplex, status: string): void {
  stream.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

function attach(socket: WebSocket, backend: Answering): void {
  const connection = connectClient(backend, {
    send: (text) => socket.send(text),
    backlog: () => socket.bufferedAmount,
    close: (reason) => socket.close(1008, reason),
  })
  alive.add(socket)
  socket.on('pong', () => alive.add(socket))
  socket.on('message', (data, isBinary) => {
    if (isBinary) socket.close(1003, 'expected text frames')
    else connection.receive(data.toString())
  })
  socket.on('close', connection.close)
  socket.on('error', () => socket.terminate())
}

const alive = new WeakSet<WebSocket>()

/** A socket that did not answer the last ping is gone (a closed laptop, a cut tunnel). */
function checkPulse(socket: WebSocket): void {
  if (!alive.delete(socket)) return socket.terminate()
  socket.ping()
}
