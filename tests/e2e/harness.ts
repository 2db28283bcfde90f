/**
 * The workbench as a user has it, for page specs: a real host on a workspace of its own, and a real page that is
 * watched for errors and for requests to anywhere else. The same spec runs on every host in `hosts`.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import { _electron, type Page } from 'playwright'
import { electronBinary, whyNoDisplay } from '../../scripts/electron-runtime.mjs'
import { startBrowser, startHost } from '../support/headless-host.ts'

export type Host = 'server' | 'electron'

/** The headless host always; Electron where its runtime and a display are here (`npm test` says when not). */
export const hosts: Host[] = electronBinary() && whyNoDisplay() === null ? ['server', 'electron'] : ['server']

export type Workbench = {
  page: Page
  workspace: string
  /** What should not have happened so far: console errors, uncaught exceptions, requests that left the host. */
  problems: string[]
  close(): Promise<void>
}

type Opening = {
  /** Fills the empty workspace folder before the host opens it. */
  prepare?: (workspace: string) => Promise<void> | void
  /** Window size; the interface is designed for 1440 x 900. */
  viewport?: { width: number; height: number }
}

const root = join(import.meta.dirname, '..', '..')
/** A step that takes longer than this on a busy machine hangs. */
const STEP_MS = 20_000

export async function openWorkbench(host: Host, { prepare, viewport = { width: 1440, height: 900 } }: Opening = {}): Promise<Workbench> {
  const home = mkdtempSync(join(tmpdir(), 'drift-e2e-'))
  const workspace = join(home, 'workspace')
  await prepare?.(workspace)
  const opened = host === 'server' ? await openInBrowser(workspace, home, viewport) : await openInElectron(workspace, home)
  opened.page.setDefaultTimeout(STEP_MS)
  await opened.page.getByRole('main').waitFor()
  return {
    ...opened,
    workspace,
    async close() {
      await opened.close()
      rmSync(home, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

async function openInBrowser(workspace: string, home: string, viewport: { width: number; height: number }) {
  const host = await startHost({ workspace, home })
  const browser = await startBrowser()
  const page = await (await browser.newContext({ viewport })).newPage()
  const problems = watch(page, new URL(host.url).host)
  await page.goto(host.url)
  return {
    page,
    problems,
    async close() {
      await browser.close()
      await host.stop()
    },
  }
}

async function openInElectron(workspace: string, home: string) {
  const isRoot = process.platform === 'linux' && process.getuid?.() === 0
  const app = await _electron.launch({
    executablePath: electronBinary()!,
    args: [...(isRoot ? ['--no-sandbox'] : []), `--user-data-dir=${join(home, 'electron')}`, root, `--workspace=${workspace}`],
    env: { ...(process.env as Record<string, string>), DRIFT_HOME: home },
  })
  const page = await app.firstWindow()
  return { page, problems: watch(page, 'drift'), close: () => app.close() }
}

function watch(page: Page, ownHost: string): string[] {
  const problems: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()}`)
  })
  page.on('pageerror', (error) => problems.push(`uncaught: ${error.message}`))
  page.on('request', (request) => {
    const { protocol, host } = new URL(request.url())
    if (protocol !== 'data:' && protocol !== 'blob:' && host !== ownHost) problems.push(`foreign request: ${request.url()}`)
  })
  return problems
}

/** What axe finds on the page as it stands, a line per rule with the elements it names; by some of its rules where told. */
export async function accessibilityProblems(page: Page, rules?: string[]): Promise<string[]> {
  // What fades in or out is half transparent, and its contrast that of the moment.
  await page.evaluate(`Promise.all(document.getAnimations().filter(({ playState, effect }) => playState === 'running' && effect?.getComputedTiming().iterations !== Infinity).map(({ finished }) => finished.catch(() => {})))`)
  const axe = new AxeBuilder({ page })
  const { violations } = await (rules ? axe.withRules(rules) : axe).analyze()
  return violations.map(({ id, help, nodes }) => `${id}: ${help} (${nodes.map(({ target }) => target.join(' ')).join(', ')})`)
}
