/** What works on this machine. Everything is tried, not looked up; nothing is installed or changed. */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { describeDevice, describeOptional, describeVersions } from '../core/torch-words.ts'
import { probeWebGpu } from '../engine/device-check.ts'
import { probeOnnx } from '../engine/probe.ts'
import { probeSqlite } from './storage/probe.ts'
import { torchState } from './torch/interpreter-state.ts'

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
    check('gpu', () => checkGpu(env)),
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

async function checkTorch(env: NodeJS.ProcessEnv): Promise<string> {
  const { capabilities, problem, python } = await torchState(env)
  const optional = 'the torch engine is optional'
  if (problem !== null) throw new Error(`${problem}; ${optional}`)
  if (capabilities === null) throw new Error(`not set up; ${optional}: \`drift engine install torch\` makes an environment (\`--dry-run\` says how large), \`--python PATH\` takes an interpreter that has torch`)
  return [`${describeVersions(capabilities)} (${python})`, ...capabilities.devices.map(describeDevice), describeOptional(capabilities)].join('; ')
}

/** Told without torch, so that a driver is seen before anything is installed. */
async function checkGpu(env: NodeJS.ProcessEnv): Promise<string> {
  if (process.platform === 'darwin') throw new Error('no NVIDIA GPU on macOS; the torch engine computes on mps, what the embedded engine can use is said under webgpu')
  const ask = (query: string): Promise<string> => probe('nvidia-smi', [query, '--format=csv,noheader'], env)
  const output = await ask('--query-gpu=name,driver_version,memory.total,memory.free').catch((error: unknown) => {
    throw new Error(`no NVIDIA GPU found (nvidia-smi: ${firstLine(error)}); torch trains on the CPU here, what the embedded engine can use is said under webgpu`)
  })
  const names = output.trim().split('\n')
  if (names[0] === '') throw new Error('nvidia-smi lists no GPU; what the embedded engine can use is said under webgpu')
  const busy = (await ask('--query-compute-apps=pid,process_name,used_memory').catch(() => '')).trim()
  return `${names.map((name) => `${name} free`).join('; ')}${busy === '' ? '' : `; in use by ${busy.split('\n').join('; ')}`}`
}

async function probe(command: string, args: string[], env: NodeJS.ProcessEnv): Promise<string> {
  return (await run(command, args, { timeout: probeTimeoutMs, windowsHide: true, env })).stdout
}

function firstLine(error: unknown): string {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'not found'
  return (error instanceof Error ? error.message : String(error)).trim().split('\n').at(-1) ?? ''
}
