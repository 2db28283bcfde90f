/**
 * The headless host: the same interface and backend as the desktop app, over HTTP and one WebSocket. For GPU
 * boxes without a display, remote use, and machines without an Electron runtime. It carries messages and
 * files; it knows no domain.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Answering } from '../backend/connection.ts'
import { UsageError } from '../shared/errors.ts'
import { isPageAddress, pagePolicy } from '../shared/page-policy.ts'
import { sendExport } from './exports.ts'
import { type Guard, guardFor, isLoopback, requestUrl } from './guard.ts'
import { type InterfaceFile, readInterface } from './interface-files.ts'
import { acceptSockets } from './sockets.ts'

export type ServeOptions = {
  backend: Answering
  /** Folder of the built interface. */
  interfaceFolder: string
  host: string
  /** 0 lets the system choose. */
  port: number
  /** Generated where left out; only allowed on loopback. */
  token?: string
}

export type Serving = { url: string; port: number; token: string; close(): Promise<void> }

/** Listens and resolves when requests are answered. Rejects with a UsageError for an unusable host, port or token. */
export async function serve(options: ServeOptions): Promise<Serving> {
  const token = chooseToken(options)
  const files = readInterface(options.interfaceFolder)
  const server = createServer({ requestTimeout: 60_000, headersTimeout: 20_000 })
  await listen(server, options.host, options.port)
  const { port } = server.address() as AddressInfo
  const guard = guardFor({ host: options.host, port, token })

  server.on('request', (request, response) => {
    answer(request, response, { guard, files, backend: options.backend }).catch((error: unknown) => {
      if (response.headersSent) response.destroy()
      else refuse(response, 500, error instanceof Error ? error.message : String(error))
    })
  })
  const sockets = acceptSockets(server, guard, options.backend)

  return {
    url: `http://${urlHost(options.host)}:${port}/?token=${encodeURIComponent(token)}`,
    port,
    token,
    async close() {
      sockets.close()
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function chooseToken({ host, token }: ServeOptions): string {
  if (token === '') throw new UsageError('--token: expected a token, got an empty one')
  if (token !== undefined) return token
  if (isLoopback(host)) return randomBytes(24).toString('base64url')
  throw new UsageError(`--host ${host} is reachable from other machines: choose a token for them with --token, or stay on 127.0.0.1 and forward the port with ssh -L`)
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') reject(new UsageError(`port ${port} on ${host} is in use: stop the program that holds it, or choose another with --port (0 takes any free one)`))
      else if (error.code === 'EACCES') reject(new UsageError(`port ${port} on ${host} is not permitted: choose one above 1023 with --port`))
      else if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') reject(new UsageError(`--host ${host} is no address of this machine (${error.code}): use 127.0.0.1, 0.0.0.0 or one of its own`))
      else reject(error)
    })
    server.listen(port, host, resolve)
  })
}

/** What a person can open: a wildcard address is reached here over loopback. */
function urlHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

const securityHeaders = {
  'Content-Security-Policy': pagePolicy,
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), microphone=(), geolocation=()',
}

async function answer(request: IncomingMessage, response: ServerResponse, { guard, files, backend }: { guard: Guard; files: Map<string, InterfaceFile>; backend: Answering }): Promise<void> {
  for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value)
  const url = requestUrl(request)
  if (!url) return refuse(response, 400, 'unreadable address')
  if (!guard.isOurHost(request)) return refuse(response, 421, 'this host answers to its own name and addresses only: open the address that drift serve printed')
  if (!guard.isOwnOrigin(request)) return refuse(response, 403, 'requests from other pages are refused')
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, 'expected GET or HEAD')
  if (!guard.hasToken(request)) return refuse(response, 401, 'a token is needed: open the address that drift serve printed, with its ?token=')
  if (guard.hasTokenInUrl(request)) response.setHeader('Set-Cookie', guard.setCookie)

  if (url.pathname.startsWith('/exports/')) return await sendExport(request, response, url, backend)
  const file = files.get(url.pathname) ?? (isPageAddress(url.pathname) ? files.get('/index.html') : undefined)
  if (!file) return refuse(response, 404, 'nothing here')
  sendFile(request, response, file)
}

function sendFile(request: IncomingMessage, response: ServerResponse, file: InterfaceFile): void {
  const gzipped = file.gzipped && /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? '')) ? file.gzipped : null
  const body = gzipped ?? file.body
  if (gzipped) response.setHeader('Content-Encoding', 'gzip')
  response.setHeader('Vary', 'Accept-Encoding')
  response.setHeader('Content-Type', file.type)
  response.setHeader('Content-Length', body.length)
  response.setHeader('Cache-Control', file.immutable ? 'private, max-age=31536000, immutable' : 'no-store')
  response.end(request.method === 'HEAD' ? undefined : body)
}

export function refuse(response: ServerResponse, status: number, reason: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' })
  response.end(`${reason}\n`)
}
