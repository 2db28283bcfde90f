/** Judged evaluations as a leaderboard: which figures each benchmark has, in which order models stand, and the table to copy. */
import type { AnsweredBenchmark } from '../../../shared/answers.ts'
import type { Benchmark, EvaluationRow } from '../../../shared/evaluation.ts'
import type { Interval } from '../../../shared/types.ts'
import type { ChartTable } from '../../charts/chart.ts'
import type { Term } from '../../definitions.ts'

/** Ended before its end: it can go on. */
export const isStopped = ({ status }: Pick<EvaluationRow, 'status'>): boolean => status === 'failed' || status === 'cancelled' || status === 'interrupted'

/** What each file is. A judge that decides on published annotations anew leaves a file of the same role behind them: the last. */
export const fileLabels = (files: EvaluationRow['files']): string[] => files.map(({ role }, i) => (files.filter((file) => file.role === role).length === 1 ? role : `${role}, ${i === files.findLastIndex((file) => file.role === role) ? 'own' : 'published'}`))

export const ANSWERED_NAMES: Record<AnsweredBenchmark, string> = { alpacaeval: 'AlpacaEval 2', wildbench: 'WildBench' }
export const BENCHMARK_NAMES: Record<Benchmark, string> = { alpacaeval: 'AlpacaEval 2', 'wb-score': 'WB-Score', 'wb-reward': 'WB-Reward' }

export type RowOf<B extends Benchmark> = Extract<EvaluationRow, { benchmark: B }>
export type Column = { label: string; term?: Term; digits: number; signed?: boolean; value(row: EvaluationRow): number | null; interval?(row: EvaluationRow): Interval | null }

const column = <B extends Benchmark>(benchmark: B, label: string, digits: number, value: (figures: NonNullable<RowOf<B>['figures']>) => number | null, more: Omit<Column, 'label' | 'digits' | 'value'> = {}): Column => ({
  label,
  digits,
  value: (row) => (row.benchmark === benchmark && row.figures !== null ? value(row.figures as NonNullable<RowOf<B>['figures']>) : null),
  ...more,
})

/** The first column decides the order. */
export const columnsOf: Record<Benchmark, Column[]> = {
  alpacaeval: [
    column('alpacaeval', 'LC win rate', 1, (figures) => figures.length_controlled_winrate, { term: 'LC win rate', interval: (row) => row.intervals?.length_controlled_winrate ?? null }),
    column('alpacaeval', 'win rate', 1, (figures) => figures.win_rate, { term: 'win rate', interval: (row) => row.intervals?.win_rate ?? null }),
    column('alpacaeval', 'length effect', 1, (figures) => (figures.length_controlled_winrate === null ? null : figures.win_rate - figures.length_controlled_winrate), { term: 'length effect', signed: true }),
    column('alpacaeval', 'discrete', 1, (figures) => figures.discrete_win_rate, { term: 'discrete win rate' }),
    column('alpacaeval', 'length', 0, (figures) => figures.avg_length),
    column('alpacaeval', 'n', 0, (figures) => figures.n_total),
  ],
  'wb-score': [
    column('wb-score', 'WB-Score', 1, (figures) => figures.wb_score, { term: 'WB-Score', interval: (row) => row.intervals?.wb_score ?? null }),
    column('wb-score', 'task macro × 10', 1, (figures) => (figures.task_macro_score === null ? null : 10 * figures.task_macro_score), { term: 'task macro', interval: (row) => times(row.intervals?.task_macro_score, 10) }),
    column('wb-score', 'length', 0, (figures) => figures.avg_len),
    column('wb-score', 'n', 0, (figures) => figures.total),
  ],
  'wb-reward': [
    column('wb-reward', 'WB-Reward × 100', 1, (figures) => 100 * figures.reward, { term: 'WB-Reward', signed: true, interval: (row) => times(row.intervals?.reward, 100) }),
    column('wb-reward', 'task macro × 100', 1, (figures) => (figures.task_macro_reward === null ? null : 100 * figures.task_macro_reward), { term: 'task macro', signed: true, interval: (row) => times(row.intervals?.task_macro_reward, 100) }),
    column('wb-reward', 'wins', 0, (figures) => figures.win_much + figures.win),
    column('wb-reward', 'ties', 0, (figures) => figures.tie),
    column('wb-reward', 'losses', 0, (figures) => figures.lose_much + figures.lose),
    column('wb-reward', 'length', 0, (figures) => figures.avg_len),
    column('wb-reward', 'n', 0, (figures) => figures.total),
  ],
}

/** Best first by the first figure that any row has; those without figures last, newest first. */
export function ranked(benchmark: Benchmark, rows: readonly EvaluationRow[]): EvaluationRow[] {
  const own = rows.filter((row) => row.benchmark === benchmark)
  const by = columnsOf[benchmark].find(({ value }) => own.some((row) => value(row) !== null))
  return own.toSorted((a, b) => (by?.value(b) ?? -Infinity) - (by?.value(a) ?? -Infinity) || 0)
}

export function toTable(benchmark: Benchmark, rows: readonly EvaluationRow[]): ChartTable {
  const columns = columnsOf[benchmark]
  return {
    columns: [
      ...['model', 'judge', 'badge', 'reference', 'status'].map((label) => ({ label, numeric: false })),
      ...columns.flatMap(({ label, interval }) => [label, ...(interval ? [`${label} 95 % low`, `${label} 95 % high`] : [])].map((name) => ({ label: name, numeric: true }))),
    ],
    rows: rows.map((row) => [row.model, row.judge, row.badge, row.reference, row.status, ...columns.flatMap(({ value, interval }) => [value(row), ...(interval ? [interval(row)?.low ?? null, interval(row)?.high ?? null] : [])])]),
  }
}

/** Task figures on the scale of the leaderboards; null where the evaluation has none. */
export function taskFigures(row: EvaluationRow): Record<string, number> | null {
  const [figures, scale] = row.benchmark === 'wb-score' ? [row.figures?.task_categorized_scores, 10] : row.benchmark === 'wb-reward' ? [row.figures?.task_categorized_rewards, 100] : [null, 1]
  return figures ? Object.fromEntries(Object.entries(figures).map(([group, figure]) => [group, scale * figure])) : null
}

/** Two evaluations of one model are told apart by judge, rewards also by what they are against. */
export function labelsOf(rows: readonly EvaluationRow[]): Map<string, string> {
  const twice = (row: EvaluationRow): boolean => rows.filter(({ model }) => model === row.model).length > 1
  return new Map(rows.map((row) => [row.id, twice(row) ? [row.model, ...(row.benchmark === 'wb-reward' ? [`against ${row.reference}`] : []), row.judge ?? 'unnamed judge'].join(', ') : row.model]))
}

/** The interval on another scale. */
export function times(interval: Interval, factor: number): Interval
export function times(interval: Interval | null | undefined, factor: number): Interval | null
export function times(interval: Interval | null | undefined, factor: number): Interval | null {
  return interval ? { estimate: factor * interval.estimate, low: factor * interval.low, high: factor * interval.high } : null
}
