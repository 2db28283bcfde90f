/** The torch engine's state in words, the same in a terminal and on a page. */
import type { ParityReport, TorchCapabilities, TorchDevice, TorchPlan } from '../shared/engines.ts'


export const bytesInWords = (bytes: number | null): string => (bytes === null ? 'unknown' : bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`)

export function describeVersions({ versions }: TorchCapabilities): string {
  const { python, vllm: _v, bitsandbytes: _b, flash_attn: _f, deepspeed: _d, ...needed } = versions
  return [...Object.entries(needed).map(([name, version]) => `${name} ${version ?? 'missing'}`), `Python ${python}`].join(', ')
}

/** What is optional. Attention is by PyTorch, flash kernels included: a package found for it must not look like a gain. */
export function describeOptional({ versions }: TorchCapabilities): string {
  return [`bitsandbytes ${versions.bitsandbytes ?? 'absent (QLoRA)'}`, `deepspeed ${versions.deepspeed ?? 'absent (ZeRO configurations)'}`, `vllm ${versions.vllm ?? 'absent (use_vllm)'}`, `flash_attn ${versions.flash_attn ?? 'absent'} (not used: attention is by PyTorch, flash kernels included)`].join(', ')
}

/** `cuda:0 NVIDIA L4, 21.2 of 23.7 GB free, float32 bfloat16 float16; in use by python (pid 4711, 2.1 GB)` */
export function describeDevice({ name, label, total_bytes: total, free_bytes: free, other_processes: others, dtypes, computes }: TorchDevice): string {
  const memory = total === null ? 'memory unknown' : `${bytesInWords(free)} of ${bytesInWords(total)} free`
  const busy = others.map((other) => `${other.name} (pid ${other.pid}, ${bytesInWords(other.bytes)})`).join(', ')
  return `${name} ${label}, ${memory}, ${computes ? dtypes.join(' ') : 'DOES NOT COMPUTE'}${busy === '' ? '' : `; in use by ${busy}`}`
}

/** `agrees with the embedded engine on cpu in float32 (nearest to its limit: weights 2.0e-6, at most 0.001)`, or what differs. */
export function describeParity({ device, figures, agrees }: ParityReport): string {
  const share = ({ difference, tolerance }: ParityReport['figures'][number]): number => (difference === null ? Infinity : difference / tolerance)
  const words = (shown: ParityReport['figures']): string => shown.map(({ name, difference, tolerance }) => `${name} ${difference?.toExponential(1) ?? 'no number'}, at most ${tolerance}`).join('; ')
  if (!agrees) return `DIFFERS from the embedded engine on ${device} in float32 (${words(figures.filter((one) => share(one) > 1))})`
  return `agrees with the embedded engine on ${device} in float32 (nearest to its limit: ${words([...figures].sort((a, b) => share(b) - share(a)).slice(0, 1))})`
}

export function describePlan(plan: TorchPlan): string[] {
  const missing = plan.packages.filter(({ installed }) => !installed)
  const largest = [...missing].sort((a, b) => b.bytes - a.bytes).slice(0, 4)
  return [
    `platform   ${plan.platform}${plan.proven ? '' : ' (this lock was resolved, but not installed by us)'}`,
    `from       ${plan.source}`,
    `into       ${plan.folder}`,
    `with       ${plan.tool}, ${plan.python ?? 'a Python that uv brings'}`,
    `packages   ${missing.length} of ${plan.packages.length} to install${largest.length === 0 ? '' : `: ${largest.map(({ name, version, bytes }) => `${name} ${version} (${bytesInWords(bytes)})`).join(', ')}${missing.length > largest.length ? ', …' : ''}`}`,
    `download   ${bytesInWords(plan.downloadBytes)}`,
    `disk       about ${bytesInWords(plan.diskBytes)} needed, ${bytesInWords(plan.freeBytes)} free`,
  ]
}
