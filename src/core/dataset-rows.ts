/**
 * Dataset rows as files hold them. Reading: our own rows, and every format that a dataset is exported in.
 * Writing: TRL's rows with provenance columns (design section 6), DRIFT's feedback rows.
 */
import { z } from 'zod'
import type { FeedbackRow, Message, Pair, PromptRow, ReplyOrigin, VerifiableTask } from '../shared/types.ts'
import { issueWords } from '../shared/plain-issues.ts'
import { noProvenance } from './datasets.ts'
import { driftRows } from './import/drift-rows.ts'
import { describe, isRow, RowProblem, type Row } from './import/format.ts'
import { trlUnpaired } from './import/judged-replies.ts'
import { optionalText } from './import/messages.ts'
import { readPrompt, spin, trlPreference, wildfeedback } from './import/preference.ts'
import { unfoldJson } from './import/raw-rows.ts'
import { sharegpt } from './import/sharegpt.ts'
import { ultrafeedback } from './import/ultrafeedback.ts'

const message = z.object({ role: z.enum(['system', 'user', 'assistant', 'tool']), content: z.string() })
/** Parquet holds it as JSON text. */
const task = z.preprocess(unfoldJson, z.object({ verifier: z.string(), spec: z.unknown() }).nullish()).transform((value): VerifiableTask | null => value ?? null)
const optional = <Schema extends z.ZodType>(schema: Schema) => schema.nullish().transform((value) => value ?? null)

const replyOrigin = z.union([
  z.object({ run: z.string(), round: z.int(), prompt: z.int(), sample: z.int(), temperature: z.number() }),
  z.object({ answers: z.string(), index: z.int(), run: z.string().nullable(), checkpoint: z.string().nullable() }),
])
const ownFeedback = z.object({
  prompt: z.array(message).min(1), reply: z.string(), label: z.enum(['dissatisfied', 'satisfied', 'neutral']),
  userFeedback: optional(z.string()), conversationId: z.string().default(''), turnIndex: z.int().default(0), task, critique: z.string().optional(), origin: replyOrigin.optional(),
})
const originColumns = z.object({ conversation_id: optional(z.string()), turn_index: optional(z.int()) })
const provenanceColumns = originColumns.extend({ user_feedback: optional(z.string()), round: optional(z.int()), policy: optional(z.string()), seed: optional(z.int()), task })
const ownProvenance = z.object({ conversationId: optional(z.string()), turnIndex: optional(z.int()), userFeedback: optional(z.string()), round: optional(z.int()), policy: optional(z.string()), seed: optional(z.int()) })

/**
 * A feedback row: ours ({prompt, reply, label, …}), DRIFT's ({prompt, rejected, user_preference}), TRL's unpaired
 * ({prompt, completion, label}), LLaMA-Factory's ({conversations, kto_tag}), or as synthetic DSAT UltraFeedback's
 * ({instruction, completions}: the lowest-rated reply with its critique). Throws `RowProblem`.
 */
export function readFeedbackRow(row: Row): FeedbackRow {
  if ('reply' in row && 'label' in row) return withoutNone(parsed(ownFeedback, row))
  if (ultrafeedback.recognizes(row)) {
    const [{ messages, metadata }] = ultrafeedback.read([row])
    return withoutNone({ prompt: messages.slice(0, -1), reply: messages.at(-1)?.content ?? '', label: 'dissatisfied', userFeedback: null, conversationId: '', turnIndex: messages.length, task: null, critique: optionalText(metadata['critique']) ?? undefined })
  }
  const format = [driftRows, trlUnpaired].find((candidate) => candidate.recognizes(row)) ?? (sharegpt.recognizes(row) && 'kto_tag' in row ? sharegpt : undefined)
  if (format === undefined) throw new RowProblem(`expected {prompt, reply, label}, {prompt, rejected, user_preference}, {prompt, completion, label}, {conversations, kto_tag} or {instruction, completions}, got the keys ${Object.keys(row).join(', ')}`)
  const [{ messages, metadata, labels }] = format.read([row])
  // Where the user's words are there they end the conversation, and the label is theirs.
  const judged = format === sharegpt ? undefined : labels[0]
  const end = messages.length - (judged === undefined ? 1 : 2)
  const label = judged?.label ?? metadata['reply_label']
  if (label !== 'dissatisfied' && label !== 'satisfied') throw new RowProblem('kto_tag: expected true or false, got nothing')
  const { conversation_id: conversationId, turn_index: turnIndex } = parsed(originColumns, row)
  return {
    prompt: messages.slice(0, end),
    reply: messages[end]?.content ?? '',
    label,
    userFeedback: judged === undefined ? null : (messages[end + 1]?.content ?? ''),
    conversationId: conversationId ?? '',
    turnIndex: turnIndex ?? end + 1,
    task: parsed(task, row['task'] ?? null),
  }
}

/** A row without critique or origin has no such key, so that rows written before there were any keep their hash. */
function withoutNone({ critique, origin, ...row }: Omit<FeedbackRow, 'critique' | 'origin'> & { critique?: string | undefined; origin?: ReplyOrigin | undefined }): FeedbackRow {
  return { ...row, ...(critique === undefined ? {} : { critique }), ...(origin === undefined ? {} : { origin }) }
}

/**
 * A preference pair: TRL's columns, LLaMA-Factory's ({conversations, chosen, rejected}) or SPIN's ({real, generated}),
 * with ours for provenance where present. Throws `RowProblem`.
 */
export function readPair(row: Row): Pair {
  const format = [trlPreference, wildfeedback, spin].find((candidate) => candidate.recognizes(row))
  if (format === undefined) throw new RowProblem(`expected {prompt, chosen, rejected}, {conversations, chosen, rejected} or {real, generated}, got the keys ${Object.keys(row).join(', ')}`)
  const [{ messages, metadata }] = format.read([row])
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
  throw new RowProblem(result.error.issues.map((issue) => (issue.path.length > 0 ? `${issue.path.join('.')}: ${issueWords(issue, value)}` : `${describe(value)}: ${issue.message}`)).join('; '))
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
