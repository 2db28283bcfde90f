/** Which Python the torch engine has, taking one that is here, and letting go of it. */
import { existsSync, rmSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import { recordFile, recordedPython, torchFolder, torchPython } from '../../engine/torch/interpreter.ts'
import type { TorchCapabilities, TorchState } from '../../shared/engines.ts'
import { UsageError } from '../../shared/errors.ts'
import { writeWhole } from '../write-lines.ts'
import { askCapabilities } from './ask-python.ts'
import { bytesBelow, environmentFolder, readableRecord } from './environment.ts'
import { holdInstallation } from './installation-hold.ts'
import { knownCapabilities } from './known-capabilities.ts'
import { findProgram, readLock } from './lock.ts'
import { readParity } from './parity.ts'

/** Without these the worker does not start; the lock's versions are advised. */
const NEEDED = ['torch', 'transformers', 'peft', 'accelerate', 'safetensors'] as const
/** The interfaces the worker is written for. */
const LEAST = { torch: [2, 6], transformers: [5, 0] } as const
const TIMEOUT_MS = 120_000

/** Records an interpreter after trying it. @throws UsageError saying what it lacks and the line that installs it. */
export async function adoptPython(given: string, env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<TorchCapabilities> {
  const python = isAbsolute(given) || given.includes('/') || given.includes('\\') ? resolve(given) : findProgram(given, env)
  if (python === null || !existsSync(python)) throw new UsageError(`--python: expected a Python interpreter, found nothing at ${given}`)
  const capabilities = await askCapabilities(python, env, TIMEOUT_MS, signal)
  requireEngine(python, capabilities)
  await holdInstallation(torchFolder(env), async () => writeWhole(recordFile(env), `${JSON.stringify({ python, own: false })}\n`))
  return capabilities
}

function requireEngine(python: string, { versions, error }: TorchCapabilities): void {
  const lacking = NEEDED.filter((name) => versions[name] === null || isOlder(versions[name], LEAST[name as keyof typeof LEAST]))
  if (lacking.length > 0) {
    const locked = new Map(readLock('linux-cuda').packages.map(({ name, version }) => [name, version]))
    const found = lacking.map((name) => `${name} ${versions[name] ?? 'missing'}`).join(', ')
    throw new UsageError(`${python} (Python ${versions.python}): expected ${NEEDED.join(', ')}, found ${found}. Install them: ${python} -m pip install ${lacking.map((name) => `"${name}==${locked.get(name)}"`).join(' ')}`)
  }
  if (error !== null) throw new UsageError(`${python}: expected torch to be importable, got ${error}; repair that environment or name another Python`)
}

function isOlder(version: string, least: readonly number[] | undefined): boolean {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  return least !== undefined && (major < least[0]! || (major === least[0] && minor < least[1]!))
}

/** Forgets the recorded Python; the app's own environment goes, another one stays. @returns bytes freed. */
export async function removeTorch(env: NodeJS.ProcessEnv): Promise<{ removed: string | null; bytes: number }> {
  return holdInstallation(torchFolder(env), async () => {
    const folder = environmentFolder(env)
    const removed = readableRecord(env)?.python ?? null
    const bytes = bytesBelow(torchFolder(env))
    rmSync(recordFile(env), { force: true })
    rmSync(folder, { recursive: true, force: true })
    return { removed, bytes: bytes - bytesBelow(torchFolder(env)) }
  })
}

/** What there is and whether it works; a Python that was asked lately is not asked again. Never rejects. */
export async function torchState(env: NodeJS.ProcessEnv): Promise<Omit<TorchState, 'jobId'>> {
  const folder = environmentFolder(env)
  const bytes = existsSync(folder) ? bytesBelow(folder) : null
  const state = (from: TorchState['from'], python: string | null, capabilities: TorchCapabilities | null, problem: string | null) => ({ from, python, folder, bytes, capabilities, problem, parity: readParity(env) })
  let from: TorchState['from'] = env['DRIFT_PYTHON'] ? 'environment' : 'none'
  try {
    const recorded = env['DRIFT_PYTHON'] ? null : recordedPython(env)
    if (recorded !== null) from = recorded.own ? 'own' : 'pointed'
    if (from === 'none') return state(from, null, null, bytes === null ? null : 'An installation was interrupted; start it again to go on where it was')
    const python = torchPython(env)
    const capabilities = await knownCapabilities(python, env)
    try {
      requireEngine(python, capabilities)
      return state(from, python, capabilities, null)
    } catch (error) {
      return state(from, python, capabilities, (error as Error).message)
    }
  } catch (error) {
    return state(from, null, null, (error as Error).message)
  }
}
