/** Reads every conversation that was not read yet, then compares all: near-duplicate groups, personal data. Stopped, it goes on where it was. */
import { setImmediate } from 'node:timers/promises'
import { findPersonalData } from '../core/lint/personal-data.ts'
import { shingles, sketcher } from '../core/near-duplicates.ts'
import type { PersonalDataKind } from '../shared/analysis.ts'
import type { Message } from '../shared/types.ts'
import { compareSketches, countUnread, eachUnread, hasUncompared, wholeTextOf, writeReadings, type Reading } from './storage/analysis.ts'
import type { WritableDb } from './storage/open.ts'
import { giveWay } from './write-turns.ts'

export type AnalysisReport = { read: number; compared: boolean; seconds: number }
export type AnalysisProgress = { done: number; total: number; stage: string }

/** Sketches of one workspace are all made with this seed: others could not be compared with them. */
const SEED = 1
const BATCH = 500
/** Comparing, in the unit of progress: so many conversations' reading for each that is compared. */
const COMPARING = 0.15

export async function analyseConversations(db: WritableDb, options: { signal?: AbortSignal; onProgress?: (progress: AnalysisProgress) => void } = {}): Promise<AnalysisReport> {
  const started = performance.now()
  const sketch = sketcher(SEED)
  const unread = countUnread(db)
  const all = db.prepare('SELECT count(*) FROM conversations').pluck().get() as number
  const comparing = Math.ceil(COMPARING * all)
  const tell = (done: number, stage: string): void => options.onProgress?.({ done: Math.round(done), total: unread + comparing, stage })
  let readings: Reading[] = []
  let read = 0
  const flush = async (): Promise<void> => {
    giveWay()
    writeReadings(db, readings)
    read += readings.length
    readings = []
    tell(read, 'reading')
    await setImmediate()
    options.signal?.throwIfAborted()
  }
  for (const { position, messages } of eachUnread(db)) {
    readings.push({ position, sketch: sketch(shingles(wholeTextOf(messages))), personalData: countPersonalData(messages) })
    if (readings.length === BATCH) await flush()
  }
  await flush()
  const compared = hasUncompared(db)
  if (compared) {
    for (const share of compareSketches(db)) {
      tell(unread + share * comparing, 'comparing')
      await setImmediate()
      options.signal?.throwIfAborted()
      giveWay()
    }
  }
  tell(unread + comparing, 'done')
  return { read, compared, seconds: (performance.now() - started) / 1000 }
}

function countPersonalData(messages: readonly Message[]): Map<PersonalDataKind, number> {
  const counts = new Map<PersonalDataKind, number>()
  for (const { content } of messages) for (const { kind } of findPersonalData(content)) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return counts
}
