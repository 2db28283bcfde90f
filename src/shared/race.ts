/** A race: several recipes under the same seeds and one named budget, its primary comparison declared before it starts. */
import { z } from 'zod'
import { declarationSchema } from './comparison.ts'
import type { Run } from './types.ts'

export const REGIMES = ['equal-logs', 'equal-pairs', 'equal-compute'] as const
export type Regime = (typeof REGIMES)[number]

/** What a regime holds equal, in words that go before a figure. */
export const REGIME_WORDS: Record<Regime, string> = {
  'equal-logs': 'every method reads the same logs',
  'equal-pairs': 'every method trains on as many pairs',
  'equal-compute': 'every method generates and trains as many tokens',
}

const memberSchema = z.strictObject({
  recipe: z.string().min(1).describe('A recipe file of the workspace (recipes/drift.yaml), or "preset small".'),
  as: z.string().trim().min(1).max(40).optional().describe('Name in tables; needed where two members have the same method.'),
  set: z.record(z.string(), z.json()).default({}).describe('Keys of the recipe that differ here, dots between levels: training.learning_rate.'),
})

/** The file of a race. `{seed}` in a recipe's texts, as in dataset names, stands for the seed. */
export const raceSchema = z.strictObject({
  name: z.string().trim().min(1).max(80).describe('Also the group of its runs.'),
  regime: z.enum(REGIMES).describe('What is held equal; the ledger says where it is not.'),
  /** None is said by the check, which still knows the methods then. */
  declared: declarationSchema.extend({ pairs: z.array(z.tuple([z.string(), z.string()])) }).describe('The primary family: pairs of methods at the final round. Everything else is exploratory.'),
  seeds: z.array(z.int()).min(1).max(100),
  members: z.array(memberSchema).min(2).max(20),
})
export type RaceFile = z.infer<typeof raceSchema>

/** A race that was started; nothing of it changes any more. */
export type Race = RaceFile & { createdAt: string }

export type RaceCheck = {
  issues: { path: string; message: string }[]
  /** By their key in tables, in the order of the members. */
  methods: string[]
  runs: number
  /** For all runs on this machine's lanes, where rates are known. */
  seconds: number | null
  diskBytes: number | null
}

export type StartedRace = { race: Race; runs: Run[] }
