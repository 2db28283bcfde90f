/** Where a conversation went: the datasets that hold a row of it, and the runs that learned from them. */
import type { CallOutput } from '../../shared/contract.ts'
import type { ReadableDb } from './open.ts'

export function usesOf(db: ReadableDb, conversationId: string): CallOutput<'conversations.get'>['usedIn'] {
  return db
    .prepare(
      `SELECT d.name AS dataset, r.id AS run
       FROM datasets d LEFT JOIN runs r ON r.settings ->> '$.dataset' = d.name OR r.settings ->> '$.warm_start.dataset' = d.name
       WHERE d.id IN (SELECT dataset FROM dataset_rows WHERE conversation_id = ?)
       ORDER BY d.id, r.position`,
    )
    .all(conversationId) as CallOutput<'conversations.get'>['usedIn']
}
