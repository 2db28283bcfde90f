/**
 * SQLite lets one connection write at a time, and who waits for it sleeps. The thread that answers the interface must
 * not: its short writes are tried again until they come through, other calls being answered meanwhile, and threads that
 * write batch after batch let them go first.
 */
import { setTimeout } from 'node:timers/promises'
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'
import { BUSY_TIMEOUT_MS, type WritableDb } from './storage/open.ts'

/** Between the threads of a process: how many short writes wait, and the Unix second of the last one. */
const KEY = 'drift: short writes'
const [WAITING, LAST] = [0, 1]
const shared = new Int32Array((getEnvironmentData(KEY) as SharedArrayBuffer | undefined) ?? new SharedArrayBuffer(8))
setEnvironmentData(KEY, shared.buffer)

const TRY_EVERY_MS = 4
/** Longer waits nobody for whom a thread stands still. */
const GIVE_WAY_MS = 500
const LATELY_SECONDS = 3
/** Of those that wait, this thread's own. */
let own = 0
const second = (): number => Math.trunc(Date.now() / 1000)

/**
 * @param write does all it does in one transaction: where another connection holds the lock, it is done again
 * @throws what it throws; also that the database is locked, after as long as other writes wait
 */
export async function writeBetween<Written>(db: WritableDb, write: () => Written): Promise<Written> {
  const until = performance.now() + BUSY_TIMEOUT_MS
  Atomics.store(shared, LAST, second())
  Atomics.add(shared, WAITING, 1)
  own += 1
  try {
    for (;;) {
      try {
        db.pragma('busy_timeout = 0')
        return write()
      } catch (error) {
        if (!isBusy(error) || performance.now() > until) throw error
      } finally {
        if (db.open) db.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`)
      }
      await setTimeout(TRY_EVERY_MS)
    }
  } finally {
    own -= 1
    Atomics.sub(shared, WAITING, 1)
    Atomics.notify(shared, WAITING)
  }
}

/** For a thread about to write a batch: waits for the short writes that wait now; not for its own, which come only when it goes on. */
export function giveWay(): void {
  const until = performance.now() + GIVE_WAY_MS
  for (let waiting = Atomics.load(shared, WAITING); waiting > own && performance.now() < until; waiting = Atomics.load(shared, WAITING)) {
    Atomics.wait(shared, WAITING, waiting, until - performance.now())
  }
}

/** Somebody writes beside: batches should be short. */
export const isWrittenBeside = (): boolean => second() - Atomics.load(shared, LAST) <= LATELY_SECONDS

/** A batch aims at so long: a short write waits for one of them, and for the disk at its end. */
const BESIDE_MS = 10
/** Where nobody writes beside, the wait for the disk at a batch's end should cost little. */
const ALONE_MS = 100

/**
 * Ranges of `count` items for who writes each in a transaction of its own. The next one is handed out when no short write
 * waits, and holds more or fewer items as the one before was quick or slow.
 * @param least so few that none takes long: the first holds them
 */
export function* batchesInTurn(count: number, { least, most }: { least: number; most: number }): Generator<{ from: number; until: number }, undefined> {
  for (let from = 0, size = least; from < count; ) {
    giveWay()
    const started = performance.now()
    const until = Math.min(from + size, count)
    yield { from, until }
    from = until
    const isQuick = performance.now() - started < (isWrittenBeside() ? BESIDE_MS : ALONE_MS)
    size = isQuick ? Math.min(most, 2 * size) : Math.max(least, size >>> 1)
  }
}

const isBusy = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY'
