/** Dataset rows in the shapes of other trainers; the shapes of TRL and DRIFT are in `dataset-rows.ts`. Pure. */
import type { DatasetRow, ExportFormat } from '../shared/datasets.ts'
import type { DatasetKind, FeedbackRow, Message, Pair, PromptRow, Provenance, Role } from '../shared/types.ts'
import { toDriftRow, toTrlPair, toTrlPrompt, toTrlUnpaired } from './dataset-rows.ts'

export type ExportedRow = Record<string, unknown>

type NotCarried = {
  /** Kinds of feedback rows that it has no place for. */
  rows: readonly ('neutral' | 'satisfied' | 'silent')[]
  /** Fields of the rows that it has; a pair's are those of its provenance and its task. */
  fields: readonly (keyof FeedbackRow | keyof Provenance)[]
}
const ORIGIN_FIELDS = ['conversationId', 'turnIndex', 'userFeedback', 'round', 'policy', 'seed', 'task'] as const
/**
 * What of a row is not in a format's file. Everything else is there again when the file is imported or read; imported,
 * rows of equal texts are one conversation. A critique (of UltraFeedback's raters) and the policy that gave a reply (in
 * the rows of duels) stand in no trainer's columns.
 */
export const NOT_CARRIED: Record<ExportFormat, NotCarried> = {
  'trl-jsonl': { rows: ['neutral'], fields: ['critique', 'origin'] },
  'trl-parquet': { rows: ['neutral'], fields: ['critique', 'origin'] },
  hf: { rows: ['neutral'], fields: ['critique', 'origin'] },
  drift: { rows: ['neutral', 'satisfied', 'silent'], fields: ['critique', 'origin'] },
  // These trainers' own columns, and no others.
  'llama-factory': { rows: ['neutral'], fields: [...ORIGIN_FIELDS, 'critique', 'origin'] },
  openrlhf: { rows: [], fields: ORIGIN_FIELDS },
  spin: { rows: [], fields: ORIGIN_FIELDS },
}

/** One row in a format; null where it has no place for the row (neutral feedback in TRL, silent users in DRIFT). */
export function toFormat(format: ExportFormat, kind: DatasetKind, row: DatasetRow): ExportedRow | null {
  if (format === 'drift') return toDriftRow(row as FeedbackRow)
  if (format === 'spin') return toSpinRow(row as Pair)
  if (format === 'openrlhf') return kind === 'preference' ? toOpenRlhfRow(row as Pair) : { prompt: row.prompt }
  if (format === 'llama-factory') return kind === 'preference' ? toShareGptPair(row as Pair) : toShareGptJudged(row as FeedbackRow)
  if (kind === 'preference') return toTrlPair(row as Pair)
  return kind === 'feedback' ? toTrlUnpaired(row as FeedbackRow) : toTrlPrompt(row as PromptRow)
}

const assistant = (content: string): Message => ({ role: 'assistant', content })

/** SPIN (uclaml/SPIN): whole conversations, `real` with the reply that pleased, `generated` with the other. */
function toSpinRow({ prompt, chosen, rejected }: Pair): ExportedRow {
  return { real: [...prompt, assistant(chosen)], generated: [...prompt, assistant(rejected)] }
}

/** OpenRLHF with `--data.apply_chat_template` and prompt, chosen, rejected as keys. */
function toOpenRlhfRow({ prompt, chosen, rejected }: Pair): ExportedRow {
  return { prompt, chosen: [assistant(chosen)], rejected: [assistant(rejected)] }
}

const SHAREGPT_ROLES: Record<Role, string> = { system: 'system', user: 'human', assistant: 'gpt', tool: 'observation' }
const said = ({ role, content }: Message): { from: string; value: string } => ({ from: SHAREGPT_ROLES[role], value: content })

/** LLaMA-Factory, sharegpt with `ranking`. */
function toShareGptPair({ prompt, chosen, rejected }: Pair): ExportedRow {
  return { conversations: prompt.map(said), chosen: said(assistant(chosen)), rejected: said(assistant(rejected)) }
}

/** LLaMA-Factory, sharegpt with `kto_tag`: true for a reply that pleased. Neutral ones have no tag. */
function toShareGptJudged({ prompt, reply, label }: FeedbackRow): ExportedRow | null {
  return label === 'neutral' ? null : { conversations: [...prompt.map(said), said(assistant(reply))], kto_tag: label === 'satisfied' }
}

/** The entry of LLaMA-Factory's dataset_info.json for a file of these rows. */
export function llamaFactoryEntry(kind: DatasetKind, fileName: string): ExportedRow {
  return kind === 'preference'
    ? { file_name: fileName, formatting: 'sharegpt', ranking: true, columns: { messages: 'conversations', chosen: 'chosen', rejected: 'rejected' } }
    : { file_name: fileName, formatting: 'sharegpt', columns: { messages: 'conversations', kto_tag: 'kto_tag' } }
}

export type ColumnType = 'messages' | 'text' | 'integer' | 'boolean' | 'json'
const ORIGIN = [['conversation_id', 'text'], ['turn_index', 'integer'], ['user_feedback', 'text']] as const
/** Columns of TRL rows in Parquet, in order; every one may be null but the messages. */
export const TRL_COLUMNS: Record<DatasetKind, readonly (readonly [name: string, type: ColumnType])[]> = {
  preference: [['prompt', 'messages'], ['chosen', 'messages'], ['rejected', 'messages'], ...ORIGIN, ['round', 'integer'], ['policy', 'text'], ['seed', 'integer'], ['task', 'json']],
  feedback: [['prompt', 'messages'], ['completion', 'messages'], ['label', 'boolean'], ...ORIGIN, ['task', 'json']],
  prompts: [['prompt', 'messages'], ['conversation_id', 'text'], ['task', 'json']],
}
