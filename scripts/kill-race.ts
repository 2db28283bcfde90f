/**
 * Equality under fire: a race of three methods is killed (SIGKILL to the whole process group) at random instants and
 * started again each time; then weights, metrics, samples and evaluations must equal those of an undisturbed race.
 *     npm run kill-race [-- --kills 50] [--seed 1]
 * Prints where the kills fell and the first difference, if any; ends with 1 then.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parse } from 'yaml'
import { prepareDemo } from '../src/backend/demo/prepare.ts'
import { demoRecipe, QUICK } from '../src/backend/demo/settings.ts'
import { openBackend } from '../src/backend/index.ts'
import { openWorkspace } from '../src/backend/storage/open.ts'
import { makeRng } from '../src/core/rng.ts'
import { finishRuns } from './finish-runs.ts'

const METHODS = ['drift', 'spin', 'iterative-dpo'] as const
const LOGS = [1, 2, 3, 4, 5, 6, 7]
/** How long an attempt lives, in parts of the undisturbed race's time on the same machine: from before anything has started to several stages on. */
const ATTEMPT = { least: 0.03, most: 0.26 }
const GROUP = (seed: number): string => `race-${seed}`
const say = (line: string): void => void process.stderr.write(`${line}\n`)

/** Starts or continues the race of a log and waits until it is done: what is killed. */
async function race(path: string, seed: number): Promise<void> {
  const backend = await openBackend({ workspace: path, host: 'cli' })
  try {
    const plan = METHODS.map((method) => ({ name: `${method}-${seed}`, group: GROUP(seed), recipe: parse(demoRecipe(method, seed, QUICK)) as Record<string, unknown> }))
    await finishRuns(backend, plan, ({ name }) => name.startsWith('drift'), () => {})
  } finally {
    await backend.close()
  }
}

const driver = (path: string, seed: number): ChildProcess => spawn(process.execPath, ['--disable-warning=ExperimentalWarning', import.meta.filename, '--race', path, '--log', String(seed)], { detached: true, stdio: ['ignore', 'ignore', 'inherit'] })
const endOf = (child: ChildProcess): Promise<number | null> => new Promise((resolve) => child.once('exit', resolve))

/** What the race of a log left behind, a hash for each table of each run and each weight file; no times, no counters. */
function traces(path: string, seed: number): Map<string, string> {
  const workspace = openWorkspace(path, { create: false })
  try {
    const found = new Map<string, string>()
    const hash = (value: string | Buffer): string => createHash('sha256').update(value).digest('hex')
    const runs = workspace.db.prepare('SELECT id, name FROM runs WHERE group_name = ? ORDER BY name').all(GROUP(seed)) as { id: string; name: string }[]
    for (const { id, name } of runs) {
      const tables = {
        metrics: 'SELECT stage, step, row, details FROM run_metrics WHERE run_id = ? ORDER BY stage, step',
        samples: 'SELECT stage, idx, row, reward FROM run_samples WHERE run_id = ? ORDER BY stage, idx',
        evaluations: 'SELECT round, dataset, temperature, prompt_index, sample_index, text, score, entropy FROM run_evaluations WHERE run_id = ? ORDER BY 1, 2, 3, 4, 5',
        'held-out margins': 'SELECT round, pair_index, margin FROM run_heldout WHERE run_id = ? ORDER BY 1, 2',
        stages: 'SELECT key, kind, status, input_hash FROM run_stages WHERE run_id = ? ORDER BY key',
      }
      for (const [table, query] of Object.entries(tables)) {
        const rows = workspace.db.prepare(query).all(id)
        if (rows.length > 0) found.set(`${name}: ${table} (${rows.length} rows)`, hash(JSON.stringify(rows)))
      }
      for (const file of readdirSync(join(workspace.runs, id), { recursive: true, encoding: 'utf8' })) {
        if (file.endsWith('model.safetensors')) found.set(`${name}: ${file}`, hash(readFileSync(join(workspace.runs, id, file))))
      }
    }
    return found
  } finally {
    workspace.close()
  }
}

/** The stages that were at work when nobody is any longer. */
function struck(path: string, seed: number): string[] {
  const workspace = openWorkspace(path, { create: false })
  try {
    const query = "SELECT r.method || ' ' || s.key FROM runs r JOIN run_stages s ON s.run_id = r.id WHERE r.group_name = ? AND s.status = 'running'"
    return workspace.db.prepare(query).pluck().all(GROUP(seed)) as string[]
  } finally {
    workspace.close()
  }
}

async function main(kills: number, seed: number): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'drift-kill-race-'))
  const [calm, storm] = [join(folder, 'calm'), join(folder, 'storm')]
  const rng = makeRng(`kill-race ${seed}`)
  const places = new Map<string, number>()
  let left = kills
  let equal = true
  try {
    for (const path of [calm, storm]) {
      const workspace = openWorkspace(path)
      await prepareDemo(workspace, { seeds: LOGS, size: QUICK, methods: [] })
      workspace.close()
    }
    for (const log of LOGS) {
      if (left === 0) break
      const started = performance.now()
      const undisturbed = await endOf(driver(calm, log))
      if (undisturbed !== 0) throw new Error(`the undisturbed race of log ${log} failed (exit code ${undisturbed})`)
      const took = performance.now() - started
      let done = false
      while (!done) {
        const child = driver(storm, log)
        const end = endOf(child)
        const wait = took * (ATTEMPT.least + rng.next() * (ATTEMPT.most - ATTEMPT.least))
        const first = left === 0 ? await end : await Promise.race([end, new Promise<'time'>((resolve) => setTimeout(() => resolve('time'), wait))])
        if (first === 'time') {
          process.kill(-child.pid!, 'SIGKILL')
          await end
          left--
          const at = struck(storm, log)
          for (const place of at.length > 0 ? at : ['between stages']) places.set(place, (places.get(place) ?? 0) + 1)
          if ((kills - left) % 10 === 0) say(`${kills - left} of ${kills} kills`)
        } else if (first === 0) done = true
        else throw new Error(`the race of log ${log} failed by itself (exit code ${first}); what it said stands above`)
      }
      const [wanted, got] = [traces(calm, log), traces(storm, log)]
      const different = [...new Set([...wanted.keys(), ...got.keys()])].filter((key) => wanted.get(key) !== got.get(key))
      say(`log ${log}: ${wanted.size} traces, ${different.length} differ`)
      for (const key of different) say(`  ${key}`)
      equal &&= different.length === 0 && wanted.size > 0
    }
    console.log(`${kills - left} kills, ${equal ? 'everything equal' : 'NOT EQUAL'}`)
    for (const [place, times] of [...places].sort()) console.log(`  ${place}: ${times}`)
    if (left > 0) console.log(`the races ended before the other ${left} kills`)
    return equal && left === 0
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const { values } = parseArgs({ options: { kills: { type: 'string', default: '50' }, seed: { type: 'string', default: '1' }, race: { type: 'string' }, log: { type: 'string', default: '1' } } })
if (values.race !== undefined) await race(values.race, Number(values.log))
else process.exitCode = (await main(Number(values.kills), Number(values.seed))) ? 0 : 1
