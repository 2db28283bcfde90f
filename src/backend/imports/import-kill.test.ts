/**
 * An import that is killed (SIGKILL) at ten random instants and taken up again each time: plain, packed, Parquet and a
 * folder of shards, side by side in one process, so that every kill meets all of them somewhere else. The instants come
 * from a seed that is printed; DRIFT_KILL_SEED takes it again.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { expect, test } from 'vitest'
import { aFolder, turns } from '../../../tests/support/workspace.ts'
import { makeRng } from '../../core/rng.ts'
import { listImports } from '../storage/imports.ts'
import { openDatabase } from '../storage/open.ts'

const KILLS = 10
/** Kills that met an import before its end, of each kind at least; the others met one that had nothing left to do. */
const FEWEST_MET = 3
const isBad = (i: number): boolean => i % 1000 === 500
const rowsOf = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
/** Of the quick kinds more, so that all end at about the same time. */
const [MOST, MORE, FEW] = [rowsOf(12_000), rowsOf(8500), rowsOf(5000)]

const asLines = (rows: readonly number[]): Buffer => Buffer.from(rows.map((i) => `${isBad(i) ? '{"messages": 5}' : JSON.stringify({ messages: turns(`question ${i}`, `answer ${i}`) })}\n`).join(''))
const asParquet = (rows: readonly number[]): Buffer =>
  Buffer.from(new Uint8Array(parquetWriteBuffer({ columnData: [{ name: 'prompt', data: rows.map((i) => `question ${i}`), type: 'STRING' }, { name: 'response', data: rows.map((i) => `answer ${i}`), type: 'STRING' }], rowGroupSize: 700 })))
const goodOf = (rows: readonly number[]): number[] => rows.filter((i) => !isBad(i))
/** One file per sixth of the rows, in every container. */
function asShards(folder: string, rows: readonly number[]): string {
  mkdirSync(folder)
  const writers = [['jsonl', asLines], ['jsonl.gz', (rows: number[]) => gzipSync(asLines(rows))], ['parquet', asParquet], ['jsonl.zst', (rows: number[]) => zstdCompressSync(asLines(rows))], ['parquet', asParquet], ['jsonl', asLines]] as const
  const size = Math.ceil(rows.length / writers.length)
  writers.forEach(([name, write], k) => writeFileSync(join(folder, `part-${k}.${name}`), write(rows.slice(k * size, (k + 1) * size))))
  return folder
}
function asFile(path: string, bytes: Buffer): string {
  writeFileSync(path, bytes)
  return path
}

/** Imports every source into its database, all at once. `onReady` is told once everything is loaded. Returns whether it came to its end, and milliseconds from there. */
function importAll(sources: readonly { file: string; database: string }[], onReady: (kill: () => void) => void): Promise<{ ended: boolean; ms: number }> {
  const script = `import { openDatabase } from ${JSON.stringify(new URL('../storage/open.ts', import.meta.url).href)}
    import { importFiles } from ${JSON.stringify(new URL('./import-files.ts', import.meta.url).href)}
    process.stdout.write('ready')
    await Promise.all(${JSON.stringify(sources)}.map(({ file, database }) => importFiles(openDatabase(database), [file], { batchSize: 150 })))`
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    let ready = 0
    child.stdout.once('data', () => {
      ready = performance.now()
      onReady(() => child.kill('SIGKILL'))
    })
    child.on('exit', (code) => resolve({ ended: code === 0, ms: performance.now() - ready }))
  })
}

test('killed at ten random instants and taken up again each time, every row of every container is there exactly once', { timeout: 240_000 }, async () => {
  const seed = Number(process.env['DRIFT_KILL_SEED'] ?? Date.now() % 1_000_000)
  console.log(`import-kill: DRIFT_KILL_SEED=${seed}`)
  const rng = makeRng(`kill/${seed}`)
  const folder = aFolder()
  const kinds = [
    { kind: 'jsonl', rows: MOST, file: asFile(join(folder, 'log.jsonl'), asLines(MOST)) },
    { kind: 'gzip', rows: MORE, file: asFile(join(folder, 'log.jsonl.gz'), gzipSync(asLines(MORE))) },
    { kind: 'zstd', rows: MORE, file: asFile(join(folder, 'log.jsonl.zst'), zstdCompressSync(asLines(MORE))) },
    { kind: 'parquet', rows: goodOf(FEW), file: asFile(join(folder, 'log.parquet'), asParquet(goodOf(FEW))) },
    { kind: 'folder', rows: goodOf(FEW), file: asShards(join(folder, 'shards'), goodOf(FEW)) },
  ]
  const sources = kinds.map(({ kind, file }) => ({ file, database: join(folder, `${kind}.db`) }))
  // As long as it takes here and now, undisturbed: instants lie within.
  const { ended, ms } = await importAll(sources.map(({ file }, i) => ({ file, database: join(folder, `undisturbed-${i}.db`) })), () => {})
  expect(ended).toBe(true)
  const met = kinds.map(() => 0)
  for (let kill = 0; kill < KILLS; kill++) {
    await importAll(sources, (end) => void setTimeout(end, rng.next() * ((2 * ms) / (KILLS + 1))))
    sources.forEach(({ database }, k) => (met[k]! += Number(countMessages(database) < 2 * goodOf(kinds[k]!.rows).length)))
  }
  expect(Math.min(...met), `kills before the import's end: ${kinds.map(({ kind }, k) => `${kind} ${met[k]}`).join(', ')}; seed ${seed}`).toBeGreaterThanOrEqual(FEWEST_MET)
  expect(await importAll(sources, () => {})).toMatchObject({ ended: true })

  for (const [k, { kind, rows }] of kinds.entries()) {
    const good = goodOf(rows)
    const db = openDatabase(sources[k]!.database)
    const where = `${kind}, seed ${seed}`
    try {
      expect(db.prepare("SELECT content FROM messages WHERE role = 'user' ORDER BY id").pluck().all(), where).toEqual(good.map((i) => `question ${i}`))
      expect(db.prepare("SELECT count(*) FROM messages_fts WHERE messages_fts MATCH 'question'").pluck().get(), where).toBe(good.length)
      expect(db.prepare('SELECT row FROM quarantined_rows ORDER BY id').pluck().all(), where).toEqual(rows.filter(isBad).map((i) => i + 1))
      // A last run on a finished import reads it again as a new one and finds duplicates alone.
      const sums = listImports(db).reduce((sum, one) => ({ imported: sum.imported + one.imported, stopped: sum.stopped || one.stopped }), { imported: 0, stopped: false })
      expect(sums, where).toEqual({ imported: good.length, stopped: false })
    } finally {
      db.close()
    }
  }
})

/** 0 before the first process had made the tables. */
function countMessages(database: string): number {
  const db = openDatabase(database)
  try {
    return db.prepare('SELECT count(*) FROM messages').pluck().get() as number
  } finally {
    db.close()
  }
}
