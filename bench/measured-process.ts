/** A child process with a clock on its lines and a scale under its whole process tree. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ALLOCATOR } from '../scripts/allocator.mjs'
import { residentBytes } from './memory.ts'

const root = join(import.meta.dirname, '..')

/** Cores of every measured process, ours and the peers': the comparisons are about two threads. */
export const THREADS = 2
const MEMORY_EVERY_MS = 250

export type MeasuredRun = {
  /** Process start to exit. */
  seconds: number
  /** Largest sum of the resident sets of the process and all its descendants, as seen four times a second. */
  peakBytes: number
  /** Lines of both streams with the seconds since the process was started. */
  lines: { text: string; seconds: number }[]
}

/** drift refused what the bench asked of it as bad usage (exit code 2): the case does not exist in this version. */
export class RefusedError extends Error {}

class ExitError extends Error {
  readonly code: number | null
  /** Last line on stderr. */
  readonly reason: string

  constructor(command: string, code: number | null, errors: readonly string[]) {
    super(`${command} ended with exit code ${code}:\n${errors.slice(-12).join('\n')}`)
    this.code = code
    this.reason = errors.findLast((line) => line.trim() !== '') ?? 'no reason given'
  }
}

/** @throws where the program does not end well. */
export async function measureProcess(command: string, args: readonly string[], environment: Record<string, string> = {}): Promise<MeasuredRun> {
  const threads = String(THREADS)
  const [program = command, ...rest] = [...pinned(), command, ...args]
  const began = performance.now()
  const child = spawn(program, rest, { cwd: root, env: { ...process.env, OMP_NUM_THREADS: threads, MKL_NUM_THREADS: threads, TOKENIZERS_PARALLELISM: 'false', ...environment }, stdio: ['ignore', 'pipe', 'pipe'] })
  const elapsed = (): number => (performance.now() - began) / 1000
  const lines: MeasuredRun['lines'] = []
  const errors: string[] = []
  let peakBytes = 0
  const weigh = setInterval(() => {
    if (child.pid !== undefined) peakBytes = Math.max(peakBytes, residentBytes(child.pid))
  }, MEMORY_EVERY_MS)
  createInterface({ input: child.stdout }).on('line', (text) => lines.push({ text, seconds: elapsed() }))
  createInterface({ input: child.stderr }).on('line', (text) => {
    lines.push({ text, seconds: elapsed() })
    errors.push(text)
  })
  const stop = (): void => void child.kill('SIGTERM')
  process.on('exit', stop)
  try {
    const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
    const seconds = elapsed()
    if (code !== 0) throw new ExitError(`${command} ${args.join(' ')}`, code, errors)
    return { seconds, peakBytes, lines }
  } finally {
    clearInterval(weigh)
    process.off('exit', stop)
  }
}

/**
 * The `drift` command line as a user's process, without npm around it.
 * @throws RefusedError where it calls the arguments bad usage.
 */
export async function measureDrift(args: readonly string[], environment: Record<string, string> = {}): Promise<MeasuredRun> {
  try {
    return await measureProcess(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, 'src', 'cli', 'index.ts'), ...args], { ...ALLOCATOR, ...environment })
  } catch (error) {
    throw error instanceof ExitError && error.code === 2 ? new RefusedError(error.reason) : error
  }
}

/** A script of the bench that drives the engine. */
export function measureScript(file: string, options: object): Promise<MeasuredRun> {
  return measureProcess(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, file), JSON.stringify(options)], ALLOCATOR)
}

/** JSON objects among the lines, each with its time; other lines (libraries talk) are passed over. */
export function objectsOf({ lines }: MeasuredRun): { seconds: number; value: Record<string, unknown> }[] {
  return lines.flatMap(({ text, seconds }) => {
    if (!text.startsWith('{')) return []
    try {
      return [{ seconds, value: JSON.parse(text) as Record<string, unknown> }]
    } catch {
      return []
    }
  })
}

/** When the line {"event": name} came. */
export function eventSeconds(run: MeasuredRun, name: string): number {
  const found = objectsOf(run).find(({ value }) => value.event === name)
  if (!found) throw new Error(`expected a line {"event": "${name}"}, got ${run.lines.length} other lines, the last being: ${run.lines.at(-1)?.text ?? '(none)'}`)
  return found.seconds
}

/** Runs both sides `rounds` times, taking turns at going first. */
export async function alternate<A, B>(rounds: number, ours: () => Promise<A>, peer: () => Promise<B>): Promise<{ ours: A[]; peer: B[] }> {
  const results: { ours: A[]; peer: B[] } = { ours: [], peer: [] }
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) results.ours.push(await ours())
    results.peer.push(await peer())
    if (round % 2 === 1) results.ours.push(await ours())
  }
  return results
}

/** Where there are more cores than threads, the system holds every process to as many cores. */
function pinned(): string[] {
  const taskset = '/usr/bin/taskset'
  return availableParallelism() > THREADS && existsSync(taskset) ? [taskset, '-c', `0-${THREADS - 1}`] : []
}
