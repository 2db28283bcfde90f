import { expect, test } from 'vitest'
import { findContamination, type GuardedRow, promptsInWords, readGuardPrompt } from './contamination.ts'

const prompts = [
  { requests: ['What are the names of some famous actors that started their careers on Broadway?'], ids: [] },
  { requests: ['hi', 'write a poem about the sea and its tides for my grandmother who lives alone in a small village by the coast'], ids: ['wc-1'] },
  { requests: ['continue'], ids: [] },
]
const row = (...requests: string[]): GuardedRow => ({ requests, ids: [] })
const by = (rows: GuardedRow[]) => findContamination(rows, prompts).map((found) => [found.row, found.by, found.prompt])

test('by the id of the conversation, whatever it says', () => {
  expect(by([{ requests: ['anything'], ids: ['wc-1'] }, { requests: ['anything'], ids: ['wc-2'] }])).toEqual([[0, 'source-id', 1]])
})

test('word for word, case and punctuation aside, also one message of several', () => {
  expect(by([row('what are the names of some famous actors that started their careers on broadway'), row('first', prompts[1]!.requests[1]!)])).toEqual([[0, 'exact', 0], [1, 'exact', 1]])
})

test('a short message is a match only where it is the whole prompt', () => {
  expect(by([row('Continue!'), row('tell me about bees', 'continue'), row('hi')])).toEqual([[0, 'exact', 2]])
})

test('by thirteen words in a row, not by twelve', () => {
  const words = prompts[1]!.requests[1]!.split(' ')
  expect(by([row(`please ${words.slice(2, 15).join(' ')} today`), row(`please ${words.slice(2, 14).join(' ')} today`)])).toEqual([[0, 'ngram', 1]])
})

test('by likeness, where too few words are left for a run of thirteen', () => {
  const twelve = 'alpha beta gamma delta epsilon zeta eta theta iota kappa lamda mu'
  expect(findContamination([{ requests: [`${twelve} zz`], ids: [] }], [{ requests: [`${twelve} yy`], ids: [] }])).toEqual([{ row: 0, by: 'similar', prompt: 0 }])
})

test('a prompt in which no user speaks meets no row, and leaves the others their number', () => {
  const silent = [{ requests: [], ids: [] }, { requests: [' \n'], ids: [] }]
  expect(findContamination([row(), row(''), row('\n', ' '), row('Continue!'), row('!')], [...silent, ...prompts])).toEqual([{ row: 3, by: 'exact', prompt: 4 }])
  const twelve = 'alpha beta gamma delta epsilon zeta eta theta iota kappa lamda mu'
  expect(findContamination([row(), row(`${twelve} zz`)], [...silent, { requests: [`${twelve} yy`], ids: [] }])).toEqual([{ row: 1, by: 'similar', prompt: 2 }])
})

test('the files of AlpacaEval and WildBench, and others that say what they ask', () => {
  expect(readGuardPrompt({ instruction: 'q', output: 'a' })).toEqual({ ids: [], requests: ['q'] })
  expect(readGuardPrompt({ session_id: 's', id: 'x', conversation_input: [{ role: 'user', content: 'q' }, { role: 'assistant', content: 'a' }, { role: 'user', content: 'r' }] })).toEqual({ ids: ['s', 'x'], requests: ['q', 'r'] })
  expect(readGuardPrompt({ prompt: [{ role: 'user', content: 'q' }] }).requests).toEqual(['q'])
  expect(() => readGuardPrompt({ text: 'q' })).toThrow('got the keys text')
})

test('one prompt is one prompt', () => {
  const stamp = (...counts: number[]) => ({ files: counts.map((count) => ({ path: 'p', sha256: '', prompts: count })) })
  expect([promptsInWords(stamp(1)), promptsInWords(stamp(1, 804)), promptsInWords(stamp(0), 'evaluation prompt'), promptsInWords(stamp(1), 'evaluation prompt')]).toEqual(['1 prompt', '805 prompts', '0 evaluation prompts', '1 evaluation prompt'])
})
