/** The colours charts draw with, read from the style tokens, so that a chart follows light, dark and print. */
import type { SignalLabel } from '../../shared/types.ts'
import { methodStyle } from './methods.ts'

export type ChartTheme = {
  font: string
  text: string
  muted: string
  grid: string
  axis: string
  line: string
  surface: string
  raised: string
  shade: string
  accent: string
  failure: string
  /** Values of a facet that stand apart, the most frequent first; `rest`: several of them, or none. */
  hues: string[]
  rest: string
  /** Little to much, as #rrggbb. */
  ramp: [string, string]
  method: (key: string) => string
  /** A user's reaction. */
  signal: Record<SignalLabel, string>
}

const HUES = ['#4c3fb0', '#3f97c9', '#2f9c8a', '#3f7d2c', '#b39a1f', '#c8586a', '#7d2a5e', '#8a5a35']

/** Builds a theme from a look-up of custom properties; `read` answers '' where a token is not set. */
export function themeFrom(read: (token: string) => string): ChartTheme {
  const token = (name: string, otherwise: string): string => read(name).trim() || otherwise
  const muted = token('--text-muted', '#5f6670')
  return {
    // Double quotes would end the attribute that an SVG keeps the font in.
    font: token('--font-sans', 'system-ui, sans-serif').replaceAll('"', "'"),
    text: token('--text', '#1b1f24'),
    muted,
    grid: token('--chart-grid', '#e8eaed'),
    axis: token('--chart-axis', '#a9afb8'),
    line: token('--border', '#d8dce1'),
    surface: token('--surface', '#ffffff'),
    raised: token('--surface-raised', '#ffffff'),
    shade: token('--chart-shade', 'rgba(120,128,140,0.10)'),
    accent: token('--accent', '#2f5fd0'),
    failure: token('--failure', '#c0262d'),
    hues: HUES.map((hue, i) => token(`--hue-${i + 1}`, hue)),
    rest: token('--hue-rest', '#a9afb8'),
    ramp: [token('--ramp-from', '#b9c8ee'), token('--ramp-to', '#1d2b7a')],
    method: (key) => token(methodStyle(key).token, muted),
    signal: { dissatisfied: token('--dissatisfied', '#95307f'), satisfied: token('--satisfied', '#566b00'), neutral: token('--neutral', muted) },
  }
}

export function themeOf(element: Element): ChartTheme {
  const style = getComputedStyle(element)
  return themeFrom((token) => style.getPropertyValue(token))
}

/** A colour on the way from one `#rrggbb` to another. */
export function between([from, to]: readonly [string, string], share: number): string {
  const part = (color: string, at: number): number => parseInt(color.slice(1 + 2 * at, 3 + 2 * at), 16)
  return `#${[0, 1, 2].map((at) => Math.round(part(from, at) + share * (part(to, at) - part(from, at))).toString(16).padStart(2, '0')).join('')}`
}
