/**
 * Is a gain more than sharpening? Score against the entropy of the distributions that tokens were drawn from, at every
 * evaluated temperature; the base, cooled down, is the control (design section 7, Decoding).
 */
import { type Comparison, isBase } from '../shared/comparison.ts'
import type { Interval } from '../shared/types.ts'

/** Entropy in nats per token, mean over prompts and seeds. */
export type SharpeningPoint = { temperature: number; entropy: number; score: Interval }
/** A method's last round, by rising temperature. */
export type SharpeningLine = { key: string; round: number; points: SharpeningPoint[] }

/** With fewer the base's line is a straight guess between its ends. */
const TEMPERATURES_FOR_A_LINE = 3

/** Greedy decoding draws from a distribution of one token: 0. What samples of T = 0 record is the spread that it passes over. */
const entropyAt = (temperature: number, recorded: number | null): number | null => (temperature === 0 ? 0 : recorded)

export function sharpeningLines({ methods }: Pick<Comparison, 'methods'>): SharpeningLine[] {
  return methods.flatMap(({ key, byTemperature }) => {
    const round = Math.max(...byTemperature.flatMap(({ rounds }) => rounds.map((figures) => figures.round)))
    const points = byTemperature.flatMap(({ temperature, rounds }) => {
      const figures = rounds.find((one) => one.round === round)
      const entropy = figures === undefined ? null : entropyAt(temperature, figures.tokenEntropy)
      return entropy === null ? [] : [{ temperature, entropy, score: figures!.score }]
    })
    return points.some(({ temperature }) => temperature > 0) ? [{ key, round, points: points.sort((a, b) => a.temperature - b.temperature) }] : []
  })
}

/** Linear between neighbouring temperatures; null outside of what the line reaches. */
export function scoreAtEntropy({ points }: Pick<SharpeningLine, 'points'>, entropy: number): number | null {
  for (const [i, to] of points.entries()) {
    const from = points[i - 1]
    if (to.entropy === entropy) return to.score.estimate
    if (from === undefined || (from.entropy - entropy) * (to.entropy - entropy) > 0) continue
    return from.score.estimate + ((entropy - from.entropy) / (to.entropy - from.entropy)) * (to.score.estimate - from.score.estimate)
  }
  return null
}

/** Each method at its highest temperature minus the base at the same entropy; null where the base's line does not reach it, or is a guess, and where there are several bases. */
export function overCooledBase(lines: readonly SharpeningLine[]): { key: string; gain: number | null }[] {
  const base = lines.find(({ key }) => key === 'base')
  return lines.filter(({ key }) => !isBase(key)).map(({ key, points }) => {
    const { entropy, score } = points.at(-1)!
    const control = base === undefined || base.points.length < TEMPERATURES_FOR_A_LINE ? null : scoreAtEntropy(base, entropy)
    return { key, gain: control === null ? null : score.estimate - control }
  })
}

/** What a reader must know, and how to get more; null where there are enough. */
export function fewTemperatures(temperatures: readonly number[]): string | null {
  if (temperatures.length >= TEMPERATURES_FOR_A_LINE) return null
  const rising = [...temperatures].sort((a, b) => a - b)
  const only = rising.length === 1 ? `Evaluated at T = ${rising[0]} alone: points, no lines.` : `Evaluated at T = ${rising.join(' and ')} alone: between them a line is a guess.`
  return `${only} Write temperatures: [0, 0.3, 0.7, 1] under evaluation in the recipe and run again for more.`
}
