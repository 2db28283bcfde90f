import fc from 'fast-check'
import { expect, test } from 'vitest'
import { anEmptyDatabase } from '../../../tests/support/workspace.ts'
import type { ConversationFilter } from '../../shared/browse.ts'
import type { Message } from '../../shared/types.ts'
import { conversationColumns } from './browse-columns.ts'
import { writeConversations } from './conversations.ts'
import { deleteConversations, positionsOf } from './deletion.ts'
import type { WritableDb } from './open.ts'
import { matchExpression, snippetOf } from './search.ts'
import { searchTurns } from './search-turns.ts'

/** FTS5's own rank, count and snippets, joined to the rows of conversations: slow, and nothing but SQL. */
function searchBySql(db: WritableDb, { query, source, model, minTurns, from }: ConversationFilter, limit: number) {
  const parts = ['messages_fts MATCH @match', ...(source === undefined ? [] : ['c.source = @source']), ...(model === undefined ? [] : ["c.model LIKE replace(@model, '*', '%')"]), ...(minTurns === undefined ? [] : ['c.turns >= @minTurns']), ...(from === undefined ? [] : ['c.created_at >= @from'])]
  const matching = `messages_fts JOIN messages m ON m.id = messages_fts.rowid JOIN conversations c ON c.position = m.conversation WHERE ${parts.join(' AND ')}`
  const bound = { match: matchExpression(query!), source, model, minTurns, from }
  return {
    total: db.prepare(`SELECT count(*) FROM ${matching}`).pluck().get(bound),
    hits: db.prepare(`SELECT c.id AS conversation_id, m.turn_index, ${snippetOf('messages_fts')} AS snippet FROM ${matching} ORDER BY messages_fts.rank LIMIT @limit`).all({ ...bound, limit }),
  }
}

const word = fc.constantFrom('red', 'blue', 'shoe', 'shoes', 'sock', 'café', 'tie')
const text = fc.array(word, { minLength: 1, maxLength: 30 }).map((words) => words.join(' '))
const conversation = fc.record({ source: fc.constantFrom('shop', 'travel'), model: fc.constantFrom('gpt-4', 'gpt-3.5', 'phi', null), createdAt: fc.constantFrom('2024-02-01T00:00:00.000Z', '2024-03-05T00:00:00.000Z', null), texts: fc.array(text, { minLength: 1, maxLength: 6 }) })
const filter: fc.Arbitrary<ConversationFilter> = fc.record({
  query: fc.oneof(word, fc.tuple(word, word).map((words) => words.join(' ')), fc.tuple(word, word).map((words) => `"${words.join(' ')}"`), fc.constantFrom('sho*', 's*')),
  source: fc.constantFrom('shop', 'travel', 'none'), model: fc.constantFrom('gpt-4', 'gpt*'), minTurns: fc.integer({ min: 1, max: 5 }), from: fc.constantFrom('2024-03-01'),
}, { requiredKeys: ['query'] })

test('totals, order and snippets are those of the full-text index joined to the rows, also after deletions and with columns that were kept before', async () => {
  await fc.assert(fc.asyncProperty(fc.array(conversation, { minLength: 1, maxLength: 40 }), fc.array(filter, { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 12 }), fc.array(fc.nat({ max: 60 }), { maxLength: 5 }), fc.nat({ max: 40 }), async (conversations, filters, limit, deleted, early) => {
    const db = anEmptyDatabase()
    db.exec("INSERT INTO imports (id, files, format, created_at) VALUES ('i', '[]', 'openai', '2026-01-01T00:00:00.000Z')")
    const drafts = conversations.map(({ texts, ...rest }) => ({ ...rest, language: null, metadata: {}, labels: [], messages: texts.map((content, at): Message => ({ role: at % 2 === 0 ? 'user' : 'assistant', content })) }))
    writeConversations(db, 'i', drafts.slice(0, early), () => undefined)
    // As a session holds them, and as a command finds them.
    const held = conversationColumns(db)
    held.current()
    const ids = db.prepare('SELECT id FROM conversations WHERE position IN (SELECT value FROM json_each(?))').pluck().all(JSON.stringify(deleted)) as string[]
    await deleteConversations(db, positionsOf(db, ids), new Date(0))
    const keeper = conversationColumns(db, { keptFrom: 1 })
    keeper.current()
    keeper.keep(db)
    writeConversations(db, 'i', drafts.slice(early), () => undefined)
    for (const one of filters) {
      const expected = searchBySql(db, one, limit)
      expect(searchTurns(db, one, limit, held), JSON.stringify(one)).toEqual(expected)
      expect(searchTurns(db, one, limit)).toEqual(expected)
    }
    db.close()
  }), { numRuns: 60 })
})
