/** The LLM judge over a workspace: an estimate before, then a batch of verdicts at a time, each batch one transaction. */
import { join } from 'node:path'
import { judgePrompt, roughTokens, VERDICT_TOKENS } from '../../core/judge.ts'
import { UsageError } from '../../shared/errors.ts'
import type { JudgeEstimate, JudgeSettings } from '../../shared/judge.ts'
import type { SignalsReport } from '../signals/run-detector.ts'
import { messageReader, REACTIONS } from '../storage/conversations.ts'
import type { ReadableDb, WritableDb } from '../storage/open.ts'
import { countAnsweredTurns, writeSignals, type SignalWrite } from '../storage/signals.ts'
import { chatEndpoint } from './chat-endpoint.ts'
import { judgeKey } from './judge-settings.ts'
import { mapConcurrently } from './map-concurrently.ts'
import { openJudge, type Judge, type JudgeUsage } from './verdicts.ts'

export type JudgeReport = SignalsReport & JudgeUsage & { cost: number | null }

const BATCH_TURNS = 100
const ESTIMATED_FROM = 300

/** @param folder where the cache lies */
export function judgeFor(settings: Pick<JudgeSettings, 'baseUrl' | 'model' | 'rubric'>, folder: string): Judge {
  const { baseUrl, model, rubric } = settings
  if (baseUrl === '' || model === '') throw new UsageError(`judge: expected the base URL and the model of an OpenAI-compatible endpoint, got "${baseUrl}" and "${model}". Set both in the judge's settings or with --judge-url and --judge-model`)
  return openJudge({ endpoint: chatEndpoint({ baseUrl, model, key: judgeKey().key }), baseUrl, rubric, cacheFolder: join(folder, 'judge-cache') })
}

/** What a run over up to `limit` turns would take: of a few turns exactly, of many from a sample of them. */
export function estimateJudge(db: ReadableDb, judge: Judge, settings: JudgeSettings & { secondsPerCall: number | null }, limit: number | null): JudgeEstimate {
  const answered = countAnsweredTurns(db)
  const turns = Math.min(answered, limit ?? answered)
  const exact = turns <= ESTIMATED_FROM
  const readMessages = messageReader(db)
  const tokensOf = ({ conversation, turnIndex }: TurnPlace): number => judgePrompt(readMessages(conversation), turnIndex, settings.rubric).reduce((sum, { content }) => sum + roughTokens(content), 0)
  const looked = exact ? turnsToJudge(db, turns).filter(({ conversation, turnIndex }) => !judge.isCached(readMessages(conversation), turnIndex)) : spacedTurns(db, ESTIMATED_FROM)
  const calls = exact ? looked.length : Math.max(0, turns - (db.prepare("SELECT count(*) FROM signals WHERE decider = 'judge' AND decider_version = ?").pluck().get(judge.version) as number))
  const mean = looked.length === 0 ? 0 : looked.reduce((sum, turn) => sum + tokensOf(turn), 0) / looked.length
  const promptTokens = Math.round(mean * calls)
  const completionTokens = calls * VERDICT_TOKENS
  return { turns, cached: turns - calls, promptTokens, completionTokens, cost: costOf(settings, promptTokens, completionTokens), seconds: settings.secondsPerCall === null ? null : (calls * settings.secondsPerCall) / settings.concurrency }
}

export async function runJudge(
  db: WritableDb,
  judge: Judge,
  settings: JudgeSettings,
  options: { limit: number | null; signal?: AbortSignal; onProgress?: (done: number, total: number, usage: JudgeUsage) => void },
): Promise<JudgeReport> {
  const { limit, signal, onProgress } = options
  const started = performance.now()
  const turns = turnsToJudge(db, limit)
  const readMessages = messageReader(db)
  const report: SignalsReport = { detector: 'judge', version: judge.version, conversations: new Set(turns.map(({ conversation }) => conversation)).size, turns: 0, dissatisfied: 0, satisfied: 0, neutral: 0, seconds: 0 }
  for (let from = 0; from < turns.length; from += BATCH_TURNS) {
    const batch = turns.slice(from, from + BATCH_TURNS)
    let done = from
    const verdicts = await mapConcurrently(batch, settings.concurrency, async ({ conversation, turnIndex }) => {
      signal?.throwIfAborted()
      const verdict = await judge.judge(readMessages(conversation), turnIndex, signal)
      onProgress?.(++done, turns.length, judge.usage)
      return verdict
    })
    const signals = verdicts.flatMap((verdict, i): SignalWrite[] => (verdict === null ? [] : [{ conversation: batch[i]!.conversation, turnIndex: batch[i]!.turnIndex, ...verdict, decider: 'judge', deciderVersion: judge.version }]))
    for (const { label } of signals) report[label] += 1
    report.turns += signals.length
    db.transaction(() => writeSignals(db, signals)).immediate()
  }
  report.seconds = (performance.now() - started) / 1000
  return { ...report, ...judge.usage, cost: costOf(settings, judge.usage.promptTokens, judge.usage.completionTokens) }
}

/** In words, for a job's line: what was asked and what went wrong. */
export function describeUsage(usage: JudgeUsage, settings: JudgeSettings): string {
  const cost = costOf(settings, usage.promptTokens, usage.completionTokens)
  return [
    `${usage.calls} calls, ${usage.promptTokens + usage.completionTokens} tokens`,
    ...(cost === null ? [] : [`cost ${cost.toPrecision(3)}`]),
    ...(usage.cached > 0 ? [`${usage.cached} from the cache`] : []),
    ...(usage.structured ? [] : ['no structured output there: asked in words']),
    ...(usage.unreadable > 0 ? [`${usage.unreadable} without a verdict (${usage.firstProblem ?? ''})`] : []),
  ].join(', ')
}

function costOf({ promptPrice, completionPrice }: JudgeSettings, promptTokens: number, completionTokens: number): number | null {
  if (promptPrice === null && completionPrice === null) return null
  return (promptTokens * (promptPrice ?? 0) + completionTokens * (completionPrice ?? 0)) / 1e6
}

type TurnPlace = { conversation: number; turnIndex: number }

/** Turns with a label of people or of the data first (they tell how good the judge is), then the others as imported. */
function turnsToJudge(db: ReadableDb, limit: number | null): TurnPlace[] {
  const labelled = "FROM signals WHERE decider IN ('human', 'imported')"
  const first = db.prepare(`SELECT DISTINCT conversation, turn_index AS turnIndex ${labelled} ORDER BY conversation, turn_index LIMIT ?`).all(limit ?? -1) as TurnPlace[]
  if (limit !== null && first.length >= limit) return first
  const rest = db
    .prepare(
      `SELECT u.conversation, u.turn_index AS turnIndex FROM ${REACTIONS}
       WHERE NOT EXISTS (SELECT 1 ${labelled} AND conversation = u.conversation AND turn_index = u.turn_index)
       ORDER BY u.conversation, u.turn_index LIMIT ?`,
    )
    .all(limit === null ? -1 : limit - first.length) as TurnPlace[]
  return [...first, ...rest]
}

/** The first answered turn of conversations that lie evenly over the workspace. */
function spacedTurns(db: ReadableDb, count: number): TurnPlace[] {
  const last = (db.prepare('SELECT max(position) FROM conversations').pluck().get() as number | null) ?? 0
  const turnFrom = db.prepare(`SELECT u.conversation, u.turn_index AS turnIndex FROM ${REACTIONS} WHERE u.conversation >= ? ORDER BY u.conversation, u.turn_index LIMIT 1`)
  return Array.from({ length: count }, (_, i) => turnFrom.get(Math.floor((i * last) / count)) as TurnPlace | undefined).filter((turn) => turn !== undefined)
}
