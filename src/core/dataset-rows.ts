/**
 * Dataset rows as files hold them. Reading: our own rows, DRIFT's feedback rows, TRL's preference and prompt rows.
 * Writing: TRL's rows with provenance columns (design section 6), DRIFT's feedback rows.
 */
import { z } from 'zod'
import type { FeedbackRow, Message, Pair, PromptRow, VerifiableTask } from '../shared/types.ts'
import { noProvenance } from './datasets.ts'
import { driftRows } from './import/drift-rows.ts'
import { describe, isRow, RowProblem, type Row } from './import/format.ts'
import { optionalText } from './import/messages.ts'
import { readPrompt, trlPreference } from './import/preference.ts'
import { ultrafeedback } from './import/ultrafeedback.ts'

const message = z.object({ role: z.enum(['system', 'user', 'assistant', 'tool']), content: z.string() })
const task = z.object({ verifier: z.string(), spec: z.unknown() }).nullish().transform((value): VerifiableTask | null => value ?? null)
const optional = <Schema extends z.ZodType>(schema: Schema) => schema.nullish().transform((value) => value ?? null)

const ownFeedback = z.object({
  prompt: z.array(message).min(1), reply: z.string(), label: z.enum(['dissatisfied', 'satisfied', 'neutral']),
  userFeedback: optional(z.string()), conversationId: z.string().default(''), turnIndex: z.int().default(0), task, critique: z.string().optional(),
})
const provenanceColumns = z.object({ conversation_id: optional(z.string()), turn_index: optional(z.int()), user_feedback: optional(z.string()), round: optional(z.int()), policy: optional(z.string()), seed: optional(z.int()), task })
const ownProvenance = z.object({ conversationId: optional(z.string()), turnIndex: optional(z.int()), userFeedback: optional(z.string()), round: optional(z.int()), policy: optional(z.string()), seed: optional(z.int()) })

/**
 * A feedback row: ours ({prompt, reply, label, …}), DRIFT's ({prompt, rejected, user_preference}), or as synthetic DSAT
 * UltraFeedback's ({instruction, completions}: the lowest-rated reply with its critique). Throws `RowProblem`.
 */
export function readFeedbackRow(row: Row): FeedbackRow {
  if ('reply' in row && 'label' in row) return withoutNone(parsed(ownFeedback, row))
  if (ultrafeedback.recognizes(row)) {
    const [{ messages, metadata }] = ultrafeedback.read([row])
    return withoutNone({ prompt: messages.slice(0, -1), reply: messages.at(-1)?.content ?? '', label: 'dissatisfied', userFeedback: null, conversationId: '', turnIndex: messages.length, task: null, critique: optionalText(metadata['critique']) ?? undefined })
  }
  if (!driftRows.recognizes(row)) throw new RowProblem(`expected {prompt, reply, label}, {prompt, rejected, user_preference} or {instruction, completions}, got the keys ${Object.keys(row).join(', ')}`)
  const [{ messages, metadata }] = driftRows.read([row])
  const [reply, feedback] = messages.slice(-2)
  return {
    prompt: messages.slice(0, -2),
    reply: reply?.content ?? '',
    label: 'dissatisfied',
    userFeedback: feedback?.content ?? '',
    conversationId: typeof row['conversation_id'] === 'string' ? row['conversation_id'] : '',
    turnIndex: messages.length - 1,
    task: parsed(task, metadata['task'] ?? null),
  }
}

/** A row without a critique has no such key, so that rows written before there were any keep their hash. */
function withoutNone({ critique, ...row }: Omit<FeedbackRow, 'critique'> & { critique?: string | undefined }): FeedbackRow {
  return critique === undefined ? row : { ...row, critique }
}

/** A preference pair: TRL's columns, with ours for provenance where present. Throws `RowProblem`. */
export function readPair(row: Row): Pair {
  if (!('chosen' in row) || !('rejected' in row)) throw new RowProblem(`expected {prompt, chosen, rejected}, got the keys ${Object.keys(row).join(', ')}`)
  const [{ messages, metadata }] = trlPreference.read([row])
  const { task, ...columns } = parsed(provenanceColumns, row)
  const provenance = isRow(row['provenance'])
    ? parsed(ownProvenance, row['provenance'])
    : { conversationId: columns.conversation_id, turnIndex: columns.turn_index, userFeedback: columns.user_feedback, round: columns.round, policy: columns.policy, seed: columns.seed }
  return { prompt: messages.slice(0, -1), chosen: String(metadata['chosen']), rejected: messages.at(-1)?.content ?? '', task, provenance: { ...noProvenance, ...provenance } }
}

/** A prompt: {prompt: text or messages, task?}. Throws `RowProblem`. */
export function readPromptRow(row: Row): PromptRow {
  if (!('prompt' in row)) throw new RowProblem(`expected {prompt}, got the keys ${Object.keys(row).join(', ')}`)
  const conversationId = row['conversationId'] ?? row['conversation_id']
  return { prompt: readPrompt(row['prompt']), task: parsed(task, row['task'] ?? null), conversationId: typeof conversationId === 'string' ? conversationId : null }
}

function parsed<Output>(schema: z.ZodType<Output>, value: unknown): Output {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new RowProblem(result.error.issues.map(({ path, message }) => `${path.join('.') || describe(value)}: ${message}`).join('; '))
}

const assistant = (content: string): Message[] => [{ role: 'assistant', content }]

export function toTrlPair({ prompt, chosen, rejected, task, provenance }: Pair): Record<string, unknown> {
  return {
    prompt,
    chosen: assistant(chosen),
    rejected: assistant(rejected),
    conversation_id: provenance.conversationId,
    turn_index: provenance.turnIndex,
    user_feedback: provenance.userFeedback,
    round: provenance.round,
    policy: provenance.policy,
    seed: provenance.seed,
    ...(task === null ? {} : { task }),
  }
}

/** TRL's unpaired preference row: a satisfied reply is `label` true, a dissatisfied one false; neutral ones have none. */
export function toTrlUnpaired({ prompt, reply, label, userFeedback, conversationId, turnIndex, task }: FeedbackRow): Record<string, unknown> | null {
  if (label === 'neutral') return null
  return { prompt, completion: assistant(reply), label: label === 'satisfied', conversation_id: conversationId, turn_index: turnIndex, user_feedback: userFeedback, ...(task === null ? {} : { task }) }
}

export function toTrlPrompt({ prompt, task, conversationId }: PromptRow): Record<string, unknown> {
  return { prompt, conversation_id: conversationId, ...(task === null ? {} : { task }) }
}

/** DRIFT's feedback row: dissatisfied replies with the user's words; null for the others. */
export function toDriftRow({ prompt, reply, label, userFeedback, conversationId, turnIndex, task }: FeedbackRow): Record<string, unknown> | null {
  if (label !== 'dissatisfied' || userFeedback === null) return null
  return { prompt, rejected: assistant(reply), user_preference: { role: 'user', content: userFeedback }, conversation_id: conversationId, turn_index: turnIndex, ...(task === null ? {} : { task }) }
}
