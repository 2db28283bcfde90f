/** A comparison as plain text: a row per method at its last round, then the headline and what limits it. */
import type { Comparison, RoundFigures } from '../shared/comparison.ts'
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
  return [comparison.headline, '', ...align([header, ...rows]), '', caption, ...budget, ...comparison.cautions.map((caution) => `Caution: ${caution}`)].join('\n')
}

const figures = (round: RoundFigures) => [interval(round.score), interval(round.pass), interval(round.coverage), round.length.toFixed(1)]
const interval = ({ estimate, low, high }: Interval) => `${estimate.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`

/** First column left, numbers right. */
function align(rows: string[][]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('  '))
}
