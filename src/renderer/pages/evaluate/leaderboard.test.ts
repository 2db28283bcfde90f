import { describe, expect, it } from 'vitest'
import type { EvaluationRow } from '../../../shared/evaluation.ts'
import { columnsOf, fileLabels, labelsOf, ranked, taskFigures, toTable } from './leaderboard.ts'

const interval = (estimate: number) => ({ estimate, low: estimate - 1, high: estimate + 1 })
const row = (model: string, win: number, lc: number | null, more: Partial<EvaluationRow> = {}): EvaluationRow =>
  ({
    id: model, model, judge: 'j', judgeUrl: null, reference: 'base', badge: 'official', status: 'done', files: [], notices: [], error: null, createdAt: '', benchmark: 'alpacaeval',
    figures: { n_total: 805, n_wins: 1, n_wins_base: 1, n_draws: 0, win_rate: win, standard_error: 1, discrete_win_rate: win, avg_length: 900, length_controlled_winrate: lc, lc_c: null, lc_weights: null },
    intervals: { win_rate: interval(win), length_controlled_winrate: lc === null ? null : interval(lc) }, ...more,
  }) as EvaluationRow
const running = row('new', 0, null, { figures: null, intervals: null, status: 'running' } as Partial<EvaluationRow>)

describe('a leaderboard', () => {
  it('stands by the length-controlled rate; what has no figures comes last', () => {
    expect(ranked('alpacaeval', [running, row('long', 60, 40), row('short', 45, 50)]).map(({ model }) => model)).toEqual(['short', 'long', 'new'])
    expect(ranked('wb-score', [row('long', 60, 40)])).toEqual([])
  })
  it('stands by the plain rate where no row has the controlled one', () => {
    expect(ranked('alpacaeval', [row('a', 45, null), row('b', 60, null)]).map(({ model }) => model)).toEqual(['b', 'a'])
  })
  it('shows what length does to a rate, and nothing where it is not known', () => {
    const effect = columnsOf.alpacaeval.find(({ label }) => label === 'length effect')!
    expect([effect.value(row('a', 60, 40)), effect.value(row('a', 60, null)), effect.value(running)]).toEqual([20, null, null])
  })
  it('is copied with every bound, an empty cell where there is none', () => {
    const { columns, rows } = toTable('alpacaeval', [row('a', 60, 40), running])
    expect(columns.map(({ label }) => label).slice(5, 9)).toEqual(['LC win rate', 'LC win rate 95 % low', 'LC win rate 95 % high', 'win rate'])
    expect(rows[0]?.slice(0, 9)).toEqual(['a', 'j', 'official', 'base', 'done', 40, 39, 41, 60])
    expect(rows[1]?.slice(4, 9)).toEqual(['running', null, null, null, null])
  })
  it('names the judge where a model stands there twice', () => {
    expect([...labelsOf([row('a', 1, 1), row('b', 1, 1), { ...row('a', 1, 1), id: 'a-2', judge: null }]).values()]).toEqual(['a, j', 'b', 'a, unnamed judge'])
  })
  it('tells the published annotations from those that the judge made of the same answers', () => {
    const file = (role: string) => ({ role, path: `${role}.json`, sha256: '' })
    expect(fileLabels([file('outputs'), file('annotations'), file('annotations')])).toEqual(['outputs', 'annotations, published', 'annotations, own'])
    expect(fileLabels([file('annotations')])).toEqual(['annotations'])
  })

  it('task figures are on the scale of the leaderboards', () => {
    const scored = { ...row('a', 1, 1), benchmark: 'wb-score', figures: { task_categorized_scores: { Math: -0.5 } } } as unknown as EvaluationRow
    expect(taskFigures(scored)).toEqual({ Math: -5 })
    expect(taskFigures(row('a', 1, 1))).toBeNull()
  })
})
