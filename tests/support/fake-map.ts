/** A map of made-up conversations, laid out by their wording as the real one is. */
import { BackendError } from '../../src/backend/errors.ts'
import { embed, planeOf } from '../../src/core/embedding.ts'
import type { ConversationRow, Handlers } from '../../src/shared/contract.ts'
import type { FakeConversation } from './fake-conversations.ts'

type MapCall = 'conversations.map' | 'conversations.mapPoints' | 'conversations.mapColours' | 'conversations.makeMap' | 'conversations.glance'

export function fakeMap(made: readonly FakeConversation[], rowOf: (one: FakeConversation) => ConversationRow): Pick<Handlers, MapCall> {
  const plane = () => planeOf(embed(made.map(({ conversation }) => conversation.messages.map(({ content }) => content).join('\n'))))
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
  const key = made.length === 0 ? null : '1'
  return {
    'conversations.map': () => ({ key, embedding: key === null ? null : { kind: 'lexical', words: 'wording: hashed words and word pairs', folder: null, dimensions: 48 }, projection: 'their two main directions (PCA)', explained: key === null ? 0 : plane().explained, points: made.length, conversations: made.length, waiting: 0, madeAt: '2026-08-02T10:50:00Z' }),
    'conversations.mapPoints': () => ({ key: key ?? '', ids: made.map(({ conversation }) => conversation.id), xy: base64(new Uint8Array(Float32Array.from(plane().points.flat()).buffer)) }),
    'conversations.mapColours': ({ signal, colour }) => {
      const labels = [...new Set(made.map(({ conversation }) => conversation.source))]
      const codes = made.map(({ conversation, signals }) => (signal === undefined || signals.some(({ label }) => label === signal) ? labels.indexOf(conversation.source) : 255))
      const passing = codes.filter((code) => code !== 255).length
      return { key: key ?? '', colour, legend: labels.map((label, code) => ({ label, value: label, count: codes.filter((own) => own === code).length })), codes: base64(Uint8Array.from(codes)), passing, matching: passing }
    },
    'conversations.makeMap': () => ({ jobId: 'map-1' }),
    'conversations.glance': ({ id }) => {
      const found = made.find(({ conversation }) => conversation.id === id)
      if (found === undefined) throw new BackendError('not-found', `conversation: expected the id of one in this workspace, got "${id}"`)
      return rowOf(found)
    },
  }
}
