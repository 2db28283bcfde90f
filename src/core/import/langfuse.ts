import type { Message } from '../../shared/types.ts'
import { describe, isRow, RowProblem, type ConversationDraft, type ImportFormat, type Row } from './format.ts'
import { optionalText, readMessageFields, readMessages, readMetadata, readReply, readTime } from './messages.ts'
import { unfoldJson } from './raw-rows.ts'

/**
 * Langfuse's export of traces and observations: `input` is what the model was given (messages, {messages}, or a
 * text), `output` its reply. In CSV both are JSON texts. Scores and the user's id are kept. A trace that holds its
 * generations is read from them: each was given the whole dialogue, so one that another goes on with is left out.
 */
export const langfuse: ImportFormat = {
  name: 'langfuse',
  recognizes: (row) => Array.isArray(row['observations']) || ('input' in row && 'output' in row && ['traceId', 'sessionId', 'startTime', 'timestamp', 'observations'].some((key) => key in row)),
  read([row]) {
    const { drafts, problems } = readGenerations(row)
    if (drafts.length === 0 && problems.length > 0 && (row['output'] ?? null) === null) throw new RowProblem(problems.join('; '))
    const [first = readExchange(row), ...rest] = longest(drafts)
    return [problems.length === 0 ? first : { ...first, problems }, ...rest]
  },
}

function readExchange(row: Row): ConversationDraft {
  const input = unfoldJson(row['input'])
  const given = isRow(input) && 'messages' in input ? input['messages'] : input
  const kept = Object.fromEntries(['name', 'tags', 'scores', 'sessionId', 'traceId'].flatMap((key) => (row[key] === undefined || row[key] === null || row[key] === '' ? [] : [[key, row[key]]])))
  return {
    source: null,
    model: optionalText(row['model'] ?? row['providedModelName']),
    language: null,
    createdAt: readTime(row['timestamp'] ?? row['startTime']),
    messages: [...readInput(given), { role: 'assistant', content: readOutput(unfoldJson(row['output'])) }],
    metadata: { ...readMessageFields(given), ...readMetadata({ metadata: metadataOf(row), userId: row['userId'] }, row['id']), ...kept },
    labels: [],
  }
}

/** Those of a trace that came to a reply, with what the trace says of all of them. */
function readGenerations(trace: Row): { drafts: ConversationDraft[]; problems: string[] } {
  const observations = unfoldJson(trace['observations'])
  const drafts: ConversationDraft[] = []
  const problems: string[] = []
  for (const [i, generation] of (Array.isArray(observations) ? observations : []).entries()) {
    if (!isRow(generation) || generation['type'] !== 'GENERATION' || (generation['output'] ?? null) === null) continue
    const { name, tags, scores, sessionId, userId, id: traceId } = trace
    try {
      drafts.push(readExchange({ timestamp: trace['timestamp'], ...generation, ...(generation['startTime'] === undefined ? {} : { timestamp: generation['startTime'] }), name, tags, scores, sessionId, userId, traceId }))
    } catch (error) {
      if (!(error instanceof RowProblem)) throw error
      problems.push(`observations[${i}], ${error.message}`)
    }
  }
  return { drafts, problems }
}

/** The dialogues that no other one begins with. */
function longest(drafts: readonly ConversationDraft[]): ConversationDraft[] {
  const nodes = new Map<string, number>()
  const goesOn = new Set<number>()
  const byEnd = new Map<number, ConversationDraft>()
  for (const draft of drafts) {
    let at = 0
    for (const { role, content } of draft.messages) {
      goesOn.add(at)
      const key = `${at} ${role} ${content}`
      const next = nodes.get(key) ?? nodes.size + 1
      nodes.set(key, next)
      at = next
    }
    if (!byEnd.has(at)) byEnd.set(at, draft)
  }
  return [...byEnd].filter(([end]) => !goesOn.has(end)).map(([, draft]) => draft)
}

function readInput(input: unknown): Message[] {
  if (typeof input === 'string') return [{ role: 'user', content: input }]
  const messages = readMessages(input, 'input')
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
