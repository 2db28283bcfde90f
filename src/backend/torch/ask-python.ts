/** Questions to a Python: what it can do, and whether the torch engine can run on it. */
import { z } from 'zod'
import { TORCH_RESOURCES } from '../../engine/torch/interpreter.ts'
import type { TorchCapabilities, TorchVersions } from '../../shared/engines.ts'
import { explainFailure, runCommand } from './run-command.ts'

const version = z.string().nullable()
const versionsSchema = z.object({ python: z.string(), torch: version, transformers: version, peft: version, accelerate: version, safetensors: version, vllm: version, bitsandbytes: version, flash_attn: version, deepspeed: version })
const bytes = z.number().nullable()
const capabilitiesSchema = z.object({
  versions: versionsSchema,
  devices: z.array(
    z.object({
      name: z.string(),
      kind: z.enum(['cpu', 'cuda', 'rocm', 'mps']),
      label: z.string(),
      total_bytes: bytes,
      free_bytes: bytes,
      other_processes: z.array(z.object({ pid: z.number(), name: z.string(), bytes })),
      dtypes: z.array(z.string()),
      computes: z.boolean(),
    }),
  ),
  error: z.string().nullable(),
})

/** Imports torch: seconds. @throws Error where the Python cannot be asked. */
export async function askCapabilities(python: string, env: NodeJS.ProcessEnv, timeoutMs: number, signal?: AbortSignal): Promise<TorchCapabilities> {
  return capabilitiesSchema.parse(await ask(python, [], env, timeoutMs, signal))
}

/** As the packages state them, 0.1 s. @throws Error where the Python cannot be asked. */
export async function askVersions(python: string, env: NodeJS.ProcessEnv, timeoutMs: number): Promise<TorchVersions> {
  return z.object({ versions: versionsSchema }).parse(await ask(python, ['--versions'], env, timeoutMs)).versions
}

async function ask(python: string, args: string[], env: NodeJS.ProcessEnv, timeoutMs: number, signal?: AbortSignal): Promise<unknown> {
  const { PYTHONHOME: _home, ...rest } = env
  const outcome = await runCommand({ command: python, args: ['-m', 'drift_torch.capabilities', ...args], env: { ...rest, PYTHONPATH: TORCH_RESOURCES }, timeoutMs, ...(signal && { signal }) })
  // Libraries may print before the answer.
  const line = outcome.stdout.trim().split('\n').at(-1) ?? ''
  if (outcome.code !== 0 || !line.startsWith('{')) throw new Error(explainFailure(`${python} could not be asked what it can do`, outcome))
  return JSON.parse(line) as unknown
}
