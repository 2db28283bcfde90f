/** A comparison as plain text: a row per method at its last round, then the headline and what limits it. */
import type { Comparison, RoundFigures } from '../shared/comparison.ts'
import { labelOf } from '../core/comparison.ts'
import { leftOut } from '../core/sweep.ts'
import { settingWords, type Sweep } from '../shared/race.ts'
import type { Interval } from '../shared/types.ts'

export function comparisonTable(comparison: Comparison): string {
  const temperature = Math.max(...comparison.evaluation.temperatures)
  const header = ['method', 'round', 'score', 'pass', 'coverage', 'tokens/reply', 'samples', 'steps']
  const rows = comparison.methods.flatMap((method) => {
    const last = method.byTemperature.find((entry) => entry.temperature === temperature)?.rounds.at(-1)
    return last ? [[method.label, last.round < 0 ? '–' : String(last.round), ...figures(last), String(method.ledger.samplesDrawn), String(method.ledger.optimizerSteps)]] : []
  })
  const caption = `Last round at temperature ${temperature}, ${comparison.evaluation.prompts} prompts x ${comparison.evaluation.k} samples; [95 % intervals]`
  const budget = comparison.race?.fairness.filter(({ equal }) => equal).map(({ words }) => words) ?? []
  const swept = comparison.race?.sweep ? ['', sweepTable(comparison.race.sweep)] : []
  return [comparison.headline, '', ...align([header, ...rows]), '', caption, ...budget, ...swept, ...comparison.cautions.map((caution) => `Caution: ${caution}`)].join('\n')
}

/** What a sweep tried, a row per setting and a column per method, the chosen marked; and what it cost. */
function sweepTable(sweep: Sweep): string {
  const { methods, metric, temperature, dataset, seeds } = sweep
  const settings = methods[0]?.cells.map(({ setting }) => settingWords(setting)) ?? []
  const rows = settings.map((words, i) => [words, ...methods.map(({ cells, chosen }) => `${cells[i]!.score?.toFixed(3) ?? leftOut(cells[i]!)}${chosen === i ? ' *' : '  '}`)])
  const cost = methods.map(({ method, ledger }) => `${labelOf(method)} ${ledger.samplesDrawn} samples, ${ledger.optimizerSteps} steps`)
  return [...align([['sweep', ...methods.map(({ method }) => `${labelOf(method)}  `)], ...rows]), `* chosen: best ${metric} at T = ${temperature} on ${dataset}, seed ${seeds.join(', ')}`, `Counted apart: ${cost.join('; ')}.`].join('\n')
}

const figures = (round: RoundFigures) => [interval(round.score), interval(round.pass), interval(round.coverage), round.length.toFixed(1)]
const interval = ({ estimate, low, high }: Interval) => `${estimate.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`

/** First column left, numbers right. */
function align(rows: string[][]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('  ').trimEnd())
}
