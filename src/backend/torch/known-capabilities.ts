/** What a Python answered lately: importing torch takes seconds, its packages tell in 0.1 s whether they changed. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { torchFolder } from '../../engine/torch/interpreter.ts'
import type { TorchCapabilities } from '../../shared/engines.ts'
import { writeWhole } from '../write-lines.ts'
import { askCapabilities, askVersions } from './ask-python.ts'

const KEPT_MS = 24 * 3_600_000
/** Memory of a GPU and what else runs there change by the minute. */
const KEPT_WITH_GPU_MS = 60_000
const VERSIONS_TIMEOUT_MS = 10_000
const IMPORT_TIMEOUT_MS = 60_000

type Known = { key: string; at: number; capabilities: TorchCapabilities }

/** @throws Error where the Python cannot be asked. */
export async function knownCapabilities(python: string, env: NodeJS.ProcessEnv): Promise<TorchCapabilities> {
  const file = join(torchFolder(env), 'capabilities.json')
  const key = JSON.stringify([python, await askVersions(python, env, VERSIONS_TIMEOUT_MS), env['CUDA_VISIBLE_DEVICES'] ?? null])
  const known = read(file)
  if (known?.key === key) {
    const { devices, error } = known.capabilities
    const kept = devices.length > 1 ? KEPT_WITH_GPU_MS : KEPT_MS
    if (error === null && Date.now() - known.at < kept) return known.capabilities
  }
  const capabilities = await askCapabilities(python, env, IMPORT_TIMEOUT_MS)
  try {
    writeWhole(file, JSON.stringify({ key, at: Date.now(), capabilities } satisfies Known))
  } catch {
    // Where nothing can be kept, it is asked again.
  }
  return capabilities
}

/** What the Python said last, without asking it; null where it never did. */
export function lastCapabilities(python: string, env: NodeJS.ProcessEnv): TorchCapabilities | null {
  const known = read(join(torchFolder(env), 'capabilities.json'))
  return known !== null && known.key.startsWith(`[${JSON.stringify(python)},`) ? known.capabilities : null
}

function read(file: string): Known | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Known
  } catch {
    return null
  }
}
