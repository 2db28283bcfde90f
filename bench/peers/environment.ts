/** The peers' own environments: a Python one in .runtime/bench-python, llama.cpp and DuckDB in bench/node_modules. Installed when first needed. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { withLock } from '../../scripts/lock.mjs'
import { fingerprint, root, run, say, SetupError, step } from '../../scripts/setup.mjs'

const environment = join(root, '.runtime', 'bench-python')
const requirements = join(root, 'bench', 'requirements.txt')
const bench = join(root, 'bench')
/** What torch's wheels run on. */
const PYTHON_MINORS = { least: 10, most: 14 }

/** node-llama-cpp's prebuilt binaries without a GPU's: the others of a platform weigh ten times as much. */
const LLAMA_BINARIES: Record<string, string> = {
  'linux-x64': 'linux-x64', 'linux-arm64': 'linux-arm64', 'darwin-x64': 'mac-x64', 'darwin-arm64': 'mac-arm64-metal', 'win32-x64': 'win-x64', 'win32-arm64': 'win-arm64',
}

/**
 * A Python with torch, transformers, TRL, PEFT and what else a case needs: `DRIFT_BENCH_PYTHON`, else our own, which has all,
 * installed now where it is missing.
 * @throws SetupError where there is none and none can be made.
 */
export async function peerPython(more: readonly string[] = []): Promise<string> {
  const chosen = process.env.DRIFT_BENCH_PYTHON
  if (chosen) {
    requireModules(chosen, 'DRIFT_BENCH_PYTHON', more)
    return chosen
  }
  const python = process.platform === 'win32' ? join(environment, 'Scripts', 'python.exe') : join(environment, 'bin', 'python')
  const stamp = join(environment, 'requirements.stamp')
  const print = fingerprint(['bench/requirements.txt'])
  const fits = (): boolean => existsSync(python) && existsSync(stamp) && readFileSync(stamp, 'utf8') === print
  if (fits()) return python
  await withLock(`${environment}.lock`, { onWait: (pid) => say(`waiting for another installation (process ${pid})`) }, async (holdFor) => {
    if (fits()) return
    const [first = '', ...others] = readFileSync(requirements, 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    await step(`installing the Python peers into .runtime/bench-python (${first}, ${others.join(', ')}; some gigabytes, minutes)`, async () => {
      rmSync(environment, { recursive: true, force: true })
      await demand(findPython(), ['-m', 'venv', environment], 'the virtual environment could not be made; is Python\'s venv module there (Debian: python3-venv)?', holdFor)
      const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
      // First and alone: the others would take whichever torch is newest.
      await demand(python, [...pip, first], `${first} could not be installed; check the network and pip's index settings, or set DRIFT_BENCH_PYTHON to a Python that has bench/requirements.txt`, holdFor)
      await demand(python, [...pip, '--requirement', requirements], 'bench/requirements.txt could not be installed; check the network and pip\'s index settings, or set DRIFT_BENCH_PYTHON to a Python that has it', holdFor)
      requireModules(python, '.runtime/bench-python', ['gguf'])
      writeFileSync(stamp, print)
    })
  })
  return python
}

/** Makes `node-llama-cpp` importable from bench/. @throws SetupError where it cannot be installed. */
export async function ensureLlama(): Promise<void> {
  const version = benchVersion('node-llama-cpp')
  const platform = `${process.platform}-${process.arch}`
  const binary = LLAMA_BINARIES[platform]
  if (!binary) throw new SetupError(`node-llama-cpp has no prebuilt binary for ${platform}`)
  const folders = ['node-llama-cpp', `@node-llama-cpp/${binary}`]
  await ensureBenchPackages(`llama.cpp (node-llama-cpp ${version}, ${binary})`, folders, version, [`@node-llama-cpp/${binary}@${version}`])
}

/** Makes `@duckdb/node-api` importable from bench/. @throws SetupError where it cannot be installed. */
export async function ensureDuckdb(): Promise<void> {
  const version = benchVersion('@duckdb/node-api')
  const binary = `@duckdb/node-bindings-${process.platform}-${process.arch}`
  await ensureBenchPackages(`DuckDB ${version}`, ['@duckdb/node-api', binary], version, [`@duckdb/node-api@${version}`, `${binary}@${version}`])
}

function benchVersion(name: string): string {
  const { dependencies } = readJson(join(bench, 'package.json')) as { dependencies: Record<string, string> }
  const version = dependencies[name]
  if (version === undefined) throw new Error(`bench/package.json: expected a version of ${name}, got none`)
  return version
}

async function ensureBenchPackages(what: string, folders: readonly string[], version: string, wanted: readonly string[]): Promise<void> {
  const fits = (): boolean => folders.every((folder) => (readJson(join(bench, 'node_modules', folder, 'package.json')) as { version?: string } | null)?.version === version)
  if (fits()) return
  await withLock(join(root, '.runtime', 'bench-packages.lock'), { onWait: (pid) => say(`waiting for another installation (process ${pid})`) }, async (holdFor) => {
    if (fits()) return
    await step(`installing ${what} into bench/node_modules`, async () => {
      const args = ['install', '--prefix', bench, '--no-save', '--no-package-lock', '--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...wanted]
      const npm = process.env.npm_execpath
      await demand(npm ? process.execPath : 'npm', npm ? [npm, ...args] : args, `${what} could not be installed; check the network and npm's registry settings`, holdFor)
      if (!fits()) throw new SetupError(`expected ${folders.join(' and ')} ${version} in bench/node_modules after the installation, found others; remove bench/node_modules and run the same command again`)
    })
  })
}

/** Versions of what is compared against, for the head of a table. */
export function peerVersions(python: string): string {
  return ask(python, 'import torch, transformers, trl, peft; print("torch", torch.__version__ + ", transformers", transformers.__version__ + ", TRL", trl.__version__ + ", PEFT", peft.__version__)')
}

async function demand(command: string, args: string[], otherwise: string, holdFor: (pid: number) => void): Promise<void> {
  const code = await run(command, args, holdFor)
  if (code !== 0) throw new SetupError(`${otherwise} (exit ${code}, the reason stands above)`)
}

function findPython(): string {
  const { least, most } = PYTHON_MINORS
  for (const command of process.platform === 'win32' ? ['py', 'python'] : ['python3', 'python']) {
    try {
      const [major, minor] = ask(command, 'import sys; print(*sys.version_info[:2])').split(' ').map(Number)
      if (major === 3 && minor !== undefined && minor >= least && minor <= most) return command
    } catch {
      // Not there: the next name.
    }
  }
  throw new SetupError(`the peers need a Python between 3.${least} and 3.${most}, found none; install one, or set DRIFT_BENCH_PYTHON to a Python that has bench/requirements.txt`)
}

function requireModules(python: string, where: string, more: readonly string[]): void {
  const modules = ['torch', 'transformers', 'trl', 'peft', 'datasets', ...more]
  try {
    ask(python, `import importlib.util as u, sys; missing = [m for m in ${JSON.stringify(modules)} if u.find_spec(m) is None]; sys.exit("without " + ", ".join(missing) if missing else 0)`)
  } catch (error) {
    const reason = (error as { stderr?: Buffer }).stderr?.toString().trim().split('\n').at(-1) ?? String(error)
    throw new SetupError(`${where}: expected a Python with bench/requirements.txt, got ${python}: ${reason}`)
  }
}

const ask = (python: string, code: string): string => execFileSync(python, ['-c', code], { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' }).trim()

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return null
  }
}
