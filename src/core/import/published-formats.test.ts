/** Rows as the published data sets have them, with invented texts. */
import { expect, test } from 'vitest'
import { RowProblem, type ConversationDraft, type Row } from './format.ts'
import { detectFormat, importFormats } from './index.ts'

function read(row: Row, ...more: Row[]): { format: string; drafts: ConversationDraft[] } {
  const format = detectFormat(row)
  if (format === undefined) throw new Error('no format')
  return { format: format.name, drafts: format.read([row, ...more]) }
}
const contents = (draft: ConversationDraft | undefined): string[] => draft?.messages.map(({ content }) => content) ?? []

test('LMSYS-Chat-1M: told from WildChat by its columns', () => {
  const { format, drafts } = read({ conversation_id: '0f', model: 'vicuna-13b', conversation: [{ content: 'Hi NAME_1', role: 'user' }, { content: 'Hi', role: 'assistant' }], turn: 1, language: 'English', openai_moderation: [{ categories: {}, flagged: false }], redacted: true })
  expect(format).toBe('lmsys-chat')
  expect(drafts).toMatchObject([{ model: 'vicuna-13b', language: 'English', metadata: { id: '0f', redacted: true }, messages: [{ role: 'user', content: 'Hi NAME_1' }, { role: 'assistant', content: 'Hi' }] }])
})

/** A question with two ranked answers, the better one asked about again and answered. */
const oasstRows: Row[] = [
  { message_id: 'q', parent_id: null, message_tree_id: 'q', text: 'Why?', role: 'prompter', lang: 'en', created_date: '2023-02-05T14:23:50Z', user_id: 'u1', rank: null, deleted: false },
  { message_id: 'a1', parent_id: 'q', message_tree_id: 'q', text: 'Because.', role: 'assistant', lang: 'en', rank: 1, deleted: false },
  { message_id: 'a0', parent_id: 'q', message_tree_id: 'q', text: 'For a reason.', role: 'assistant', lang: 'en', rank: 0, deleted: false },
  { message_id: 'q2', parent_id: 'a0', message_tree_id: 'q', text: 'Which?', role: 'prompter', lang: 'en', rank: null, deleted: false },
  { message_id: 'a2', parent_id: 'q2', message_tree_id: 'q', text: 'This one.', role: 'assistant', lang: 'en', rank: null, model_name: 'm', deleted: false },
]
const nested = (id: string): Row => {
  const { parent_id: parent, ...row } = oasstRows.find((candidate) => candidate['message_id'] === id)!
  return { ...row, parent_id: parent, replies: oasstRows.filter((reply) => reply['parent_id'] === id).map((reply) => nested(reply['message_id'] as string)) }
}

test('OASST: every way to a leaf is a dialogue; a reply ranked lower keeps its best sibling; flat and nested alike', () => {
  const flat = read(oasstRows[0]!, ...oasstRows.slice(1).toReversed())
  const tree = read({ message_tree_id: 'q', tree_state: 'ready_for_export', prompt: nested('q') })
  for (const { format, drafts } of [flat, tree]) {
    expect(format).toBe('oasst')
    const byLeaf = new Map(drafts.map((draft) => [draft.metadata['id'], draft]))
    expect([...byLeaf.keys()].sort()).toEqual(['a1', 'a2'])
    expect(contents(byLeaf.get('a1'))).toEqual(['Why?', 'Because.'])
    expect(byLeaf.get('a1')).toMatchObject({ language: 'en', createdAt: '2023-02-05T14:23:50.000Z', metadata: { tree: 'q', user: 'u1', ranks: [null, 1], chosen: 'For a reason.' } })
    expect(contents(byLeaf.get('a2'))).toEqual(['Why?', 'For a reason.', 'Which?', 'This one.'])
    expect(byLeaf.get('a2')).toMatchObject({ model: 'm', metadata: { ranks: [null, 0, null, null] } })
    expect(byLeaf.get('a2')?.metadata).not.toHaveProperty('chosen')
  }
})

test('OASST: a deleted message takes what is below it along, a missing parent is a problem', () => {
  const deleted = oasstRows.map((row) => (row['message_id'] === 'q2' ? { ...row, deleted: true } : row))
  const { drafts } = read(deleted[0]!, ...deleted.slice(1))
  expect(drafts.map(({ metadata }) => metadata['id']).sort()).toEqual(['a0', 'a1'])
  expect(() => read(oasstRows[0]!, ...oasstRows.slice(3))).toThrow(/expected every message below the root of its tree, got 2 that are not/)
  expect(() => read(oasstRows[1]!)).toThrow(RowProblem)
})

test('OASST: a tree whose dialogues would fill the memory is refused', () => {
  const comb = Array.from({ length: 2000 }, (_, i): Row[] => [
    { message_id: `n${i}`, parent_id: i === 0 ? null : `n${i - 1}`, message_tree_id: 'q', text: 'x', role: i % 2 === 0 ? 'prompter' : 'assistant' },
    { message_id: `leaf${i}`, parent_id: `n${i}`, message_tree_id: 'q', text: 'x', role: 'assistant' },
  ]).flat()
  expect(() => read(comb[0]!, ...comb.slice(1))).toThrow(/expected at most 200000 messages/)
})

test('OASST: rows of one tree belong together', () => {
  const oasst = importFormats.find(({ name }) => name === 'oasst')
  expect(oasst?.startsNew?.(oasstRows[1]!, oasstRows[0]!)).toBe(false)
  expect(oasst?.startsNew?.({ ...oasstRows[0], message_tree_id: 'other' }, oasstRows[0]!)).toBe(true)
})

const completion = (response: string, extra: Row): Row => ({ response, model: `model of ${response}`, critique: `on ${response}`, overall_score: 10, ...extra })

test('UltraFeedback: the lowest-rated reply is the log, the highest the better one; fine-grained_score first', () => {
  const { format, drafts } = read({ source: 'sharegpt', instruction: 'Add.', models: [], completions: [completion('4', { 'fine-grained_score': 4.5 }), completion('5', { 'fine-grained_score': 1.25 }), completion('22', { 'fine-grained_score': '2.0' })] })
  expect(format).toBe('ultrafeedback')
  expect(drafts).toMatchObject([{ source: 'sharegpt', model: 'model of 5', metadata: { chosen: '4', chosen_model: 'model of 4', score_chosen: 4.5, score_rejected: 1.25, critique: 'on 5' } }])
  expect(contents(drafts[0])).toEqual(['Add.', '5'])
})

test('UltraFeedback: ratings are texts, may be N/A, and stand in structs or in lists of one', () => {
  const hub = (helpfulness: string, honesty: string): Row => ({ annotations: { helpfulness: { Rating: helpfulness, Type: ['1'] }, honesty: { Rating: honesty } } })
  const github = (rating: string): Row => ({ annotations: { helpfulness: [{ Rating: rating }], honesty: [{ Rating: 'N/A' }] } })
  expect(read({ instruction: 'i', completions: [completion('low', hub('N/A', '2')), completion('high', hub('5', '4'))] }).drafts[0]?.metadata).toMatchObject({ score_chosen: 4.5, score_rejected: 2 })
  expect(read({ instruction: 'i', completions: [completion('high', github('3')), completion('low', github('1'))] }).drafts[0]?.metadata).toMatchObject({ chosen: 'high', score_rejected: 1 })
  expect(() => read({ instruction: 'i', completions: [completion('a', { overall_score: 'N/A' })] })).toThrow(/expected ratings/)
  expect(() => read({ instruction: 'i', completions: [completion('a', {}), completion('b', {})] })).toThrow(/different ratings/)
})

test('preference texts without a prompt: transcripts become messages, others share their beginning', () => {
  const transcript = read({ chosen: '\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Two fruits?\n\nAssistant: Kiwi, fig.', rejected: '\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Two fruits?\n\nAssistant: Kiwi.' })
  expect(transcript).toMatchObject({ format: 'trl-preference', drafts: [{ metadata: { chosen: 'Kiwi, fig.' } }] })
  expect(transcript.drafts[0]?.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant'])
  const texts = read({ chosen: 'The sky is blue.', rejected: 'The sky is bluish green.' })
  expect(contents(texts.drafts[0])).toEqual(['The sky is', 'bluish green.'])
  expect(texts.drafts[0]?.metadata['chosen']).toBe('blue.')
})

test('Langfuse: traces and observations, with values as objects or as JSON texts', () => {
  const input = [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'Hi' }]
  const rows: Row[] = [
    { id: 't', timestamp: '2026-01-02T03:04:05Z', name: 'chat', userId: 'ana@example.org', input: { messages: input }, output: { role: 'assistant', content: 'Hello' }, scores: [{ name: 'thumb', value: 0 }] },
    { id: 't', traceId: 'x', type: 'GENERATION', model: 'gpt-4', startTime: '2026-01-02T03:04:05Z', input, output: 'Hello' },
    { id: 't', timestamp: '2026-01-02T03:04:05Z', input: JSON.stringify(input), output: JSON.stringify({ role: 'assistant', content: 'Hello' }), metadata: '{"k":1}' },
  ]
  for (const row of rows) {
    const { format, drafts } = read(row)
    expect(format).toBe('langfuse')
    expect(contents(drafts[0])).toEqual(['Be brief.', 'Hi', 'Hello'])
    expect(drafts[0]?.createdAt).toBe('2026-01-02T03:04:05.000Z')
  }
  expect(read(rows[0]!).drafts[0]?.metadata).toMatchObject({ id: 't', name: 'chat', user: 'ana@example.org', scores: [{ name: 'thumb', value: 0 }] })
  expect(read({ ...rows[1]!, input: 'Hi' }).drafts[0]).toMatchObject({ model: 'gpt-4', messages: [{ role: 'user', content: 'Hi' }, { role: 'assistant', content: 'Hello' }] })
  expect(() => read({ ...rows[0]!, output: null })).toThrow(/output: expected the reply, got null/)
})

test('Langfuse: a trace that holds its generations is read from them; what goes on with a dialogue stands for it', () => {
  const asked = { role: 'user', content: 'Two fruits?' }
  const answered = { role: 'assistant', content: 'Kiwi.' }
  const generation = (id: string, input: unknown, output: unknown, more: Row = {}): Row => ({ id, type: 'GENERATION', model: 'gpt-4', startTime: '2026-01-02T03:04:05Z', input, output, ...more })
  const trace: Row = {
    id: 't', timestamp: '2026-01-02T03:00:00Z', name: 'chat', userId: 'u', sessionId: 's', input: { query: 'Two fruits?' }, output: null,
    observations: [
      { id: 'o', type: 'SPAN', input: {}, output: {} },
      generation('g1', [asked], answered),
      generation('g2', { messages: [asked, answered, { role: 'user', content: 'Only one' }] }, 'Kiwi, fig.'),
      generation('g3', 'Another question', 'An answer', { startTime: undefined, model: null }),
      generation('g4', [asked], null),
    ],
  }
  const { format, drafts } = read(trace)
  expect(format).toBe('langfuse')
  expect(drafts.map(contents)).toEqual([['Two fruits?', 'Kiwi.', 'Only one', 'Kiwi, fig.'], ['Another question', 'An answer']])
  expect(drafts).toMatchObject([
    { model: 'gpt-4', createdAt: '2026-01-02T03:04:05.000Z', metadata: { id: 'g2', traceId: 't', name: 'chat', user: 'u', sessionId: 's' } },
    { model: null, createdAt: '2026-01-02T03:00:00.000Z', metadata: { id: 'g3', traceId: 't' } },
  ])
  // The good stays beside the bad, which is told.
  const half = read({ ...trace, observations: [generation('g1', [asked], answered), generation('g5', 5, 'x')] })
  expect(half.drafts).toMatchObject([{ metadata: { id: 'g1' }, problems: ['observations[1], input: expected a list of messages, got 5'] }])
  expect(() => read({ ...trace, observations: [generation('g5', 5, 'x')] })).toThrow(/^observations\[0\], input: expected a list/)
  // Ids alone, as lists of traces have them: the trace's own exchange.
  expect(read({ ...trace, input: 'Hi', output: 'Hello', observations: ['g1'] }).drafts.map(contents)).toEqual([['Hi', 'Hello']])
})
