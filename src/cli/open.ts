/**
 * `npm start` and `drift open`: a window where there can be one, else the headless host. The very first start
 * on a machine makes the sample workspace and runs the quick built-in experiment before the reader's eyes.
 */
import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { chooseStart } from '../backend/first-start.ts'
import { openBackend } from '../backend/index.ts'
import { serve } from '../server/index.ts'
import { runFirstDemo } from './first-demo.ts'
import { interfaceFolder } from './host-verbs.ts'
import { interruption } from './interruption.ts'
import { aborted } from './serve.ts'

type OpenOptions = { workspace?: string; port: number; demo: boolean; json?: true }

const electronStartMs = 5_000

export async function openWorkbench(options: OpenOptions): Promise<void> {
  const interrupted = interruption()
  const { workspace, runsDemo } = chooseStart(options)
  const headlessBecause = process.env['DRIFT_HEADLESS_BECAUSE'] ?? (await runElectron(workspace, runsDemo, interrupted))
  if (headlessBecause !== null && !interrupted.aborted) await openHeadless(workspace, { ...options, runsDemo, headlessBecause, interrupted })
}

/** Runs the desktop app to its end; returns why it could not, or null. */
async function runElectron(workspace: string, runsDemo: boolean, interrupted: AbortSignal): Promise<string | null> {
  const binary = process.env['DRIFT_ELECTRON']
  if (!binary) return 'the Electron runtime is not here (npm start fetches it)'
  const root = resolve(import.meta.dirname, '..', '..')
  const isRoot = process.platform === 'linux' && process.getuid?.() === 0
  if (isRoot) process.stderr.write("drift: running as root, where Chromium's sandbox does not work: the window opens without it\n")
  const started = performance.now()
  const child = spawn(binary, [...(isRoot ? ['--no-sandbox'] : []), root, `--workspace=${workspace}`, ...(runsDemo ? ['--demo'] : [])], { stdio: 'inherit', signal: interrupted, killSignal: 'SIGTERM' })
  return await new Promise((done) => {
    child.on('error', (error) => done(interrupted.aborted ? null : `Electron could not be started (${error.message})`))
    child.on('exit', (code, signal) => done(code === 0 || interrupted.aborted || performance.now() - started > electronStartMs ? null : `Electron ended at once (${signal ?? `exit ${code}`})`))
  })
}

async function openHeadless(workspace: string, { port, json, runsDemo, headlessBecause, interrupted }: OpenOptions & { runsDemo: boolean; headlessBecause: string; interrupted: AbortSignal }): Promise<void> {
  const backend = await openBackend({ workspace, host: 'server' })
  try {
    const serving = await serve({ backend, interfaceFolder, host: '127.0.0.1', port })
    if (json) console.log(JSON.stringify({ url: serving.url, workspace: backend.workspace.path, headlessBecause }))
    else console.log(`DRIFT Workbench is ready: ${serving.url} (in a browser, because ${headlessBecause})`)
    openBrowser(serving.url)
    if (runsDemo) await runFirstDemo(backend, { interrupted, notes: process.stderr, printResult: (text) => json || console.log(text) })
    await aborted(interrupted)
    await serving.close()
  } finally {
    await backend.close()
  }
}

/** Only where a person would see it. */
function openBrowser(url: string): void {
  if (process.platform === 'linux' && !process.env['DISPLAY'] && !process.env['WAYLAND_DISPLAY']) return
  if (process.env['CI'] || process.env['SSH_CONNECTION']) return
  const [command, ...args] = process.platform === 'darwin' ? ['open', url] : process.platform === 'win32' ? ['cmd', '/c', 'start', '', url.replaceAll('&', '^&')] : ['xdg-open', url]
  spawn(command!, args, { stdio: 'ignore', detached: true })
    .on('error', () => {})
    .unref()
}
