/** How many threads a model computes with where nobody says. Recorded with each run: another count rounds differently. */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** Below this many parameters a second thread brings little (1.37 x on the built-in base): runs side by side, a thread each, do more. */
const SINGLE_THREAD_PARAMETERS = 5_000_000
const MAX_THREADS = 8

/** A rule, not a measurement: the same machine must choose the same count however busy it is. `npm run bench -- scale --case threads` holds it against what is fastest. */
export function defaultThreads(parameters: number): number {
  return parameters < SINGLE_THREAD_PARAMETERS ? 1 : Math.min(MAX_THREADS, physicalCores())
}

/** Distinct cores in /proc/cpuinfo; elsewhere what the system says is available. */
function physicalCores(): number {
  const available = availableParallelism()
  if (process.platform !== 'linux') return available
  try {
    const blocks = readFileSync('/proc/cpuinfo', 'utf8').split('\n\n')
    const cores = new Set(blocks.map(block => `${/^physical id\s*:\s*(\d+)/m.exec(block)?.[1]} ${/^core id\s*:\s*(\d+)/m.exec(block)?.[1]}`).filter(core => !core.includes('undefined')))
    return cores.size > 0 ? Math.min(cores.size, available) : available
  } catch {
    return available
  }
}
