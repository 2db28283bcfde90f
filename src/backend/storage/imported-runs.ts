/** Runs that another trainer made: their metrics, under the file they were read from. */
import type { TrainerLog } from '../../core/trainer-logs.ts'
import type { RunImport } from '../../shared/run-table.ts'
import { insertMetric } from './run-stages.ts'
import type { WritableDb } from './open.ts'
import { freeRunId } from './runs.ts'

/** `endedAt`: when the file was written last. */
export type ImportedRun = { file: string; hash: string; slug: string; name: string; endedAt: string; yaml: string; log: TrainerLog }

/** Its one stage; of round 0, because no round of ours drew its pairs. */
const STAGE = 'training/train'

/** The run of a file that was read before gets the file's present rows; what people noted on it stays. */
export function putImportedRun(db: WritableDb, run: ImportedRun): { id: string; outcome: RunImport['runs'][number]['outcome'] } {
  const put = db.transaction((): ReturnType<typeof putImportedRun> => {
    const known = db.prepare('SELECT id, imported_hash AS hash FROM runs WHERE imported_from = ?').get(run.file) as { id: string; hash: string } | undefined
    if (known?.hash === run.hash) return { id: known.id, outcome: 'unchanged' }
    const id = known?.id ?? freeRunId(db, run.slug)
    const row = { id, name: run.name, file: run.file, hash: run.hash, endedAt: run.endedAt, yaml: run.yaml, settings: JSON.stringify(run.log.settings) }
    if (known) db.prepare('UPDATE runs SET imported_hash = @hash, ended_at = @endedAt, yaml = @yaml, settings = @settings WHERE id = @id').run({ id, hash: row.hash, endedAt: row.endedAt, yaml: row.yaml, settings: row.settings })
    else {
      db.prepare(
        `INSERT INTO runs (id, name, method, recipe, status, rounds, seed, base_model, engine, threads, yaml, settings, created_at, ended_at, imported_from, imported_hash)
         VALUES (@id, @name, 'imported', 'imported', 'done', 0, 0, '', 'imported', 0, @yaml, @settings, @endedAt, @endedAt, @file, @hash)`,
      ).run(row)
    }
    db.prepare('DELETE FROM run_metrics WHERE run_id = ?').run(id)
    db.prepare('DELETE FROM run_stages WHERE run_id = ?').run(id)
    db.prepare(
      `INSERT INTO run_stages (run_id, key, kind, round, status, input_hash, computed_by, counts, started_at, ended_at)
       VALUES (?, ?, 'train', 0, 'done', ?, ?, ?, ?, ?)`,
    ).run(id, STAGE, run.hash, run.log.format, JSON.stringify({ optimizerSteps: run.log.rows.at(-1)!.step }), run.endedAt, run.endedAt)
    for (const { step, metrics } of run.log.rows) insertMetric(db, id, { stage: STAGE, step, ...metrics }, { pairIndices: [], margins: [] })
    return { id, outcome: known ? 'updated' : 'new' }
  })
  return put.immediate()
}
