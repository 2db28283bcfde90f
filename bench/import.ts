/** Import beside a bare insert loop over the same rows: 100,000 conversations, with --full a million. */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { conversationLines, conversationShards } from './conversations.ts'
import { type Absence, type Figure, median } from './figure.ts'
import { alternate, measureDrift, measureScript, objectsOf, type MeasuredRun } from './measured-process.ts'
import { ensureDuckdb } from './peers/environment.ts'
import type { InsertLoopOptions } from './peers/insert-loop.ts'

export const IMPORT_CASES: readonly string[] = ['jsonl', 'parquet']

const MAX_BYTES = 1e9

export async function* measureImport({ cases, full, rounds }: { cases: readonly string[]; full: boolean; rounds: number }): AsyncGenerator<Figure | Absence> {
  const n = full ? 1_000_000 : 100_000
  if (cases.includes('jsonl')) {
    const path = await conversationLines(n)
    yield* compared({ name: `${n / 1000}k conversations of JSONL (${(statSync(path).size / 1e9).toFixed(2)} GB)`, n, path, source: 'lines', atLeast: 0.5, rounds })
  }
  if (cases.includes('parquet')) {
    await ensureDuckdb()
    const path = await conversationShards(n)
    yield* compared({ name: `${n / 1000}k conversations of Parquet`, n, path, source: 'duckdb', atLeast: 0.4, rounds })
  }
}

async function* compared({ name, n, path, source, atLeast, rounds }: { name: string; n: number; path: string; source: InsertLoopOptions['source']; atLeast: number; rounds: number }): AsyncGenerator<Figure> {
  const { ours, peer } = await alternate(
    rounds,
    () => inFolder((folder) => measureDrift(['import', path, '--workspace', join(folder, 'workspace'), '--json']), n, 'imported'),
    () => inFolder((folder) => measureScript('peers/insert-loop.ts', { source, path, database: join(folder, 'bare.db') } satisfies InsertLoopOptions), n, 'conversations'),
  )
  const rate = (runs: readonly Timed[]): number => n / median(runs.map(({ seconds }) => seconds))
  const against = source === 'lines' ? 'the insert loop, parsing not counted' : 'a DuckDB scan feeding the insert loop'
  yield { name: `${name}: speed`, measured: rate(ours) / rate(peer), atMost: null, atLeast, unit: 'x', detail: `of ${against}: ${Math.round(rate(ours))} against ${Math.round(rate(peer))} conversations/s, median of ${rounds}` }
  const peak = Math.max(...ours.map(({ peakBytes }) => peakBytes))
  yield { name: `${name}: peak memory`, measured: peak / 1e6, atMost: MAX_BYTES / 1e6, unit: 'MB', detail: `resident set of drift import, largest of ${rounds}; the loop ${(Math.max(...peer.map(({ peakBytes }) => peakBytes)) / 1e6).toFixed(0)} MB` }
}

type Timed = { seconds: number; peakBytes: number }

/** Runs on an empty disk folder; the run's own last line says how many it wrote and in how many seconds. */
async function inFolder(measure: (folder: string) => Promise<MeasuredRun>, n: number, counted: string): Promise<Timed> {
  const folder = mkdtempSync(join(tmpdir(), 'drift-bench-'))
  try {
    const run = await measure(folder)
    const result = objectsOf(run).at(-1)?.value
    if (result?.[counted] !== n || typeof result.seconds !== 'number') throw new Error(`expected ${n} conversations written, got ${JSON.stringify(result)}`)
    return { seconds: result.seconds, peakBytes: run.peakBytes }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
