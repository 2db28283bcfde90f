/** Races of a workspace: written once, before their first run; what a sweep chose is written once too. */
import { isDeepStrictEqual } from 'node:util'
import { type Race, type RaceFile, raceSchema, type Sweep, sweepGroup } from '../../shared/race.ts'
import { BackendError } from '../errors.ts'
import type { ReadableDb, WritableDb } from './open.ts'

/** Texts of the recipes by the names that members give them, as they were when the race was declared. */
export type RaceRecipes = Record<string, string>

const toRace = ({ plan, created_at }: { plan: string; created_at: string }): Race => ({ ...raceSchema.parse(JSON.parse(plan)), createdAt: created_at })

export function findRace(db: ReadableDb, name: string): Race | null {
  const row = db.prepare('SELECT plan, created_at FROM races WHERE name = ?').get(name) as { plan: string; created_at: string } | undefined
  return row === undefined ? null : toRace(row)
}

/** Newest first. */
export function listRaces(db: ReadableDb): Race[] {
  return (db.prepare('SELECT plan, created_at FROM races ORDER BY created_at DESC, name').all() as { plan: string; created_at: string }[]).map(toRace)
}

/** Null where there is no such race, or it was declared before recipes were kept. */
export function recipesOfRace(db: ReadableDb, name: string): RaceRecipes | null {
  const text = db.prepare('SELECT recipes FROM races WHERE name = ?').pluck().get(name) as string | null | undefined
  return typeof text === 'string' ? (JSON.parse(text) as RaceRecipes) : null
}

/** Declares a race, or finds it declared in the same words. @throws where the name stands for another race, or for runs started without one. */
export function declareRace(db: WritableDb, file: RaceFile, recipes: RaceRecipes, now: Date): Race {
  const before = findRace(db, file.name)
  if (before !== null) {
    const { createdAt: _, ...declared } = before
    if (isDeepStrictEqual(declared, file)) return before
    throw new BackendError('bad-input', `race ${file.name}: expected what was declared before its first run, got another regime, declaration, sweep, seeds or members. A race does not change once it has begun: give the new one another name`)
  }
  for (const group of file.sweep === undefined ? [file.name] : [file.name, sweepGroup(file.name)]) {
    if (db.prepare('SELECT 1 FROM runs WHERE group_name = ? LIMIT 1').get(group) === undefined) continue
    throw new BackendError('bad-input', `race ${file.name}: expected a name that no group has, the runs of ${group} were started without a declaration. Give the race another name`)
  }
  db.prepare('INSERT INTO races (name, plan, recipes, created_at) VALUES (?, ?, ?, ?)').run(file.name, JSON.stringify(file), JSON.stringify(recipes), now.toISOString())
  return findRace(db, file.name)!
}

/** What a race's sweep chose; null until that is decided, and where it has none. */
export function findSweep(db: ReadableDb, race: string): Sweep | null {
  const outcome = db.prepare('SELECT outcome FROM race_sweeps WHERE race = ?').pluck().get(race) as string | undefined
  return outcome === undefined ? null : (JSON.parse(outcome) as Sweep)
}

/** Decides a sweep. @returns what holds: of two processes that decide at once the first's. */
export function decideSweep(db: WritableDb, race: string, outcome: Sweep): Sweep {
  db.prepare('INSERT OR IGNORE INTO race_sweeps (race, outcome) VALUES (?, ?)').run(race, JSON.stringify(outcome))
  return findSweep(db, race)!
}
