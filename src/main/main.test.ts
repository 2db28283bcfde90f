/** The Electron host without Electron: what it registers and decides, seen through stand-ins of the modules it uses. */
import { EventEmitter } from 'node:events'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { backendProcess } from './backend-process.ts'
import type { ToBackend } from './messages.ts'
import { servePages } from './page-protocol.ts'
import { confinePages, isOwnPage } from './window.ts'

type Child = EventEmitter & { sent: ToBackend[]; postMessage(message: ToBackend): void; kill(): void }

const electron = vi.hoisted(() => ({
  pageHandler: null as null | ((request: Request) => Promise<Response>),
  children: [] as unknown[],
  appListeners: {} as Record<string, (...args: unknown[]) => void>,
  openedOutside: [] as string[],
  permissions: { request: null as null | ((contents: unknown, permission: string, decide: (allowed: boolean) => void) => void), check: null as null | ((contents: unknown, permission: string) => boolean) },
}))
vi.mock('electron', async () => {
  const { EventEmitter: Emitter } = await import('node:events')
  return {
    app: { on: (event: string, listener: (...args: unknown[]) => void) => (electron.appListeners[event] = listener) },
    protocol: { handle: (_scheme: string, handler: (request: Request) => Promise<Response>) => (electron.pageHandler = handler) },
    session: { defaultSession: { setPermissionRequestHandler: (handler: never) => (electron.permissions.request = handler), setPermissionCheckHandler: (handler: never) => (electron.permissions.check = handler) } },
    screen: {},
    shell: { openExternal: async (url: string) => void electron.openedOutside.push(url) },
    BrowserWindow: vi.fn(),
    MessageChannelMain: class {
      port1 = 'backend end'
      port2 = 'page end'
    },
    utilityProcess: {
      fork() {
        const child = Object.assign(new Emitter(), { sent: [] as unknown[], postMessage: (message: unknown, ports?: unknown[]) => void child.sent.push(ports ? { message, ports } : message), kill: () => void child.emit('exit', 0) })
        electron.children.push(child)
        return child
      },
    },
  }
})
const children = electron.children as Child[]

describe('app:// pages', () => {
  const get = (url: string) => electron.pageHandler!(new Request(url))

  it('carry the page policy, whatever the answer', async () => {
    servePages(() => null)
    for (const url of ['app://drift/backend-failed', 'app://drift/assets/none.js', 'app://elsewhere/']) {
      expect((await get(url)).headers.get('Content-Security-Policy')).toContain("default-src 'none'; script-src 'self';")
    }
  })

  it('come from the interface folder alone', async () => {
    servePages(() => null)
    // Tests run from the sources: beside src/main lies src/renderer, whose index.html stands for the built one.
    for (const run of ['r1', 'lr-0.5']) expect((await get(`app://drift/runs/${run}`)).headers.get('Content-Type')).toContain('text/html')
    for (const path of ['../main/index.ts', '..%2fmain%2findex.ts', '%2e%2e/main/index.ts', '..%5cmain%5cindex.ts']) expect((await get(`app://drift/${path}`)).status).toBe(404)
  })

  it('say why the backend could not start, without running what the reason holds', async () => {
    servePages(() => 'workspace <script>alert(1)</script> is newer')
    const text = await (await get('app://drift/backend-failed')).text()
    expect(text).toContain('workspace &lt;script>alert(1)')
    expect(text).not.toContain('<script>')
  })
})

describe('pages are confined', () => {
  confinePages()
  const contents = Object.assign(new EventEmitter(), { opened: null as null | ((details: { url: string }) => { action: string }), setWindowOpenHandler: (handler: (details: { url: string }) => { action: string }) => (contents.opened = handler) })
  electron.appListeners['web-contents-created']!({}, contents)
  const leaves = (url: string) => {
    const event = { url, preventDefault: vi.fn() }
    contents.emit('will-navigate', event)
    return event.preventDefault.mock.calls.length === 0
  }

  it('to our own addresses', () => {
    expect(leaves('app://drift/runs')).toBe(true)
    for (const url of ['https://example.org/', 'file:///etc/passwd', 'app://drift.evil/', 'app://driftwood/', 'javascript:alert(1)']) {
      expect(leaves(url)).toBe(false)
      expect(isOwnPage(url)).toBe(false)
    }
  })

  it('to one window, and to putting text on the clipboard', () => {
    for (const url of ['https://example.org/', 'mailto:ana@example.org', 'file:///etc/passwd', 'javascript:alert(1)', 'app://drift/', 'smb://host/share', 'about:blank']) expect(contents.opened!({ url })).toEqual({ action: 'deny' })
    expect(electron.openedOutside).toEqual(['https://example.org/', 'mailto:ana@example.org'])
    const granted = (permission: string) => {
      let allowed = true
      electron.permissions.request!(null, permission, (decision) => (allowed = decision))
      return [allowed, electron.permissions.check!(null, permission)]
    }
    expect(granted('clipboard-sanitized-write')).toEqual([true, true])
    for (const permission of ['media', 'geolocation', 'notifications', 'clipboard-read', 'openExternal', 'hid']) expect(granted(permission)).toEqual([false, false])
  })
})

describe('the backend process', () => {
  beforeEach(() => (children.length = 0))
  const page = () => ({ isDestroyed: () => false, postMessage: vi.fn() })
  const start = () => backendProcess({ workspace: '/w', runsDemo: true })
  const connect = (backend: ReturnType<typeof start>, to: ReturnType<typeof page>) => backend.connect(to as unknown as Electron.WebContents)

  it('starts with the first page and hands both ends of a channel out', async () => {
    const [backend, first] = [start(), page()]
    const connected = connect(backend, first)
    expect(children[0]!.sent).toEqual([{ type: 'open', workspace: '/w', runsDemo: true }])
    children[0]!.emit('message', { type: 'ready' })
    await connected
    expect(children[0]!.sent[1]).toEqual({ message: { type: 'client' }, ports: ['backend end'] })
    expect(first.postMessage).toHaveBeenCalledWith('drift-port', null, ['page end'])
  })

  it('serves a reloaded page without starting again', async () => {
    const backend = start()
    const first = connect(backend, page())
    children[0]!.emit('message', { type: 'ready' })
    await first
    await connect(backend, page())
    expect(children).toHaveLength(1)
  })

  it('that cannot start tells why, to every page that waits', async () => {
    const backend = start()
    const waiting = [connect(backend, page()), connect(backend, page())]
    children[0]!.emit('message', { type: 'failed', message: 'workspace.db is from a newer version' })
    for (const each of waiting) await expect(each).rejects.toThrow('workspace.db is from a newer version')
  })

  it('that has crashed is started again for the next page, without a second experiment', async () => {
    const backend = start()
    const first = connect(backend, page())
    children[0]!.emit('message', { type: 'ready' })
    await first
    children[0]!.emit('exit', 139)
    void connect(backend, page())
    expect(children[1]!.sent).toEqual([{ type: 'open', workspace: '/w', runsDemo: false }])
  })

  it('is asked to close and waited for', async () => {
    const backend = start()
    const first = connect(backend, page())
    children[0]!.emit('message', { type: 'ready' })
    await first
    const closed = backend.close()
    expect(children[0]!.sent.at(-1)).toEqual({ type: 'close' })
    children[0]!.emit('exit', 0)
    await closed
  })
})
