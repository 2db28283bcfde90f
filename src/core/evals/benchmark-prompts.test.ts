import { expect, test } from 'vitest'
import { answerFileRow, readPrompts } from './benchmark-prompts.ts'
import { readModelOutputs } from './alpaca-files.ts'

const task = (session_id: string, more: object = {}) => ({ session_id, conversation_input: [{ role: 'user', content: 'hi' }, { role: 'assistant', content: 'hello' }, { role: 'user', content: 'a poem' }], primary_tag: 'Creative Writing', checklist: ['rhymes'], ...more })
const configs = { engine: 'embedded', temperature: 0, top_p: 1, max_tokens: 9, seed: 1 }

test('AlpacaEval: any rows with an instruction, answered in the shape of model_outputs.json', () => {
  const prompts = readPrompts('alpacaeval', [{ instruction: 'do', dataset: 'koala', output: 'somebody else’s', generator: 'other' }, { instruction: 'undo' }], 'f')
  expect(prompts.map(({ messages }) => messages)).toEqual([[{ role: 'user', content: 'do' }], [{ role: 'user', content: 'undo' }]])
  const rows = prompts.map((prompt) => answerFileRow('alpacaeval', prompt, 'done', 'mine', configs))
  expect(rows).toEqual([{ dataset: 'koala', instruction: 'do', output: 'done', generator: 'mine' }, { instruction: 'undo', output: 'done', generator: 'mine' }])
  expect(readModelOutputs(rows, 'f')).toHaveLength(2)
})

test('WildBench: the whole conversation is asked, and answered in the shape of its results', () => {
  const [prompt] = readPrompts('wildbench', [task('s1')], 'f')
  expect(prompt!.messages).toEqual(task('s1').conversation_input)
  expect(answerFileRow('wildbench', prompt!, 'roses', 'mine', configs)).toEqual({ session_id: 's1', chat_history: ['hi', 'hello', 'a poem'], primary_tag: 'Creative Writing', output: ['roses'], generator: 'mine', configs, dataset: 'wild_bench' })
})

test.each([
  ['alpacaeval', [], 'prompts f: expected rows, got none'],
  ['alpacaeval', [{ instruction: 'do' }, { prompt: 'do' }], 'prompts f, row 2: expected instruction as text'],
  ['alpacaeval', [{ instruction: 'do' }, { instruction: 'do' }], 'got "do" in rows 1 and 2'],
  ['wildbench', [task('a'), task('a')], 'got "a" in rows 1 and 2'],
  ['wildbench', [task('a', { conversation_input: [] })], 'row 1: expected conversation_input as a list of messages'],
  ['wildbench', [task('a', { conversation_input: [{ role: 'user', content: 'x' }, { role: 'assistant', content: 'y' }] })], "to end with the user's message, got one of assistant"],
] as const)('%s: rows that ask nothing, or the same twice, are refused (%#)', (benchmark, rows, message) => {
  expect(() => readPrompts(benchmark, rows, 'f')).toThrow(message)
})
