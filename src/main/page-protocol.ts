/** `app://drift/…`: the built interface with the page policy, and the page shown when the backend cannot start. */
import { readFile } from 'node:fs/promises'
import { extname, join, sep } from 'node:path'
import { protocol } from 'electron'
import { isPageAddress, pagePolicy } from '../shared/page-policy.ts'

export const pageOrigin = 'app://drift'
const folder = join(import.meta.dirname, '..', 'renderer')

const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.svg': 'image/svg+xml', '.png': 'image/png', '.woff2': 'font/woff2' }

/** Before the app is ready: makes app:// a secure origin with addresses like https. */
export function declarePageProtocol(): void {
  protocol.registerSchemesAsPrivileged([{ scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true } }])
}

/** @param backendFailure why the backend did not start, for the error page */
export function servePages(backendFailure: () => string | null): void {
  protocol.handle('app', async (request) => {
    const { host, pathname } = new URL(request.url)
    if (host !== 'drift') return answer(404, 'text/plain', 'nothing here')
    if (pathname === failurePath) return answer(200, 'text/html', failurePage(backendFailure() ?? 'The backend is running.'))
    const path = join(folder, isPageAddress(pathname) ? 'index.html' : decodeURIComponent(pathname))
    if (!path.startsWith(folder + sep)) return answer(404, 'text/plain', 'nothing here')
    try {
      return answer(200, types[extname(path)] ?? 'application/octet-stream', await readFile(path))
    } catch {
      return answer(404, 'text/plain', 'nothing here')
    }
  })
}

export const failurePath = '/backend-failed'

const failurePage = (reason: string) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>DRIFT Workbench</title>
<style>body { font: 14px/1.5 system-ui; max-width: 40rem; margin: 15vh auto; padding: 0 1rem; color-scheme: light dark } pre { white-space: pre-wrap; user-select: text }</style>
<h1>The backend could not start</h1><pre>${escapeHtml(reason)}</pre>
<p>Your data is not touched. Repair what the message names, then <a href="${pageOrigin}/">try again</a>, or start with another workspace from the File menu.</p></html>`

const escapeHtml = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

function answer(status: number, type: string, body: string | Buffer<ArrayBuffer>): Response {
  return new Response(body, { status, headers: { 'Content-Type': `${type}; charset=utf-8`, 'Content-Security-Policy': pagePolicy, 'X-Content-Type-Options': 'nosniff' } })
}
