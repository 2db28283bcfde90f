/** Tripwires of a run that tripped. */
import type { Trip, Tripwire } from '../../shared/tripwires.ts'
import type { ReadableDb, WritableDb } from './open.ts'

/** False where the wire had tripped in this stage before. */
export function insertTrip(db: WritableDb, runId: string, { stage, wire, step, value, time }: { stage: string; wire: Tripwire; step: number; value: number; time: string }): boolean {
  return db.prepare('INSERT OR IGNORE INTO run_trips (run_id, stage, wire, step, value, time) VALUES (?, ?, ?, ?, ?, ?)').run(runId, stage, JSON.stringify(wire), step, Number.isFinite(value) ? value : null, time).changes === 1
}

/** In the order in which they tripped. */
export function listTrips(db: ReadableDb, runId: string): Trip[] {
  const rows = db.prepare('SELECT stage, wire, step, value, time FROM run_trips WHERE run_id = ? ORDER BY time, stage, step').all(runId) as { stage: string; wire: string; step: number; value: number | null; time: string }[]
  return rows.map(({ wire, ...row }) => {
    const { metric, above, below, for_steps: forSteps, action } = JSON.parse(wire) as Tripwire
    return { ...row, metric, above, below, forSteps, action }
  })
}
