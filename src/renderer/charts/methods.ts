/**
 * One look per method, everywhere: colour token, dash and marker, so that print and greyscale work too.
 * Colours live in the style tokens (`--method-…`); this file only names them.
 */

import { placeOf } from '../../core/fnv.ts'
import { familyOf, withSetting } from '../../shared/comparison.ts'

export type MethodStyle = {
  key: string
  label: string
  /** For lanes and narrow columns. */
  short: string
  /** CSS custom property that holds its colour. */
  token: string
  /** Dash pattern in px; null draws a solid line. */
  dash: number[] | null
  /** ECharts symbol. */
  marker: string
}

const styles: MethodStyle[] = [
  { key: 'base', label: 'Base', short: 'base', token: '--method-base', dash: [2, 3], marker: 'rect' },
  { key: 'warm-start', label: 'Warm start', short: 'warm start', token: '--method-warm-start', dash: [5, 3, 1, 3], marker: 'emptyCircle' },
  { key: 'drift', label: 'DRIFT', short: 'DRIFT', token: '--method-drift', dash: null, marker: 'circle' },
  { key: 'drift-unguided', label: 'Unguided DRIFT', short: 'unguided', token: '--method-drift-unguided', dash: [4, 2], marker: 'emptyCircle' },
  { key: 'drift-own-rejected', label: 'Guided against own sample', short: 'vs own', token: '--method-drift-own-rejected', dash: [8, 2, 2, 2], marker: 'emptyTriangle' },
  { key: 'drift-sft', label: 'SFT on guided samples', short: 'SFT', token: '--method-drift-sft', dash: [1, 2], marker: 'emptyRect' },
  { key: 'drift-frozen', label: 'DRIFT with frozen chosen', short: 'frozen', token: '--method-drift-frozen', dash: [10, 2], marker: 'emptyDiamond' },
  { key: 'iterative-dpo', label: 'Iterative DPO', short: 'iter. DPO', token: '--method-iterative-dpo', dash: [7, 3], marker: 'rect' },
  { key: 'iterative-dpo-oracle', label: 'Iterative DPO (oracle)', short: 'oracle DPO', token: '--method-iterative-dpo-oracle', dash: [7, 3, 2, 3], marker: 'diamond' },
  { key: 'iterative-dpo-judge', label: 'Iterative DPO (judge)', short: 'judge DPO', token: '--method-iterative-dpo-judge', dash: [2, 2, 6, 2], marker: 'emptyRect' },
  { key: 'spin', label: 'SPIN', short: 'SPIN', token: '--method-spin', dash: [3, 3], marker: 'triangle' },
  { key: 'dpo', label: 'DPO', short: 'DPO', token: '--method-other', dash: [6, 2], marker: 'emptyPin' },
]
export const KNOWN_METHODS: readonly string[] = styles.map(({ key }) => key)
const byKey = new Map(styles.map((style) => [style.key, style]))

/** The style of a method; one that is not built in keeps its own name and the neutral colour. A setting of a method has its colour, and its own dash and marker. */
export function methodStyle(key: string): MethodStyle {
  const known = byKey.get(key)
  if (known) return known
  const family = familyOf(key)
  const { label, short, token } = byKey.get(family) ?? { label: family, short: family, token: '--method-other' }
  if (key === family) return { key, label, short, token, dash: [1, 2], marker: 'pin' }
  return { key, label: withSetting(label, key), short: withSetting(short, key), token, ...lookOfSetting(key, family) }
}

type Look = Pick<MethodStyle, 'dash' | 'marker'>
/** Of the settings seen so far, by family. */
const looks = new Map<string, Map<string, Look>>()

/** The look that the key's text asks for, or the next one that shares neither dash nor marker with another setting seen of its family. */
function lookOfSetting(key: string, family: string): Look {
  const seen = looks.get(family) ?? new Map<string, Look>()
  looks.set(family, seen)
  const own = seen.get(key)
  if (own) return own
  const [dash, marker] = [placeOf(key, SETTING_DASHES.length), placeOf(`${key} marker`, SETTING_MARKERS.length)]
  const free = <Value>(from: number, values: readonly Value[], taken: readonly unknown[]): Value => values.map((_, step) => values[(from + step) % values.length]!).find((value) => !taken.includes(value)) ?? values[from]!
  const others = [...seen.values()]
  const look = { dash: free(dash, SETTING_DASHES, others.map((other) => other.dash)), marker: free(marker, SETTING_MARKERS, others.map((other) => other.marker)) }
  seen.set(key, look)
  return look
}

const SETTING_DASHES: number[][] = [[9, 3], [6, 3, 1, 3], [3, 2], [1, 3], [12, 3, 3, 3], [5, 5], [2, 2, 8, 2]]
const SETTING_MARKERS = ['circle', 'rect', 'triangle', 'diamond', 'emptyCircle', 'emptyRect', 'emptyTriangle', 'emptyDiamond']

/** base, warm start, DRIFT and its control arms, iterative DPO, oracle, judge, SPIN, then others by name. */
export function compareMethods(a: string, b: string): number {
  const rank = (key: string): number => {
    const index = styles.findIndex((style) => style.key === familyOf(key))
    return index < 0 ? styles.length : index
  }
  return rank(a) - rank(b) || a.localeCompare(b)
}

/** Trains on what the evaluation measures: an upper bound, not a competitor. */
export const isUpperBound = (key: string): boolean => familyOf(key) === 'iterative-dpo-oracle'
