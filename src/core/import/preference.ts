/**
 * Preference rows as conversations: the prompt and the rejected reply are the messages, the better reply is
 * `metadata.chosen`, what the user said of the rejected one `metadata.user_feedback`. Datasets make pairs of them, and
 * feedback rows.
 */
import type { Message } from '../../shared/types.ts'
import { describe, RowProblem, type ConversationDrafts, type ImportFormat, type Row } from './format.ts'
import { readAbout, readMessages, readMetadata, readOrigin, readReply } from './messages.ts'

/** TRL preference rows: {prompt, chosen, rejected}, text or messages; without a prompt the messages both sides share. */
export const trlPreference: ImportFormat = {
  name: 'trl-preference',
  recognizes: (row) => 'chosen' in row && 'rejected' in row && !('conversations' in row),
  read([row]) {
    const { prompt, chosen, rejected } = withPrompt(row)
    return preferenceDraft(row, prompt, chosen, rejected)
  },
}

/** SPIN (uclaml/SPIN), {real, generated}: two whole conversations that begin alike; the real reply is the better one. */
export const spin: ImportFormat = {
  name: 'spin',
  recognizes: (row) => Array.isArray(row['real']) && Array.isArray(row['generated']),
  read([row]) {
    const { prompt, chosen, rejected } = withPrompt({ chosen: row['real'], rejected: row['generated'] })
    return preferenceDraft(row, prompt, chosen, rejected)
  },
}

/** WildFeedback, and LLaMA-Factory's rows with `ranking`: {conversations: [{from, value}], chosen: {from, value}, rejected: {from, value}}. */
export const wildfeedback: ImportFormat = {
  name: 'wildfeedback',
  recognizes: (row) => 'conversations' in row && 'chosen' in row && 'rejected' in row,
  read([row]) {
    const prompt = readMessages(row['conversations'], 'conversations', 'from', 'value')
    return preferenceDraft(row, prompt, readReply(row['chosen'], 'chosen'), readReply(row['rejected'], 'rejected'))
  },
}

function preferenceDraft(row: Row, prompt: Message[], chosen: string, rejected: string): ConversationDrafts {
  if (prompt.at(-1)?.role === 'assistant') throw new RowProblem('prompt: expected a user message at its end, got an assistant message')
  if (chosen === rejected) throw new RowProblem('chosen and rejected: expected two different replies, got the same one twice')
  const kept = ['task', 'score_chosen', 'score_rejected'].filter((key) => row[key] !== undefined)
  return [{
    ...readAbout(row),
    messages: [...prompt, { role: 'assistant', content: rejected }],
    metadata: { ...readMetadata(row, row['id'] ?? row['prompt_id'], kept), ...readOrigin(row), ...readOrigin(row, ['user_feedback']), chosen },
    labels: [],
  }]
}

function withPrompt(row: Row): { prompt: Message[]; chosen: string; rejected: string } {
  const { chosen: better, rejected: worse } = row
  if (typeof better === 'string' && typeof worse === 'string' && row['prompt'] === undefined) return withSharedText(better, worse)
  if (typeof better === 'string' || typeof worse === 'string') {
    if (row['prompt'] === undefined) throw new RowProblem('prompt: expected text or messages beside chosen and rejected texts, got nothing')
    return { prompt: readPrompt(row['prompt']), chosen: readReply(row['chosen'], 'chosen'), rejected: readReply(row['rejected'], 'rejected') }
  }
  const chosen = readMessages(row['chosen'], 'chosen')
  const rejected = readMessages(row['rejected'], 'rejected')
  let shared = 0
  while (shared < chosen.length - 1 && shared < rejected.length - 1 && sameMessage(chosen[shared], rejected[shared])) shared++
  // With both a prompt and shared messages (ultrafeedback_binarized) the shared messages are the prompt.
  const prompt = shared > 0 || row['prompt'] === undefined ? chosen.slice(0, shared) : readPrompt(row['prompt'])
  if (prompt.length === 0) throw new RowProblem('prompt: expected it, or messages that chosen and rejected begin with, got neither')
  return { prompt, chosen: readReply(chosen.slice(shared), 'chosen'), rejected: readReply(rejected.slice(shared), 'rejected') }
}

/**
 * Two texts that begin alike. As transcripts ("\n\nHuman: …\n\nAssistant: …", Anthropic's HH-RLHF) they are split into
 * messages; otherwise what both begin with, to the last space, is the prompt.
 */
function withSharedText(chosen: string, rejected: string): { prompt: Message[]; chosen: string; rejected: string } {
  const [better, worse] = [splitTranscript(chosen), splitTranscript(rejected)]
  if (better !== null && worse !== null) return withPrompt({ chosen: better, rejected: worse })
  let shared = 0
  while (shared < Math.min(chosen.length, rejected.length) && chosen[shared] === rejected[shared]) shared++
  // Two equal texts share everything: there is no prompt to tell from the reply.
  const prompt = chosen === rejected ? '' : /^[^]*\s/.exec(chosen.slice(0, shared))?.[0] ?? ''
  if (prompt.trim() === '') throw new RowProblem('prompt: expected it, or a text that chosen and rejected begin with, got neither')
  return { prompt: [{ role: 'user', content: prompt.trimEnd() }], chosen: chosen.slice(prompt.length), rejected: rejected.slice(prompt.length) }
}

function splitTranscript(text: string): Message[] | null {
  if (!/^\s*Human:/.test(text)) return null
  return text.split(/(?:^|\n\n)\s*(?=(?:Human|Assistant):)/).filter((part) => part !== '').map((part) => {
    const isUser = part.startsWith('Human:')
    return { role: isUser ? 'user' : 'assistant', content: part.slice(isUser ? 'Human:'.length : 'Assistant:'.length).trim() }
  })
}

export function readPrompt(value: unknown): Message[] {
  if (typeof value === 'string') return [{ role: 'user', content: value }]
  if (Array.isArray(value)) return readMessages(value, 'prompt')
  throw new RowProblem(`prompt: expected text or messages, got ${describe(value)}`)
}

function sameMessage(a: Message | undefined, b: Message | undefined): boolean {
  return a !== undefined && b !== undefined && a.role === b.role && a.content === b.content
}
