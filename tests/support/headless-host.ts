/** A headless host in a process of its own, as `drift serve` makes it, and the browser to look at it with. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Browser, chromium } from 'playwright'
import { ensureBrowser } from '../../scripts/browser.ts'
import { ensureBuilt } from '../../scripts/setup.mjs'

export type HeadlessHost = { url: string; pid: number; stop(): Promise<void> }

const root = join(import.meta.dirname, '..', '..')
const chromiumFlags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']

/** Resolves when requests are answered. `home` keeps recent workspaces and samples out of the user's. */
export async function startHost({ workspace, home }: { workspace: string; home: string }): Promise<HeadlessHost> {
  await ensureBuilt('renderer', process.execPath)
  const host = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, 'src', 'cli', 'index.ts'), 'serve', '--workspace', workspace, '--json'], { env: { ...process.env, DRIFT_HOME: home }, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<void>((resolve) => host.on('close', () => resolve()))
  for await (const line of createInterface({ input: host.stdout })) {
    return {
      url: (JSON.parse(line) as { url: string }).url,
      pid: host.pid!,
      async stop() {
        host.kill('SIGTERM')
        await ended
      },
    }
  }
  throw new Error('expected the host to print its address, it ended without one (its reason stands above)')
}

export async function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: await ensureBrowser(), args: chromiumFlags })
}
