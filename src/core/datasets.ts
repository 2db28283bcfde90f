/** Conversations and their signals as rows to learn from. Pure; storing and reading snapshots is in `backend/storage/datasets.ts`. */
import type { Conversation, FeedbackRow, Message, Pair, PromptRow, Provenance, Signal, SignalLabel, VerifiableTask } from '../shared/types.ts'
import { isReaction } from './import/messages.ts'

/** What a user thought of a reply, by the index of the user message that says so. */
export type SignalsByTurn = ReadonlyMap<number, Pick<Signal, 'label' | 'probability' | 'decider'>>

/** A reply of a log: `start` is the first of its assistant messages, `turnIndex` the message after the last. */
type LoggedReply = { start: number; turnIndex: number; text: string; feedback: string | null }

/**
 * A label under a cut-off on the probability of dissatisfaction. What people and imported data say stands;
 * a detector's word depends on the cut-off.
 */
export function labelAt(signal: Pick<Signal, 'label' | 'probability' | 'decider'> | undefined, threshold: number): SignalLabel {
  if (signal === undefined) return 'neutral'
  if (signal.decider === 'human' || signal.decider === 'imported') return signal.label
  if (signal.probability >= threshold) return 'dissatisfied'
  return signal.label === 'dissatisfied' ? 'neutral' : signal.label
}

/**
 * Which request a reply is held against. `turn`: everything said before it. `request`: a reply given after a
 * complaint still answers the request that was complained about, so the exchange of complaints is left out of its
 * prompt (as seed pairs do), and a policy learns to please at once.
 */
export type Attribution = 'turn' | 'request'

/**
 * One row per reply that answers a user: judged ones with their label and the user's words, the others (the user
 * went on without a sign, or left) as neutral without words, so that every logged request is there.
 * A preference row of somebody's data set gives two: its rejected reply as dissatisfied, with the user's words where
 * it has them or the critique of whoever rated it (UltraFeedback), and its chosen one as satisfied. A reply that was judged by a flag has that label.
 */
export function feedbackRows(conversation: Conversation, signals: SignalsByTurn, threshold = 0.5, attribution: Attribution = 'turn'): FeedbackRow[] {
  const { id: conversationId, messages } = conversation
  const chosen = textAt(conversation, 'chosen')
  let complaintsSince: number | null = null
  return loggedReplies(messages).flatMap((reply): FeedbackRow[] => {
    const start = attribution === 'request' && complaintsSince !== null ? complaintsSince : reply.start
    const prompt = mergeRoles(messages.slice(0, start))
    const common = { prompt, conversationId, turnIndex: reply.turnIndex, task: taskAt(conversation, start) }
    if (chosen !== null && reply.turnIndex === messages.length) {
      const critique = textAt(conversation, 'critique')
      return [
        { ...common, reply: reply.text, label: 'dissatisfied', userFeedback: textAt(conversation, 'user_feedback'), ...(critique !== null && { critique }) },
        { ...common, reply: chosen, label: 'satisfied', userFeedback: null },
      ]
    }
    const label = reply.feedback === null ? replyLabel(conversation) : labelAt(signals.get(reply.turnIndex), threshold)
    complaintsSince = label === 'dissatisfied' ? start : null
    return [{ ...common, reply: reply.text, label, userFeedback: label === 'neutral' ? null : reply.feedback }]
  })
}

/**
 * Pairs of a reply the user disliked and the next one, which satisfied: the prompt is what stood before the first,
 * so that a policy learns to give the second at once.
 */
export function seedPairs(conversation: Conversation, signals: SignalsByTurn, threshold = 0.5): Pair[] {
  const replies = loggedReplies(conversation.messages)
  return replies.flatMap((rejected, i): Pair[] => {
    const chosen = replies[i + 1]
    if (chosen === undefined || chosen.text === rejected.text) return []
    if (labelAt(signals.get(rejected.turnIndex), threshold) !== 'dissatisfied' || labelAt(signals.get(chosen.turnIndex), threshold) !== 'satisfied') return []
    return [{
      prompt: mergeRoles(conversation.messages.slice(0, rejected.start)),
      chosen: chosen.text,
      rejected: rejected.text,
      task: taskAt(conversation, rejected.start),
      provenance: { ...noProvenance, conversationId: conversation.id, turnIndex: rejected.turnIndex, userFeedback: rejected.feedback },
    }]
  })
}

/** The pair of an imported preference row; none for an ordinary conversation. */
export function importedPairs(conversation: Conversation): Pair[] {
  const chosen = textAt(conversation, 'chosen')
  const reply = chosen === null ? undefined : loggedReplies(conversation.messages).at(-1)
  if (chosen === null || reply === undefined || reply.turnIndex !== conversation.messages.length) return []
  return [{
    prompt: mergeRoles(conversation.messages.slice(0, reply.start)),
    chosen,
    rejected: reply.text,
    task: taskAt(conversation, reply.start),
    provenance: {
      conversationId: conversation.id,
      turnIndex: reply.turnIndex,
      userFeedback: textAt(conversation, 'user_feedback'),
      round: numberAt(conversation, 'round'),
      policy: textAt(conversation, 'policy'),
      seed: numberAt(conversation, 'seed'),
    },
  }]
}

/** The first request of a conversation; none where no user asks. */
export function promptRows(conversation: Conversation): PromptRow[] {
  const firstReply = conversation.messages.findIndex((message, i) => message.role === 'assistant' && conversation.messages.slice(0, i).some(({ role }) => role === 'user'))
  const prompt = mergeRoles(firstReply < 0 ? conversation.messages : conversation.messages.slice(0, firstReply))
  return prompt.some(({ role }) => role === 'user') ? [{ prompt, task: taskAt(conversation, prompt.length), conversationId: conversation.id }] : []
}

export const noProvenance: Provenance = { conversationId: null, turnIndex: null, userFeedback: null, round: null, policy: null, seed: null }

/** Replies that answer a user and say something; consecutive assistant messages are one reply. */
function loggedReplies(messages: readonly Message[]): LoggedReply[] {
  const replies: LoggedReply[] = []
  let asked = false
  for (let start = 0; start < messages.length; ) {
    if (messages[start]?.role !== 'assistant') {
      asked ||= messages[start]?.role === 'user'
      start += 1
      continue
    }
    const turnIndex = endOfRole(messages, start)
    const text = joined(messages, start, turnIndex)
    if (asked && text.trim() !== '' && (turnIndex === messages.length || isReaction(messages, turnIndex))) {
      const feedback = turnIndex === messages.length ? null : joined(messages, turnIndex, endOfRole(messages, turnIndex))
      replies.push({ start, turnIndex, text, feedback })
    }
    start = turnIndex
  }
  return replies
}

function endOfRole(messages: readonly Message[], start: number): number {
  let end = start + 1
  while (end < messages.length && messages[end]?.role === messages[start]?.role) end += 1
  return end
}

const joined = (messages: readonly Message[], start: number, end: number): string => messages.slice(start, end).map(({ content }) => content).join('\n')

/** Consecutive messages of one role as one: chat templates expect roles to alternate. */
export function mergeRoles(messages: readonly Message[]): Message[] {
  const merged: Message[] = []
  for (const message of messages) {
    const last = merged.at(-1)
    if (last !== undefined && last.role === message.role) last.content += `\n${message.content}`
    else merged.push({ ...message })
  }
  return merged
}

function textAt({ metadata }: Conversation, key: string): string | null {
  const value = metadata[key]
  return typeof value === 'string' ? value : null
}

function numberAt({ metadata }: Conversation, key: string): number | null {
  const value = metadata[key]
  return typeof value === 'number' ? value : null
}

/** Of a reply that nobody answered. */
function replyLabel({ metadata }: Conversation): SignalLabel {
  const label = metadata['reply_label']
  return label === 'satisfied' || label === 'dissatisfied' ? label : 'neutral'
}

/**
 * The task a reply at `start` answers: `metadata.tasks` names them by the index of the user message that sets
 * them; `metadata.refined_task` holds from the first reaction on; otherwise `metadata.task`.
 */
function taskAt({ messages, metadata }: Conversation, start: number): VerifiableTask | null {
  let task = asTask(metadata['task'])
  const answeredBefore = messages.slice(0, start).some((_, i) => isReaction(messages, i))
  if (answeredBefore) task = asTask(metadata['refined_task']) ?? task
  const tasks = metadata['tasks']
  if (typeof tasks === 'object' && tasks !== null) {
    for (const [turn, value] of Object.entries(tasks)) if (Number(turn) < start) task = asTask(value) ?? task
  }
  return task
}

function asTask(value: unknown): VerifiableTask | null {
  if (typeof value !== 'object' || value === null || !('verifier' in value) || typeof value.verifier !== 'string' || !('spec' in value)) return null
  return { verifier: value.verifier, spec: value.spec }
}
