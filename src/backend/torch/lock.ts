/** The locks of the torch engine: which packages, in which versions and how large, for each platform (scripts/torch_locks.py). */
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { z } from 'zod'
import { TORCH_RESOURCES } from '../../engine/torch/interpreter.ts'
import { UsageError } from '../../shared/errors.ts'
import { TORCH_PLATFORMS, type TorchPlatform } from '../../shared/engines.ts'

const lockSchema = z.object({
  platform: z.enum(TORCH_PLATFORMS),
  /** Versions of Python that all packages have wheels for. */
  python: z.array(z.string()).min(1),
  /** Where versions, sizes and hashes come from, in words. */
  source: z.string(),
  /** Has been installed from this very file and verified. */
  proven: z.boolean(),
  /** Bytes on disk of a downloaded one; measured where proven. */
  unpacked: z.number(),
  /** Bytes to download; SHA-256 of every wheel that may be taken, none where the index gives none; `index` beside the usual one. */
  packages: z.array(z.object({ name: z.string(), version: z.string(), bytes: z.number(), hashes: z.array(z.string()), index: z.string().optional() })).min(1),
})
export type TorchLock = z.infer<typeof lockSchema>
export type LockedPackage = TorchLock['packages'][number]

export function readLock(platform: TorchPlatform): TorchLock {
  return lockSchema.parse(JSON.parse(readFileSync(join(TORCH_RESOURCES, 'locks', `${platform}.json`), 'utf8')))
}

/** What kind of machine this is, from its drivers. @throws UsageError where torch has no build for it. */
export function torchPlatform(env: NodeJS.ProcessEnv, { platform, arch }: { platform: NodeJS.Platform; arch: string } = process): TorchPlatform {
  if (platform === 'darwin' && arch === 'arm64') return 'macos-mps'
  if (platform === 'win32' && arch === 'x64') return 'windows-cpu'
  if (platform === 'linux' && arch === 'x64') {
    if (findProgram('nvidia-smi', env) !== null) return 'linux-cuda'
    return existsSync('/dev/kfd') && findProgram('rocminfo', env) !== null ? 'linux-rocm' : 'linux-cpu'
  }
  throw new UsageError(`torch engine: expected Linux or Windows on x64, or macOS on Apple silicon, got ${platform}-${arch}, for which there is no lock; make an environment yourself and name it: drift engine install torch --python PATH`)
}

/** Absolute path of a program on PATH, or null. */
export function findProgram(name: string, env: NodeJS.ProcessEnv): string | null {
  const endings = process.platform === 'win32' ? ['.exe', '.cmd', '.bat'] : ['']
  const candidates = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '').flatMap((folder) => endings.map((ending) => join(folder, name + ending)))
  return candidates.find((path) => existsSync(path)) ?? null
}

/** Lines of a requirements file for one package. Torch's own builds are pinned by version: their index gives no hash. */
export function requirementOf({ name, version, hashes }: LockedPackage): string {
  return [`${name}==${version}`, ...hashes.map((hash) => `--hash=sha256:${hash}`)].join(' \\\n  ') + '\n'
}
