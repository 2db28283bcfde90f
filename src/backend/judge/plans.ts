/**
 * A judge's work as questions, and its replies as the rows of the files that published judges leave. What needs no
 * judge (identical answers) is decided here.
 */
import { alpacaMessages, comparisonMessages, scoreMessages, shownAnswer } from '../../core/evals/judge-prompts.ts'
import { choiceFromReply, preferenceFromLogprobs, preferenceFromText, scoreFromReply } from '../../core/evals/judge-replies.ts'
import type { EvaluationInput } from '../../shared/evaluation.ts'
import type { Question } from './ask-all.ts'
import type { Completion } from './chat-endpoint.ts'
import { readAnsweredTasks, readAnswerPairs } from './judge-files.ts'
import { isSwitched, testIsFirst } from './presentation-order.ts'

export type Plan = {
  /** Answers or pairs to judge. */
  answers: number
  /** The tasks carry their tags. */
  tagged: boolean
  questions: Question[]
  notices: string[]
  /** Rows of the judge's file from the replies to the questions, in their order; null where there is none. */
  rows(completions: readonly (Completion | null)[], judge: string): { rows: object[]; /** How many of them hold a judgement. */ readable: number; notices: string[]; /** Choices where probabilities were asked for. */ discrete: boolean }
}

/** The published judge's: one token with its five likeliest alternatives, sampled once. */
const ALPACA_OPTIONS = { maxTokens: 1, temperature: 1, topLogprobs: 5 }
export const WILDBENCH_OPTIONS = { maxTokens: 1024, temperature: 0, responseFormat: { type: 'json_object' } }

export async function planJudging(input: EvaluationInput): Promise<Plan> {
  if (input.benchmark === 'alpacaeval') return planAlpaca(input)
  return input.benchmark === 'wb-score' ? planScores(input) : planComparisons(input)
}

async function planAlpaca({ files, judge }: EvaluationInput): Promise<Plan> {
  const { pairs, notices } = await readAnswerPairs(files)
  // Equal pairs are judged once; identical answers not at all.
  const asked = pairs.flatMap(({ instruction, modelOutput, baselineOutput }, pair) => {
    if (modelOutput === baselineOutput) return []
    const seeded = isSwitched(instruction)
    return (judge?.swap ? [seeded, !seeded] : [seeded]).map((switched) => ({ pair, switched }))
  })
  const questions = asked.map(({ pair, switched }): Question => {
    const { instruction, modelOutput, baselineOutput } = pairs[pair]!
    const [first, second] = switched ? [modelOutput, baselineOutput] : [baselineOutput, modelOutput]
    return { messages: alpacaMessages(instruction, first, second), options: ALPACA_OPTIONS }
  })
  return {
    answers: pairs.length,
    tagged: false,
    questions,
    notices,
    rows(completions, judgeName) {
      const annotator = judge?.swap ? `${judgeName}, both orders` : judgeName
      const preferences = new Map<number, (number | null)[]>()
      const unread: string[] = []
      let textAlone = 0
      asked.forEach(({ pair, switched }, i) => {
        const completion = completions[i] ?? null
        let preference: number | null = null
        if (completion !== null) {
          const top = completion.logprobs?.[0]?.top ?? []
          if (top.length > 0) preference = preferenceFromLogprobs(top, switched)
          else {
            preference = preferenceFromText(completion.text, switched)
            textAlone += 1
          }
          if (preference === null) unread.push(completion.text)
        }
        preferences.set(pair, [...(preferences.get(pair) ?? []), preference])
      })
      const rows = pairs.map(({ instruction, baselineOutput, baseline, modelOutput, model }, pair) => {
        const of = preferences.get(pair)
        const preference = of === undefined ? 1.5 : of.some((one) => one === null) ? null : of.reduce<number>((sum, one) => sum + one!, 0) / of.length
        return { instruction, output_1: baselineOutput, generator_1: baseline, output_2: modelOutput, generator_2: model, annotator, preference }
      })
      const replies = completions.filter((completion) => completion !== null).length
      const mixed = textAlone > 0 && textAlone < replies ? [`${textAlone} of ${replies} replies came without log-probabilities and count as choices among probabilities`] : []
      return { rows, readable: rows.filter(({ preference }) => preference !== null).length, notices: [...unreadNotice(unread, 'm or M'), ...mixed], discrete: textAlone > 0 }
    },
  }
}

async function planScores({ files }: EvaluationInput): Promise<Plan> {
  const { answered, tagged, notices } = await readAnsweredTasks(files, false)
  return {
    answers: answered.length,
    tagged,
    questions: answered.map(({ task, answer }) => ({ messages: scoreMessages(task, answer), options: WILDBENCH_OPTIONS })),
    notices,
    rows(completions, judge) {
      const unread: string[] = []
      const rows = answered.flatMap(({ task, answer, model }, i) => {
        const completion = completions[i] ?? null
        const score = completion === null ? null : scoreFromReply(completion.text)
        if (completion !== null && score === null) unread.push(completion.text)
        return score === null ? [] : [{ session_id: task.sessionId, score: String(score), model_test: model, model_output: answer, judge }]
      })
      return { rows, readable: rows.length, notices: unreadNotice(unread, 'a JSON object with score 1 to 10'), discrete: false }
    },
  }
}

async function planComparisons({ files, reference }: EvaluationInput): Promise<Plan> {
  const { answered, tasks, tagged, notices } = await readAnsweredTasks(files, true)
  const first = testIsFirst(tasks)
  const referenceName = reference ?? 'reference'
  return {
    answers: answered.length,
    tagged,
    questions: answered.map(({ task, answer, referenceAnswer, place }) => ({ messages: first[place] ? comparisonMessages(task, answer, referenceAnswer) : comparisonMessages(task, referenceAnswer, answer), options: WILDBENCH_OPTIONS })),
    notices,
    rows(completions, judge) {
      const unread: string[] = []
      const rows = answered.flatMap(({ task, answer, referenceAnswer, model, place }, i) => {
        const completion = completions[i] ?? null
        const choice = completion === null ? null : choiceFromReply(completion.text)
        if (completion !== null && choice === null) unread.push(completion.text)
        if (choice === null) return []
        const [a, b] = first[place] ? [model, referenceName] : [referenceName, model]
        return [{ session_id: task.sessionId, model_A: a, model_B: b, winner: choice.winner === 'tie' ? 'tie' : choice.winner === 'A' ? a : b, extent: choice.extent, model_outputs: { [model]: shownAnswer(answer), [referenceName]: shownAnswer(referenceAnswer) }, judge }]
      })
      return { rows, readable: rows.length, notices: unreadNotice(unread, 'a JSON object with choice A++, A+, A=B, B+ or B++'), discrete: false }
    },
  }
}

function unreadNotice(unread: readonly string[], expected: string): string[] {
  return unread.length === 0 ? [] : [`${unread.length} ${unread.length === 1 ? 'reply is' : 'replies are'} not ${expected} and ${unread.length === 1 ? 'is' : 'are'} left out (first: ${JSON.stringify(unread[0]!.slice(0, 80))})`]
}
