import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { type IncomingHttpHeaders, request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { maxBacklogBytes } from '../backend/connection.ts'
import { scriptedBackend } from '../../tests/support/scripted-backend.ts'
import { serveForTest } from '../../tests/support/serve-for-test.ts'
import type { Serving } from './index.ts'

let serving: Serving
const workspace = mkdtempSync(join(tmpdir(), 'drift-workspace-'))
const backend = scriptedBackend()
backend.answers['workspace.info'] = async () => ({ path: workspace })

beforeAll(async () => {
  mkdirSync(join(workspace, 'exports', 'deep'), { recursive: true })
  writeFileSync(join(workspace, 'exports', 'report.html'), '<p>report')
  writeFileSync(join(workspace, 'exports', 'deep', 'pairs.jsonl'), '{}\n')
  writeFileSync(join(workspace, 'workspace.db'), 'secret')
  symlinkSync(join(workspace, 'workspace.db'), join(workspace, 'exports', 'link.jsonl'))
  serving = await serveForTest(backend)
})
afterAll(async () => {
  await serving.close()
  rmSync(workspace, { recursive: true })
})

type Answer = { status: number; headers: IncomingHttpHeaders; body: string }

/** Paths go out as written: fetch would tidy them. */
function get(path: string, { headers = {}, method = 'GET', token = true }: { headers?: Record<string, string>; method?: string; token?: boolean } = {}): Promise<Answer> {
  const cookie = token ? { cookie: `drift-${serving.port}=${serving.token}` } : {}
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: serving.port, path, method, headers: { ...cookie, ...headers } }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => (body += text))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
    })
      .on('error', reject)
      .end()
  })
}

/** HTTP status of a refused upgrade, or 101. */
function upgrade(headers: Record<string, string>, path = '/ws'): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${serving.port}${path}`, { headers })
    socket.on('open', () => {
      socket.close()
      resolve(101)
    })
    socket.on('unexpected-response', (sent, response) => {
      sent.destroy()
      resolve(response.statusCode ?? 0)
    })
    socket.on('error', reject)
  })
}

describe('the printed address', () => {
  it('answers with the page and a cookie that scripts and other sites cannot use', async () => {
    const { status, headers, body } = await get(new URL(serving.url).pathname + new URL(serving.url).search, { token: false })
    expect(status).toBe(200)
    expect(body).toContain('<title>interface</title>')
    expect(headers['set-cookie']).toEqual([`drift-${serving.port}=${serving.token}; Path=/; HttpOnly; SameSite=Strict`])
  })

  it('has a token of its own at every start', async () => {
    const other = await serveForTest(backend)
    await other.close()
    expect(other.token).not.toBe(serving.token)
    expect(serving.token.length).toBeGreaterThanOrEqual(32)
  })
})

describe('every answer', () => {
  it.each(['/', '/assets/main.js', '/nowhere.js'])('%s carries the page policy and may not be framed or sniffed', async (path) => {
    const { headers } = await get(path)
    expect(headers['content-security-policy']).toContain("default-src 'none'; script-src 'self';")
    expect(headers['content-security-policy']).not.toMatch(/unsafe-eval|https?:|\*/)
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY', 'referrer-policy': 'no-referrer' })
  })

  it('is the page for addresses of pages, and nothing for files that are not there', async () => {
    for (const path of ['/runs/r1?tab=samples', '/runs/lr-0.5']) expect((await get(path)).body).toContain('<title>interface</title>')
    expect((await get('/assets/other.js')).status).toBe(404)
  })

  it('is compressed where the browser takes it', async () => {
    const { headers } = await get('/assets/main.js', { headers: { 'accept-encoding': 'gzip' } })
    expect(headers['content-encoding']).toBe('gzip')
    expect(Number(headers['content-length'])).toBeLessThan(200)
  })
})

describe('refused', () => {
  it.each([undefined, 'wrong', ''])('without the token (%s)', async (token) => {
    const query = token === undefined ? '/' : `/?token=${token}`
    expect((await get(query, { token: false })).status).toBe(401)
    expect((await get('/assets/main.js', { token: false, headers: { cookie: `drift-${serving.port}=${token ?? ''}` } })).status).toBe(401)
  })

  it.each(['evil.example', 'evil.example:80', '127.0.0.1.evil.example', 'user@127.0.0.1'])('under another host name (%s)', async (host) => {
    expect((await get('/', { headers: { host } })).status).toBe(421)
  })

  it.each(['http://evil.example', 'null', 'http://127.0.0.1:1'])('from another origin (%s)', async (origin) => {
    expect((await get('/', { headers: { origin } })).status).toBe(403)
  })

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('%s', async (method) => {
    expect((await get('/', { method })).status).toBe(405)
  })

  it.each(['/../../../../etc/passwd', '/..%2f..%2f..%2fetc/passwd', '/exports/../workspace.db', '/exports/..%2fworkspace.db', '/exports/link.jsonl', '/exports/%00', '/exports/%E0%A4%A', '/exports/deep', '//etc/passwd', 'http://evil.example/etc/passwd.txt'])('climbing out with %s', async (path) => {
    const { status, body } = await get(path)
    expect(body).not.toMatch(/root:|secret/)
    if (path.startsWith('/exports')) expect(status).toBe(404)
  })
})

describe('a forwarded port', () => {
  it('is a way in: the name is loopback, the port another', async () => {
    expect((await get('/', { headers: { host: 'localhost:9000', origin: 'http://localhost:9000' } })).status).toBe(200)
  })
})

describe('exports', () => {
  it('are downloaded, also from folders below', async () => {
    const { status, headers, body } = await get('/exports/deep/pairs.jsonl')
    expect([status, body]).toEqual([200, '{}\n'])
    expect(headers['content-disposition']).toContain('attachment')
  })

  it('show a report that can draw, but is nobody on this host', async () => {
    const { headers, body } = await get('/exports/report.html')
    expect(body).toBe('<p>report')
    expect(headers['content-security-policy']).toContain('sandbox allow-scripts;')
  })

  it('need the token', async () => {
    expect((await get('/exports/report.html', { token: false })).status).toBe(401)
  })
})

describe('the socket', () => {
  const cookie = () => ({ cookie: `drift-${serving.port}=${serving.token}` })

  it('opens for our page with its cookie, and for a program with the token', async () => {
    expect(await upgrade({ ...cookie(), origin: `http://127.0.0.1:${serving.port}` })).toBe(101)
    expect(await upgrade({ authorization: `Bearer ${serving.token}` })).toBe(101)
    expect(await upgrade({}, `/ws?token=${serving.token}`)).toBe(101)
  })

  it('is refused before the upgrade without token, from foreign pages, under foreign names and elsewhere', async () => {
    expect(await upgrade({ origin: `http://127.0.0.1:${serving.port}` })).toBe(401)
    expect(await upgrade({ ...cookie(), origin: 'http://evil.example' })).toBe(403)
    expect(await upgrade({ ...cookie(), host: 'evil.example' })).toBe(421)
    expect(await upgrade(cookie(), '/other')).toBe(404)
  })

  it('is closed when a frame is larger than any call', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${serving.port}/ws`, { headers: cookie() })
    socket.on('open', () => socket.send('x'.repeat(9 * 1024 * 1024)))
    expect(await new Promise((resolve) => socket.on('close', resolve))).toBe(1009)
  })

  it('cuts a reader off that takes nothing, instead of keeping everything for it', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${serving.port}/ws`, { headers: cookie() })
    await new Promise((resolve) => socket.on('open', resolve))
    const before = backend.listeners.size
    socket.pause()
    const text = 'x'.repeat(1024 * 1024)
    for (let sent = 0; sent < maxBacklogBytes * 3 && backend.listeners.size === before; sent += text.length) {
      backend.push({ type: 'job', job: { id: text } as never })
    }
    expect(backend.listeners.size).toBe(before - 1)
    socket.terminate()
  })
})

describe('starting', () => {
  it('says which port is in use and what to do', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => holder.on('listening', resolve))
    const { port } = holder.address() as { port: number }
    await expect(serveForTest(backend, { port })).rejects.toThrow(`port ${port} on 127.0.0.1 is in use: stop the program that holds it, or choose another with --port`)
    holder.close()
  })

  it('demands a token where other machines can reach it', async () => {
    await expect(serveForTest(backend, { host: '0.0.0.0' })).rejects.toThrow('--token')
    await expect(serveForTest(backend, { token: '' })).rejects.toThrow('--token')
  })
})
