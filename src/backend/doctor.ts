/** What works on this machine. Everything is tried, not looked up; nothing is installed or changed. */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { probeWebGpu } from '../engine/device-check.ts'
import { probeOnnx } from '../engine/probe.ts'
import { probeSqlite } from './storage/probe.ts'

export type Check = { name: string; ok: boolean; detail: string }

/** Without these nothing runs; the others widen what can be done. */
export const essentialChecks: readonly string[] = ['node', 'sqlite', 'onnx']

const probeTimeoutMs = 10_000
const run = promisify(execFile)

/** Seven checks in a fixed order; a failed one says why and what to do. Never rejects. */
export async function runDoctor(env: NodeJS.ProcessEnv = process.env): Promise<Check[]> {
  return await Promise.all([
    check('node', () => checkNode()),
    check('sqlite', () => `SQLite ${probeSqlite()} with full-text search`),
    check('onnx', async () => {
      const { version, backends } = await probeOnnx()
      return `onnxruntime ${version} runs; built with ${backends.join(', ')}`
    }),
    check('electron', () => checkElectron(env)),
    check('torch', () => checkTorch(env)),
    check('gpu', () => checkGpu()),
    probeWebGpu().then((state) => ({ name: 'webgpu', ...state })),
  ])
}

async function check(name: string, probe: () => string | Promise<string>): Promise<Check> {
  try {
    return { name, ok: true, detail: await probe() }
  } catch (error) {
    return { name, ok: false, detail: error instanceof Error ? error.message : String(error) }
  }
}

function checkNode(): string {
  const { node } = process.versions
  if (Number(node.split('.')[0]) < 24) throw new Error(`expected Node 24 or newer, got ${node}: start through npm run -s drift, which fetches one`)
  return `Node ${node} on ${process.platform}-${process.arch}`
}

function checkElectron(env: NodeJS.ProcessEnv): string {
  const own = process.versions['electron']
  if (own) return `Electron ${own}, running`
  const folder = dirname(createRequire(import.meta.url).resolve('electron/package.json'))
  const path = existsSync(join(folder, 'path.txt')) ? join(folder, 'dist', readFileSync(join(folder, 'path.txt'), 'utf8')) : null
  if (!path || !existsSync(path)) throw new Error('the runtime is not fetched (npm start fetches it where there is a display); until then the workbench opens in a browser')
  if (process.platform === 'linux' && !env['DISPLAY'] && !env['WAYLAND_DISPLAY']) throw new Error('the runtime is here, but there is no display: the workbench opens in a browser')
  return path
}

/** Versions as the interpreter's packages state them: importing torch would take seconds. */
const versionsScript = "import importlib.metadata as m, json, sys\ndef v(n):\n  try: return m.version(n)\n  except m.PackageNotFoundError: return None\nprint(json.dumps({'python': sys.version.split()[0], 'torch': v('torch'), 'transformers': v('transformers')}))"

async function checkTorch(env: NodeJS.ProcessEnv): Promise<string> {
  const python = env['DRIFT_PYTHON'] ?? (process.platform === 'win32' ? 'python' : 'python3')
  const optional = 'the torch engine is optional'
  const versions = await probe(python, ['-c', versionsScript]).then(
    (output) => JSON.parse(output) as { python: string; torch: string | null; transformers: string | null },
    (error: unknown) => {
      throw new Error(`${python} could not be asked (${firstLine(error)}); ${optional}: set DRIFT_PYTHON to an interpreter that has torch and transformers`)
    },
  )
  const missing = [versions.torch === null && 'torch', versions.transformers === null && 'transformers'].filter(Boolean)
  if (missing.length > 0) throw new Error(`Python ${versions.python} (${python}) has no ${missing.join(' and no ')}; ${optional}: set DRIFT_PYTHON to an interpreter that has them`)
  return `torch ${versions.torch}, transformers ${versions.transformers} on Python ${versions.python} (${python})`
}

async function checkGpu(): Promise<string> {
  if (process.platform === 'darwin') throw new Error('no NVIDIA GPU on macOS; what the embedded engine can use is said under webgpu')
  const output = await probe('nvidia-smi', ['--query-gpu=name,memory.total', '--format=csv,noheader']).catch((error: unknown) => {
    throw new Error(`no NVIDIA GPU found (nvidia-smi: ${firstLine(error)}); what the embedded engine can use is said under webgpu`)
  })
  const names = output.trim().split('\n')
  if (names[0] === '') throw new Error('nvidia-smi lists no GPU; what the embedded engine can use is said under webgpu')
  return names.join('; ')
}

async function probe(command: string, args: string[]): Promise<string> {
  return (await run(command, args, { timeout: probeTimeoutMs, windowsHide: true })).stdout
}

function firstLine(error: unknown): string {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'not found'
  return (error instanceof Error ? error.message : String(error)).trim().split('\n').at(-1) ?? ''
}
