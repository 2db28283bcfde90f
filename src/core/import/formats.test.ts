import { expect, test } from 'vitest'
import fc from 'fast-check'
import { detectFormat, importFormats } from './index.ts'
import { identityText, isRow, RowProblem, type ConversationDraft, type Row } from './format.ts'

function read(row: Row, ...more: Row[]): ConversationDraft & { format: string } {
  const format = detectFormat(row)
  if (format === undefined) throw new Error('no format')
  const [draft] = format.read([row, ...more])
  return { format: format.name, ...draft }
}

const dialogue = [{ role: 'user', content: 'Name two fruits.' }, { role: 'assistant', content: 'Kiwi, plum.' }]

test('OpenAI messages: parts are joined, null content beside a tool call is empty, developer is system', () => {
  const { format, messages, createdAt, metadata } = read({
    id: 'x', created: 1700000000,
    messages: [{ role: 'developer', content: 'Be brief.' }, { role: 'user', content: [{ type: 'text', text: 'See ' }, { type: 'image_url', image_url: {} }] }, { role: 'assistant', content: null, tool_calls: [] }, { role: 'tool', content: '4' }],
  })
  expect(format).toBe('openai')
  expect(messages).toEqual([{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'See [image_url]' }, { role: 'assistant', content: '' }, { role: 'tool', content: '4' }])
  expect(createdAt).toBe('2023-11-14T22:13:20.000Z')
  expect(metadata).toEqual({ id: 'x' })
})

test('tool calls are text of the turn that makes them; names and ids stay beside the messages', () => {
  const call = (id: string, name: string, given: unknown): Row => ({ id, type: 'function', function: { name, arguments: given } })
  const { messages, metadata } = read({ messages: [
    { role: 'user', name: 'ana', content: 'Weather in Rome and Bonn?' },
    { role: 'assistant', content: 'Looking.', tool_calls: [call('c1', 'weather', '{"city": "Rome"}'), call('c2', 'weather', { city: 'Bonn' })] },
    { role: 'tool', tool_call_id: 'c2', name: null, content: 'rain' },
    { role: 'assistant', content: null, function_call: { name: 'stop', arguments: 'not json' } },
    { role: 'assistant', content: null, tool_calls: [{ odd: 1 }, { name: 'flat' }] },
  ] })
  expect(messages.map(({ content }) => content)).toEqual([
    'Weather in Rome and Bonn?',
    'Looking.\n<tool_call>\n{"name":"weather","arguments":{"city":"Rome"}}\n</tool_call>\n<tool_call>\n{"name":"weather","arguments":{"city":"Bonn"}}\n</tool_call>',
    'rain',
    '<tool_call>\n{"name":"stop","arguments":"not json"}\n</tool_call>',
    '<tool_call>\n{"odd":1}\n</tool_call>\n<tool_call>\n{"name":"flat","arguments":{}}\n</tool_call>',
  ])
  expect(metadata).toEqual({ message_fields: { 0: { name: 'ana' }, 1: { tool_call_ids: ['c1', 'c2'] }, 2: { tool_call_id: 'c2' } } })
  const deep = JSON.stringify(Array.from({ length: 2000 }).reduce<unknown>((inside) => [inside], 1))
  expect(() => read({ messages: [{ role: 'assistant', content: null, tool_calls: [call('c', 'f', deep)] }] })).toThrow(/^messages\[0\]\.content: expected a tool call of at most 100 levels/)
})

test('who asked is one key, whatever the row calls it', () => {
  for (const row of [{ user: 'u' }, { user_id: 'u' }, { userId: 'u' }]) expect(read({ messages: dialogue, ...row }).metadata).toEqual({ user: 'u' })
  expect(read({ messages: dialogue, user: { name: 'n' }, user_id: 7 }).metadata).toEqual({ user: 7 })
})

test('labels become imported signals: dsat, sat, neither; kind is a category, ratings give the probability', () => {
  const messages = [...dialogue, { role: 'user', content: 'wrong' }, { role: 'assistant', content: 'Fig.' }, { role: 'user', content: 'thanks' }, { role: 'assistant', content: 'Welcome.' }, { role: 'user', content: 'and a nut?' }]
  const { labels, metadata } = read({
    messages, metadata: { task: { verifier: 'v', spec: 1 } },
    labels: [{ turn_index: 2, dsat: true, kind: 'correction', ratings: [1, 2, 4] }, { turn_index: 4, dsat: false, sat: true }, { turn_index: 6, dsat: false, ratings: [3, 3, 2] }],
  })
  expect(labels).toEqual([
    { turnIndex: 2, label: 'dissatisfied', probability: 2 / 3, categories: ['correction'], ratings: [1, 2, 4] },
    { turnIndex: 4, label: 'satisfied', probability: 0, categories: [], ratings: null },
    { turnIndex: 6, label: 'neutral', probability: 1 / 3, categories: [], ratings: [3, 3, 2] },
  ])
  expect(metadata).toEqual({ task: { verifier: 'v', spec: 1 } })
})

test('a label on anything but a reaction is refused', () => {
  for (const turn_index of [0, 1, 2, -1, 1.5, '1', null]) expect(() => read({ messages: dialogue, labels: [{ turn_index, dsat: true }] })).toThrow(/labels\[0\]\.turn_index: expected the index of a user message that follows an assistant message/)
})

test('ShareGPT: human and gpt, a system text beside the list', () => {
  const { format, messages } = read({ id: 'a_0', system: 'Rhyme.', conversations: [{ from: 'human', value: 'Hi' }, { from: 'gpt', value: 'Fly' }] })
  expect(format).toBe('sharegpt')
  expect(messages).toEqual([{ role: 'system', content: 'Rhyme.' }, { role: 'user', content: 'Hi' }, { role: 'assistant', content: 'Fly' }])
})

test('WildChat: what could identify a person is left behind', () => {
  const { format, model, language, createdAt, metadata, messages } = read({
    conversation_hash: 'h', model: 'gpt-4', timestamp: '2023-04-09T00:02:53Z', language: 'English', toxic: false, redacted: true, hashed_ip: 'ip', state: 'Texas', country: 'US', header: { 'user-agent': 'x' }, turn: 1,
    conversation: dialogue.map((message) => ({ ...message, hashed_ip: 'ip', country: 'US', state: null, header: {}, turn_identifier: 1 })),
  })
  expect({ format, model, language, createdAt }).toEqual({ format: 'wildchat', model: 'gpt-4', language: 'English', createdAt: '2023-04-09T00:02:53.000Z' })
  expect(metadata).toEqual({ id: 'h', toxic: false, redacted: true })
  expect(messages).toEqual(dialogue)
})

test('WildFeedback preference rows: the rejected reply is the log, the chosen one is kept beside it', () => {
  const { format, messages, metadata } = read({ conversations: [{ from: 'human', value: 'Name two fruits.' }], chosen: { from: 'gpt', value: 'Kiwi, fig.' }, rejected: { from: 'gpt', value: 'Kiwi, plum.' } })
  expect(format).toBe('wildfeedback')
  expect(messages).toEqual(dialogue)
  expect(metadata).toEqual({ chosen: 'Kiwi, fig.' })
})

test('TRL preference rows: texts, messages, and an implicit prompt', () => {
  const expected = { messages: dialogue, chosen: 'Kiwi, fig.' }
  const rows: Row[] = [
    { prompt: 'Name two fruits.', chosen: 'Kiwi, fig.', rejected: 'Kiwi, plum.' },
    { prompt: [dialogue[0]], chosen: [{ role: 'assistant', content: 'Kiwi, fig.' }], rejected: [dialogue[1]] },
    { chosen: [dialogue[0], { role: 'assistant', content: 'Kiwi, fig.' }], rejected: dialogue },
    // ultrafeedback_binarized: a prompt and the shared message.
    { prompt: 'Name two fruits.', messages: dialogue, chosen: [dialogue[0], { role: 'assistant', content: 'Kiwi, fig.' }], rejected: dialogue },
  ]
  for (const row of rows) {
    const { format, messages, metadata } = read(row)
    expect({ messages, chosen: metadata['chosen'], format }).toEqual({ ...expected, format: 'trl-preference' })
  }
})

test('judged replies: a label on the words that follow, else on the reply itself; a label of another kind is none', () => {
  const row = { prompt: [dialogue[0]], completion: [dialogue[1]], label: false, conversation_id: 'c', turn_index: 4 }
  expect(read({ ...row, user_feedback: 'no plums' })).toMatchObject({ format: 'trl-unpaired', messages: [...dialogue, { role: 'user', content: 'no plums' }], labels: [{ turnIndex: 2, label: 'dissatisfied', probability: 1 }], metadata: { conversation_id: 'c', turn_index: 4 } })
  expect(read({ prompt: 'q', completion: 'a', label: 'True', user_feedback: null })).toMatchObject({ format: 'trl-unpaired', messages: [{ content: 'q' }, { content: 'a' }], labels: [], metadata: { reply_label: 'satisfied' } })
  expect(read({ prompt: 'q', completion: 'a', label: 'fruit' })).toMatchObject({ format: 'csv', metadata: {} })
  expect(read({ conversations: [{ from: 'human', value: 'q' }, { from: 'gpt', value: 'a' }], kto_tag: false })).toMatchObject({ format: 'sharegpt', metadata: { reply_label: 'dissatisfied' } })
  expect(read({ messages: dialogue, kto_tag: true })).toMatchObject({ format: 'openai', metadata: { reply_label: 'satisfied' } })
})

test('SPIN: two conversations, and what they share is the prompt', () => {
  expect(read({ real: [dialogue[0], { role: 'assistant', content: 'Kiwi, fig.' }], generated: dialogue })).toMatchObject({ format: 'spin', messages: dialogue, metadata: { chosen: 'Kiwi, fig.' } })
})

test('prompts alone are requests nobody has answered; beside anything else the reply is missing', () => {
  expect(read({ prompt: 'q', conversation_id: 'c', task: '{"verifier":"v","spec":1}' })).toMatchObject({ format: 'trl-prompts', messages: [{ role: 'user', content: 'q' }], metadata: { conversation_id: 'c', task: { verifier: 'v', spec: 1 } } })
  expect(detectFormat({ prompt: 'q', chosen: 'a' })).toBeUndefined()
})

test("DRIFT's feedback rows: a dissatisfied reaction each", () => {
  const { format, messages, labels } = read({ prompt: [dialogue[0]], rejected: [dialogue[1]], user_preference: { content: 'no plums' } })
  expect(format).toBe('drift')
  expect(messages).toEqual([...dialogue, { role: 'user', content: 'no plums' }])
  expect(labels).toEqual([{ turnIndex: 2, label: 'dissatisfied', probability: 1, categories: [], ratings: null }])
})

test('WildFeedback annotations: one row per utterance, a new conversation at UtteranceId 0', () => {
  const format = importFormats.find(({ name }) => name === 'wildfeedback-annotations')
  const row = (UtteranceId: number, Role: string, Content: string, flags: Row = {}): Row => ({ UtteranceId, Role, Content, ...flags })
  const first = row(0, 'User', 'Hi')
  expect(format?.startsNew?.(first, first)).toBe(true)
  expect(format?.startsNew?.(row(1, 'Agent', 'Hello'), first)).toBe(false)
  const { messages, labels } = read(first, row(1, 'Agent', 'Hello'), row(2, 'User', 'No', { Satisfaction: true, Disatisfaction: true }), row(3, 'Agent', 'Oh'), row(4, 'User', 'ty', { Satisfaction: 'True' }))
  expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant', 'user'])
  expect(labels.map(({ turnIndex, label }) => [turnIndex, label])).toEqual([[2, 'dissatisfied'], [4, 'satisfied']])
  // The rest of a conversation is as good without one utterance's text.
  expect(read(first, { ...row(1, 'Agent', ''), Content: null }, row(2, 'User', 'No', { Disatisfaction: true }))).toMatchObject({ messages: [{ content: 'Hi' }, { content: '' }, { content: 'No' }], labels: [{ turnIndex: 2, label: 'dissatisfied' }] })
  expect(() => read(first, { ...row(1, 'Agent', ''), Content: 5 })).toThrow('utterance 1, Content: expected text, got 5')
})

test.each<[string, Row, RegExp]>([
  ['a text beside messages', { chosen: 'b', rejected: dialogue }, /^prompt: expected text or messages/],
  ['messages that are a number', { messages: 5 }, /^messages: expected a list of messages, got 5$/],
  ['no messages', { messages: [] }, /got an empty list/],
  ['a role nobody knows', { messages: [{ role: 'narrator', content: '' }] }, /^messages\[0\]\.role: expected system, user, assistant or tool, got "narrator"$/],
  ['an object as content', { messages: [{ role: 'user', content: { a: 1 } }] }, /^messages\[0\]\.content: expected text, got an object$/],
  ['null content without a tool call', { messages: [{ role: 'assistant', content: null }] }, /expected text, got null/],
  ['a message that is a text', { messages: ['hi'] }, /^messages\[0\]: expected an object with role and content, got "hi"$/],
  ['equal sides', { prompt: 'a', chosen: 'b', rejected: 'b' }, /got the same one twice/],
  ['texts without a prompt', { chosen: 'b', rejected: 'c' }, /^prompt: expected it, or a text that chosen and rejected begin with/],
  ['no shared beginning', { chosen: [dialogue[1]], rejected: [{ role: 'assistant', content: 'c' }] }, /^prompt: expected it, or messages that chosen and rejected begin with/],
  ['a reply by the user', { prompt: 'a', chosen: 'b', rejected: [{ role: 'user', content: 'c' }] }, /^rejected: expected an assistant message, got one of "user"$/],
  ['a prompt that ends with a reply', { conversations: [{ from: 'gpt', value: 'x' }], chosen: 'a', rejected: 'b' }, /^prompt: expected a user message at its end/],
  ['feedback without words', { prompt: 'a', rejected: 'b', user_preference: {} }, /^user_preference\.content: expected text, got nothing$/],
  ['a tag behind the user', { conversations: [{ from: 'gpt', value: 'a' }, { from: 'human', value: 'q' }], kto_tag: true }, /^kto_tag: expected an assistant message at the end, which it judges, got one of "user"$/],
  ['a tag that is no flag', { messages: dialogue, kto_tag: 3 }, /^kto_tag: expected true or false, got 3$/],
  ['a pair of equal conversations', { real: dialogue, generated: dialogue }, /got the same one twice/],
  ['metadata that is a list', { messages: dialogue, metadata: [] }, /^metadata: expected an object, got a list of 0$/],
])('%s is refused with expected and got', (_, row, reason) => {
  expect(() => read(row)).toThrow(reason)
})

test('any row is read or refused with a reason, never anything else', () => {
  const scalar = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.boolean())
  const message = fc.record({ role: fc.oneof(fc.constantFrom('user', 'assistant', 'system', 'gpt'), scalar), content: fc.oneof(scalar, fc.array(fc.record({ type: fc.constant('text'), text: scalar }))), from: scalar, value: scalar, tool_calls: fc.oneof(scalar, fc.array(fc.oneof(scalar, fc.record({ id: scalar, function: fc.record({ name: scalar, arguments: scalar }, { requiredKeys: [] }) })))), tool_call_id: scalar, name: scalar }, { requiredKeys: [] })
  const value = fc.oneof(scalar, fc.array(fc.oneof(message, scalar), { maxLength: 4 }), message, fc.dictionary(fc.string(), scalar))
  const keys = ['messages', 'conversations', 'conversation', 'chosen', 'rejected', 'prompt', 'user_preference', 'labels', 'metadata', 'id', 'task', 'system', 'UtteranceId', 'Role', 'Content', 'message_tree_id', 'message_id', 'parent_id', 'text', 'role', 'content', 'instruction', 'completions', 'input', 'output', 'response', 'replies', 'completion', 'label', 'user_feedback', 'kto_tag', 'real', 'generated', 'observations', 'conversation_id', 'turn_index']
  const row = fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: 6 })
  fc.assert(
    fc.property(row, (fuzzed) => {
      if (!isRow(fuzzed)) return
      for (const format of importFormats) {
        try {
          for (const { messages, labels, metadata } of format.read([fuzzed])) {
            expect(messages.length).toBeGreaterThan(0)
            for (const { turnIndex } of labels) expect(messages[turnIndex]?.role).toBe('user')
            expect(identityText(messages, metadata)).toBeTypeOf('string')
          }
        } catch (error) {
          expect(error).toBeInstanceOf(RowProblem)
        }
      }
    }),
    { numRuns: 500 },
  )
})
