/**
 * Chart titles that say what the figures say. Descriptive words only ("is highest at round 2"): whether a
 * difference is more than chance is said by paired differences alone.
 */
import { overCooledBase, type SharpeningLine } from '../../../core/sharpening.ts'
import { type Comparison, isBase, type MethodComparison, type PairedDifference } from '../../../shared/comparison.ts'
import { roundLabel, type RoundSeries } from '../../charts/by-round.ts'
import { fixed } from '../../charts/format.ts'
import { competitors, labelOf } from './figures.ts'
import { isUpperBound, methodStyle } from '../../charts/methods.ts'

const list = (words: string[]): string => (words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`)
const start = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** Where each method is highest, and who ends below where it began; upper bounds stay out of the sentence. */
export function trajectory(series: readonly RoundSeries[], question: string): string {
  const peaks: Record<number, string[]> = {}
  const fallen: string[] = []
  let began = 0
  for (const { key, label, points } of series) {
    const values = points.map(({ round, value }) => ({ round, y: value.estimate })).filter(({ y }) => Number.isFinite(y))
    const [first, last] = [values[0], values.at(-1)]
    if (!first || !last || values.length < 2 || isUpperBound(key)) continue
    began = first.round
    if (last.y < first.y) fallen.push(label)
    else (peaks[values.reduce((top, point) => (point.y > top.y ? point : top)).round] ??= []).push(label)
  }
  const highest = Object.entries(peaks).map(([round, labels], i) => `${list(labels)} ${i > 0 ? '' : labels.length > 1 ? 'are highest ' : 'is highest '}at ${roundLabel(Number(round))}`).join(', ')
  const below = fallen.length > 0 ? `${list(fallen)} ${fallen.length > 1 ? 'end' : 'ends'} below ${began === 0 ? 'the warm start' : roundLabel(began)}` : ''
  return [highest, below].filter(Boolean).map(start).join('; ') || question
}

/** Who is ahead of whom among competing methods, by the paired differences. */
export function ranking(comparison: Comparison, temperature: number, measure: PairedDifference['measure']): string {
  const keys = competitors(comparison).filter(({ upperBound }) => !upperBound).map(({ key }) => key)
  const all = comparison.differences.filter((d) => d.temperature === temperature && d.measure === measure && keys.includes(d.a) && keys.includes(d.b))
  // One sentence has one subject: the declared, else the first.
  const subject = (all.find((d) => d.primary) ?? all[0])?.a
  const between = all.filter((d) => d.a === subject)
  const name = (key: string): string => methodStyle(key).label
  const parts = Object.entries(Object.groupBy(between, (d) => d.verdict)).map(([verdict, of]) => {
    const others = list((of ?? []).map((d) => name(d.b)))
    return verdict === 'not distinguishable' ? `not distinguishable from ${others}` : verdict === 'ahead' ? `ahead of ${others}` : `behind ${others}`
  })
  if (between.length > 0) return `${name(subject!)} is ${list(parts)}`
  const base = comparison.differences.filter((d) => d.temperature === temperature && d.measure === measure && isBase(d.b) && keys.includes(d.a))
  const ahead = base.filter((d) => d.verdict === 'ahead').map((d) => name(d.a))
  return ahead.length > 0 ? `${list(ahead)} ${ahead.length > 1 ? 'are' : 'is'} ahead of the base` : 'Which method ends where?'
}

/** Whether any gradient norm fades from its first to its last round. */
export function gradientFinding(methods: readonly MethodComparison[]): string {
  const moved = methods.flatMap((method) => {
    const rounds = method.gradNorm.filter(({ round }) => round > 0)
    const [first, last] = [rounds[0], rounds.at(-1)]
    return first && last && first !== last && first.mean > 0 ? [{ label: labelOf(method), ratio: last.mean / first.mean }] : []
  })
  if (moved.length === 0) return 'Do gradients fade from round to round?'
  const faded = moved.filter(({ ratio }) => ratio < 0.5).map(({ label }) => label)
  if (faded.length > 0) return `Gradient norms of ${list(faded)} have more than halved since round 1`
  const low = Math.min(...moved.map(({ ratio }) => ratio))
  return low >= 1 ? 'No gradient norm fades: every last round is at or above its first' : `No gradient norm fades: the last round keeps ${fixed(low * 100, 0)} % or more of the first`
}

/** Who gave up most spread, from warm start to the end. */
export function spreadFinding(subject: string, series: readonly RoundSeries[], digits: number, unit: string): string {
  const moves = series.flatMap(({ label, points }) => {
    const [first, last] = [points[0]?.value.estimate, points.at(-1)?.value.estimate]
    return first !== undefined && last !== undefined && points.length > 1 ? [{ label, first, last, change: last - first }] : []
  })
  const most = moves.sort((a, b) => a.change - b.change)[0]
  if (!most) return `Does the policy keep its ${subject.toLowerCase()}?`
  if (most.change >= 0) return `${subject} falls under no method`
  return `${subject} falls most under ${most.label}: ${fixed(most.first, digits)} to ${fixed(most.last, digits)} ${unit}`
}

/** What is left of each method's gain beside a base of the same entropy; upper bounds and the warm start stay out of the sentence. */
export function sharpeningFinding(lines: readonly SharpeningLine[]): string {
  const gains = overCooledBase(lines).filter(({ key }) => key !== 'warm-start' && !isUpperBound(key)).flatMap(({ key, gain }) => (gain === null ? [] : [{ key, gain }])).sort((a, b) => b.gain - a.gain)
  if (gains.length === 0) return 'Is a gain more than sharpening?'
  const words = gains.map(({ key, gain }, i) => `${methodStyle(key).label} ${i === 0 ? 'is ' : ''}${fixed(Math.abs(gain), 2)} ${gain < 0 ? 'below' : 'above'}${i === 0 ? ' the base' : ''}`)
  return `At equal entropy ${list(words)}`
}
