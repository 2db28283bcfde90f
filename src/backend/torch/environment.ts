/**
 * The torch engine's environment: planned, made, verified, mended and removed. One package after the other, so that
 * an interrupted installation goes on where it was and its progress is known in bytes.
 */
import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bytesInWords } from '../../core/torch-words.ts'
import { recordFile, type RecordedPython, recordedPython, TORCH_RESOURCES, torchFolder } from '../../engine/torch/interpreter.ts'
import type { TorchCapabilities, TorchPlan } from '../../shared/engines.ts'
import { UsageError } from '../../shared/errors.ts'
import { writeWhole } from '../write-lines.ts'
import { askCapabilities } from './ask-python.ts'
import { findBasePython } from './base-python.ts'
import { holdInstallation } from './installation-hold.ts'
import { findProgram, type LockedPackage, readLock, requirementOf, type TorchLock, torchPlatform } from './lock.ts'
import { explainFailure, runCommand } from './run-command.ts'

const POLL_MS = 500
const VERSIONS_TIMEOUT_MS = 60_000
const IMPORT_TIMEOUT_MS = 180_000

export type InstallProgress = { stage: string; done: number; total: number }
export type Installing = { env: NodeJS.ProcessEnv; signal?: AbortSignal; onProgress?: (progress: InstallProgress) => void }

export const environmentFolder = (env: NodeJS.ProcessEnv): string => join(torchFolder(env), 'environment')
const pythonIn = (folder: string): string => (process.platform === 'win32' ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python'))

/** What `installTorch` will do. @throws UsageError where there is no lock for this machine or no Python to begin with. */
export async function planTorch(env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<TorchPlan> {
  const lock = readLock(torchPlatform(env))
  const folder = environmentFolder(env)
  const present = await installedPackages(pythonIn(folder), env, signal)
  const uv = findProgram('uv', env)
  const python = present === null ? await findBasePython(lock.python, env, uv !== null, signal) : pythonIn(folder)
  const packages = lock.packages.map((locked) => ({ name: locked.name, version: locked.version, bytes: locked.bytes, installed: isInstalled(locked, present) }))
  const downloadBytes = packages.reduce((sum, { bytes, installed }) => sum + (installed ? 0 : bytes), 0)
  const { platform, proven, source } = lock
  return { platform, proven, source, folder, tool: uv === null ? 'pip' : 'uv', python, packages, downloadBytes, diskBytes: downloadBytes * lock.unpacked, freeBytes: freeBytesAt(folder) }
}

/** Makes the environment, or finishes or mends the one that is there, and records its Python once it is verified. */
export async function installTorch({ env, signal, onProgress }: Installing): Promise<TorchCapabilities> {
  return holdInstallation(torchFolder(env), async () => {
    const plan = await planTorch(env, signal)
    if (plan.freeBytes !== null && plan.freeBytes < plan.diskBytes) throw new UsageError(`torch engine: expected ${bytesInWords(plan.diskBytes)} free below ${plan.folder}, found ${bytesInWords(plan.freeBytes)}; free some space, or set DRIFT_HOME to a folder on a larger disk`)
    const lock = readLock(plan.platform)
    const python = pythonIn(plan.folder)
    const uv = plan.tool === 'uv' ? findProgram('uv', env) : null
    const missing = lock.packages.filter((_, i) => !plan.packages[i]?.installed)
    // Until it is whole and verified nobody may be led to it.
    if (missing.length > 0 && readableRecord(env)?.own !== false) rmSync(recordFile(env), { force: true })
    if (plan.python !== python) await makeEnvironment(plan, { env, uv, signal })
    else await forgetHalves(python, env, signal)
    await installPackages(missing, { python, uv, total: plan.downloadBytes, env, signal, onProgress })
    onProgress?.({ stage: 'verifying', done: plan.downloadBytes, total: plan.downloadBytes })
    const capabilities = await verify(lock, python, env, signal)
    writeWhole(recordFile(env), `${JSON.stringify({ python, own: true })}\n`)
    return capabilities
  })
}

/** Null also where it is damaged: whoever installs or removes puts that right. */
export function readableRecord(env: NodeJS.ProcessEnv): RecordedPython | null {
  try {
    return recordedPython(env)
  } catch {
    return null
  }
}

type Present = Record<string, { version: string; complete: boolean; folder: string }>

/** What is there, by normalized name; null where there is no environment or its Python does not run any more. */
async function installedPackages(python: string, env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<Present | null> {
  if (!existsSync(python)) return null
  const outcome = await runCommand({ command: python, args: [join(TORCH_RESOURCES, 'drift_torch', 'installed.py')], env: isolated(env), timeoutMs: VERSIONS_TIMEOUT_MS, ...(signal && { signal }) })
  return outcome.code === 0 ? (JSON.parse(outcome.stdout) as Present) : null
}

function isInstalled({ name, version }: LockedPackage, present: Present | null): boolean {
  const found = present?.[name]
  return found?.complete === true && found.version === version
}

/** Half a package stands in the way of its installation; without its metadata it is written over. */
async function forgetHalves(python: string, env: NodeJS.ProcessEnv, signal: AbortSignal | undefined): Promise<void> {
  for (const { complete, folder } of Object.values((await installedPackages(python, env, signal)) ?? {})) if (!complete) rmSync(folder, { recursive: true, force: true })
}

async function makeEnvironment({ folder, python }: TorchPlan, { env, uv, signal }: { env: NodeJS.ProcessEnv; uv: string | null; signal: AbortSignal | undefined }): Promise<void> {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(dirname(folder), { recursive: true })
  const { python: versions } = readLock(torchPlatform(env))
  const request = uv === null ? { command: python!, args: ['-m', 'venv', folder] } : { command: uv, args: ['venv', '--no-project', '--python', python ?? versions[1] ?? versions[0]!, folder] }
  const outcome = await runCommand({ ...request, env: isolated(env), ...(signal && { signal }) })
  if (outcome.code === 0) return
  rmSync(folder, { recursive: true, force: true })
  throw new UsageError(explainFailure('torch engine: the environment could not be made', outcome))
}

type Packages = { python: string; uv: string | null; total: number; env: NodeJS.ProcessEnv; signal: AbortSignal | undefined; onProgress: Installing['onProgress'] }

async function installPackages(packages: readonly LockedPackage[], { python, uv, total, env, signal, onProgress }: Packages): Promise<void> {
  const downloads = join(torchFolder(env), 'downloads')
  const file = join(torchFolder(env), 'requirement.txt')
  mkdirSync(downloads, { recursive: true })
  // Downloads lie beside the environment: on its disk, visible while they grow, gone at the end.
  const settings = { ...isolated(env), TMPDIR: downloads, TEMP: downloads, UV_CACHE_DIR: downloads }
  let done = 0
  for (const locked of packages) {
    const tell = (part: number): void => onProgress?.({ stage: `${locked.name} ${locked.version}`, done: done + Math.min(part, locked.bytes), total })
    tell(0)
    writeFileSync(file, requirementOf(locked))
    const before = bytesBelow(downloads)
    const watch = setInterval(() => tell(bytesBelow(downloads) - before), POLL_MS)
    try {
      const outcome = await runCommand({ ...installCommand(locked, { python, uv, file }), env: settings, ...(signal && { signal }) })
      if (outcome.code !== 0) throw new UsageError(explainFailure(`torch engine: ${locked.name} ${locked.version} could not be installed`, outcome))
    } finally {
      clearInterval(watch)
    }
    done += locked.bytes
  }
  rmSync(downloads, { recursive: true, force: true })
  rmSync(file, { force: true })
}

function installCommand({ hashes, index }: LockedPackage, { python, uv, file }: { python: string; uv: string | null; file: string }): { command: string; args: string[] } {
  const common = ['--no-deps', ...(hashes.length > 0 ? ['--require-hashes'] : []), ...(index === undefined ? [] : ['--extra-index-url', index]), '--requirement', file]
  if (uv !== null) return { command: uv, args: ['pip', 'install', '--python', python, ...common] }
  return { command: python, args: ['-m', 'pip', 'install', '--no-input', '--disable-pip-version-check', '--no-cache-dir', '--progress-bar', 'off', ...common] }
}

/** @throws Error unless every package is there in its version, everything imports, and a product of tensors is right. */
async function verify(lock: TorchLock, python: string, env: NodeJS.ProcessEnv, signal: AbortSignal | undefined): Promise<TorchCapabilities> {
  const present = await installedPackages(python, env, signal)
  const wrong = lock.packages.filter((locked) => !isInstalled(locked, present))
  if (wrong.length > 0) throw new Error(`torch engine: expected ${wrong.map(({ name, version }) => `${name} ${version}`).join(', ')} after the installation, found ${wrong.map(({ name }) => present?.[name]?.version ?? 'none').join(', ')}; \`drift engine repair torch\` installs them again`)
  const capabilities = await askCapabilities(python, env, IMPORT_TIMEOUT_MS, signal)
  const problem = capabilities.error ?? (capabilities.devices.some(({ computes }) => computes) ? null : 'no device multiplies two matrices rightly')
  if (problem !== null) throw new Error(`torch engine: everything is installed, but it does not work: ${problem}; \`drift engine remove torch\` and install it again, or name another Python with --python`)
  return capabilities
}

/** Without the settings of an environment or a notebook that happens to be active. */
function isolated(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { PYTHONHOME: _home, PYTHONPATH: _path, VIRTUAL_ENV: _active, PIP_REQUIRE_VIRTUALENV: _required, PIP_USER: _user, ...rest } = env
  return rest
}

/** Bytes a user may still write where `folder` is or will be. */
function freeBytesAt(folder: string): number | null {
  let place = folder
  while (!existsSync(place) && dirname(place) !== place) place = dirname(place)
  try {
    const { bavail, bsize } = statfsSync(place)
    return bavail * bsize
  } catch {
    return null
  }
}

/** Of all files below a folder, as they are at this moment: what disappears meanwhile counts nothing. */
export function bytesBelow(folder: string): number {
  let bytes = 0
  for (const entry of existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : []) {
    const path = join(folder, entry.name)
    try {
      bytes += entry.isDirectory() ? bytesBelow(path) : entry.isFile() ? lstatSync(path).size : 0
    } catch {
      // Gone.
    }
  }
  return bytes
}
