/** Conversations to token ids and back, with the tokenizer and template that all policies of a run share. */
import { loadRenderer, type Renderer, truncatePair } from '../../engine/chat-template.ts'
import type { TokenPair } from '../../engine/engine.ts'
import { readEosIds, readModelConfig } from '../../engine/model-folder.ts'
import { UsageError } from '../../shared/errors.ts'
import type { Message, Pair } from '../../shared/types.ts'

export type Text = {
  renderer: Renderer
  /** Longest sequence the model takes. */
  context: number
  /** Ids that end a reply. */
  eosIds: number[]
}

export function loadText(folder: string): Text {
  const config = readModelConfig(folder)
  return { renderer: loadRenderer(folder), context: config.max_position_embeddings, eosIds: readEosIds(folder, config) }
}

export type FittedPrompt = { ids: number[]; /** Characters left out; tokens where the end was. */ cut: number; /** Messages left out whole. */ dropped: number }

/**
 * Ids of a prompt within `maxTokens`. Too long a prompt loses its oldest characters, system messages excepted: the end
 * of the last message, which holds the instruction, survives. Roles keep their order, which templates insist on;
 * emptied exchanges (user and assistant) are dropped whole. A string is raw text, which gets no template; `side` right
 * cuts its end instead, as the public script's tokenizer does.
 */
export function fitPrompt(prompt: readonly Message[] | string, maxTokens: number, renderer: Pick<Renderer, 'renderPrompt'>, side: 'left' | 'right' = 'left'): FittedPrompt {
  const messages: readonly Message[] = typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt
  const idsOf = (cutTo: Message[]): number[] => renderer.renderPrompt(typeof prompt === 'string' ? (cutTo[0]?.content ?? '') : cutTo).ids
  const whole = idsOf([...messages])
  if (whole.length <= maxTokens) return { ids: whole, cut: 0, dropped: 0 }
  if (side === 'right' && typeof prompt === 'string') return { ids: whole.slice(0, maxTokens), cut: whole.length - maxTokens, dropped: 0 }
  const total = messages.reduce((sum, { role, content }) => sum + (role === 'system' ? 0 : content.length), 0)
  // The fewest characters to leave out: tokens fall with characters, up to a few at the seam.
  let [tooFew, enough] = [0, total]
  const emptiest = cutFront(messages, total)
  if (idsOf(emptiest).length > maxTokens) throw new UsageError(`prompt: expected room for the conversation's frame within max_prompt_tokens ${maxTokens}, but system messages and template alone take ${idsOf(emptiest).length}; raise sampling.max_prompt_tokens`)
  while (enough - tooFew > 1) {
    const middle = Math.floor((tooFew + enough) / 2)
    if (idsOf(cutFront(messages, middle)).length <= maxTokens) enough = middle
    else tooFew = middle
  }
  const kept = cutFront(messages, enough)
  return { ids: idsOf(kept), cut: enough, dropped: messages.length - kept.length }
}

function cutFront(messages: readonly Message[], characters: number): Message[] {
  const system = messages.filter(({ role }) => role === 'system')
  let left = characters
  const others = messages.filter(({ role }) => role !== 'system').map(({ role, content }) => {
    const cut = Math.min(left, content.length)
    left -= cut
    // Not through the middle of a surrogate pair.
    return { role, content: content.slice(isLowSurrogate(content, cut) ? cut + 1 : cut) }
  })
  while (others.length > 2 && others[0]?.role === 'user' && others[0].content === '' && others[1]?.role === 'assistant' && others[1].content === '') others.splice(0, 2)
  return [...system, ...others]
}

function isLowSurrogate(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code >= 0xdc00 && code <= 0xdfff
}

/** What a reply's ids say, without the id that ended it and without special tokens. */
export function replyText({ renderer }: Text, completionIds: readonly number[], finishReason: 'stop' | 'length'): string {
  return renderer.tokenizer.decode(finishReason === 'stop' ? completionIds.slice(0, -1) : completionIds, { skipSpecial: true })
}

export type TokenizedPairs = { tokens: TokenPair[]; /** Pairs whose prompt alone fills `maxLength`: nothing to learn. */ dropped: number; /** Pairs cut to `maxLength`. */ cut: number }

/** Pairs as TRL's DPOTrainer makes them: shared prompt, both sides cut at the end to `maxLength` tokens. */
export function tokenizePairs({ renderer, context }: Text, pairs: readonly Pair[], maxLength: number): TokenizedPairs {
  const limit = Math.min(maxLength, context)
  const tokenized: TokenizedPairs = { tokens: [], dropped: 0, cut: 0 }
  for (const { prompt, chosen, rejected } of pairs) {
    const { promptIds, chosenIds, rejectedIds } = renderer.renderPair({ prompt, chosen: [{ role: 'assistant', content: chosen }], rejected: [{ role: 'assistant', content: rejected }] })
    const fitted = truncatePair({ promptIds, chosenIds, rejectedIds }, limit)
    if (fitted === null || fitted.chosenIds.length === 0 || fitted.rejectedIds.length === 0) tokenized.dropped++
    else {
      if (fitted.chosenIds.length < chosenIds.length || fitted.rejectedIds.length < rejectedIds.length) tokenized.cut++
      tokenized.tokens.push(fitted)
    }
  }
  return tokenized
}

/** A conversation with its reply, as the reward head reads it; the beginning is cut, since the last token is what is read. */
export function replyIds({ renderer, context }: Text, prompt: readonly Message[], reply: string, maxLength: number): number[] {
  const { ids } = renderer.renderMessages([...prompt, { role: 'assistant', content: reply }])
  return ids.slice(-Math.min(maxLength, context))
}
