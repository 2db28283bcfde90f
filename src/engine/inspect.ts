/**
 * A preference pair token by token, as training sees it: ids and text, what the chat template added, what is cut
 * off, log-probabilities under policy and reference, and the figures of the DPO loss that follow from them.
 */
import type { PreferenceRow, Renderer, TruncationMode } from './chat-template.ts'
import { truncatePair } from './chat-template.ts'
import type { Model, TokenPair, TokenRow } from './engine.ts'
import { InputError } from './input-error.ts'
import { messageSpans } from './template-spans.ts'
import { tokenTexts } from './token-texts.ts'

/** What limits the length of a sequence: a training key, or the model's context. */
export type LengthLimit = { tokens: number; rule: 'max_length' | 'max_position_embeddings'; mode: TruncationMode }

export type InspectedToken = {
  id: number
  /** What it adds to the text; '' where a later token completes the character it begins. */
  text: string
  /** Added by the chat template (role headers, end of turn, newlines), not part of a message's own text. */
  template: boolean
  /** Left out by the length limit: training never sees it. */
  cut: boolean
  /** log p(token | all before it), natural; null for the first token, and for what is cut. */
  logp: number | null
  /** The same under the reference; null without one. */
  refLogp: number | null
}

export type InspectedSide = {
  tokens: InspectedToken[]
  /** Sums over the tokens that are not cut (TRL: logps/chosen, logps/rejected). */
  logps: number | null
  refLogps: number | null
  /** logps - refLogps. */
  logRatio: number | null
}

export type InspectedPair = {
  prompt: InspectedToken[]
  chosen: InspectedSide
  rejected: InspectedSide
  /** The limit that cut something; null where nothing is cut. */
  limit: LengthLimit | null
  /** Why training leaves the pair out; its tokens then have no figures. */
  dropped: string | null
  /** End of the prompt that the model sees when sampling, but not here, because it renders differently. */
  lostPromptEnd: string
  beta: number
  /** beta (logRatio of chosen - logRatio of rejected); null without a reference. */
  margin: number | null
  /** beta sigmoid(-margin): the factor before the pair's gradient (Rafailov et al. 2023, section 4). */
  weight: number | null
}

/** A pair before it is scored. */
export type PairLayout = Omit<InspectedPair, 'beta' | 'margin' | 'weight'> & { /** What is scored: null where the pair is dropped. */ fitted: TokenPair | null }

/**
 * @param limit null cuts nothing.
 * @throws InputError for rows that cannot be rendered or cut.
 */
export function layOutPair(renderer: Renderer, row: PreferenceRow, limit: LengthLimit | null): PairLayout {
  const pair = renderer.renderPair(row)
  const { promptIds } = pair
  const chosen = layOutSide(renderer, row, 'chosen', promptIds, pair.chosenIds, pair.chosenText)
  const rejected = layOutSide(renderer, row, 'rejected', promptIds, pair.rejectedIds, pair.rejectedText)
  const fitted = limit === null ? pair : truncatePair(pair, limit.tokens, limit.mode)
  const dropped = whyDropped(fitted, promptIds.length, limit)
  const fromStart = fitted !== null && limit?.mode === 'keep_end' ? promptIds.length - fitted.promptIds.length : 0
  const prompt = chosen.slice(0, promptIds.length)
  const length = limit?.tokens ?? Infinity
  prompt.forEach((token, i) => (token.cut = i < fromStart || i - fromStart >= length))
  const completions = [chosen, rejected].map(side => side.slice(promptIds.length))
  for (const side of completions) side.forEach((token, i) => (token.cut = promptIds.length - fromStart + i >= length))
  const isCut = [prompt, ...completions].some(tokens => tokens.some(({ cut }) => cut))
  const side = (tokens: InspectedToken[] | undefined): InspectedSide => ({ tokens: tokens ?? [], logps: null, refLogps: null, logRatio: null })
  return {
    prompt,
    chosen: side(completions[0]),
    rejected: side(completions[1]),
    limit: isCut ? limit : null,
    dropped,
    lostPromptEnd: pair.lostPromptEnd,
    fitted: dropped === null && fitted !== null ? { promptIds: fitted.promptIds, chosenIds: fitted.chosenIds, rejectedIds: fitted.rejectedIds } : null,
  }
}

/** Scores laid-out pairs together, as `score` does; without a reference only the policy's columns are filled. */
export async function inspectPairs(layouts: readonly PairLayout[], models: { policy: Model; reference: Model | null }, beta: number, signal?: AbortSignal): Promise<InspectedPair[]> {
  const fitted = layouts.flatMap(layout => (layout.fitted === null ? [] : [layout.fitted]))
  const policy = await scoreTokens(models.policy, fitted, signal)
  const reference = models.reference === null ? null : models.reference === models.policy ? policy : await scoreTokens(models.reference, fitted, signal)
  let at = 0
  return layouts.map(({ fitted: scored, ...layout }) => {
    if (scored === null) return { ...layout, beta, margin: null, weight: null }
    const own = policy[at]
    const its = reference?.[at] ?? null
    at++
    if (!own) throw new Error(`the engine scored ${policy.length} of ${fitted.length} pairs`)
    const chosen = fillSide(layout.chosen, own.chosen, its?.chosen ?? null)
    const rejected = fillSide(layout.rejected, own.rejected, its?.rejected ?? null)
    const margin = chosen.logRatio === null || rejected.logRatio === null ? null : beta * (chosen.logRatio - rejected.logRatio)
    return { ...layout, prompt: fillTokens(layout.prompt, own.prompt, its?.prompt ?? null), chosen, rejected, beta, margin, weight: margin === null ? null : beta / (1 + Math.exp(margin)) }
  })
}

/** @throws InputError where the reference's tokenizer reads the pair differently: its log-probabilities would be of other tokens. */
export function checkSameTokens(policy: Renderer, reference: Renderer, row: PreferenceRow, where: string): void {
  const { chosenText, rejectedText } = policy.renderPair(row)
  for (const text of [chosenText, rejectedText]) {
    const [own, its] = [policy.tokenizer.encode(text), reference.tokenizer.encode(text)]
    if (own.length !== its.length || own.some((id, i) => id !== its[i])) throw new InputError(`expected a reference with the policy's tokenizer, but ${where} makes other token ids of this pair; choose the model the policy was trained from`)
  }
}

function layOutSide(renderer: Renderer, row: PreferenceRow, side: 'chosen' | 'rejected', promptIds: readonly number[], completionIds: readonly number[], rendered: string): InspectedToken[] {
  const { tokenizer } = renderer
  const ids = [...promptIds, ...completionIds]
  const texts = tokenTexts(tokenizer, ids)
  // The text as the tokenizer sees it: mostly as it was rendered, else in its normal form.
  const text = texts.join('')
  const spans = messageSpans(renderer, row, side, text, text === rendered ? undefined : piece => tokenizer.decode(tokenizer.encode(piece)))
  let start = 0
  let span = 0
  return ids.map((id, i) => {
    const own = texts[i] ?? ''
    // A token that only begins a character belongs where that character stands.
    const end = start + Math.max(1, own.length)
    while (span < spans.length && (spans[span]?.end ?? 0) <= start) span++
    const template = !((spans[span]?.start ?? Infinity) < end)
    start += own.length
    return { id, text: own, template, cut: false, logp: null, refLogp: null }
  })
}

function whyDropped(fitted: TokenPair | null, promptTokens: number, limit: LengthLimit | null): string | null {
  if (fitted === null) return `the prompt alone (${promptTokens} tokens) fills ${limit?.rule} ${limit?.tokens}`
  if (fitted.promptIds.length === 0) return 'the prompt has no token, so nothing predicts the first one of a reply'
  for (const side of ['chosen', 'rejected'] as const) if (fitted[`${side}Ids`].length === 0) return `${side} adds no token to the prompt`
  return null
}

type PairLogps = { prompt: Float32Array; chosen: Float32Array; rejected: Float32Array }

async function scoreTokens(model: Model, pairs: readonly TokenPair[], signal: AbortSignal | undefined): Promise<PairLogps[]> {
  // The completions in one call, in the order of `score`, so that the figures are its own to the last bit.
  const completions = await model.score(pairs.flatMap(({ promptIds, chosenIds, rejectedIds }): TokenRow[] => [{ promptIds, completionIds: chosenIds }, { promptIds, completionIds: rejectedIds }]), signal)
  const prompts = await model.score(pairs.map(({ promptIds }): TokenRow => ({ promptIds: promptIds.slice(0, 1), completionIds: promptIds.slice(1) })), signal)
  return pairs.map((_, i) => ({ prompt: prompts[i] ?? new Float32Array(), chosen: completions[2 * i] ?? new Float32Array(), rejected: completions[2 * i + 1] ?? new Float32Array() }))
}

/** The first scored token of a prompt has nothing before it; cut tokens have no figures. */
function fillTokens(tokens: readonly InspectedToken[], logps: Float32Array, refLogps: Float32Array | null): InspectedToken[] {
  const kept = tokens.filter(({ cut }) => !cut).length
  let at = logps.length - kept
  return tokens.map(token => {
    if (token.cut) return token
    const index = at++
    return { ...token, logp: logps[index] ?? null, refLogp: refLogps?.[index] ?? null }
  })
}

function fillSide(side: InspectedSide, logps: Float32Array, refLogps: Float32Array | null): InspectedSide {
  const [own, its] = [sum(logps), refLogps === null ? null : sum(refLogps)]
  return { tokens: fillTokens(side.tokens, logps, refLogps), logps: own, refLogps: its, logRatio: its === null ? null : own - its }
}

/** In double precision. */
function sum(values: Float32Array): number {
  return values.reduce((total, value) => total + value, 0)
}
