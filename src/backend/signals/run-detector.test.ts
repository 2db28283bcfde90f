import { expect, it } from 'vitest'
import { anEmptyWorkspace, turns } from '../../../tests/support/workspace.ts'
import { writeConversations } from '../storage/conversations.ts'
import type { Workspace, WritableDb } from '../storage/open.ts'
import { detectorNamed } from './detectors.ts'
import { runDetector } from './run-detector.ts'

const reactions = ['no, that is wrong', 'thanks, that helps', 'and what about trains?', 'make it shorter please', 'you already said that!']

function aWorkspace(conversations: number): Workspace {
  const workspace = anEmptyWorkspace()
  workspace.db.exec("INSERT INTO imports (id, files, format, created_at) VALUES ('i', '[]', 'openai', '2026-01-01T00:00:00.000Z')")
  add(workspace.db, 0, conversations)
  return workspace
}
function add(db: WritableDb, from: number, to: number): void {
  writeConversations(db, 'i', Array.from({ length: to - from }, (_, i) => ({ source: 'test', model: null, language: null, createdAt: null, metadata: {}, labels: [], messages: turns(`plan trip ${from + i}`, 'Take a plane.', reactions[(from + i) % reactions.length]!, 'Take a train.', reactions[(3 * (from + i)) % reactions.length]!) })), () => undefined)
}
const signalsOf = (db: WritableDb): unknown[] => db.prepare('SELECT c.id, s.turn_index, s.decider, s.decider_version, s.label, s.probability, s.categories, s.evidence_start, s.evidence_end FROM signals s JOIN conversations c ON c.position = s.conversation ORDER BY c.id, s.turn_index').all()

it.each([1, 3])('says the same in %i more threads as in one alone, of every conversation once', async (threads) => {
  const { db } = aWorkspace(6100)
  const detector = detectorNamed('classifier')
  const alone = await runDetector(db, detector, { threads: 0 })
  const before = signalsOf(db)
  db.exec('DELETE FROM signals')
  const told: number[] = []
  const report = await runDetector(db, detector, { threads, onProgress: ({ done }) => void told.push(done) })
  expect(signalsOf(db)).toEqual(before)
  expect(report).toEqual({ ...alone, seconds: report.seconds })
  expect(report).toMatchObject({ conversations: 6100, turns: 12_200 })
  expect(told.at(-1)).toBe(6100)
  expect(told).toEqual(told.toSorted((a, b) => a - b))
}, 60_000)

it('writes nothing on a conversation that was deleted meanwhile, nor on what came into its place', async () => {
  const { db } = aWorkspace(9000)
  let cut = false
  await runDetector(db, detectorNamed('rules'), {
    threads: 1,
    onProgress() {
      if (cut) return
      cut = true
      // So long that the thread has judged all ranges it was given.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000)
      db.exec('DELETE FROM conversations WHERE position > 5500')
      add(db, 9000, 9200)
    },
  })
  const judged = db.prepare('SELECT count(DISTINCT conversation) FROM signals').pluck().get() as number
  const kept = db.prepare('SELECT count(*) FROM conversations').pluck().get() as number
  expect(kept).toBe(5700)
  expect(judged).toBeLessThanOrEqual(kept)
  expect(judged).toBeGreaterThanOrEqual(5500)
  const right = signalsOf(db)
  await runDetector(db, detectorNamed('rules'), { threads: 0 })
  const all = new Set(signalsOf(db).map((row) => JSON.stringify(row)))
  expect(right.filter((row) => !all.has(JSON.stringify(row)))).toEqual([])
  expect(all.size).toBe(2 * kept)
}, 60_000)

it('stops where it is told to, with what was written kept and its threads ended', async () => {
  const { db } = aWorkspace(9000)
  const abort = new AbortController()
  await expect(runDetector(db, detectorNamed('rules'), { threads: 2, signal: abort.signal, onProgress: () => abort.abort() })).rejects.toThrow(/aborted/)
  expect(signalsOf(db)).toHaveLength(8000)
  // The log is as short again as it was.
  expect(db.pragma('wal_autocheckpoint', { simple: true })).toBe(8192)
}, 60_000)

it('says so where the detector is another one by the time a thread reads it', async () => {
  const { db } = aWorkspace(10)
  await expect(runDetector(db, { ...detectorNamed('rules'), version: 'of before' }, { threads: 1 })).rejects.toThrow('detector rules: expected version of before, got')
  expect(signalsOf(db)).toEqual([])
}, 60_000)
