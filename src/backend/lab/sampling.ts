/** The lab's `sample`: replies of a policy, drawn in a fixed plan of batches, each journaled when it is done. */
import { hash32 } from '../../core/rng.ts'
import type { Model, SampleRequest, SampleSettings, ServedCompletion, ServeSettings } from '../../engine/engine.ts'
import type { Drawn, Policy, SamplePrompt, Stopgap } from '../../recipes/lab.ts'
import { afterLastMarker } from '../../recipes/prompts.ts'
import { UsageError } from '../../shared/errors.ts'
import { decidingSampling, type SamplingConfig } from '../../shared/recipe.ts'
import type { Message } from '../../shared/types.ts'
import { countSamples, insertSamples, readStoredSamples, type StoredSample, toSampleRow } from '../storage/run-stages.ts'
import { eventTurn, type LabContext, log, roundOf } from './context.ts'
import { runStage } from './journal.ts'
import { type Earlier, largestMoves } from './stale.ts'
import { fitPrompt, replyText, type Text } from './text.ts'

export type DrawnReply = { text: string; completionIds: number[]; finishReason: 'stop' | 'length'; tokens: number; /** Null where a server drew it, which does not tell. */ entropy: number | null; logp: number }
export type DrawSettings = Pick<SampleSettings, 'temperature' | 'top_p' | 'top_k' | 'min_p' | 'repetition_penalty' | 'max_new_tokens' | 'batch_size'>

/** `fresh` are places of the prompts that were sampled now; the others keep earlier replies. */
export type Sampled = { drawn: Drawn[]; fresh: number[] }
type SampleResult = { samples: number; /** As `largestMoves` gives them, where earlier replies were looked at. */ moved?: (number | null)[] }

/**
 * Replies to all prompts. With `earlier`, prompts whose earlier replies have moved by no more than `staleBeyond` keep
 * them and are not sampled. Seeds go by a prompt's place in the round, so those that are sampled get the random numbers
 * that they would get without.
 */
export async function sampleStage(context: LabContext, key: string, policy: Policy, prompts: readonly SamplePrompt[], sampling: SamplingConfig, earlier: Earlier | null = null): Promise<Sampled> {
  const { workspace: { db }, lease: { runId }, recipe: { seed } } = context
  const { n } = sampling
  const freshOf = ({ moved }: Pick<SampleResult, 'moved'>): number[] => prompts.flatMap((_, i) => (isKept(moved?.[i], earlier) ? [] : [i]))
  const result = await runStage<SampleResult>(context, {
    key,
    kind: 'sample',
    round: roundOf(key),
    startsFrom: policy.name,
    inputs: {
      policy: policy.hash, prompts: prompts.map(({ messages, about }) => [messages, about.conversationId, about.turnIndex]), sampling: decidingSampling(sampling), seed, stage: key,
      ...(earlier && { staleBeyond: earlier.staleBeyond, earlier: earlier.drawn.map((one) => one?.samples.map(({ completionIds, logp }) => [completionIds, logp]) ?? null) }),
    },
    async work(stage) {
      if (prompts.length === 0) throw new UsageError(`${key}: expected logged rows to sample for, got none. The dataset holds no row of the kind this recipe learns from: look at its labels`)
      const ids = fitPrompts(context, key, prompts.map(({ messages }) => messages), sampling)
      const toScore = earlier?.drawn.reduce((sum, one) => sum + (one?.samples.length ?? 0), 0) ?? 0
      const total = toScore + prompts.length * n
      const moved = earlier === null ? undefined : await largestMoves(context, policy, earlier, ids, (scored) => stage.tell(scored, total))
      const fresh = freshOf({ moved })
      const stopgaps = countStopgaps(fresh.map((i) => prompts[i]!))
      const requests = fresh.flatMap((i) => Array.from({ length: n }, (_, sampleIndex): SampleRequest => ({ promptIds: ids[i]!, seed: hash32(`${seed}/${key}/${i}/${sampleIndex}`) })))
      const before = total - requests.length
      let done = countSamples(db, runId, key)
      let tokensNow = 0
      stage.tell(before + done, total)
      const kept = prompts.length - fresh.length
      if (done === 0 && earlier !== null) log(context, 'info', `${key}: ${kept} of ${prompts.length} rows keep the replies of an earlier round, because log π of them has moved by at most resample_stale_only ${earlier.staleBeyond} nats per token; ${fresh.length} are sampled (in the paper: all)`)
      if (done === 0 && stopgaps.length > 0) log(context, 'info', `${key}: of ${fresh.length} rows, those without the user's words are sampled otherwise (without_feedback): ${stopgaps.map(([name, count]) => `${count} ${STOPGAP_WORDS[name]}`).join(', ')}`)
      for await (const replies of drawReplies(context, policy.folder, requests, done, sampling)) {
        const samples = replies.map((reply, i) => {
          const place = fresh[Math.floor((done + i) / n)]!
          const prompt = prompts[place]!
          return { index: done + i, sample: toStoredSample(prompt, { ...reply, text: takenReply(context.text, prompt, ids[place]!, reply, sampling) }) }
        })
        stage.commit(() => insertSamples(db, runId, key, samples))
        done += samples.length
        context.tell({ type: 'samples', rows: samples.map(({ index, sample }) => toSampleRow(key, index, sample, null)) })
        tokensNow += samples.reduce((sum, { sample }) => sum + sample.tokens, 0)
        stage.tell(before + done, total, tokensNow)
      }
      const stored = readStoredSamples(db, runId, key)
      const tokens = stored.reduce((sum, sample) => sum + sample.tokens, 0)
      const cutShort = stored.filter(({ finishReason }) => finishReason === 'length').length
      const empty = stored.filter(({ text }) => text.trim() === '').length
      const searched = isSearched(sampling) ? stored.filter((sample) => sample.text !== replyText(context.text, sample.completionIds, sample.finishReason).trim()).length : 0
      if (searched > 0) log(context, 'warning', `${key}: ${searched} of ${done} replies are not what was generated but what follows the last "Assistant: " of prompt and reply (reply_from last-marker)`)
      if (cutShort > 0) log(context, 'warning', `${key}: ${cutShort} of ${done} replies were cut at max_new_tokens ${sampling.max_new_tokens}`)
      if (empty > 0) log(context, 'warning', `${key}: ${empty} of ${done} replies are empty`)
      return {
        result: { samples: done, ...(moved && { moved }) },
        counts: { samplesDrawn: done, generatedTokens: tokens, ...(earlier && { scoredTokens: tokensOf(earlier) }) },
        summary: { samples: done, ...(earlier && { kept: kept * n }), tokens, ...Object.fromEntries(stopgaps.map(([name, count]) => [STOPGAP_WORDS[name], count])), 'cut short': cutShort, ...meanEntropy(stored) },
      }
    },
  })
  const fresh = freshOf(result)
  const texts = readStoredSamples(db, runId, key).map(({ text }) => text)
  const drawn = earlier?.drawn.map((one): Drawn => ({ replies: one?.samples.map(({ text }) => text) ?? [], by: one?.by ?? policy })) ?? prompts.map((): Drawn => ({ replies: [], by: policy }))
  fresh.forEach((prompt, i) => (drawn[prompt] = { replies: texts.slice(i * n, (i + 1) * n), by: policy }))
  return { drawn, fresh }
}

const isKept = (moved: number | null | undefined, earlier: Earlier | null): boolean => earlier !== null && typeof moved === 'number' && moved <= earlier.staleBeyond
const tokensOf = ({ drawn }: Earlier): number => drawn.reduce((sum, one) => sum + (one?.samples ?? []).reduce((tokens, sample) => tokens + sample.tokens, 0), 0)

/** Nothing where it was not told. */
function meanEntropy(samples: readonly StoredSample[]): { entropy?: number } {
  const told = samples.flatMap(({ entropy }) => entropy ?? [])
  return told.length === 0 ? {} : { entropy: told.reduce((sum, entropy) => sum + entropy, 0) / told.length }
}

const STOPGAP_WORDS: Record<Stopgap, string> = { instruction: 'with the instruction alone', unguided: 'unguided', critique: 'with a critique' }

/** How many of the prompts stand in for feedback that is not there, by what they are shown. */
function countStopgaps(prompts: readonly SamplePrompt[]): [Stopgap, number][] {
  const counts = new Map<Stopgap, number>()
  for (const { stopgap } of prompts) if (stopgap !== undefined) counts.set(stopgap, (counts.get(stopgap) ?? 0) + 1)
  return [...counts]
}

/** Ids of all prompts within the settings and the model's context; what had to be cut is logged. */
export function fitPrompts(context: LabContext, key: string, prompts: readonly (readonly Message[] | string)[], settings: Pick<SamplingConfig, 'max_prompt_tokens' | 'max_new_tokens'> & Partial<Pick<SamplingConfig, 'truncation_side'>>): number[][] {
  const limit = Math.min(settings.max_prompt_tokens, context.text.context - settings.max_new_tokens)
  if (limit < 1) throw new UsageError(`${key}: max_new_tokens ${settings.max_new_tokens} leaves no room for a prompt in the model's context of ${context.text.context} tokens; lower it`)
  const side = settings.truncation_side ?? 'left'
  const fitted = prompts.map((messages) => fitPrompt(messages, limit, context.text.renderer, side))
  const isEndCut = (i: number): boolean => side === 'right' && typeof prompts[i] === 'string'
  const ends = fitted.filter((prompt, i) => prompt.cut > 0 && isEndCut(i))
  if (ends.length > 0) log(context, 'warning', `${key}: ${ends.length} of ${prompts.length} prompts were longer than ${limit} tokens and lost their end, with it the instruction, as in the public script (truncation_side right)`)
  const cut = fitted.filter((prompt, i) => prompt.cut > 0 && !isEndCut(i))
  if (cut.length > 0) {
    const dropped = cut.reduce((sum, prompt) => sum + prompt.dropped, 0)
    log(context, 'warning', `${key}: ${cut.length} of ${prompts.length} prompts were longer than ${limit} tokens; their oldest ${cut.reduce((sum, prompt) => sum + prompt.cut, 0)} characters${dropped > 0 ? ` (${dropped} messages whole)` : ''} were left out, the last message's end was kept`)
  }
  return fitted.map(({ ids }) => ids)
}

/**
 * Replies from request `done` on, batch by batch. A batch is `batch_size` consecutive requests whatever was
 * interrupted, because sequences decoded together belong to what makes results repeatable; a server makes its own.
 * @param atOnce ends a batch where it is; without it an interruption waits for the batch's end.
 */
export async function* drawReplies(context: Pick<LabContext, 'text' | 'models' | 'signal'>, folder: string, requests: readonly SampleRequest[], done: number, settings: DrawSettings, atOnce?: AbortSignal): AsyncGenerator<DrawnReply[]> {
  const { text } = context
  const served = done < requests.length && (await context.models.use(folder)).serve?.(requests.slice(done), asked(text, settings), context.signal)
  if (served) {
    for await (const completions of served) yield completions.map((completion) => toReply(text, { ...completion, entropy: null }))
    return
  }
  for (let from = done; from < requests.length; from += settings.batch_size) {
    yield await drawBatch(text, await context.models.use(folder), requests.slice(from, from + settings.batch_size), settings, atOnce)
    await eventTurn()
    context.signal.throwIfAborted()
  }
}

/** One reply to each request, decoded together. */
export async function drawBatch(text: Text, model: Model, batch: readonly SampleRequest[], settings: DrawSettings, signal?: AbortSignal): Promise<(DrawnReply & { entropy: number })[]> {
  const replies: (DrawnReply & { entropy: number })[] = []
  for await (const completions of model.sample([...batch], { ...asked(text, settings), batch_size: settings.batch_size }, signal)) replies.push(...completions.map((completion) => toReply(text, completion)))
  if (replies.length !== batch.length) throw new Error(`the engine drew ${replies.length} replies for ${batch.length} requests`)
  return replies
}

/** Temperature 0 is greedy. */
const asked = ({ eosIds }: Text, { batch_size: _, temperature, ...settings }: DrawSettings): ServeSettings => ({ ...settings, greedy: temperature === 0, temperature: temperature || 1, eosIds })

const toReply = <Entropy extends number | null>(text: Text, { completionIds, finishReason, entropy, logp }: ServedCompletion & { entropy: Entropy }): DrawnReply & { entropy: Entropy } => ({ text: replyText(text, completionIds, finishReason), completionIds, finishReason, tokens: completionIds.length, entropy, logp })

const isSearched = ({ reply_from: from }: SamplingConfig): boolean => from === 'last-marker'

/** What a reply is taken to be; chat prompts have no marker. Prompt and reply are one text here, as the public script decodes them. */
function takenReply({ renderer }: Text, { messages }: SamplePrompt, promptIds: readonly number[], { completionIds, text }: DrawnReply, sampling: SamplingConfig): string {
  if (!isSearched(sampling) || typeof messages !== 'string') return text
  return afterLastMarker(renderer.tokenizer.decode([...promptIds, ...completionIds], { skipSpecial: true })).trim()
}

/** The disliked reply is shown where the prompt shows it to the policy. */
function toStoredSample({ messages, about }: SamplePrompt, reply: DrawnReply): StoredSample {
  const isGuided = JSON.stringify(messages) !== JSON.stringify(about.prompt)
  return { prompt: about.prompt, ...reply, rejected: isGuided ? about.reply : null, userFeedback: isGuided ? about.userFeedback : null, conversationId: about.conversationId, turnIndex: about.turnIndex }
}

