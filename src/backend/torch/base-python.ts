/** The Python that an environment is made from. */
import { UsageError } from '../../shared/errors.ts'
import { findProgram } from './lock.ts'
import { runCommand } from './run-command.ts'

const TIMEOUT_MS = 10_000

/**
 * The first Python on PATH of one of these versions (`3.12`); null where none fits and `uv` can fetch one.
 * @throws UsageError naming what was found instead.
 */
export async function findBasePython(versions: readonly string[], env: NodeJS.ProcessEnv, hasUv: boolean, signal?: AbortSignal): Promise<string | null> {
  const found: string[] = []
  for (const name of ['python3', 'python', ...versions.map((version) => `python${version}`)]) {
    const path = findProgram(name, env)
    if (path === null) continue
    const outcome = await runCommand({ command: path, args: ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], env, timeoutMs: TIMEOUT_MS, ...(signal && { signal }) })
    const version = outcome.stdout.trim()
    if (outcome.code === 0 && versions.includes(version)) return path
    found.push(`${path} (${outcome.code === 0 ? version : 'does not run'})`)
  }
  if (hasUv) return null
  throw new UsageError(`torch engine: expected Python ${versions[0]} to ${versions.at(-1)} on PATH, found ${found.length === 0 ? 'none' : found.join(', ')}; install one, or install uv, which brings its own (https://docs.astral.sh/uv), or name an interpreter: drift engine install torch --python PATH`)
}
