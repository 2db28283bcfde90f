/** What the data verbs do. Results go to stdout, in words or with --json as one object; progress goes to stderr. */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { importFiles } from '../backend/imports/import-files.ts'
import { readConversations } from '../backend/imports/read-conversations.ts'
import { DEFAULT_JUDGE, readJudgeSettings, workspaceRubric, writeRubric } from '../backend/judge/judge-settings.ts'
import { describeUsage, estimateJudge, judgeFor, runJudge, type JudgeReport } from '../backend/judge/judge-signals.ts'
import { mapConcurrently } from '../backend/judge/map-concurrently.ts'
import { progressRate } from '../backend/progress-rate.ts'
import { configFolder } from '../backend/recent-workspaces.ts'
import { exportLabels } from '../backend/review/export-labels.ts'
import { writeDetectorFile } from '../backend/signals/detector-file.ts'
import { detectorNamed, type Detector } from '../backend/signals/detectors.ts'
import { labelledTurnsOf } from '../backend/signals/labelled-turns.ts'
import { runDetector, type SignalsReport } from '../backend/signals/run-detector.ts'
import { conversationColumns } from '../backend/storage/browse-columns.ts'
import { conversationId } from '../backend/storage/conversations.ts'
import { pageOfQuarantinedRows } from '../backend/storage/quarantine.ts'
import { explainStorageError, openWorkspace, type Workspace, type WritableDb } from '../backend/storage/open.ts'
import { MARK_END, MARK_START } from '../backend/storage/search.ts'
import { searchTurns } from '../backend/storage/search-turns.ts'
import { writeLines } from '../backend/write-lines.ts'
import { filterOf, parseSearch } from '../core/search-fields.ts'
import { scoreDetector } from '../core/detector-score.ts'
import { trainDetector } from '../core/detector/train.ts'
import type { ColumnMapping } from '../core/import/columns.ts'
import type { ConversationDraft } from '../core/import/format.ts'
import { answeredTurns, type Judgement } from '../core/signals.ts'
import { UsageError } from '../shared/errors.ts'
import type { JudgeSettings } from '../shared/judge.ts'
import type { Message } from '../shared/types.ts'
import { interruption } from './interruption.ts'

type Output = { json?: true }

export async function runImport(files: string[], options: Output & { workspace: string; format?: string; mapping?: ColumnMapping }): Promise<void> {
  await withWorkspace(options.workspace, true, async ({ db }) => {
    const line = progressLine()
    const started = performance.now()
    const rate = progressRate()
    const report = await importFiles(db, files, {
      format: options.format,
      mapping: options.mapping,
      signal: interruption(),
      onProgress: ({ bytesDone, bytesTotal, imported, quarantined }) => {
        const seconds = (performance.now() - started) / 1000
        const { etaSeconds } = rate(bytesDone, bytesTotal)
        const left = etaSeconds === null ? '' : `, ${Math.ceil(etaSeconds)} s left`
        line.show(`${percent(bytesDone, bytesTotal)} read, ${imported} imported (${Math.round(imported / seconds)}/s)${quarantined > 0 ? `, ${quarantined} set aside` : ''}${left}`)
      },
    })
    line.end()
    const { imported, duplicates, deleted, labels, quarantined, seconds, format, resumed } = report
    if (imported + duplicates + deleted + labels === 0 && !resumed) {
      const [first] = pageOfQuarantinedRows(db, { importId: report.id, offset: 0, limit: 1 }).rows
      throw new UsageError(`import: expected conversations, found none readable in ${files.join(', ')}${first === undefined ? ' (no row was found)' : ` (${first.file} row ${first.row}: ${first.reason})${/got the keys /.test(first.reason) && options.mapping === undefined ? '. Say what its columns hold with --mapping, such as --mapping prompt=question,reply=answer' : ''}`}`)
    }
    if (options.json) print({ imported, duplicates, quarantined, seconds, format, ...(deleted > 0 ? { deleted } : {}), ...(labels > 0 ? { labels } : {}) })
    else console.log(`${resumed ? 'went on where it was stopped: ' : ''}${imported} ${imported === 1 ? 'conversation' : 'conversations'} imported (${format}) in ${seconds.toFixed(1)} s, ${duplicates} were there already, ${quarantined} ${quarantined === 1 ? 'row' : 'rows'} set aside${labels > 0 ? `, ${labels} labels of people` : ''}${deleted > 0 ? `, ${deleted} left out because they were deleted from this workspace` : ''}`)
  })
}

export async function runSearch(query: string, options: Output & { workspace: string; limit: number }): Promise<void> {
  await withWorkspace(options.workspace, false, ({ db }) => {
    const started = performance.now()
    const { words, fields } = parseSearch(query)
    const columns = conversationColumns(db, { forOneQuery: true })
    const { total, hits } = searchTurns(db, filterOf(fields, words), options.limit, columns)
    const milliseconds = performance.now() - started
    if (options.json) print({ total, hits: hits.map((hit) => ({ ...hit, snippet: withoutMarks(hit.snippet) })), milliseconds })
    else {
      for (const { conversation_id, turn_index, snippet } of hits) console.log(`${conversation_id} ${String(turn_index).padStart(3)}  ${terminalMarks(snippet)}`)
      console.log(`${total} ${total === 1 ? 'turn' : 'turns'} in ${milliseconds.toFixed(1)} ms${total > hits.length ? `, ${hits.length} shown` : ''}`)
    }
    columns.keep(db)
  })
}

export async function runDetect(options: Output & JudgeOptions & { input: string; output: string; detector: string }): Promise<void> {
  const started = performance.now()
  const signal = interruption()
  const detector = namedDetector(options, signal)
  const counts = { conversations: 0, rows: 0, unreadable: 0 }
  let firstProblem = ''
  async function* lines(): AsyncGenerator<string> {
    for await (const { results } of readConversations(options.input)) {
      signal.throwIfAborted()
      const turns: AnsweredTurn[] = []
      for (const result of results) {
        if ('reason' in result) {
          counts.unreadable += 1
          firstProblem ||= `row ${result.row}: ${result.reason}`
          continue
        }
        const { messages } = result.draft
        const id = idOf(result.draft)
        counts.conversations += 1
        for (const turnIndex of answeredTurns(messages)) turns.push({ id, messages, turnIndex })
      }
      const judgements = await detector.judgeAll(turns)
      const text = turns.map(({ id, turnIndex }, i) => {
        const judgement = judgements[i]
        if (!judgement) return ''
        counts.rows += 1
        const { label, probability, categories, evidence } = judgement
        return `${JSON.stringify({ id, turn_index: turnIndex, dsat_probability: probability, label, categories, evidence })}\n`
      }).join('')
      if (text !== '') yield text
    }
    if (counts.conversations === 0) throw new UsageError(`detect: expected conversations, found none readable in ${options.input} (${firstProblem || 'the file is empty'})`)
  }
  const output = await writeLines(options.output, lines())
  if (counts.unreadable > 0) console.error(`${counts.unreadable} rows of ${options.input} could not be read (${firstProblem})`)
  detector.say()
  const seconds = (performance.now() - started) / 1000
  if (options.json) print({ detector: detector.decider, version: detector.version, ...counts, output, seconds })
  else console.log(`${counts.rows} turns of ${counts.conversations} conversations judged in ${seconds.toFixed(1)} s: ${output}`)
}

type Turn = { messages: readonly Message[]; turnIndex: number }
type AnsweredTurn = Turn & { id: string }

/** A detector for a file's turns; `say` tells on stderr what is worth knowing of it afterwards. */
type NamedDetector = { decider: string; version: string; judgeAll(turns: readonly Turn[]): Promise<(Judgement | null)[]>; say(): void }

function namedDetector(options: JudgeOptions & { detector: string }, signal: AbortSignal): NamedDetector {
  if (options.detector !== 'judge') {
    const detector = detectorNamed(options.detector)
    const { decider, version } = detector
    return { decider, version, judgeAll: (turns) => Promise.resolve(turns.map(({ messages, turnIndex }) => detector.judge(messages, turnIndex))), say: () => sayTraining(detector) }
  }
  const settings = judgeSettings(options, DEFAULT_JUDGE)
  const judge = judgeFor(settings, configFolder())
  return {
    decider: 'judge',
    version: judge.version,
    judgeAll: (turns) => mapConcurrently(turns, settings.concurrency, ({ messages, turnIndex }) => judge.judge(messages, turnIndex, signal)),
    say: () => console.error(describeUsage(judge.usage, settings)),
  }
}

export type JudgeOptions = { judgeUrl?: string; judgeModel?: string; rubric?: string; concurrency?: number }

function readText(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${option}: expected a text file, got "${path}" (${error instanceof Error ? error.message : String(error)})`, { cause: error })
  }
}

/** What the command line says goes before the settings that are there. */
function judgeSettings({ judgeUrl, judgeModel, rubric, concurrency }: JudgeOptions, present: JudgeSettings): JudgeSettings {
  return { ...present, baseUrl: judgeUrl ?? present.baseUrl, model: judgeModel ?? present.model, rubric: rubric === undefined ? present.rubric : readText('--rubric', rubric), concurrency: concurrency ?? present.concurrency }
}

export async function runDetectorTrain(options: Output & { input: string; output: string; seed: number }): Promise<void> {
  const started = performance.now()
  const turns = await labelledTurnsOf(options.input, 'detector train')
  const line = progressLine()
  const model = trainDetector(turns, { seed: options.seed, onProgress: (done, total) => line.show(`${done}/${total} models`) })
  line.end()
  const { path, version, bytes } = writeDetectorFile(options.output, model, { trainedOn: basename(options.input), heldOut: {} })
  const { n, positives, average_precision, roc_auc, f1, flagged, hits } = model.crossValidation
  const seconds = (performance.now() - started) / 1000
  if (options.json) return print({ output: path, version, turns: n, dissatisfied: positives, cutoff: model.cutoff, cross_validation: { average_precision, roc_auc, f1, precision: ratio(hits, flagged), recall: ratio(hits, positives) }, bytes, seconds })
  console.log(`${n} turns, ${positives} dissatisfied; five folds by dialogue, each judged by a model that had not seen it:`)
  console.log(`average precision ${digits(average_precision)}, ROC-AUC ${digits(roc_auc)}, F1 at the human's flag rate ${digits(f1)}`)
  console.log(`cut-off ${model.cutoff.toFixed(3)} (best F1): precision ${digits(ratio(hits, flagged))}, recall ${digits(ratio(hits, positives))}`)
  console.log(`${path}, version ${version}, ${Math.round(bytes / 1000)} kB, in ${seconds.toFixed(1)} s. These figures hold for data of this kind alone`)
}

export async function runDetectorEval(options: Output & JudgeOptions & { input: string; detector: string }): Promise<void> {
  const detector = namedDetector(options, interruption())
  const turns = await labelledTurnsOf(options.input, 'detector eval')
  const judgements = await detector.judgeAll(turns)
  detector.say()
  const missing = judgements.filter((judgement) => judgement === null).length
  if (missing > 0) throw new Error(`detector eval: expected a verdict on each of ${turns.length} turns, got none on ${missing}. Figures of a part would not be the file's`)
  const { average_precision, roc_auc, f1, n } = scoreDetector(turns.map((turn, i) => ({ ...turn, probability: judgements[i]!.probability })))
  if (options.json) print({ average_precision, roc_auc, f1, n })
  else console.log(`average precision ${digits(average_precision)}, ROC-AUC ${digits(roc_auc)}, F1 at the human's flag rate ${digits(f1)} on ${n} turns`)
}

export async function runSignals(options: Output & JudgeOptions & { workspace: string; detector: string; limit?: number }): Promise<void> {
  await withWorkspace(options.workspace, false, async ({ db, path }) => {
    const line = progressLine()
    const report = options.detector === 'judge' ? await judgeWorkspace(db, path, options, line.show) : await detectInWorkspace(db, detectorNamed(options.detector, path), line.show)
    line.end()
    if (options.json) return print(report)
    console.log(`${report.turns} turns of ${report.conversations} conversations judged in ${report.seconds.toFixed(1)} s: ${report.dissatisfied} dissatisfied, ${report.satisfied} satisfied, ${report.neutral} neutral`)
  })
}

async function detectInWorkspace(db: WritableDb, detector: Detector, show: (text: string) => void): Promise<SignalsReport> {
  sayTraining(detector)
  return runDetector(db, detector, { signal: interruption(), onProgress: ({ done, total }) => show(`${done}/${total} conversations`) })
}

async function judgeWorkspace(db: WritableDb, path: string, options: JudgeOptions & { limit?: number }, show: (text: string) => void): Promise<JudgeReport> {
  const present = readJudgeSettings(path)
  const settings = judgeSettings(options, present)
  const judge = judgeFor(settings, path)
  const limit = options.limit ?? null
  const { turns, cached, promptTokens, completionTokens } = estimateJudge(db, judge, { ...settings, secondsPerCall: present.secondsPerCall }, limit)
  console.error(`judge ${judge.version}: ${turns} turns, ${cached} of them in the cache; about ${promptTokens} prompt and ${completionTokens} completion tokens`)
  const report = await runJudge(db, judge, settings, { limit, signal: interruption(), onProgress: (done, total, usage) => show(`${done}/${total} turns, ${describeUsage(usage, settings)}`) })
  console.error(describeUsage(report, settings))
  return report
}

/** A classifier's figures hold for what it was trained on: whoever uses it is told what that was. */
function sayTraining({ trainedOn }: Detector): void {
  if (trainedOn !== null) console.error(`classifier trained on ${trainedOn}; its accuracy there says little of other conversations`)
}

export async function runRubric({ workspace, json, set }: Output & { workspace: string; set?: string }): Promise<void> {
  await withWorkspace(workspace, false, ({ path }) => {
    const rubric = set === undefined ? workspaceRubric(path) : writeRubric(path, readText('--set', set))
    if (json) return print(rubric)
    console.log(rubric.text.trimEnd())
  })
}

export async function runReviewExport(options: Output & { workspace: string; output: string; mask: boolean }): Promise<void> {
  await withWorkspace(options.workspace, false, async ({ db }) => {
    const written = await exportLabels(db, options.output, options)
    if (options.json) print(written)
    else console.log(`${written.rows} labels written: ${written.path}`)
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

/** The id the row came with; without one its content hash. */
function idOf({ messages, metadata }: ConversationDraft): string {
  const { id } = metadata
  return typeof id === 'string' || typeof id === 'number' ? String(id) : conversationId(messages, metadata)
}

export const print = (value: unknown): void => console.log(JSON.stringify(value))
const digits = (value: number | null): string => (value === null ? 'not defined' : value.toFixed(3))
const ratio = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole)
const percent = (done: number, total: number): string => `${total === 0 ? 100 : Math.round((100 * done) / total)} %`
export const withoutMarks = (text: string): string => text.replaceAll(MARK_START, '').replaceAll(MARK_END, '')
export const terminalMarks = (text: string): string => {
  const line = text.replaceAll(/\s+/g, ' ')
  return process.stdout.isTTY ? line.replaceAll(MARK_START, '\x1b[1m').replaceAll(MARK_END, '\x1b[0m') : withoutMarks(line)
}

/** One line on stderr that rewrites itself; nothing where stderr is no terminal. */
export function progressLine(): { show(text: string): void; end(): void } {
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
