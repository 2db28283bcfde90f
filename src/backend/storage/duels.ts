/** Blind duels and what was decided. */
import type { Decision, DuelPair } from '../../core/evals/duels.ts'
import type { DuelRow } from '../../shared/duel.ts'
import type { ReplyOrigin } from '../../shared/types.ts'
import { BackendError } from '../errors.ts'
import type { ReadableDb, WritableDb } from './open.ts'

export type StoredPair = DuelPair & { index: number; decision: Decision | null }

export function insertDuel(db: WritableDb, duel: { nameA: string; nameB: string; seed: number; files: { path: string; sha256: string }[]; pairs: readonly DuelPair[] }, now: string): string {
  const insert = db.prepare('INSERT INTO duel_pairs (duel_id, idx, prompt, answer_a, answer_b, a_is_left, origin_a, origin_b) VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
  const asJson = (origin: ReplyOrigin | null): string | null => (origin === null ? null : JSON.stringify(origin))
  return db
    .transaction(() => {
      const id = `duel-${(db.prepare('SELECT coalesce(max(position), 0) FROM duels').pluck().get() as number) + 1}`
      db.prepare('INSERT INTO duels (id, name_a, name_b, seed, files, created_at) VALUES (?, ?, ?, ?, ?, ?)').run(id, duel.nameA, duel.nameB, duel.seed, JSON.stringify(duel.files), now)
      duel.pairs.forEach(({ prompt, a, b, aIsLeft, originA, originB }, i) => insert.run(id, i, prompt, a, b, Number(aIsLeft), asJson(originA), asJson(originB)))
      return id
    })
    .immediate()
}

/** Newest first. */
export function listDuels(db: ReadableDb): DuelRow[] {
  return db
    .prepare(
      `SELECT id, name_a AS nameA, name_b AS nameB, created_at AS createdAt, count(winner) AS decided, count(*) AS total
       FROM duels JOIN duel_pairs ON duel_id = id GROUP BY id ORDER BY position DESC`,
    )
    .all() as DuelRow[]
}

export function requireDuel(db: ReadableDb, id: string): DuelRow {
  const found = listDuels(db).find((duel) => duel.id === id)
  if (found === undefined) throw new BackendError('not-found', `duel: expected the id of a duel of this workspace, got "${id}"`)
  return found
}

type PairRow = { idx: number; prompt: string; answer_a: string; answer_b: string; a_is_left: number; origin_a: string | null; origin_b: string | null; winner: Decision['winner'] | null; reasons: string }
const PAIRS = 'SELECT idx, prompt, answer_a, answer_b, a_is_left, origin_a, origin_b, winner, reasons FROM duel_pairs WHERE duel_id = ?'

const parsed = (origin: string | null): ReplyOrigin | null => (origin === null ? null : (JSON.parse(origin) as ReplyOrigin))

const toPair = (row: PairRow): StoredPair => ({
  index: row.idx, prompt: row.prompt, a: row.answer_a, b: row.answer_b, aIsLeft: row.a_is_left === 1, originA: parsed(row.origin_a), originB: parsed(row.origin_b), decision: row.winner === null ? null : { winner: row.winner, reasons: JSON.parse(row.reasons) as string[] },
})

/** In the order they are shown. */
export function readPairs(db: ReadableDb, id: string): StoredPair[] {
  return (db.prepare(`${PAIRS} ORDER BY idx`).all(id) as PairRow[]).map(toPair)
}

/** The first that is not decided; null where all are. */
export function nextPair(db: ReadableDb, id: string): StoredPair | null {
  const row = db.prepare(`${PAIRS} AND winner IS NULL ORDER BY idx LIMIT 1`).get(id) as PairRow | undefined
  return row === undefined ? null : toPair(row)
}

export function readPair(db: ReadableDb, id: string, index: number): StoredPair | null {
  const row = db.prepare(`${PAIRS} AND idx = ?`).get(id, index) as PairRow | undefined
  return row === undefined ? null : toPair(row)
}

/** With null what was decided is taken back. */
export function setDecision(db: WritableDb, id: string, index: number, decision: Decision | null): void {
  const { changes } = db.prepare('UPDATE duel_pairs SET winner = ?, reasons = ? WHERE duel_id = ? AND idx = ?').run(decision?.winner ?? null, JSON.stringify(decision?.reasons ?? []), id, index)
  if (changes === 0) throw new BackendError('not-found', `duel ${id}: expected the index of one of its pairs, got ${index}`)
}
