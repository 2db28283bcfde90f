/** Races of a workspace: written once, before their first run. */
import { isDeepStrictEqual } from 'node:util'
import { type Race, type RaceFile, raceSchema } from '../../shared/race.ts'
import { BackendError } from '../errors.ts'
import type { ReadableDb, WritableDb } from './open.ts'

const toRace = ({ plan, created_at }: { plan: string; created_at: string }): Race => ({ ...raceSchema.parse(JSON.parse(plan)), createdAt: created_at })

export function findRace(db: ReadableDb, name: string): Race | null {
  const row = db.prepare('SELECT plan, created_at FROM races WHERE name = ?').get(name) as { plan: string; created_at: string } | undefined
  return row === undefined ? null : toRace(row)
}

/** Newest first. */
export function listRaces(db: ReadableDb): Race[] {
  return (db.prepare('SELECT plan, created_at FROM races ORDER BY created_at DESC, name').all() as { plan: string; created_at: string }[]).map(toRace)
}

/** Declares a race, or finds it declared in the same words. @throws where the name stands for another race, or for runs started without one. */
export function declareRace(db: WritableDb, file: RaceFile, now: Date): Race {
  const before = findRace(db, file.name)
  if (before !== null) {
    const { createdAt: _, ...declared } = before
    if (isDeepStrictEqual(declared, file)) return before
    throw new BackendError('bad-input', `race ${file.name}: expected what was declared before its first run, got another regime, declaration, seeds or members. A race does not change once it has begun: give the new one another name`)
  }
  if (db.prepare('SELECT 1 FROM runs WHERE group_name = ? LIMIT 1').get(file.name) !== undefined) {
    throw new BackendError('bad-input', `race ${file.name}: expected a name that no group has, the runs of this group were started without a declaration. Give the race another name`)
  }
  db.prepare('INSERT INTO races (name, plan, created_at) VALUES (?, ?, ?)').run(file.name, JSON.stringify(file), now.toISOString())
  return findRace(db, file.name)!
}
