import { describe, expect, it } from 'vitest'
import { judgeOfPath, readComparisons, readScores, readTags } from './wildbench-files.ts'
import { groupsOfTags, pairwiseLabel, taskMacro, wildBenchReward, wildBenchScore } from './wildbench.ts'

const { groups } = groupsOfTags([
  { sessionId: 'a', primary: 'Math', secondary: ['Math', 'Reasoning'] },
  { sessionId: 'b', primary: 'Editing', secondary: [] },
  { sessionId: 'c', primary: 'Math', secondary: [] },
])

describe('WB-Score', () => {
  it('counts every row in the score; empty and cut answers are left out of groups and length', () => {
    const figures = wildBenchScore([{ sessionId: 'a', score: 9, output: '🙂four' }, { sessionId: 'b', score: 5, output: '' }, { sessionId: 'c', score: 1, output: 'x... (truncated)' }], groups)
    expect(figures).toMatchObject({ total: 3, score: 5, adjusted_score: 0, wb_score: 0, task_categorized_scores: { 'Math & Data Analysis': 8, 'Planning & Reasoning': 8 }, avg_len: 5 })
    // Only two of five groups have rows: their weights are renormalised, not pulled to zero.
    expect(figures.task_macro_score).toBe(8)
  })
  it('weights the five groups as published', () => {
    expect(taskMacro({ 'Creative Tasks': 1, 'Planning & Reasoning': 2, 'Math & Data Analysis': 3, 'Information/Advice seeking': 4, 'Coding & Debugging': 5 })).toBeCloseTo((0.5 + 2.5 + 3 + 3 + 6.25) / 4.75, 12)
    expect(taskMacro({})).toBeNull()
  })
})

describe('WB-Reward', () => {
  const pair = (winner: 'test' | 'reference' | 'tie', extent: number, test: number, reference: number) => ({ sessionId: 'a', winner, extent, testOutput: 'x'.repeat(test), referenceOutput: 'y'.repeat(reference) })

  it('a narrow win of an answer longer by more than K is a tie, strictly; a clear win never changes', () => {
    expect(pairwiseLabel(pair('test', 1, 601, 100), 500)).toBe('tie')
    expect(pairwiseLabel(pair('test', 1, 600, 100), 500)).toBe('win')
    expect(pairwiseLabel(pair('reference', 1, 100, 601), 500)).toBe('tie')
    expect(pairwiseLabel(pair('reference', 1, 601, 100), 500)).toBe('lose')
    expect(pairwiseLabel(pair('test', 2, 9000, 1), 0)).toBe('win_much')
    expect(pairwiseLabel(pair('test', 1, 9000, 1), -1)).toBe('win')
  })
  it('divides by every row, its groups by the kept ones', () => {
    const empty = { ...pair('reference', 2, 1, 1), testOutput: '[This model response is empty.]' }
    expect(wildBenchReward([pair('test', 2, 3, 3), { ...empty, sessionId: 'b' }], groups, 500)).toMatchObject({ win_much: 1, lose_much: 0, total: 2, reward: 0.5, task_categorized_rewards: { 'Math & Data Analysis': 1 } })
  })
})

describe('files', () => {
  const score = { session_id: 'a', score: '7', model_output: 'x', model_test: 'm' }
  it('a row without a score is left out and counted aloud, a session twice is refused', () => {
    expect(readScores([score, { ...score, session_id: 'b', score: 'N/A' }, { ...score, session_id: 'c', score: '11' }], 's.json')).toMatchObject({ tasks: [{ sessionId: 'a', score: 7 }], notices: ['2 of 3 rows hold no score from 1 to 10 and are left out', '1 of 1024 tasks are scored: the figures speak of those alone'] })
    expect(() => readScores([score, score], 's.json')).toThrow('got "a" in rows 1 and 2')
    expect(() => readScores([{ ...score, score: '' }], 's.json')).toThrow('expected score as "1" to "10", got none in 1 rows')
  })
  it('the judge is read from the published folder name', () => {
    expect([judgeOfPath('/x/eval=gpt-4o-2024-05-13/m.json'), judgeOfPath('/x/m.json')]).toEqual(['gpt-4o-2024-05-13', null])
  })
  it('a comparison without the reference, with another model or an unknown winner is refused', () => {
    const row = { session_id: 'a', model_A: 'org/ref-1', model_B: 'mine', winner: 'mine', extent: 1, model_outputs: { 'org/ref-1': 'r', mine: 't' } }
    expect(readComparisons([row], 'ref-1', 'p.json')).toMatchObject({ model: 'mine', tasks: [{ winner: 'test', extent: 1, testOutput: 't', referenceOutput: 'r' }] })
    expect(() => readComparisons([row], 'nobody', 'p.json')).toThrow('expected one of model_A and model_B to be the reference nobody, got org/ref-1 and mine')
    expect(() => readComparisons([row, { ...row, session_id: 'b', model_B: 'theirs', winner: 'tie', model_outputs: { 'org/ref-1': 'r', theirs: 't' } }], 'ref-1', 'p.json')).toThrow('expected one model beside the reference ref-1, got mine, theirs')
    expect(() => readComparisons([{ ...row, winner: 'x' }], 'ref-1', 'p.json')).toThrow('expected winner to be mine, org/ref-1 or tie, got "x"')
  })
  it('tags name their session as session_id or id; a tag of no group is returned', () => {
    const tags = readTags([{ id: 'a', primary_tag: 'Math' }, { session_id: 'b', primary_tag: 'Poetry', secondary_tags: ['Editing'] }], 't.jsonl')
    expect(groupsOfTags(tags).unknown).toEqual(['Poetry'])
    expect(groupsOfTags(tags).groups.get('b')).toEqual(new Set(['Creative Tasks']))
  })
})
