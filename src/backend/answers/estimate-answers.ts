/** What a set of answers will take: memory as the engine reckons it, time from earlier answers of the model or from a few tokens drawn for it. */
import { roughTokens } from '../../core/judge.ts'
import { hash32 } from '../../core/rng.ts'
import { samplingMemory } from '../../engine/estimate-sampling.ts'
import { readModelConfig } from '../../engine/model-folder.ts'
import { openEngine } from '../../engine/open-engine.ts'
import { PLAIN_TORCH } from '../../engine/torch/options.ts'
import type { AnswersEstimate } from '../../shared/answers.ts'
import { ModelShelf } from '../lab/models.ts'
import { drawReplies } from '../lab/sampling.ts'
import { fitPrompt, loadText } from '../lab/text.ts'
import { secondsPerAnswer } from '../storage/answers.ts'
import type { ReadableDb } from '../storage/open.ts'
import type { PreparedAnswers } from './prepare-answers.ts'
import type { AnswerOptions } from './run-answers.ts'

/** Requests that a server of its own batches is measured with. */
const SERVED_TOGETHER = 64
/** Tokens drawn to measure: the longer draw only where the shorter one takes less than this. */
const DRAWN_TOKENS = [9, 65] as const
const ENOUGH_SECONDS = 2
/** Longer answers are measured as these are. */
export const MOST_DRAWN = DRAWN_TOKENS[1]
/** Of an answer's text, in the workspace and in the file of answers. */
const BYTES_PER_TOKEN = 2 * 4

/** Seconds that a batch's prompts and each further token of its longest answer take; `longest` is that answer's length where all of them came to their end. */
export type AnswerSpeed = { promptSeconds: number; stepSeconds: number; longest: number | null }

/** @param speed as `measureAnswering` has found it, if it was asked. */
export function estimateAnswers(db: ReadableDb, prepared: PreparedAnswers, speed: AnswerSpeed | null): AnswersEstimate {
  const { input: { engine, useVllm, sampling }, folder, prompts, maxPromptTokens } = prepared
  const maxNewTokens = sampling.max_new_tokens!
  const texts = prompts.map(({ messages }) => messages.reduce((sum, { content }) => sum + roughTokens(content), 0))
  const longestPrompt = Math.min(maxPromptTokens, Math.max(...texts))
  return {
    answers: prompts.length,
    maxNewTokens,
    time: estimateTime(db, prepared, speed),
    memoryBytes: useVllm ? null : samplingMemory(readModelConfig(folder), engine, { rows: rowsTogether(prepared), longestPrompt, maxNewTokens }),
    diskBytes: BYTES_PER_TOKEN * (texts.reduce((sum, tokens) => sum + tokens, 0) + prompts.length * maxNewTokens),
  }
}

function estimateTime(db: ReadableDb, prepared: PreparedAnswers, speed: AnswerSpeed | null): AnswersEstimate['time'] {
  const answers = prepared.prompts.length
  const earlier = secondsPerAnswer(db, prepared)
  if (earlier !== null) return { seconds: answers * earlier, basis: 'earlier', atMost: false }
  if (speed === null) return null
  const allowed = prepared.input.sampling.max_new_tokens!
  const longest = Math.min(speed.longest ?? allowed, allowed)
  return { seconds: (answers / rowsTogether(prepared)) * (speed.promptSeconds + (longest - 1) * speed.stepSeconds), basis: 'measured', atMost: speed.longest === null }
}

const rowsTogether = ({ prompts, input: { useVllm, sampling } }: PreparedAnswers): number => Math.min(prompts.length, useVllm ? SERVED_TOGETHER : sampling.batch_size)

/** Loads the model and draws the first tokens of one batch of prompts from all over the file: some seconds beside loading. Nothing of it is kept. */
export async function measureAnswering(prepared: PreparedAnswers, { signal, ...given }: Pick<AnswerOptions, 'signal' | 'engine' | 'loadText'>): Promise<AnswerSpeed> {
  const { folder, threads, prompts, maxPromptTokens, input: { engine: name, device, useVllm, sampling: { max_new_tokens: longestAllowed = 1, seed, ...sampling } } } = prepared
  const engine = given.engine ?? (await openEngine(name, { ...PLAIN_TORCH, use_vllm: useVllm }))
  const models = new ModelShelf(engine, threads, device)
  try {
    const text = (given.loadText ?? loadText)(folder)
    const rows = rowsTogether(prepared)
    const requests = Array.from({ length: rows }, (_, i) => {
      const at = Math.floor((i * prompts.length) / rows)
      return { promptIds: fitPrompt(prompts[at]!.messages, maxPromptTokens, text.renderer).ids, seed: hash32(`${seed}/${at}/0`) }
    })
    const draw = async (tokens: number): Promise<{ seconds: number; longest: number; ended: boolean }> => {
      const began = performance.now()
      const drawn = { longest: 1, ended: true }
      for await (const replies of drawReplies({ text, models, signal }, folder, requests, 0, { ...sampling, max_new_tokens: Math.min(tokens, longestAllowed) }, signal)) {
        for (const { tokens, finishReason } of replies) {
          drawn.longest = Math.max(drawn.longest, tokens)
          drawn.ended &&= finishReason === 'stop'
        }
      }
      return { ...drawn, seconds: (performance.now() - began) / 1000 }
    }
    // What is loaded and opened once is no part of the speed.
    await draw(2)
    const prompt = await draw(1)
    let long = await draw(DRAWN_TOKENS[0])
    if (!long.ended && long.seconds < ENOUGH_SECONDS) long = await draw(MOST_DRAWN)
    return {
      promptSeconds: prompt.seconds,
      stepSeconds: Math.max(0, long.seconds - prompt.seconds) / Math.max(1, long.longest - 1),
      longest: long.ended ? long.longest : null,
    }
  } finally {
    await models.release()
    if (given.engine === undefined) await engine.close?.()
  }
}
