/** A race: several recipes under the same seeds and one named budget, its primary comparison declared before it starts. */
import { z } from 'zod'
import { declarationSchema } from './comparison.ts'
import type { FairnessLedger, Run, RunStatus } from './types.ts'

export const REGIMES = ['equal-logs', 'equal-pairs', 'equal-compute'] as const
export type Regime = (typeof REGIMES)[number]

/** What a regime holds equal, in words that go before a figure. */
export const REGIME_WORDS: Record<Regime, string> = {
  'equal-logs': 'every method reads the same logs',
  'equal-pairs': 'every method trains on as many pairs',
  'equal-compute': 'every method generates, scores and trains as many tokens in all',
}

const memberSchema = z.strictObject({
  recipe: z.string().min(1).describe('A recipe file of the workspace (recipes/drift.yaml), or "preset small".'),
  as: z.string().trim().min(1).max(40).optional().describe('Name in tables; needed where two members have the same method.'),
  set: z.record(z.string(), z.json()).default({}).describe('Keys of the recipe that differ here, dots between levels: training.learning_rate.'),
})

const sweepSchema = z.strictObject({
  dataset: z.string().min(1).describe('Prompts dataset on which sweep runs are scored, in the place of the evaluation’s; none of its prompts may be in that one.'),
  seeds: z.array(z.int()).min(1).max(20).describe('Of the sweep’s runs; none of the race’s own.'),
  grid: z
    .record(z.string().min(1), z.array(z.json()).min(1).max(20))
    .refine((grid) => Object.keys(grid).length > 0, 'expected at least one key with its values')
    .describe('Values of recipe keys, dots between levels; every combination is tried, the same ones for every method.'),
})

/** The file of a race. `{seed}` in a recipe's texts, as in dataset names, stands for the seed. */
export const raceSchema = z.strictObject({
  name: z.string().trim().min(1).max(80).describe('Also the group of its runs.'),
  regime: z.enum(REGIMES).describe('What is held equal; the ledger says where it is not.'),
  /** None is said by the check, which still knows the methods then. */
  declared: declarationSchema.extend({ pairs: z.array(z.tuple([z.string(), z.string()])) }).describe('The primary family: pairs of methods at the final round. Everything else is exploratory.'),
  tokens: z.int().positive().optional().describe('Under equal-compute, what each run generates, scores and trains in all: its rounds train as many steps as that leaves.'),
  seeds: z.array(z.int()).min(1).max(100),
  members: z.array(memberSchema).min(2).max(20),
  sweep: sweepSchema.optional().describe('Settings tried before the race’s own runs: each method takes its best by the declared metric.'),
})
export type RaceFile = z.infer<typeof raceSchema>

/** A race that was started; nothing of it changes any more. */
export type Race = RaceFile & { createdAt: string }

export type RaceCheck = {
  issues: { path: string; message: string }[]
  /** By their key in tables, in the order of the members. */
  methods: string[]
  /** Of the race itself. */
  runs: number
  /** Before those, of its sweep. */
  sweepRuns: number
  /** How many go on at once. */
  lanes: number
  /** For all runs on this machine's lanes, where rates are known. */
  seconds: number | null
  /** Of as many runs as go on at once, the largest, each at its peak; null where a run's is not known. */
  memoryBytes: number | null
  diskBytes: number | null
}

/** `runs` are those queued now: the sweep's until it is decided, then the race's own. */
export type StartedRace = { race: Race; runs: Run[] }

/** Values of recipe keys, dots between levels. */
export type Setting = Record<string, z.infer<ReturnType<typeof z.json>>>

/** One setting of one method. `score` is null until all its seeds are done, and where one diverged or was cancelled. */
export type SweepCell = { setting: Setting; score: number | null; runs: { /** Null: not recorded yet. */ id: string | null; seed: number; status: RunStatus | null; /** Its numbers were no longer finite: left out. */ diverged: boolean; score: number | null }[] }

/** How a race's settings were chosen; while it goes on, as far as it is. */
export type Sweep = {
  /** What a score is: `metric` at `temperature` on `dataset` after the last round. */
  metric: 'score' | 'pass'
  temperature: number
  dataset: string
  seeds: number[]
  grid: Record<string, Setting[string][]>
  /** Null: not decided. */
  decidedAt: string | null
  methods: { method: string; cells: SweepCell[]; /** Place among the cells. */ chosen: number | null; /** Keys whose chosen number is the grid's smallest or largest. */ edges: string[]; /** What all its runs used, apart from the race's own. */ ledger: FairnessLedger }[]
}

/** What a race compares: the same in all its runs, whatever suits a method. */
export const COMPARED_KEYS: readonly string[] = ['recipe', 'reward', 'model_name_or_path', 'seed', 'evaluation']
/** What a regime holds equal between methods, each of which may take a setting of its own. */
export const HELD_KEYS: Record<Regime, readonly string[]> = { 'equal-logs': ['dataset'], 'equal-pairs': ['pairs_per_round', 'iterations'], 'equal-compute': ['token_budget'] }

const SWEEP_SUFFIX = ' (sweep)'
/** The group of a race's sweep runs. */
export const sweepGroup = (race: string): string => `${race}${SWEEP_SUFFIX}`
/** The race whose sweep a group is; null where it is none. */
export const raceOfSweep = (group: string): string | null => (group.endsWith(SWEEP_SUFFIX) ? group.slice(0, -SWEEP_SUFFIX.length) : null)

/** `learning_rate 0.0003, reference base`. */
export const settingWords = (setting: Setting): string => Object.entries(setting).map(([key, value]) => `${key.split('.').at(-1)} ${typeof value === 'string' ? value : JSON.stringify(value)}`).join(', ')
