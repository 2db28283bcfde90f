/**
 * A Chromium for the page tests: an installed one first, then Playwright's own, then the system's package
 * manager where the user is root. What is fetched is announced on stderr.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { chromium } from 'playwright'

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'chrome', 'msedge']
const elsewhere = ['/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', 'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe']
const probeMs = 5_000

/** Path of a Chromium that is here, or null. `DRIFT_CHROMIUM` wins. */
export function installedBrowser(env: NodeJS.ProcessEnv = process.env): string | null {
  if (env['DRIFT_CHROMIUM']) return env['DRIFT_CHROMIUM']
  const onPath = (env['PATH'] ?? '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)))
  return [...onPath, ...elsewhere, chromium.executablePath()].find(isExecutable) ?? null
}

/** Path of a Chromium, fetched where none is here. Throws with what to do where none can be had. */
export async function ensureBrowser(): Promise<string> {
  return installedBrowser() ?? (await fromPlaywright()) ?? fromPackageManager() ?? fail()
}

async function fromPlaywright(): Promise<string | null> {
  const host = process.env['PLAYWRIGHT_DOWNLOAD_HOST'] ?? 'https://cdn.playwright.dev'
  const answers = await fetch(host, { method: 'HEAD', signal: AbortSignal.timeout(probeMs) }).then(() => true, () => false)
  if (!answers) return null
  say(`no Chromium here: fetching Playwright's from ${host}`)
  const cli = join(import.meta.dirname, '..', 'node_modules', 'playwright', 'cli.js')
  spawnSync(process.execPath, [cli, 'install', 'chromium'], { stdio: ['ignore', 2, 2] })
  return existsSync(chromium.executablePath()) ? chromium.executablePath() : null
}

function fromPackageManager(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0) return null
  say('no Chromium here: installing the package chromium with apt-get')
  const quiet = { stdio: ['ignore', 'ignore', 2] as ['ignore', 'ignore', 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }
  spawnSync('apt-get', ['update', '-qq'], quiet)
  spawnSync('apt-get', ['install', '-qq', '-y', '--no-install-recommends', 'chromium'], quiet)
  return installedBrowser()
}

function fail(): never {
  throw new Error('expected a Chromium for the page tests, found none and none could be fetched: install chromium or Google Chrome, or name one with DRIFT_CHROMIUM')
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const say = (text: string) => process.stderr.write(`drift: ${text}\n`)
