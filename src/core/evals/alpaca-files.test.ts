import { describe, expect, it } from 'vitest'
import { alpacaFigures, type AlpacaInputs } from './alpaca-figures.ts'
import { parseCsv, readAnnotations, readDifficulty, readGamed, readModelOutputs } from './alpaca-files.ts'
import { isDiscrete, OFFICIAL_BASELINE, OFFICIAL_JUDGE, winRates } from './alpacaeval.ts'
import { codePoints } from './text-length.ts'

const rows = (n: number, change: (i: number) => object = () => ({})) =>
  Array.from({ length: n }, (_, i) => ({ instruction: `do ${i}`, output_1: 'base'.repeat(i + 1), output_2: 'own '.repeat(2 * i + 1), generator_1: OFFICIAL_BASELINE, generator_2: 'mine', annotator: OFFICIAL_JUDGE, preference: 1 + [0.05, 0.3, 0.6, 0.8, 0.95][i % 5]!, ...change(i) }))
const inputs = (given: Partial<AlpacaInputs> = {}): AlpacaInputs => ({ annotations: readAnnotations(rows(40), 'a.json').annotations, outputs: null, difficulty: Array.from({ length: 40 }, (_, i) => (i % 5) - 2), gamed: null, instructions: null, match: 'instruction', ...given })

describe('win rates', () => {
  it('count an old 0 and 1.5 as ties, leave out null and what lies outside 1 to 2', () => {
    expect(winRates([2, 1, 0, 1.5, null, 2.5, 1.75])).toMatchObject({ n_total: 5, n_wins: 2, n_wins_base: 1, n_draws: 2, win_rate: expect.closeTo(55, 12) as number, discrete_win_rate: 60 })
  })
  it('are refused where nothing was judged', () => {
    expect(() => winRates([null])).toThrow('expected at least one row with a preference from 1 to 2, got none')
  })
  it('are discrete where the judge only chose', () => {
    expect([isDiscrete([1, 2, 1.5, null]), isDiscrete([1, 2, 1.0001])]).toEqual([true, false])
  })
})

describe('annotations', () => {
  it('of another judge or baseline, with gaps or empty results, are said aloud', () => {
    const { notices } = readAnnotations(rows(804, (i) => ({ annotator: 'mistral', generator_1: 'davinci', preference: i === 3 ? null : i === 4 ? 7 : 1.2 })), 'a.json')
    expect(notices).toEqual([
      `the judge is mistral, not ${OFFICIAL_JUDGE}: these figures are not the leaderboard's`,
      `the baseline is davinci, not ${OFFICIAL_BASELINE}: these figures are not the leaderboard's`,
      '804 of 805 instructions are in the file: the figures speak of those alone',
      '1 row has no preference and is left out of the win rate',
      '1 preferences lie outside 1 to 2 (first: 7) and are left out of the win rate',
    ])
  })
  it('of two judges, two baselines, or one instruction twice are refused with the rows', () => {
    expect(() => readAnnotations(rows(3, (i) => (i === 2 ? { annotator: 'other' } : {})), 'a.json')).toThrow('a.json: expected one judge (annotator), got weighted_alpaca_eval_gpt4_turbo in row 1 and other in row 3. Split the file')
    expect(() => readAnnotations(rows(3, (i) => (i === 1 ? { generator_1: 'x' } : {})), 'a.json')).toThrow('one baseline (generator_1)')
    expect(() => readAnnotations(rows(4, (i) => (i === 3 ? { instruction: 'do 1' } : {})), 'a.json')).toThrow('got "do 1" in rows 2 and 4. Remove one of them')
  })
  it('with a field of another kind are refused with row and field', () => {
    expect(() => readAnnotations(rows(2, (i) => (i === 1 ? { preference: '2' } : {})), 'a.json')).toThrow('a.json, row 2: expected preference as a number from 1')
    expect(() => readAnnotations(rows(2, () => ({ output_2: null })), 'a.json')).toThrow('row 1: expected output_2 as text, got null')
  })
})

describe('the length-controlled win rate', () => {
  it('is fitted where difficulty is known, and says what is missing where not', () => {
    expect(alpacaFigures(inputs()).figures.length_controlled_winrate).toBeGreaterThan(0)
    expect(alpacaFigures(inputs()).notices.join()).toContain('no gamed baseline rows')
    expect(alpacaFigures(inputs({ difficulty: null }))).toMatchObject({ figures: { length_controlled_winrate: null, lc_c: null }, notices: ['length_controlled_winrate is null: no difficulty file was given'] })
  })
  it('of the baseline against itself is 50', () => {
    const { annotations } = readAnnotations(rows(5, () => ({ generator_2: OFFICIAL_BASELINE, preference: 1.5 })), 'a.json')
    expect(alpacaFigures(inputs({ annotations })).figures.length_controlled_winrate).toBe(50)
  })
  it('is null where all lengths differ alike', () => {
    const { annotations } = readAnnotations(rows(40, () => ({ output_1: 'abcd', output_2: 'ab' })), 'a.json')
    expect(alpacaFigures(inputs({ annotations })).notices.at(-1)).toContain('every answer differs from its baseline by the same length')
  })
  it('matches shorter files by instruction, through any list that has them all', () => {
    const all = inputs().annotations
    const short = all.filter((_, i) => i !== 7)
    const listed = alpacaFigures(inputs({ annotations: short, instructions: all.map((row) => row.instruction), c: 10 }))
    const position = alpacaFigures(inputs({ annotations: short, match: 'position', c: 10 }))
    expect(listed.figures.length_controlled_winrate).not.toBeCloseTo(position.figures.length_controlled_winrate!, 3)
    expect(alpacaFigures(inputs({ annotations: short })).figures.length_controlled_winrate).toBeNull()
  })
})

describe('rows in another order', () => {
  const all = inputs().annotations
  const turned = all.toReversed()
  const listOf = (rows: readonly { instruction: string; modelOutput: string }[]) => rows.map(({ instruction, modelOutput }) => ({ instruction, output: modelOutput, generator: 'mine' }))
  it('than the outputs have: which one difficulty follows is asked, not guessed', () => {
    const { figures, notices } = alpacaFigures(inputs({ annotations: turned, outputs: listOf(all), c: 10 }))
    expect(figures.length_controlled_winrate).toBeNull()
    expect(notices.at(-1)).toContain('annotations and outputs list the instructions in different orders')
  })
  it('than the full list has: difficulty follows the list', () => {
    const { figures } = alpacaFigures(inputs({ annotations: turned, outputs: listOf(turned), instructions: all.map((row) => row.instruction), c: 10 }))
    expect(figures.length_controlled_winrate).toBeCloseTo(alpacaFigures(inputs({ c: 10 })).figures.length_controlled_winrate!, 9)
  })
})

describe('side files', () => {
  it('are read by their columns', () => {
    expect(readDifficulty(parseCsv('index,instruction_difficulty\n0,0.5\n1,-1e-3\n', 'd.csv'), 'd.csv')).toEqual([0.5, -0.001])
    expect(readDifficulty(parseCsv('instruction_difficulty,index\n-1e-3,1\n0.5,0\n', 'd.csv'), 'd.csv')).toEqual([0.5, -0.001])
    expect(readGamed(parseCsv('model,index,preference,std_delta_len,instruction_difficulty,not_gamed_baseline\nv,0,0.75,-1.5,0.2,False', 'g.csv'), 'g.csv')).toEqual([{ q: 0.75, standardizedLength: -1.5, difficulty: 0.2, bias: 0 }])
    expect(readModelOutputs([{ instruction: 'a', output: 'b' }], 'o.json')).toEqual([{ instruction: 'a', output: 'b', generator: '' }])
  })
  it('are refused where they are cut, out of order, or on another scale', () => {
    expect(() => parseCsv('a,b\n1', 'x.csv')).toThrow('x.csv, line 2: expected 2 cells (a, b), got 1')
    expect(() => readDifficulty([{ index: '1', instruction_difficulty: '0' }], 'd.csv')).toThrow('row 1: expected index from 0 to 0, got 1')
    expect(() => readDifficulty([{ index: '1', instruction_difficulty: '0' }, { index: '1', instruction_difficulty: '2' }], 'd.csv')).toThrow('row 2: expected every index once, got 1 again')
    expect(() => readGamed([{ preference: '1.5', std_delta_len: '0', instruction_difficulty: '0', not_gamed_baseline: 'False' }], 'g.csv')).toThrow('expected preference from 0 to 1, got 1.5')
  })
})

it('lengths are code points', () => {
  expect(['naïve', '🙂', 'a🙂b', '👍🏽', '\ud83d', 'x\ud83d'].map(codePoints)).toEqual([5, 1, 3, 2, 1, 2])
})
