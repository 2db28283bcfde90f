/**
 * Which endpoint judges, with which rubric (people's labels and duels follow it too), at what price: `judge.json` in the workspace. The key never stands there:
 * it comes from DRIFT_JUDGE_API_KEY or from a file of the user's own that nobody else may read.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { DEFAULT_RUBRIC, readRubric } from '../../core/rubric.ts'
import { UsageError } from '../../shared/errors.ts'
import { judgeSettingsSchema, type JudgeSettings } from '../../shared/judge.ts'
import type { Rubric } from '../../shared/signals.ts'
import { capsuleRubric } from '../capsules/manifest.ts'
import { configFolder } from '../recent-workspaces.ts'
import { writeWhole } from '../write-lines.ts'

const storedSchema = judgeSettingsSchema.extend({ secondsPerCall: z.number().nullable().default(null) })
type Stored = z.infer<typeof storedSchema>

export const DEFAULT_JUDGE: JudgeSettings = { baseUrl: '', model: '', rubric: DEFAULT_RUBRIC, concurrency: 4, promptPrice: null, completionPrice: null }

const settingsFile = (workspace: string): string => join(workspace, 'judge.json')

/** `secondsPerCall`: mean of the last run, null before any. In an opened capsule the rubric is its author's. */
export function readJudgeSettings(workspace: string): Stored {
  const file = settingsFile(workspace)
  if (!existsSync(file)) return { ...DEFAULT_JUDGE, rubric: capsuleRubric(workspace) ?? DEFAULT_RUBRIC, secondsPerCall: null }
  try {
    return storedSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch (error) {
    throw new UsageError(`judge settings ${file}: ${error instanceof Error ? error.message : String(error)}. Mend the file or delete it`, { cause: error })
  }
}

export function writeJudgeSettings(workspace: string, settings: Stored): void {
  writeWhole(settingsFile(workspace), `${JSON.stringify(settings, null, 1)}\n`)
}

/** The workspace's categories, and the text they stand in. */
export function workspaceRubric(workspace: string): Rubric & { text: string } {
  const { rubric } = readJudgeSettings(workspace)
  return { ...readRubric(rubric), text: rubric }
}

/** Throws a UsageError naming the line that cannot be read. */
export function writeRubric(workspace: string, text: string): Rubric & { text: string } {
  const rubric = readRubric(text)
  writeJudgeSettings(workspace, { ...readJudgeSettings(workspace), rubric: text })
  return { ...rubric, text }
}

/** Keeps the pace of a run, unless the settings name another judge by now: they can be edited while it goes on. */
export function keepSecondsPerCall(workspace: string, ran: Pick<JudgeSettings, 'baseUrl' | 'model'>, secondsPerCall: number): void {
  const present = readJudgeSettings(workspace)
  if (isSameJudge(present, ran)) writeJudgeSettings(workspace, { ...present, secondsPerCall })
}

/** Of equal pace. */
export const isSameJudge = (a: Pick<JudgeSettings, 'baseUrl' | 'model'>, b: Pick<JudgeSettings, 'baseUrl' | 'model'>): boolean => a.baseUrl === b.baseUrl && a.model === b.model

const keyFile = (): string => join(configFolder(), 'judge-key')

export const environmentKey = (): string | null => process.env['DRIFT_JUDGE_API_KEY'] || null

export function judgeKey(): { key: string | null; from: 'environment' | 'settings' | null } {
  const given = environmentKey()
  if (given) return { key: given, from: 'environment' }
  if (!existsSync(keyFile())) return { key: null, from: null }
  return { key: readFileSync(keyFile(), 'utf8').trim(), from: 'settings' }
}

/** Keeps the key for this user's workspaces, or with '' forgets it. */
export function keepJudgeKey(key: string): void {
  if (key === '') return rmSync(keyFile(), { force: true })
  writeWhole(keyFile(), key, 0o600)
}
