/** What DRIFT shows the policy when it asks for a better reply, and what becomes of the answer. */
import type { FeedbackRow, Message } from '../shared/types.ts'
import type { Recipe } from '../shared/recipe.ts'
import type { SamplePrompt, Stopgap } from './lab.ts'

type PromptKeys = Pick<Recipe, 'prompt_style' | 'improve_instruction' | 'without_feedback'>

/** Guided by the user's words; rows without any as `without_feedback` says. */
export function guided(row: FeedbackRow, recipe: PromptKeys): SamplePrompt {
  if (row.userFeedback !== null) return { messages: promptWithFeedback(row, row.userFeedback, recipe), about: row }
  const stopgap: Stopgap = recipe.without_feedback === 'critique' && row.critique === undefined ? 'unguided' : recipe.without_feedback
  return { messages: stopgap === 'unguided' ? row.prompt : promptWithFeedback(row, stopgap === 'critique' ? (row.critique ?? '') : '', recipe), about: row, stopgap }
}

export const unguided = (row: FeedbackRow): SamplePrompt => ({ messages: row.prompt, about: row })

/** Asks for the reply in raw text, and is what the public script looks for in the result. */
const MARKER = 'Assistant: '

/**
 * The dialogue, the disliked reply, what was wrong with it (empty: nothing is said), then the request to improve.
 * chat: as chat turns, the instruction at the end of the user's words. paper: the public script's raw text, the
 * instruction as its last System line.
 */
export function promptWithFeedback(row: FeedbackRow, words: string, recipe: Pick<PromptKeys, 'prompt_style' | 'improve_instruction'>): Message[] | string {
  if (recipe.prompt_style === 'chat') {
    return [...row.prompt, { role: 'assistant', content: row.reply }, { role: 'user', content: [words, recipe.improve_instruction].filter(Boolean).join(' ') }]
  }
  const system = row.prompt.find(({ role }) => role === 'system')
  const turns: Message[] = [...row.prompt, { role: 'assistant', content: row.reply }, ...(words === '' ? [] : [{ role: 'user' as const, content: words }])]
  const lines = turns.flatMap(({ role, content }) => (role === 'user' ? [`User: ${content}\n`] : role === 'assistant' ? [`${MARKER}${content}\n`] : []))
  return `${system ? `${system.content}\n\n` : ''}${lines.join('')}System: ${recipe.improve_instruction}\n${MARKER}`
}

/**
 * The reply as the public script finds it: what follows the last "Assistant: " of the whole text that was shown and
 * generated. Where there is none its arithmetic (-1 and the marker's length) loses the first ten characters.
 */
export const afterLastMarker = (text: string): string => text.slice(text.lastIndexOf(MARKER) + MARKER.length)

/** A sample as the side of a pair: after raw text without the white space around it, as the public script cuts it. */
export const asReply = (sample: string, { prompt_style: style }: Pick<Recipe, 'prompt_style'>): string => (style === 'paper' ? sample.trim() : sample)
