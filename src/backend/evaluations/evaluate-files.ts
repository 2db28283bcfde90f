/** Figures of a judged evaluation from the files it left: read, checked, computed. Nothing is written. */
import { createHash } from 'node:crypto'
import { basename, dirname, resolve } from 'node:path'
import { readAnnotations, readDifficulty, readGamed, readModelOutputs } from '../../core/evals/alpaca-files.ts'
import { alpacaFigures } from '../../core/evals/alpaca-figures.ts'
import { isDiscrete, OFFICIAL_BASELINE, OFFICIAL_JUDGE, winProbability } from '../../core/evals/alpacaeval.ts'
import type { LengthRow, GamedRow } from '../../core/evals/length-controlled.ts'
import { codePoints } from '../../core/evals/text-length.ts'
import { judgeNotice, judgeOfPath, readComparisons, readScores, readTags } from '../../core/evals/wildbench-files.ts'
import type { TaskValue } from '../../core/evals/intervals.ts'
import type { Row } from '../../core/import/format.ts'
import { adjusted, groupsOfTags, isKept, OFFICIAL_REWARD_JUDGE, OFFICIAL_SCORE_JUDGE, pairwiseLabel, REWARD_OF, type TaskGroups, wildBenchReward, wildBenchScore } from '../../core/evals/wildbench.ts'
import type { AlpacaFigures, EvaluationFiles, JudgedItem, WildBenchReward, WildBenchScore } from '../../shared/evaluation.ts'
import { readTable } from './read-table.ts'

export type AlpacaFiles = { annotations: string; outputs?: string | undefined; difficulty?: string | undefined; gamed?: string | undefined; instructions?: string | undefined; match: 'instruction' | 'position'; c?: number | undefined }

export type Evaluated<Figures> = {
  model: string
  /** Null where neither file nor folder names it. */
  judge: string | null
  /** Baseline or reference; null where answers are scored alone. */
  reference: string | null
  official: boolean
  discrete: boolean
  figures: Figures
  items: JudgedItem[]
  /** What the figures are not, and why a null is null. */
  notices: string[]
}

/** `lengthRows` and `gamed` are what the length-controlled figure was fitted on, for its interval. */
export async function evaluateAlpaca(files: AlpacaFiles): Promise<Evaluated<AlpacaFigures> & { lengthRows: LengthRow[] | null; gamed: GamedRow[] }> {
  const { annotations, notices } = readAnnotations(await readTable(files.annotations), files.annotations)
  const outputs = await readIf(files.outputs, readModelOutputs)
  const difficulty = await readIf(files.difficulty, readDifficulty)
  const gamed = await readIf(files.gamed, readGamed)
  const instructions = await readIf(files.instructions, readModelOutputs)
  const computed = alpacaFigures({ annotations, outputs, difficulty, gamed, instructions: instructions?.map((row) => row.instruction) ?? null, match: files.match, c: files.c })
  const first = annotations[0]!
  const discrete = isDiscrete(annotations.map((row) => row.preference))
  return {
    model: modelOfFolder(files.annotations, first.annotator) ?? first.model,
    judge: first.annotator,
    reference: first.baseline,
    official: first.annotator === OFFICIAL_JUDGE && first.baseline === OFFICIAL_BASELINE,
    discrete,
    figures: computed.figures,
    items: annotations.map((row) => ({ key: row.instruction, answers: hashOf(row.instruction, row.baselineOutput, row.modelOutput), value: winProbability(row.preference), length: codePoints(row.modelOutput), referenceLength: codePoints(row.baselineOutput) })),
    lengthRows: computed.lengthRows,
    gamed: gamed ?? [],
    notices: [...notices, ...computed.notices, ...(discrete ? ['no preference lies between the whole numbers: the judge gave choices, not probabilities'] : [])],
  }
}

export async function evaluateScores(files: { scores: string; tags?: string | undefined }): Promise<Evaluated<WildBenchScore> & { taskValues: TaskValue[] | null }> {
  const { tasks, models, judge: named, notices } = readScores(await readTable(files.scores), files.scores)
  const { groups, notices: tagNotices } = await readGroups(files.tags, tasks.map((task) => task.sessionId))
  const judge = named ?? judgeOfPath(resolve(files.scores))
  return {
    model: models[0] ?? basename(files.scores).replace(/\.json(l)?(\.gz)?$/, ''),
    judge,
    reference: null,
    official: named === null && judge === OFFICIAL_SCORE_JUDGE,
    discrete: false,
    figures: wildBenchScore(tasks, groups),
    items: tasks.map(({ sessionId, score, output }) => ({ key: sessionId, answers: hashOf(sessionId, output), value: score, length: codePoints(output), referenceLength: null })),
    taskValues: groups && tasks.filter(isKept).map(({ sessionId, score }) => ({ value: adjusted(score), groups: [...(groups.get(sessionId) ?? [])] })),
    notices: [...notices, ...judgeNotice(judge), ...tagNotices],
  }
}

export async function evaluateComparisons(files: { pairwise: string; reference: string; tags?: string | undefined; k: number }): Promise<Evaluated<WildBenchReward> & { taskValues: TaskValue[] | null }> {
  const { tasks, model, judge: named, notices } = readComparisons(await readTable(files.pairwise), files.reference, files.pairwise)
  const { groups, notices: tagNotices } = await readGroups(files.tags, tasks.map((task) => task.sessionId))
  const judge = named ?? judgeOfPath(resolve(files.pairwise))
  const items = tasks.map((task): JudgedItem => {
    const label = pairwiseLabel(task, files.k)
    return { key: task.sessionId, answers: hashOf(task.sessionId, task.referenceOutput, task.testOutput), value: label === null ? null : REWARD_OF[label], length: codePoints(task.testOutput), referenceLength: codePoints(task.referenceOutput) }
  })
  const left = items.filter(({ value }) => value === null).length
  return {
    model,
    judge,
    reference: files.reference,
    official: named === null && judge === OFFICIAL_REWARD_JUDGE,
    discrete: false,
    figures: wildBenchReward(tasks, groups, files.k),
    items,
    taskValues: groups && items.flatMap(({ key, value }) => (value === null ? [] : [{ value, groups: [...(groups.get(key) ?? [])] }])),
    notices: [...notices, ...judgeNotice(judge, OFFICIAL_REWARD_JUDGE), ...tagNotices, ...(left > 0 ? [`${left} comparisons with an empty or cut answer count in the total alone, as upstream does`] : [])],
  }
}

/** Throws where a file beside the judge's cannot be read: to be asked before a judge is. */
export async function readSideFiles({ difficulty, gamed, instructions, tags }: EvaluationFiles): Promise<void> {
  await readIf(difficulty, readDifficulty)
  await readIf(gamed, readGamed)
  await readIf(instructions, readModelOutputs)
  await readIf(tags, readTags)
}

const readIf = async <Read>(path: string | undefined, read: (rows: readonly Row[], where: string) => Read): Promise<Read | null> => (path === undefined ? null : read(await readTable(path), path))

async function readGroups(path: string | undefined, sessions: readonly string[]): Promise<{ groups: TaskGroups | null; notices: string[] }> {
  const tags = await readIf(path, readTags)
  if (tags === null) return { groups: null, notices: ['task figures are null: no file with task tags was given'] }
  const { groups, unknown } = groupsOfTags(tags)
  const untagged = sessions.filter((session) => !groups.has(session)).length
  const present = new Set(sessions.flatMap((session) => [...(groups.get(session) ?? [])]))
  const notices: string[] = []
  if (unknown.length > 0) notices.push(`tags of no task group: ${unknown.join(', ')}`)
  if (untagged > 0) notices.push(`${untagged} of ${sessions.length} tasks have no tags and are in no group`)
  if (present.size > 0 && present.size < 5) notices.push(`tasks of ${present.size} of 5 groups are in the file: the macro averages those alone, its weights renormalised`)
  return { groups, notices }
}

/** The folder of `<model>/annotations.json` or `<model>/<judge>/annotations.json` is the model's name; the field may say something else. */
export function modelOfFolder(path: string, annotator: string): string | null {
  if (!/^annotations\.json(l)?(\.gz)?$/.test(basename(path))) return null
  let folder = dirname(resolve(path))
  while (basename(folder) === annotator) folder = dirname(folder)
  return basename(folder) || null
}

const hashOf = (...texts: string[]): string => createHash('sha256').update(JSON.stringify(texts)).digest('hex').slice(0, 32)
