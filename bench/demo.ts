/** Seconds of the built-in experiment from the command line, in a process of its own, and of training the base. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Figure } from './figure.ts'

const root = join(import.meta.dirname, '..')

export async function* measureDemo({ full, retrain, seed }: { full: boolean; retrain: boolean; seed: number }): AsyncGenerator<Figure> {
  yield await demo('quick experiment: 1 seed, 3 methods, 2 rounds', ['--quick'], seed, 90)
  if (full) yield await demo('full experiment: 6 seeds, 3 rounds', [], seed, 12 * 60)
  yield retrain ? await trainBase() : readBase()
}

async function demo(name: string, options: string[], seed: number, atMost: number): Promise<Figure> {
  const folder = mkdtempSync(join(tmpdir(), 'drift-bench-'))
  const cpuBefore = childCpuSeconds()
  const started = performance.now()
  try {
    await run(['src/cli/index.ts', 'demo', ...options, '--seed', String(seed), '--workspace', join(folder, 'workspace'), '--json'])
    const seconds = (performance.now() - started) / 1000
    const cpu = cpuBefore === null ? null : childCpuSeconds()! - cpuBefore
    return { name, measured: seconds, atMost, unit: 's', detail: `seed ${seed}, process start to exit${cpu === null ? '' : `; ${cpu.toFixed(0)} CPU seconds, so ${(cpu / seconds).toFixed(2)} cores on average`}` }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function trainBase(): Promise<Figure> {
  const folder = mkdtempSync(join(tmpdir(), 'drift-bench-'))
  const started = performance.now()
  try {
    await run(['scripts/build-base-model.ts', '--output', folder])
    return { name: 'training the base again', measured: (performance.now() - started) / 1000, atMost: 15 * 60, unit: 's', detail: 'process start to exit' }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What the shipped base took when it was made. */
function readBase(): Figure {
  const { trainingSeconds, dataSeconds, threads } = JSON.parse(readFileSync(join(root, 'resources', 'base-model', 'PROBE.json'), 'utf8')) as { trainingSeconds: number; dataSeconds: number; threads: number }
  return { name: 'training the base', measured: trainingSeconds + dataSeconds, atMost: 15 * 60, unit: 's', detail: `as recorded in PROBE.json, ${threads} threads; --retrain trains it now` }
}

function run([script, ...args]: [string, ...string[]]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, script), ...args], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
    child.on('error', reject)
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`${script} ended with exit code ${code}; its reason stands above`))))
  })
}

/** CPU time of all processes this one has waited for, theirs included. Linux alone tells. */
function childCpuSeconds(): number | null {
  try {
    const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)!.split(' ')
    const ticksPerSecond = 100
    return (Number(fields[13]) + Number(fields[14])) / ticksPerSecond
  } catch {
    return null
  }
}
