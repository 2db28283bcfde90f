/**
 * The built interface, read into memory once: a request is a look-up by its exact path, so there is no path
 * to climb out of, and a rebuild beside a running host cannot serve halves of two builds.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { extname, join, relative, sep } from 'node:path'
import { gzipSync } from 'node:zlib'

export type InterfaceFile = { body: Buffer; gzipped: Buffer | null; type: string; immutable: boolean }

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
}
const compressible = new Set(['.html', '.js', '.css', '.json', '.svg', '.txt'])

/** Files under `folder` by URL path (`/index.html`); throws when there is no index page. */
export function readInterface(folder: string): Map<string, InterfaceFile> {
  const files = new Map<string, InterfaceFile>()
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const body = readFileSync(path)
    const extension = extname(entry.name)
    files.set(`/${relative(folder, path).split(sep).join('/')}`, {
      body,
      gzipped: compressible.has(extension) && body.length > 1024 ? gzipSync(body, { level: 6 }) : null,
      type: types[extension] ?? 'application/octet-stream',
      immutable: relative(folder, path).startsWith(`assets${sep}`),
    })
  }
  if (!files.has('/index.html')) throw new Error(`expected the built interface in ${folder}, found no index.html: run npm start once, or npm run -s drift -- serve, which build it`)
  return files
}
