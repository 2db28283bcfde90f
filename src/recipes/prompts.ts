/** What DRIFT shows the policy when it asks for a better reply. */
import type { FeedbackRow, Message } from '../shared/types.ts'
import type { Recipe } from '../shared/recipe.ts'

/**
 * The dialogue, the disliked reply, the user's words, then the request to improve.
 * chat: as chat turns, the instruction at the end of the user's words. paper: one raw text whose last line is the
 * system instruction, as the public script writes it. Rows without feedback are sampled with the instruction alone.
 */
export function promptWithFeedback(row: FeedbackRow, recipe: Pick<Recipe, 'prompt_style' | 'improve_instruction'>): Message[] {
  const words = row.userFeedback ?? ''
  if (recipe.prompt_style === 'chat') {
    return [...row.prompt, { role: 'assistant', content: row.reply }, { role: 'user', content: [words, recipe.improve_instruction].filter(Boolean).join(' ') }]
  }
  const name = { system: 'System', user: 'User', assistant: 'Assistant', tool: 'Tool' }
  const turns: Message[] = [...row.prompt, { role: 'assistant', content: row.reply }]
  if (words) turns.push({ role: 'user', content: words })
  const text = turns.map((turn) => `${name[turn.role]}: ${turn.content}`).join('\n')
  return [{ role: 'user', content: `${text}\nSystem: ${recipe.improve_instruction}\nAssistant:` }]
}
