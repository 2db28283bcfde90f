// Where the Electron runtime is, and how it is fetched on the first start of a machine with a display.
// Its package carries no binary (install scripts are off), so it is downloaded here, once, and announced.
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root, run, step } from './setup.mjs'

const folder = join(root, 'node_modules', 'electron')
const unreachable = join(root, '.runtime', 'electron-unreachable')
const probeMs = 5_000
const retryAfterMs = 24 * 3_600_000

/** Path of the Electron executable, or null where its runtime was not fetched. */
export function electronBinary() {
  try {
    const path = join(folder, 'dist', readFileSync(join(folder, 'path.txt'), 'utf8'))
    return existsSync(path) ? path : null
  } catch {
    return null
  }
}

/** Why no window can be opened here, or null. */
export function whyNoDisplay(env = process.env) {
  if (process.platform === 'linux' && !env.DISPLAY && !env.WAYLAND_DISPLAY) return 'there is no display: DISPLAY and WAYLAND_DISPLAY are unset'
  return null
}

/**
 * Fetches the runtime where a window could be opened and its host answers.
 * @returns {Promise<string | null>} why the desktop app cannot be opened, or null when it can
 */
export async function ensureElectron(node) {
  const noDisplay = whyNoDisplay()
  if (noDisplay) return noDisplay
  if (electronBinary()) return null
  const host = downloadHost()
  // A closed network is asked once a day, not at every start.
  if (ageMs(unreachable) < retryAfterMs) return `the Electron runtime is not here and ${host} did not answer today (delete ${unreachable} to try again)`
  if (!(await answers(host))) {
    mkdirSync(dirname(unreachable), { recursive: true })
    writeFileSync(unreachable, '')
    return `the Electron runtime could not be fetched: ${host} does not answer`
  }
  let code = 1
  await step(`fetching the Electron runtime from ${host} (about 120 MB, once)`, async () => {
    code = await run(node, [join(folder, 'install.js')])
  })
  return code === 0 && electronBinary() ? null : `the Electron runtime could not be fetched (exit ${code})`
}

function downloadHost() {
  const mirror = process.env.ELECTRON_MIRROR ?? process.env.npm_config_electron_mirror ?? 'https://github.com/electron/electron/releases/download/'
  return new URL(mirror).host
}

/** Behind a proxy fetch would not ask the right machine: there the download itself finds out. */
async function answers(host) {
  if (process.env.HTTPS_PROXY ?? process.env.https_proxy ?? process.env.ELECTRON_GET_USE_PROXY) return true
  try {
    await fetch(`https://${host}`, { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(probeMs) })
    return true
  } catch {
    return false
  }
}

function ageMs(path) {
  try {
    return Date.now() - statSync(path).mtimeMs
  } catch {
    return Infinity
  }
}
