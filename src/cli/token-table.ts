/** An inspected pair for people: a line per token, in colour by log-ratio where colour is wanted. */
import type { InspectedPair, InspectedToken } from '../engine/inspect.ts'

export type TokenTableStyle = { colour: boolean; /** Columns of the terminal. */ width: number }

const MIN_TEXT = 8
/** Columns beside the text: number, id, three figures, and what is said of the token. */
const OTHER_COLUMNS = 6 + 8 + 10 + 10 + 10 + 12
/** Log-ratio (nats) at which a colour is full. */
const FULL_RATIO = 2
/** Blue to orange on the 256-colour cube, weak to strong: apart with red-green blindness too. */
const MORE_LIKELY = [153, 117, 75, 33]
const LESS_LIKELY = [223, 222, 215, 208]

export function tokenTable(pair: InspectedPair, index: number, { colour, width }: TokenTableStyle): string {
  const paint = (codes: string, text: string): string => (colour ? `\u001b[${codes}m${text}\u001b[0m` : text)
  const textWidth = Math.max(MIN_TEXT, width - OTHER_COLUMNS)
  const withReference = pair.chosen.refLogps !== null
  const line = (token: InspectedToken, i: number): string => {
    const ratio = token.logp === null || token.refLogp === null ? null : token.logp - token.refLogp
    const said = [token.template ? 'template' : '', token.cut ? 'cut' : ''].filter(Boolean).join(', ')
    const text = padded(visible(token.text), textWidth)
    const shown = token.cut ? paint('9;2', text) : ratio !== null ? paint(`38;5;16;48;5;${shade(ratio)}`, text) : token.template ? paint('2', text) : text
    const figures = [token.logp, ...(withReference ? [token.refLogp, ratio] : [])].map((value, column) => figure(value, column === 2).padStart(10)).join('')
    return `${String(i).padStart(5)} ${shown}${String(token.id).padStart(8)}${figures}  ${said && paint('2', said)}`.trimEnd()
  }
  const heads = ['log p', ...(withReference ? ['reference', 'log-ratio'] : [])].map(head => head.padStart(10)).join('')
  const head = paint('2', `${'#'.padStart(5)} ${padded('token', textWidth)}${'id'.padStart(8)}${heads}`)
  const sides = (['chosen', 'rejected'] as const).flatMap(name => {
    const { tokens, logps, refLogps, logRatio } = pair[name]
    const sums = logps === null ? '' : `   logps ${figure(logps)}${refLogps === null ? '' : `, reference ${figure(refLogps)}, log-ratio ${figure(logRatio, true)}`}`
    return [`${paint('1', name)} ${count(tokens)}${sums}`, ...tokens.map((token, i) => line(token, i + pair.prompt.length))]
  })
  const totals = pair.margin === null ? '' : `   margin ${figure(pair.margin, true)}, DPO weight ${figure(pair.weight)} (beta ${pair.beta})`
  return [
    `${paint('1', `pair ${index}`)}${totals}`,
    ...(pair.dropped === null ? [] : [`training leaves it out: ${pair.dropped}`]),
    ...(pair.limit === null ? [] : [`cut by ${pair.limit.rule} ${pair.limit.tokens} (${pair.limit.mode})`]),
    head,
    `${paint('1', 'prompt')} ${count(pair.prompt)}`,
    ...pair.prompt.map(line),
    ...sides,
    '',
  ].join('\n')
}

/** Spaces at the ends are part of a token, and otherwise not seen; one that only begins a character shows nothing yet. */
const visible = (text: string): string => (text === '' ? '…' : escapeText(text).replaceAll(/^ +| +$/g, (spaces) => '·'.repeat(spaces.length)))

/** Text that cannot move the cursor, ring a bell or turn the reading direction. */
export function escapeText(text: string): string {
  const escapes: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }
  // Controls, line separators, direction marks, and what has no width of its own.
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\p{Cf}\p{Cs}\p{Co}]/gu, character => escapes[character] ?? `\\u{${character.codePointAt(0)?.toString(16)}}`)
}

/** To exactly `columns` of a terminal, cut with an ellipsis. */
function padded(text: string, columns: number): string {
  const total = widthOf(text)
  if (total <= columns) return text + ' '.repeat(columns - total)
  let cut = ''
  for (const character of text) {
    if (widthOf(cut + character) > columns - 1) break
    cut += character
  }
  return `${cut}…${' '.repeat(columns - 1 - widthOf(cut))}`
}

/** Columns a terminal gives the text: two for East Asian wide characters and emoji, none for combining marks. */
export function widthOf(text: string): number {
  let width = 0
  for (const character of text) width += /\p{M}/u.test(character) ? 0 : /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u.test(character) ? 2 : 1
  return width
}

function shade(ratio: number): number {
  const scale = ratio < 0 ? LESS_LIKELY : MORE_LIKELY
  const size = Math.abs(ratio) / FULL_RATIO
  return size < 0.05 ? 255 : (scale[Math.min(scale.length - 1, Math.floor(size * scale.length))] ?? 255)
}

function figure(value: number | null, signed = false): string {
  if (value === null) return '-'
  const text = value.toFixed(4).replace(/^-(0\.0+)$/, '$1')
  return signed && value > 0 ? `+${text}` : text
}

const count = (tokens: readonly unknown[]): string => `${tokens.length} ${tokens.length === 1 ? 'token' : 'tokens'}`
