import { expect, it } from 'vitest'
import { anEmptyWorkspace, turns } from '../../../tests/support/workspace.ts'
import type { SignalLabel } from '../../shared/types.ts'
import { eachConversation, talkReader, writeConversations } from './conversations.ts'
import type { WritableDb } from './open.ts'
import { winningSignalsOf, writeSignals, type SignalWrite } from './signals.ts'

function aWorkspace(conversations: number): WritableDb {
  const { db } = anEmptyWorkspace()
  db.exec("INSERT INTO imports (id, files, format, created_at) VALUES ('i', '[]', 'openai', '2026-01-01T00:00:00.000Z')")
  writeConversations(db, 'i', Array.from({ length: conversations }, (_, i) => ({ source: 'test', model: null, language: null, createdAt: null, metadata: {}, labels: [], messages: turns(`plan trip ${i}`, 'Take a plane.', ...(i % 3 === 0 ? [] : [`no, ${i}`])) })), () => undefined)
  return db
}

it.each([1, 32, 77])('writes %i signals, each with all that it says, and counts them on their conversations', (n) => {
  const db = aWorkspace(n)
  const signal = (i: number, label: SignalLabel): SignalWrite => ({ conversation: 1 + i, turnIndex: 2, label, probability: (i + 1) / (n + 7), categories: i % 3 === 0 ? [] : [`it's "${i}"`, 'b'], evidence: i % 2 === 0 ? null : { start: i, end: 2 * i }, decider: 'classifier', deciderVersion: 'v' })
  const labels: SignalLabel[] = ['dissatisfied', 'satisfied', 'neutral']
  for (const shift of [0, 1]) {
    const written = Array.from({ length: n }, (_, i) => signal(i, labels[(i + shift) % 3]!))
    writeSignals(db, written)
    const stored = Array.from({ length: n }, (_, i) => winningSignalsOf(db, 1 + i)).flat()
    expect(stored.map(({ conversationId: _, ...signal }, i) => ({ ...signal, conversation: 1 + i }))).toEqual(written)
    const counted = db.prepare('SELECT dissatisfied_turns, satisfied_turns, neutral_turns FROM conversations ORDER BY position').raw().all()
    expect(counted).toEqual(written.map(({ label }) => labels.map((one) => (one === label ? 1 : 0))))
  }
})

it('reads texts between two positions as whole conversations are read, whatever was deleted or has no messages', () => {
  const db = aWorkspace(40)
  db.exec('DELETE FROM conversations WHERE position IN (1, 7, 8, 40); DELETE FROM messages WHERE conversation IN (5, 39)')
  const read = talkReader(db)
  for (const [after, until] of [[0, 40], [0, 6], [6, 8], [4, 39], [39, 100]] as const) {
    expect(read(after, until)).toEqual(Array.from(eachConversation(db, { after, until }), ({ position, conversation: { id, messages } }) => ({ position, id, messages })))
  }
})
