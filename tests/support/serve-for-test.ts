import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Answering } from '../../src/backend/connection.ts'
import { serve, type ServeOptions, type Serving } from '../../src/server/index.ts'

/** A headless host on a free loopback port with a two-file interface of its own. */
export async function serveForTest(backend: Answering, options: Partial<ServeOptions> = {}): Promise<Serving> {
  const folder = mkdtempSync(join(tmpdir(), 'drift-interface-'))
  mkdirSync(join(folder, 'assets'))
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>interface</title><script type="module" src="/assets/main.js"></script>')
  writeFileSync(join(folder, 'assets', 'main.js'), `// ${'x'.repeat(4000)}`)
  const serving = await serve({ backend, interfaceFolder: folder, host: '127.0.0.1', port: 0, ...options })
  rmSync(folder, { recursive: true })
  return serving
}
