/** What set-up puts on the disk: packages, and a Node runtime where the system's is too old. */
import { existsSync, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Figure } from './figure.ts'

const root = join(import.meta.dirname, '..')

export async function* measureInstall(): AsyncGenerator<Figure> {
  const packages = bytesBelow(join(root, 'node_modules'))
  const electron = existsSync(join(root, 'node_modules', 'electron', 'dist'))
  yield { name: 'packages of a fresh install', measured: packages / 1e6, atMost: 900, unit: 'MB', detail: `node_modules, ${electron ? 'with' : 'without'} Electron's runtime` }
  const runtime = bytesBelow(join(root, '.runtime', 'node_modules'))
  if (runtime > 0) yield { name: 'with the fetched Node', measured: (packages + runtime) / 1e6, atMost: 900, unit: 'MB', detail: 'and .runtime/node_modules, where the system has no Node 24' }
  yield { name: 'built interface', measured: bytesBelow(join(root, 'out', 'renderer')) / 1e6, atMost: null, unit: 'MB', detail: 'out/renderer, uncompressed' }
}

/** Disk blocks of all files below a folder; a file with several names counts once, links not at all. */
function bytesBelow(folder: string): number {
  if (!existsSync(folder)) return 0
  const seen = new Set<string>()
  let bytes = 0
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue
    const { dev, ino, blocks, nlink } = lstatSync(join(entry.parentPath, entry.name))
    if (nlink > 1 && seen.has(`${dev} ${ino}`)) continue
    seen.add(`${dev} ${ino}`)
    bytes += blocks * 512
  }
  return bytes
}
