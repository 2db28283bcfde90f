/** Preference rows from a file, as token ids: read, checked, rendered and cut, with file and line in every complaint. */
import { truncatePair } from '../engine/chat-template.ts'
import type { ChatMessage, PreferenceRow, RenderedPair, Renderer, TruncationMode } from '../engine/chat-template.ts'
import { UsageError } from '../shared/errors.ts'
import { describe, readJsonRows } from './json-rows.ts'
import type { JsonRow } from './json-rows.ts'

export type PairLimits = {
  /** Longest sequence the model can hold. */
  context: number
  maxLength: number | null
  truncationMode: TruncationMode
  maxPromptLength: number | null
  maxCompletionLength: number | null
}

/** A pair with the line it stands on, from 1. */
export type FilePair = RenderedPair & { line: number }

const SHOWN_ERRORS = 3

/**
 * @param note is told once about dropped rows and about prompts that render differently with their completion.
 * @throws UsageError listing the unusable rows.
 */
export async function readPairs(file: string, renderer: Renderer, limits: PairLimits, note: (text: string) => void): Promise<FilePair[]> {
  const pairs: FilePair[] = []
  const errors: string[] = []
  const dropped: number[] = []
  let lostEnd: { line: number; text: string } | undefined
  let rows = 0
  for await (const row of readJsonRows(file)) {
    rows++
    try {
      const pair = cutPair(renderer.renderPair(checkPairRow(row)), limits)
      if (pair === null) dropped.push(row.line)
      else pairs.push({ ...pair, line: row.line })
      if (pair && pair.lostPromptEnd !== '') lostEnd ??= { line: row.line, text: pair.lostPromptEnd }
    } catch (error) {
      if (!isBadInput(error)) throw error
      errors.push(`line ${row.line}: ${error.message}`)
    }
  }
  if (errors.length > 0) {
    const more = errors.length > SHOWN_ERRORS ? `; and ${errors.length - SHOWN_ERRORS} more` : ''
    throw new UsageError(`${file}: ${errors.length} of ${rows} rows cannot be used: ${errors.slice(0, SHOWN_ERRORS).join('; ')}${more}`)
  }
  if (dropped.length > 0) note(`${file}: ${dropped.length} of ${rows} rows dropped, because the prompt alone fills max_length ${limits.maxLength} (line ${dropped.slice(0, 5).join(', ')}${dropped.length > 5 ? ', …' : ''})`)
  if (lostEnd) note(`${file} line ${lostEnd.line}: the prompt renders differently with its completion; its end ${JSON.stringify(lostEnd.text)} is left out, as TRL does (said once)`)
  if (pairs.length === 0) throw new UsageError(`${file}: expected at least one preference row that fits, got ${rows === 0 ? 'an empty file' : `${rows} rows that are too long; raise max_length`}`)
  return pairs
}

function cutPair(pair: RenderedPair, limits: PairLimits): RenderedPair | null {
  const { maxPromptLength, maxCompletionLength } = limits
  const shortened = {
    ...pair,
    promptIds: maxPromptLength === null ? pair.promptIds : pair.promptIds.slice(-maxPromptLength),
    chosenIds: pair.chosenIds.slice(0, maxCompletionLength ?? undefined),
    rejectedIds: pair.rejectedIds.slice(0, maxCompletionLength ?? undefined),
  }
  const cut = truncatePair(shortened, limits.maxLength, limits.truncationMode)
  if (cut === null) return null
  if (cut.promptIds.length === 0) throw new UsageError('expected a prompt of at least one token, got none')
  for (const side of ['chosen', 'rejected'] as const) {
    const tokens = cut[`${side}Ids`].length
    if (tokens === 0) throw new UsageError(`expected ${side} to add at least one token to the prompt, got none`)
    if (cut.promptIds.length + tokens > limits.context) {
      throw new UsageError(`prompt and ${side} have ${cut.promptIds.length + tokens} tokens, the model's context (max_position_embeddings) is ${limits.context}; shorten the row or set a smaller max_length`)
    }
  }
  return cut
}

/** @throws UsageError unless the row has both sides, as strings or message lists. */
export function checkPairRow({ value }: JsonRow): PreferenceRow {
  const { prompt, chosen, rejected, tools, chat_template_kwargs: variables } = value
  const row: PreferenceRow = { chosen: checkText(chosen, 'chosen'), rejected: checkText(rejected, 'rejected') }
  if (prompt !== undefined && prompt !== null) row.prompt = checkText(prompt, 'prompt')
  if (tools !== undefined) row.tools = tools
  if (typeof variables === 'object' && variables !== null) row.chat_template_kwargs = variables as Record<string, unknown>
  return row
}

/** @throws UsageError unless `value` is a string or a list of messages. */
export function checkText(value: unknown, key: string): string | ChatMessage[] {
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) throw new UsageError(`expected "${key}" to be a string or a list of {role, content}, got ${describe(value)}`)
  if (value.length === 0) throw new UsageError(`expected "${key}" to hold at least one message, got an empty list`)
  for (const message of value as unknown[]) {
    if (typeof message !== 'object' || message === null || typeof (message as ChatMessage).role !== 'string') {
      throw new UsageError(`expected every message of "${key}" to be {role, content}, got ${describe(message)}`)
    }
  }
  return value as ChatMessage[]
}

/** Whether the user can repair it: both the engine's and the app's input errors end the command with 2. */
export function isBadInput(error: unknown): error is Error {
  return error instanceof Error && 'exitCode' in error && error.exitCode === 2
}
