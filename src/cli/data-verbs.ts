/** What the data verbs do. Results go to stdout, in words or with --json as one object; progress goes to stderr. */
import { importFiles } from '../backend/imports/import-files.ts'
import { readConversations } from '../backend/imports/read-conversations.ts'
import { runRules } from '../backend/signals/run-rules.ts'
import { conversationId } from '../backend/storage/conversations.ts'
import { explainStorageError, openWorkspace, type Workspace } from '../backend/storage/open.ts'
import { MARK_END, MARK_START, searchTurns } from '../backend/storage/search.ts'
import { writeLines } from '../backend/write-lines.ts'
import { scoreDetector, type ScoredTurn } from '../core/detector-score.ts'
import type { ConversationDraft } from '../core/import/format.ts'
import { answeredTurns, judgeTurn } from '../core/signals.ts'
import { UsageError } from '../shared/errors.ts'
import { interruption } from './interruption.ts'

type Output = { json?: true }

export async function runImport(files: string[], options: Output & { workspace: string; format?: string }): Promise<void> {
  await withWorkspace(options.workspace, true, async ({ db }) => {
    const line = progressLine()
    const report = await importFiles(db, files, {
      format: options.format,
      signal: interruption(),
      onProgress: ({ bytesDone, bytesTotal, imported, quarantined }) => line.show(`${percent(bytesDone, bytesTotal)} read, ${imported} imported${quarantined > 0 ? `, ${quarantined} set aside` : ''}`),
    })
    line.end()
    const { imported, duplicates, quarantined, seconds, format } = report
    if (imported + duplicates === 0) {
      const first = db.prepare('SELECT file, row, reason FROM quarantined_rows WHERE import_id = ? ORDER BY id LIMIT 1').get(report.id) as { file: string; row: number; reason: string } | undefined
      throw new UsageError(`import: expected conversations, found none readable in ${files.join(', ')}${first === undefined ? '' : ` (${first.file} row ${first.row}: ${first.reason})`}`)
    }
    if (options.json) print({ imported, duplicates, quarantined, seconds, format })
    else console.log(`${imported} conversations imported (${format}) in ${seconds.toFixed(1)} s, ${duplicates} were there already, ${quarantined} rows set aside`)
  })
}

export async function runSearch(query: string, options: Output & { workspace: string; limit: number }): Promise<void> {
  await withWorkspace(options.workspace, false, ({ db }) => {
    const started = performance.now()
    const { total, hits } = searchTurns(db, query, options.limit)
    const milliseconds = performance.now() - started
    if (options.json) return print({ total, hits: hits.map((hit) => ({ ...hit, snippet: withoutMarks(hit.snippet) })), milliseconds })
    for (const { conversation_id, turn_index, snippet } of hits) console.log(`${conversation_id} ${String(turn_index).padStart(3)}  ${terminalMarks(snippet)}`)
    console.log(`${total} ${total === 1 ? 'turn' : 'turns'} in ${milliseconds.toFixed(1)} ms${total > hits.length ? `, ${hits.length} shown` : ''}`)
  })
}

export async function runDetect(options: Output & { input: string; output: string; detector: string }): Promise<void> {
  requireRules(options.detector)
  const started = performance.now()
  const signal = interruption()
  const counts = { conversations: 0, rows: 0, unreadable: 0 }
  let firstProblem = ''
  async function* lines(): AsyncGenerator<string> {
    for await (const { results } of readConversations(options.input)) {
      signal.throwIfAborted()
      let text = ''
      for (const result of results) {
        if ('reason' in result) {
          counts.unreadable += 1
          firstProblem ||= `row ${result.row}: ${result.reason}`
          continue
        }
        const id = idOf(result.draft)
        counts.conversations += 1
        for (const turnIndex of answeredTurns(result.draft.messages)) {
          const { label, probability, categories, evidence } = judgeTurn(result.draft.messages, turnIndex)
          text += `${JSON.stringify({ id, turn_index: turnIndex, dsat_probability: probability, label, categories, evidence })}\n`
          counts.rows += 1
        }
      }
      if (text !== '') yield text
    }
    if (counts.conversations === 0) throw new UsageError(`detect: expected conversations, found none readable in ${options.input} (${firstProblem || 'the file is empty'})`)
  }
  const output = await writeLines(options.output, lines())
  if (counts.unreadable > 0) console.error(`${counts.unreadable} rows of ${options.input} could not be read (${firstProblem})`)
  const seconds = (performance.now() - started) / 1000
  if (options.json) print({ detector: 'rules', ...counts, output, seconds })
  else console.log(`${counts.rows} turns of ${counts.conversations} conversations judged in ${seconds.toFixed(1)} s: ${output}`)
}

export async function runDetectorEval(options: Output & { input: string; detector: string }): Promise<void> {
  requireRules(options.detector)
  const turns: ScoredTurn[] = []
  for await (const { results } of readConversations(options.input)) {
    for (const result of results) {
      if ('reason' in result) throw new UsageError(`detector eval: ${options.input} row ${result.row}: ${result.reason}`)
      const { messages, labels } = result.draft
      for (const { turnIndex, label, ratings } of labels) turns.push({ probability: judgeTurn(messages, turnIndex).probability, dissatisfied: label === 'dissatisfied', ratings })
    }
  }
  if (turns.length === 0) throw new UsageError(`detector eval: expected conversations with labels [{turn_index, dsat}], found none in ${options.input}`)
  const { average_precision, roc_auc, f1, n } = scoreDetector(turns)
  if (options.json) print({ average_precision, roc_auc, f1, n })
  else console.log(`average precision ${digits(average_precision)}, ROC-AUC ${digits(roc_auc)}, F1 at the human's flag rate ${digits(f1)} on ${n} turns`)
}

export async function runSignals(options: Output & { workspace: string; detector: string }): Promise<void> {
  requireRules(options.detector)
  await withWorkspace(options.workspace, false, async ({ db }) => {
    const line = progressLine()
    const report = await runRules(db, { signal: interruption(), onProgress: ({ done, total }) => line.show(`${done}/${total} conversations`) })
    line.end()
    if (options.json) return print(report)
    console.log(`${report.turns} turns of ${report.conversations} conversations judged in ${report.seconds.toFixed(1)} s: ${report.dissatisfied} dissatisfied, ${report.satisfied} satisfied, ${report.neutral} neutral`)
  })
}

export async function withWorkspace(path: string, create: boolean, work: (workspace: Workspace) => void | Promise<void>): Promise<void> {
  const workspace = openWorkspace(path, { create })
  try {
    await work(workspace)
  } catch (error) {
    throw explainStorageError(error, workspace.path)
  } finally {
    workspace.close()
  }
}

function requireRules(detector: string): void {
  if (detector !== 'rules') throw new UsageError(`detector: expected rules, got "${detector}". Trained detectors and judges are not part of this version`)
}

/** The id the row came with; without one its content hash. */
function idOf({ messages, metadata }: ConversationDraft): string {
  const { id } = metadata
  return typeof id === 'string' || typeof id === 'number' ? String(id) : conversationId(messages, metadata)
}

export const print = (value: unknown): void => console.log(JSON.stringify(value))
const digits = (value: number | null): string => (value === null ? 'not defined' : value.toFixed(3))
const percent = (done: number, total: number): string => `${total === 0 ? 100 : Math.round((100 * done) / total)} %`
const withoutMarks = (text: string): string => text.replaceAll(MARK_START, '').replaceAll(MARK_END, '')
const terminalMarks = (text: string): string => {
  const line = text.replaceAll(/\s+/g, ' ')
  return process.stdout.isTTY ? line.replaceAll(MARK_START, '\x1b[1m').replaceAll(MARK_END, '\x1b[0m') : withoutMarks(line)
}

/** One line on stderr that rewrites itself; nothing where stderr is no terminal. */
function progressLine(): { show(text: string): void; end(): void } {
  let drawn = -Infinity
  return {
    show(text) {
      if (!process.stderr.isTTY || performance.now() - drawn < 100) return
      drawn = performance.now()
      process.stderr.write(`\r\x1b[2K${text}`)
    },
    end: () => void (process.stderr.isTTY && process.stderr.write('\r\x1b[2K')),
  }
}
