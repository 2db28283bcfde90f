/** What crosses the contract about the table of runs, and about runs that leave or come as files. */
import type { Interval } from './types.ts'

/** What the table shows of a run beside the run itself. */
export type RunColumns = {
  id: string
  /** At the last evaluated round and its highest temperature; `n` prompts. */
  score: { value: Interval; n: number } | null
  /** What its last training step measured, under TRL's names. */
  last: Record<string, number>
  /** Value as JSON of every setting of which the workspace's runs have several, by its key with dots; one that the run does not have is left out. */
  settings: Record<string, string>
}

export const RUN_MARKS = ['pinned', 'archived'] as const
export type RunMark = (typeof RUN_MARKS)[number]

/** TensorBoard event files in a folder, or one table of all metrics. */
export const RUN_FORMATS = ['tensorboard', 'csv'] as const
export type RunFormat = (typeof RUN_FORMATS)[number]

/** What became of other trainers' metric files. `where`: the line, or the entry of the log. */
export type RunImport = {
  runs: { id: string; name: string; file: string; /** Metric rows that it has now. */ rows: number; outcome: 'new' | 'updated' | 'unchanged' }[]
  problems: { file: string; where: string; reason: string }[]
}
