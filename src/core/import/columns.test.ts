import { expect, test } from 'vitest'
import { columnsFormat, csv, mappingProblem, suggestMapping } from './columns.ts'
import { RowProblem } from './format.ts'

test('columns are known by their usual names, however they are spelled', () => {
  expect(suggestMapping(['Conversation ID', 'Role', 'Text', 'created-at'])).toEqual({ conversation: 'Conversation ID', role: 'Role', content: 'Text', time: 'created-at' })
  expect(suggestMapping(['prompt', 'response', 'model_name', 'lang'])).toEqual({ prompt: 'prompt', reply: 'response', model: 'model_name', language: 'lang' })
  expect(suggestMapping(['a', 'b'])).toEqual({})
})

test('who asked: a column of its own name, and `user` where it is not what the user says', () => {
  expect(suggestMapping(['user_id', 'prompt', 'response'])).toEqual({ prompt: 'prompt', reply: 'response', user: 'user_id' })
  expect(suggestMapping(['user', 'assistant'])).toEqual({ prompt: 'user', reply: 'assistant' })
  expect(suggestMapping(['thread', 'user', 'role', 'content'])).toEqual({ conversation: 'thread', role: 'role', content: 'content', user: 'user' })
  expect(csv.read([{ user_id: 'u7', prompt: 'q', response: 'a' }])).toMatchObject([{ metadata: { user: 'u7' } }])
  // In a table of messages, the one of the first user message.
  const perRow = columnsFormat({ conversation: 'k', role: 'who', content: 'said', user: 'by' })
  expect(perRow.read([{ k: 1, who: 'system', said: 's', by: 'admin' }, { k: 1, who: 'user', said: 'q', by: 'ana' }, { k: 1, who: 'bot', said: 'a', by: 'bot' }])).toMatchObject([{ metadata: { id: 1, user: 'ana' } }])
})

test('an exchange a row', () => {
  const [draft] = csv.read([{ question: 'Why?', answer: 'Because.', model: 'm', date: '2026-01-02' }])
  expect(draft).toMatchObject({ model: 'm', createdAt: '2026-01-02T00:00:00.000Z', messages: [{ role: 'user', content: 'Why?' }, { role: 'assistant', content: 'Because.' }] })
})

test('a message a row: rows of one conversation stand together', () => {
  const rows = [{ conversation_id: '7', role: 'human', content: 'Why?' }, { conversation_id: '7', role: 'bot', content: null }] as const
  expect(csv.startsNew?.(rows[1], rows[0])).toBe(false)
  expect(csv.startsNew?.({ ...rows[1], conversation_id: '8' }, rows[0])).toBe(true)
  expect(csv.read([...rows])).toMatchObject([{ metadata: { id: '7' }, messages: [{ role: 'user', content: 'Why?' }, { role: 'assistant', content: '' }] }])
})

test('a mapping reads columns of any name, and lists with keys of any name', () => {
  const list = columnsFormat({ messages: 'log', role: 'who', content: 'said' })
  expect(list.read([{ log: [{ who: 'user', said: 'Hi' }] }])).toMatchObject([{ messages: [{ role: 'user', content: 'Hi' }] }])
  const perRow = columnsFormat({ conversation: 'k', role: 'who', content: 'said' })
  expect(perRow.columns).toEqual(['k', 'who', 'said'])
  expect(perRow.read([{ k: 1, who: 'user', said: 'Hi' }])).toMatchObject([{ metadata: { id: 1 }, messages: [{ role: 'user', content: 'Hi' }] }])
})

test('a mapping that cannot give a conversation says what it lacks', () => {
  expect(mappingProblem({ role: 'a', content: 'b' })).toMatch(/expected columns for messages, or for prompt and reply, or for conversation, role and content/)
  expect(mappingProblem({ prompt: 'a', reply: 'b' })).toBeNull()
  expect(() => columnsFormat({ prompt: 'a' }).read([{ a: 'x' }])).toThrow(RowProblem)
  expect(() => columnsFormat({ prompt: 'a', reply: 'b' }).read([{ a: 'x' }])).toThrow('b: expected one assistant message, got nothing')
})
