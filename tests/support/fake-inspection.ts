/** A made-up pair token by token, for the interface over the fake backend: words are tokens, figures follow from them. */
import type { InspectedPair, InspectedToken, PairInspection } from '../../src/shared/inspection.ts'
import type { Message } from '../../src/shared/types.ts'

/** Long replies are cut at so many tokens. */
const MAX_LENGTH = 2048

export function fakeInspection(prompt: readonly Message[], chosen: string, rejected: string, models: Pick<PairInspection, 'policy' | 'reference'>): PairInspection {
  const withReference = models.reference !== null
  const token = (text: string, template: boolean): InspectedToken => {
    const id = [...text].reduce((hash, character) => (hash * 31 + (character.codePointAt(0) ?? 0)) % 49_152, 7)
    const logp = template ? -0.02 : -((id % 97) / 14)
    return { id, text, template, cut: false, logp, refLogp: withReference ? logp - Math.sin(id) * (template ? 0.1 : 0.9) : null }
  }
  const words = (text: string): InspectedToken[] => (text.match(/\s*[\p{L}\p{N}]{1,7}|\s*\P{L}|\n/gu) ?? []).map((piece) => token(piece, false))
  const head = (role: string): InspectedToken[] => ['<|im_start|>', role, '\n'].map((piece) => token(piece, true))
  const tail = (): InspectedToken[] => ['<|im_end|>', '\n'].map((piece) => token(piece, true))
  const shown = [...prompt.flatMap(({ role, content }) => [...head(role), ...words(content), ...tail()]), ...head('assistant')]
  if (shown[0]) shown[0] = { ...shown[0], logp: null, refLogp: null }
  const side = (text: string): InspectedPair['chosen'] => {
    const tokens = [...words(text), ...tail()].map((one, i) => (shown.length + i < MAX_LENGTH ? one : { ...one, cut: true, logp: null, refLogp: null }))
    const sum = (figure: (one: InspectedToken) => number | null): number => tokens.reduce((total, one) => total + (figure(one) ?? 0), 0)
    const [logps, refLogps] = [sum((one) => one.logp), withReference ? sum((one) => one.refLogp) : null]
    return { tokens, logps, refLogps, logRatio: refLogps === null ? null : logps - refLogps }
  }
  const [better, worse] = [side(chosen), side(rejected)]
  const beta = 0.1
  const margin = better.logRatio === null || worse.logRatio === null ? null : beta * (better.logRatio - worse.logRatio)
  const isCut = [...better.tokens, ...worse.tokens].some(({ cut }) => cut)
  const pair: InspectedPair = { prompt: shown, chosen: better, rejected: worse, limit: isCut ? { tokens: MAX_LENGTH, rule: 'max_length', mode: 'keep_start' } : null, dropped: null, lostPromptEnd: '', beta, margin, weight: margin === null ? null : beta / (1 + Math.exp(margin)) }
  return { pair, ...models, note: null }
}
