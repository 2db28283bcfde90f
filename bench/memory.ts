/** Resident memory of an idle backend: the headless host alone, and after a page has looked at everything. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBrowser, startHost } from '../tests/support/headless-host.ts'
import type { Figure } from './figure.ts'

const SETTLE_MS = 5_000
const paths = ['/conversations', '/signals', '/datasets', '/runs', '/compare', '/settings', '/']

export async function* measureMemory(): AsyncGenerator<Figure> {
  const home = mkdtempSync(join(tmpdir(), 'drift-bench-'))
  const host = await startHost({ workspace: join(home, 'workspace'), home })
  try {
    yield await figure('idle backend', host.pid, 'a fresh workspace, nobody connected')
    const browser = await startBrowser()
    try {
      const page = await browser.newPage()
      await page.goto(host.url)
      for (const path of paths) {
        await page.goto(new URL(path, host.url).href)
        await page.getByRole('main').waitFor()
      }
      yield await figure('idle backend with a page open', host.pid, 'after a visit to every page')
    } finally {
      await browser.close()
    }
  } finally {
    await host.stop()
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function figure(name: string, pid: number, detail: string): Promise<Figure> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  return { name, measured: residentBytes(pid) / 1e6, atMost: 300, unit: 'MB', detail: `resident set of the host and its children, ${detail}` }
}

/** Resident set of a process and everything below it. Needs Linux's /proc. */
export function residentBytes(root: number): number {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      parents.set(Number(name), Number(readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1)!.split(' ')[1]))
    } catch {
      // It ended in the meantime.
    }
  }
  const isBelow = (pid: number): boolean => pid === root || (parents.has(pid) && isBelow(parents.get(pid)!))
  return [...parents.keys()].filter(isBelow).reduce((sum, pid) => sum + residentKilobytes(pid) * 1024, 0)
}

function residentKilobytes(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}
