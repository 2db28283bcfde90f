import type { Message } from '../../shared/types.ts'
import { describe, isRow, RowProblem, type ImportFormat, type Row } from './format.ts'
import { optionalText, readMessages, readMetadata, readReply, readTime } from './messages.ts'
import { unfoldJson } from './raw-rows.ts'

/**
 * Langfuse's export of traces and observations: `input` is what the model was given (messages, {messages}, or a
 * text), `output` its reply. In CSV both are JSON texts. Scores and the user's id are kept.
 */
export const langfuse: ImportFormat = {
  name: 'langfuse',
  recognizes: (row) => 'input' in row && 'output' in row && ['traceId', 'sessionId', 'startTime', 'timestamp', 'observations'].some((key) => key in row),
  read([row]) {
    const messages = [...readInput(unfoldJson(row['input'])), { role: 'assistant' as const, content: readOutput(unfoldJson(row['output'])) }]
    const kept = Object.fromEntries(['name', 'tags', 'scores', 'sessionId', 'traceId'].flatMap((key) => (row[key] === undefined || row[key] === null || row[key] === '' ? [] : [[key, row[key]]])))
    return [{
      source: null,
      model: optionalText(row['model'] ?? row['providedModelName']),
      language: null,
      createdAt: readTime(row['timestamp'] ?? row['startTime']),
      messages,
      metadata: { ...readMetadata({ metadata: metadataOf(row), userId: row['userId'] }, row['id']), ...kept },
      labels: [],
    }]
  },
}

function readInput(input: unknown): Message[] {
  if (typeof input === 'string') return [{ role: 'user', content: input }]
  const messages = readMessages(isRow(input) && 'messages' in input ? input['messages'] : input, 'input')
  if (messages.at(-1)?.role === 'assistant') throw new RowProblem('input: expected a user message at its end, got an assistant message')
  return messages
}

function readOutput(output: unknown): string {
  if (output === null || output === undefined) throw new RowProblem(`output: expected the reply, got ${describe(output)}`)
  return readReply(isRow(output) && isRow(output['message']) ? output['message'] : output, 'output')
}

const metadataOf = (row: Row): unknown => {
  const metadata = unfoldJson(row['metadata'])
  return isRow(metadata) ? metadata : undefined
}
