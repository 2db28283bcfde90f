/** The lab's rewards from a judge at an endpoint: each reply alone, 1 to 10, by the prompt WildBench's scores are asked with. */
import { scoreMessages } from '../../core/evals/judge-prompts.ts'
import { scoreFromReply } from '../../core/evals/judge-replies.ts'
import { UsageError } from '../../shared/errors.ts'
import type { Recipe } from '../../shared/recipe.ts'
import type { FeedbackRow } from '../../shared/types.ts'
import { askAll, type Question } from '../judge/ask-all.ts'
import { chatEndpoint } from '../judge/chat-endpoint.ts'
import { judgeKey } from '../judge/judge-settings.ts'
import { WILDBENCH_OPTIONS } from '../judge/plans.ts'
import { type LabContext, log } from './context.ts'

export type JudgeConfig = NonNullable<Recipe['judge']>

/** What rewards of a judge depend on beside the replies. */
export function judgeIdentity(recipe: Pick<Recipe, 'judge'>): Pick<JudgeConfig, 'base_url' | 'model'> {
  const { base_url, model } = requireJudge(recipe)
  return { base_url, model }
}

export const rewardQuestion = (row: Pick<FeedbackRow, 'conversationId' | 'prompt'>, reply: string): Question => ({
  messages: scoreMessages({ sessionId: row.conversationId, conversation: row.prompt, checklist: [] }, reply),
  options: WILDBENCH_OPTIONS,
})

/**
 * In the order of the rows; null where the judge gave no score that can be read. Replies of the judge are kept as they
 * come: what was interrupted asks, and pays, for the rest alone. Equal questions are asked once.
 */
export async function judgeRewards(context: LabContext, stage: string, rows: readonly { row: FeedbackRow; reply: string }[], tell: (done: number, total: number) => void): Promise<(number | null)[]> {
  const { base_url: url, model, concurrency } = requireJudge(context.recipe)
  const { key } = judgeKey()
  const questions: Question[] = []
  const places = new Map<string, number>()
  const placeOf = rows.map(({ row, reply }) => {
    const question = rewardQuestion(row, reply)
    const text = JSON.stringify(question.messages)
    const place = places.get(text) ?? questions.push(question) - 1
    places.set(text, place)
    return place
  })
  const replies = await askAll(context.workspace.db, chatEndpoint({ baseUrl: url, model, key }), questions, { url, concurrency, signal: context.signal, onProgress: ({ done, total }) => tell(done, total) })
  const scores = replies.completions.map((completion) => (completion === null ? null : scoreFromReply(completion.text)))
  const missing = replies.completions.filter((completion) => completion === null).length
  const unread = scores.filter((score) => score === null).length - missing
  log(context, 'info', `${stage}: ${questions.length} replies scored by ${replies.model}`)
  for (const notice of replies.notices) log(context, 'info', `${stage}: ${notice}`)
  if (missing > 0) log(context, 'warning', `${stage}: ${missing} of ${questions.length} replies got no answer from the judge, their pairs fall out (${replies.firstFailure ?? ''})`)
  if (unread > 0) log(context, 'warning', `${stage}: ${unread} of ${questions.length} answers of the judge hold no score from 1 to 10, their pairs fall out`)
  return placeOf.map((place) => scores[place] ?? null)
}

function requireJudge({ judge }: Pick<Recipe, 'judge'>): JudgeConfig {
  if (judge === null) throw new UsageError('judge: expected base_url and model of an OpenAI-compatible endpoint (reward: judge), found none; add them to the recipe')
  return judge
}
