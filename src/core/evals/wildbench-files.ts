/** The files of WildBench as rows: scores, comparisons, task tags. */
import { UsageError } from '../../shared/errors.ts'
import type { Message } from '../../shared/types.ts'
import { describe, isRow, type Row } from '../import/format.ts'
import { refuseDuplicates, textOf } from './alpaca-files.ts'
import { type ComparedTask, OFFICIAL_SCORE_JUDGE, type ScoredTask, TASKS, type TaskTags } from './wildbench.ts'

export function readScores(rows: readonly Row[], where: string): { tasks: ScoredTask[]; models: string[]; /** That the rows themselves name: one that was asked from here. */ judge: string | null; notices: string[] } {
  if (rows.length === 0) throw new UsageError(`scores ${where}: expected rows, got none`)
  const notices: string[] = []
  let unreadable = 0
  const models = new Set<string>()
  const tasks = rows.flatMap((row, i): ScoredTask[] => {
    const at = `scores ${where}, row ${i + 1}`
    const sessionId = textOf(row, 'session_id', at)
    const output = textOf(row, 'model_output', at)
    if (typeof row['model_test'] === 'string') models.add(row['model_test'])
    const score = scoreOf(row['score'])
    if (score === null) {
      unreadable += 1
      return []
    }
    return [{ sessionId, score, output }]
  })
  if (tasks.length === 0) throw new UsageError(`scores ${where}: expected score as "1" to "10", got none in ${rows.length} rows (first: ${describe(rows[0]?.['score'])})`)
  refuseDuplicates(tasks.map(({ sessionId }) => sessionId), `scores ${where}`)
  if (unreadable > 0) notices.push(`${unreadable} of ${rows.length} rows hold no score from 1 to 10 and are left out`)
  if (tasks.length !== TASKS) notices.push(`${tasks.length} of ${TASKS} tasks are scored: the figures speak of those alone`)
  if (models.size > 1) notices.push(`model_test names ${models.size} models (${[...models].slice(0, 3).join(', ')}): the figures are an average over all of them`)
  return { tasks, models: [...models], judge: judgeOfRows(rows, `scores ${where}`), notices }
}

/** A judge's score, 1 to 10, as it stands in its reply; null where it is none. */
export function scoreOf(value: unknown): number | null {
  const score = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof score === 'number' && score >= 1 && score <= 10 ? score : null
}

function judgeOfRows(rows: readonly Row[], where: string): string | null {
  const names = [...new Set(rows.map((row) => row['judge']))]
  if (names.length > 1) throw new UsageError(`${where}: expected one judge, got ${names.map(describe).join(' and ')}. Split the file by judge`)
  return typeof names[0] === 'string' ? names[0] : null
}

/** The judge a published folder names (`eval=gpt-4o-2024-05-13`); null where the path names none. */
export function judgeOfPath(path: string): string | null {
  return /(?:^|[\\/])eval=([^\\/]+)/.exec(path)?.[1] ?? null
}

export function judgeNotice(judge: string | null, official = OFFICIAL_SCORE_JUDGE): string[] {
  if (judge === official) return []
  return [judge === null ? `neither file nor folder names the judge: the figures are not known to be ${official}'s` : `the judge is ${judge}, not ${official}: these figures are not the leaderboard's`]
}

/** Test and reference are told apart as upstream does: the reference's name is contained in its id. */
export function readComparisons(rows: readonly Row[], reference: string, where: string): { tasks: ComparedTask[]; model: string; judge: string | null; notices: string[] } {
  if (rows.length === 0) throw new UsageError(`comparisons ${where}: expected rows, got none`)
  const models = new Set<string>()
  const tasks = rows.map((row, i): ComparedTask => {
    const at = `comparisons ${where}, row ${i + 1}`
    const ids = [textOf(row, 'model_A', at), textOf(row, 'model_B', at)]
    const referenceId = ids.find((id) => id.includes(reference))
    const testId = ids.find((id) => !id.includes(reference))
    if (referenceId === undefined || testId === undefined) throw new UsageError(`${at}: expected one of model_A and model_B to be the reference ${reference}, got ${ids.join(' and ')}. Name the reference with --reference`)
    models.add(testId)
    const winner = textOf(row, 'winner', at)
    if (winner !== 'tie' && winner !== referenceId && winner !== testId) throw new UsageError(`${at}: expected winner to be ${testId}, ${referenceId} or tie, got ${describe(winner)}`)
    const extent = row['extent']
    if (extent !== 0 && extent !== 1 && extent !== 2) throw new UsageError(`${at}: expected extent 0, 1 or 2, got ${describe(extent)}`)
    const outputs = row['model_outputs']
    const outputOf = (id: string): string => textOf((typeof outputs === 'object' && outputs !== null ? outputs : {}) as Row, id, `${at}, model_outputs`)
    return { sessionId: textOf(row, 'session_id', at), winner: winner === 'tie' ? 'tie' : winner === testId ? 'test' : 'reference', extent, testOutput: outputOf(testId), referenceOutput: outputOf(referenceId) }
  })
  if (models.size > 1) throw new UsageError(`comparisons ${where}: expected one model beside the reference ${reference}, got ${[...models].slice(0, 3).join(', ')}. Split the file by model`)
  refuseDuplicates(tasks.map(({ sessionId }) => sessionId), `comparisons ${where}`)
  const notices = tasks.length === TASKS ? [] : [`${tasks.length} of ${TASKS} tasks are compared: the figures speak of those alone`]
  return { tasks, model: [...models][0]!, judge: judgeOfRows(rows, `comparisons ${where}`), notices }
}

/** Rows of the dataset (config v2), or of any file with session_id or id, primary_tag and secondary_tags. */
export function readTags(rows: readonly Row[], where: string): TaskTags[] {
  const tags = rows.map((row, i) => {
    const at = `tags ${where}, row ${i + 1}`
    const secondary = row['secondary_tags'] ?? []
    if (!Array.isArray(secondary) || !secondary.every((tag) => typeof tag === 'string')) throw new UsageError(`${at}: expected secondary_tags as a list of texts, got ${describe(secondary)}`)
    return { sessionId: sessionOf(row, at), primary: textOf(row, 'primary_tag', at), secondary: secondary as string[] }
  })
  refuseDuplicates(tags.map(({ sessionId }) => sessionId), `tags ${where}`)
  return tags
}

/** A task's id: the data set calls it `session_id`, or `id`. */
export const sessionOf = (row: Row, at: string): string => textOf(row, typeof row['session_id'] === 'string' ? 'session_id' : 'id', at)

/** A task's messages, of the data set's `conversation_input`. */
export function conversationOf(row: Row, at: string): Message[] {
  const { conversation_input: conversation } = row
  if (!Array.isArray(conversation) || conversation.length === 0) throw new UsageError(`${at}: expected conversation_input as a list of messages, got ${describe(conversation)}`)
  return conversation.map((message: unknown): Message => {
    if (!isRow(message)) throw new UsageError(`${at}: expected messages with role and content, got ${describe(message)}`)
    return { role: textOf(message, 'role', at) as Message['role'], content: textOf(message, 'content', at) }
  })
}
