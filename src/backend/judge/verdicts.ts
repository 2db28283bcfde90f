/**
 * Verdicts of an LLM judge on turns: from the cache where the same question was answered before, else asked for.
 * Every verdict is on disk before it is told, so that work that is killed loses only what was under way.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { JUDGE_QUESTION, judgePrompt, readVerdict, verdictFormat } from '../../core/judge.ts'
import { readRubric } from '../../core/rubric.ts'
import type { Judgement } from '../../core/signals.ts'
import type { Message } from '../../shared/types.ts'
import { writeWhole } from '../write-lines.ts'
import { EndpointError, type ChatEndpoint } from './chat-endpoint.ts'

export type JudgeUsage = { calls: number; cached: number; promptTokens: number; completionTokens: number; /** Of all calls together. */ callSeconds: number; unreadable: number; firstProblem: string | null; /** False where the server refused the JSON schema and was asked in words alone. */ structured: boolean }

export type Judge = {
  /** Names model and rubric: another rubric is another decider. */
  version: string
  usage: JudgeUsage
  isCached(messages: readonly Message[], turnIndex: number): boolean
  /** The verdict, or null where the answers could not be read. Throws where the endpoint refuses or stays away. */
  judge(messages: readonly Message[], turnIndex: number, signal?: AbortSignal): Promise<Judgement | null>
}

const MAX_TOKENS = 400
const AGAIN: Message = { role: 'user', content: 'Answer with the JSON object alone, as described.' }

export function openJudge(options: { endpoint: ChatEndpoint; baseUrl: string; rubric: string; cacheFolder: string }): Judge {
  const { endpoint, baseUrl, rubric, cacheFolder } = options
  readRubric(rubric)
  const question = sha256(JSON.stringify([JUDGE_QUESTION, baseUrl, endpoint.model, rubric]))
  const responseFormat = verdictFormat(rubric)
  const usage: JudgeUsage = { calls: 0, cached: 0, promptTokens: 0, completionTokens: 0, callSeconds: 0, unreadable: 0, firstProblem: null, structured: true }
  const fileOf = (prompt: readonly Message[]): string => {
    const name = sha256(question + JSON.stringify(prompt))
    return join(cacheFolder, name.slice(0, 2), `${name}.json`)
  }

  const ask = async (messages: readonly Message[], signal: AbortSignal | undefined): Promise<string> => {
    const started = performance.now()
    try {
      const completion = await endpoint.complete(messages, { responseFormat, maxTokens: MAX_TOKENS, ...(signal ? { signal } : {}) })
      usage.promptTokens += completion.promptTokens ?? 0
      usage.completionTokens += completion.completionTokens ?? 0
      if (completion.inWords) usage.structured = false
      return completion.text
    } finally {
      usage.calls += 1
      usage.callSeconds += (performance.now() - started) / 1000
    }
  }

  const note = (problem: string): null => {
    usage.unreadable += 1
    usage.firstProblem ??= problem
    return null
  }

  return {
    version: `${endpoint.model} ${question.slice(0, 8)}`,
    usage,
    isCached: (messages, turnIndex) => existsSync(fileOf(judgePrompt(messages, turnIndex, rubric))),
    async judge(messages, turnIndex, signal) {
      const prompt = judgePrompt(messages, turnIndex, rubric)
      const userText = messages[turnIndex]?.content ?? ''
      const file = fileOf(prompt)
      const known = readCached(file)
      if (known !== null) {
        const verdict = readVerdict(known, userText, rubric)
        if (!('problem' in verdict)) {
          usage.cached += 1
          return verdict
        }
      }
      try {
        let answer = await ask(prompt, signal)
        let verdict = readVerdict(answer, userText, rubric)
        if ('problem' in verdict) {
          answer = await ask([...prompt, { role: 'assistant', content: answer.slice(0, 2000) }, AGAIN], signal)
          verdict = readVerdict(answer, userText, rubric)
        }
        if ('problem' in verdict) return note(verdict.problem)
        writeWhole(file, answer)
        return verdict
      } catch (error) {
        // What is wrong with one request (too long for the model's context) is no reason to stop.
        if (error instanceof EndpointError && !error.transient && (error.status === 400 || error.status === 413 || error.status === 422)) return note(error.message)
        throw error
      }
    },
  }
}

/** Answers are kept as they came: a better reader finds more in them. */
function readCached(file: string): string | null {
  return existsSync(file) ? readFileSync(file, 'utf8') : null
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
