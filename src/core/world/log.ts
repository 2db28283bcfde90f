/**
 * A log of simulated users talking to a policy: first replies, reactions, and on written dissatisfaction
 * a second reply and a second reaction (world.md 1.6). Replies come from outside, in two waves.
 */
import { makeRng } from '../rng.ts'
import { verifyReply } from './reply.ts'
import { drawRenderedRequest, type Request } from './request.ts'
import { react, type Reaction, type ReactionKind } from './user.ts'

export type ChatMessage = { role: 'user' | 'assistant'; content: string }

/** The true label of a user's reaction; `turn_index` is the index of that user message in `messages`. */
export type ReactionLabel = { turn_index: number; dsat: boolean; sat: boolean; kind: ReactionKind }

export type RequestTask = { verifier: 'requests'; spec: Request }

export type LogConversation = {
  id: string
  source: 'built-in world'
  model: string
  messages: ChatMessage[]
  labels: ReactionLabel[]
  metadata: {
    user: string
    /** What the first reply answers. */
    task: RequestTask
    /** After a refinement: what the second reply answers (the task with the new wish). */
    refined_task?: RequestTask
    /** The reaction to each assistant message, the wordless ones included (the simulator's truth, no signal). */
    reactions: ReactionKind[]
  }
}

/** Draws one reply per conversation (each ends with a user message), in order. */
export type ReplyFunction = (conversations: ChatMessage[][]) => Promise<string[]>

async function replyToAll(reply: ReplyFunction, conversations: ChatMessage[][]): Promise<string[]> {
  const replies = await reply(conversations)
  if (replies.length !== conversations.length) throw new Error(`simulateLog: expected ${conversations.length} replies, got ${replies.length}`)
  return replies
}

/**
 * Simulates `users` users with one fresh request each. Two waves: all first replies, then a second reply
 * for each user who wrote that they were dissatisfied (their feedback carries no improve line).
 * @param options.model names the policy in the rows; `seed` is the log's own, independent of the world's.
 */
export async function simulateLog(options: { seed: number; users: number; reply: ReplyFunction; model?: string }): Promise<LogConversation[]> {
  const { seed, users, reply, model = 'base' } = options
  const rng = makeRng(`log ${seed}`)
  const requestRng = rng.fork('requests')
  const requests = Array.from({ length: users }, () => drawRenderedRequest(requestRng))
  const width = String(Math.max(users - 1, 0)).length
  const rows = requests.map(({ spec, text }, i): LogConversation => {
    const number = String(i).padStart(width, '0')
    return {
      id: `world-log-${seed}-${number}`,
      source: 'built-in world',
      model,
      messages: [{ role: 'user', content: text }],
      labels: [],
      metadata: { user: `user-${seed}-${number}`, task: { verifier: 'requests', spec }, reactions: [] },
    }
  })

  const hear = (row: LogConversation, request: Request, text: string, wave: number): Reaction => {
    row.messages.push({ role: 'assistant', content: text })
    const reaction = react(request, verifyReply(request, text), rng.fork(`${row.id}/reaction ${wave}`))
    row.metadata.reactions.push(reaction.kind)
    if (reaction.text === '') return reaction
    row.labels.push({ turn_index: row.messages.length, dsat: reaction.dsat, sat: reaction.sat, kind: reaction.kind })
    row.messages.push({ role: 'user', content: reaction.text })
    return reaction
  }

  const first = await replyToAll(reply, rows.map((row) => row.messages.slice()))
  const unhappy: LogConversation[] = []
  rows.forEach((row, i) => {
    const reaction = hear(row, row.metadata.task.spec, first[i] ?? '', 1)
    if (!reaction.dsat) return
    if (reaction.refined !== undefined) row.metadata.refined_task = { verifier: 'requests', spec: reaction.refined }
    unhappy.push(row)
  })
  const second = await replyToAll(reply, unhappy.map((row) => row.messages.slice()))
  unhappy.forEach((row, i) => {
    hear(row, (row.metadata.refined_task ?? row.metadata.task).spec, second[i] ?? '', 2)
  })
  return rows
}
