/**
 * WildBench: WB-Score and WB-Reward as `leaderboard/data_dir/_create_tables.py` of allenai/WildBench at d6b8dcaf
 * computes its published tables (tags as a set per session; empty and cut answers left out of groups and length).
 */
import type { WildBenchReward, WildBenchScore } from '../../shared/evaluation.ts'
import { mean, sum } from '../statistics.ts'
import { codePoints } from './text-length.ts'

/** Weights of the task groups in the macro average; they sum to 4.75. */
export const TASK_WEIGHTS: Readonly<Record<string, number>> = {
  'Creative Tasks': 0.5,
  'Planning & Reasoning': 1.25,
  'Math & Data Analysis': 1,
  'Information/Advice seeking': 0.75,
  'Coding & Debugging': 1.25,
}
const GROUP_OF_TAG: Readonly<Record<string, string>> = {
  'Creative Writing': 'Creative Tasks',
  Editing: 'Creative Tasks',
  Brainstorming: 'Creative Tasks',
  'Role playing': 'Creative Tasks',
  Others: 'Creative Tasks',
  Planning: 'Planning & Reasoning',
  Reasoning: 'Planning & Reasoning',
  Math: 'Math & Data Analysis',
  'Data Analysis': 'Math & Data Analysis',
  'Information seeking': 'Information/Advice seeking',
  'Advice seeking': 'Information/Advice seeking',
  'Coding & Debugging': 'Coding & Debugging',
}
export const TRUNCATION_MARK = '... (truncated)'
export const EMPTY_ANSWER = '[This model response is empty.]'
/** The judge and the release whose scores the leaderboard published. */
export const OFFICIAL_SCORE_JUDGE = 'gpt-4o-2024-05-13'
export const OFFICIAL_REWARD_JUDGE = 'gpt-4-turbo-2024-04-09'
export const TASKS = 1024

export type TaskGroups = ReadonlyMap<string, ReadonlySet<string>>
export type TaskTags = { sessionId: string; primary: string; secondary: string[] }

/** Session → its groups; tags of no group are returned, to be named. */
export function groupsOfTags(tags: readonly TaskTags[]): { groups: TaskGroups; unknown: string[] } {
  const unknown = new Set<string>()
  const groups = new Map<string, Set<string>>()
  for (const { sessionId, primary, secondary } of tags) {
    const of = new Set<string>()
    for (const tag of [primary, ...secondary]) {
      const group = GROUP_OF_TAG[tag]
      if (group === undefined) unknown.add(tag)
      else of.add(group)
    }
    groups.set(sessionId, of)
  }
  return { groups, unknown: [...unknown] }
}

export type ScoredTask = { sessionId: string; score: number; output: string }

/** Empty and cut answers count in the score alone. */
export const isKept = ({ output }: ScoredTask): boolean => output !== '' && !output.endsWith(TRUNCATION_MARK)

/** 1 to 10 as -8 to 10. */
export const adjusted = (score: number): number => (score - 5) * 2

/** Of at least one row. `groups` null where no tags are known. */
export function wildBenchScore(rows: readonly ScoredTask[], groups: TaskGroups | null): WildBenchScore {
  const kept = rows.filter(isKept)
  const score = mean(rows.map((row) => row.score))
  const categorized = groups && perGroup(kept, groups, (of) => adjusted(mean(of.map((row) => row.score))))
  return {
    total: rows.length,
    score,
    adjusted_score: adjusted(score),
    wb_score: 10 * adjusted(score),
    task_macro_score: categorized && taskMacro(categorized),
    task_categorized_scores: categorized,
    avg_len: kept.length === 0 ? null : mean(kept.map(({ output }) => codePoints(output))),
  }
}

export type PairwiseLabel = 'win_much' | 'win' | 'tie' | 'lose' | 'lose_much'
export type ComparedTask = { sessionId: string; winner: 'test' | 'reference' | 'tie'; extent: number; testOutput: string; referenceOutput: string }

export const REWARD_OF: Readonly<Record<PairwiseLabel, number>> = { win_much: 1, win: 0.5, tie: 0, lose: -0.5, lose_much: -1 }

/**
 * A comparison's label under a length margin of k characters: a narrow win of an answer longer by more than k is a
 * tie, and so is a narrow loss to one. k = -1 switches the rule off. Null where an answer is empty or cut.
 */
export function pairwiseLabel({ winner, extent, testOutput, referenceOutput }: ComparedTask, k: number): PairwiseLabel | null {
  if ([testOutput, referenceOutput].some((text) => text.endsWith(TRUNCATION_MARK) || text === EMPTY_ANSWER)) return null
  if (winner === 'tie') return 'tie'
  const much = extent === 2
  const longer = codePoints(testOutput) - codePoints(referenceOutput)
  if (winner === 'test') return much ? 'win_much' : k >= 0 && longer > k ? 'tie' : 'win'
  return much ? 'lose_much' : k >= 0 && -longer > k ? 'tie' : 'lose'
}

/** Of at least one row. */
export function wildBenchReward(rows: readonly ComparedTask[], groups: TaskGroups | null, k: number): WildBenchReward {
  const kept = rows.flatMap((row) => {
    const label = pairwiseLabel(row, k)
    return label === null ? [] : [{ ...row, label }]
  })
  const counts = { win_much: 0, win: 0, tie: 0, lose: 0, lose_much: 0 }
  for (const { label } of kept) counts[label] += 1
  const rewardOf = (of: readonly { label: PairwiseLabel }[]): number => sum(of.map(({ label }) => REWARD_OF[label]))
  const categorized = groups && perGroup(kept, groups, (of) => rewardOf(of) / of.length)
  return {
    ...counts,
    total: rows.length,
    reward: rewardOf(kept) / rows.length,
    avg_len: kept.length === 0 ? null : mean(kept.map(({ testOutput }) => codePoints(testOutput))),
    task_categorized_rewards: categorized,
    task_macro_reward: categorized && taskMacro(categorized),
  }
}

/** Weighted mean over the groups that have rows; null where none has. With all five the divisor is upstream's 4.75. */
export function taskMacro(categorized: Readonly<Record<string, number>>): number | null {
  let total = 0
  let weights = 0
  for (const [group, weight] of Object.entries(TASK_WEIGHTS)) {
    const figure = categorized[group]
    if (figure === undefined) continue
    total += weight * figure
    weights += weight
  }
  return weights === 0 ? null : total / weights
}

function perGroup<Row extends { sessionId: string }>(rows: readonly Row[], groups: TaskGroups, figure: (of: readonly Row[]) => number): Record<string, number> {
  const figures: Record<string, number> = {}
  for (const group of Object.keys(TASK_WEIGHTS)) {
    const of = rows.filter(({ sessionId }) => groups.get(sessionId)?.has(group))
    if (of.length > 0) figures[group] = figure(of)
  }
  return figures
}
