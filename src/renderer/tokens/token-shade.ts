/** How tokens are coloured: by log-ratio on a scale with two ends, or by log-probability on one with a single end. */
import type { InspectedPair, InspectedToken } from '../../shared/inspection.ts'

export type Shade = 'ratio' | 'logp'
/** `bound` is the value (nats) from which on the colour is full. */
export type ShadeScale = { shade: Shade; bound: number }

/** Share of the full colour at the scale's end: words stay readable on it in both themes. */
const FULL = 60
/** Of template tokens, which are dimmed: enough for muted words. */
const FULL_TEMPLATE = 25
/** A ratio below is the noise of float32, not something training did. */
const LEAST_BOUND: Record<Shade, number> = { ratio: 0.05, logp: 1 }
/** A few extreme tokens must not make all others pale. */
const BOUND_QUANTILE = 0.95

export const ratioOf = ({ logp, refLogp }: InspectedToken): number | null => (logp === null || refLogp === null ? null : logp - refLogp)

/** The scale of a pair, from the tokens of its two replies; the bound is rounded up to 1, 2 or 5 times a power of ten. */
export function shadeScale(pair: Pick<InspectedPair, 'chosen' | 'rejected'>, shade: Shade): ShadeScale {
  const sizes = [...pair.chosen.tokens, ...pair.rejected.tokens]
    .flatMap((token) => (shade === 'ratio' ? ratioOf(token) : token.logp) ?? [])
    .map(Math.abs)
    .sort((a, b) => a - b)
  const size = Math.max(LEAST_BOUND[shade], sizes[Math.ceil(sizes.length * BOUND_QUANTILE) - 1] ?? 0)
  const power = 10 ** Math.floor(Math.log10(size))
  const bound = [1, 2, 5, 10].map((step) => step * power).find((step) => step >= size * (1 - 1e-9)) ?? size
  return { shade, bound: Number(bound.toPrecision(1)) }
}

/** The background of a token as CSS; '' where there is no figure. */
export function tokenFill(token: InspectedToken, { shade, bound }: ShadeScale): string {
  const value = shade === 'ratio' ? ratioOf(token) : token.logp
  if (value === null) return ''
  const share = Math.round(Math.min(1, Math.abs(value) / bound) * (token.template ? FULL_TEMPLATE : FULL))
  if (share === 0) return ''
  return `background-color: color-mix(in srgb, var(--token-${value > 0 ? 'more' : 'less'}) ${share}%, transparent)`
}

/** What stands for characters that leave no mark: line ends, tabs, controls, and a token that only begins a character. */
export function tokenGlyph(text: string): string {
  if (text === '') return '⋯'
  return text.replaceAll(/[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '').replaceAll(/./gsu, (character) => GLYPHS[character] ?? `\\u{${character.codePointAt(0)?.toString(16)}}`)
}
const GLYPHS: Record<string, string> = { '\n': '↵', '\r': '␍', '\t': '⇥' }

/** What a screen reader says of a token that shows no letters; undefined where its text will do. */
export function tokenName(text: string): string | undefined {
  if (text === '') return 'part of a character'
  if (text.trim() !== '') return undefined
  return text.includes('\n') ? 'line end' : text.includes('\t') ? 'tab' : 'space'
}

/** A token's text in quotes, as the card shows it. */
export const quoted = (text: string): string => (text === '' ? 'part of a character' : JSON.stringify(text))

export type Part = 'prompt' | 'rejected' | 'chosen'
export type TokenPlace = { part: Part; index: number }

/** `chosen.12`, as the URL has it. */
export const printPlace = ({ part, index }: TokenPlace): string => `${part}.${index}`
export function parsePlace(text: string): TokenPlace | null {
  const [, part, index] = /^(prompt|rejected|chosen)\.(\d+)$/.exec(text) ?? []
  return part === undefined ? null : { part: part as Part, index: Number(index) }
}
