/** What crosses the contract about datasets beside their rows: how one is built, what lint finds, what a guard found, how two differ. */
import { z } from 'zod'
import { conversationSelection } from './browse.ts'
import type { DatasetKind, Decider, FeedbackRow, Pair, PromptRow } from './types.ts'

export type DatasetRow = FeedbackRow | Pair | PromptRow

/** Deciders that compute, the one that wins first. */
export const DETECTORS = ['judge', 'classifier', 'rules'] as const satisfies readonly Decider[]
export type Detector = (typeof DETECTORS)[number]
/** Strongest first: where several have judged a turn, the first of those asked for counts. */
export const DECIDERS = ['human', 'imported', ...DETECTORS] as const satisfies readonly Decider[]

/** A value, or several of which any will do. */
const anyOf = z.union([z.string(), z.array(z.string()).min(1).max(200)])
export type AnyOf = z.output<typeof anyOf>

/** How rows are chosen; the same keys on the command line. */
export const buildShape = {
  /** Of these conversations alone: those that pass a filter, as the page and `drift search` have it, or those named. */
  conversations: conversationSelection.optional(),
  source: anyOf.optional(),
  model: anyOf.optional(),
  language: anyOf.optional(),
  tag: anyOf.optional(),
  /** Categories of the signal a row stems from; `unspecified`: dissatisfied ones that name none. */
  category: anyOf.optional(),
  minTurns: z.int().optional(),
  maxTurns: z.int().optional(),
  /** Probability from which a detector's word counts as dissatisfied. */
  threshold: z.number().min(0).max(1).default(0.5),
  /** Whose word counts; left out: everybody's. */
  deciders: z.array(z.enum(DECIDERS)).min(1).optional(),
  /** Rows kept once: none, those of equal text, or also those nearly equal. */
  dedup: z.enum(['none', 'exact', 'near']).default('none'),
  maxPerSource: z.int().min(1).optional(),
  /** Share of rows set aside as a second dataset, NAME-heldout. */
  heldOut: z.number().min(0).max(0.5).default(0),
  /** What never lies on both sides: a conversation; also a user, where known; also prompts that nearly equal each other. */
  splitBy: z.enum(['conversation', 'user', 'cluster']).default('user'),
  seed: z.int().default(1),
}
const buildSchema = z.object(buildShape)
export type BuildOptions = z.output<typeof buildSchema>
/** Every option at its default. */
export const DEFAULT_BUILD: BuildOptions = buildSchema.parse({})

export const LINT_KINDS = [
  'identical-sides', 'empty-reply', 'contradiction', 'template-text', 'missing-eos', 'truncation', 'personal-data',
  'near-identical-sides', 'length-skew', 'refusal', 'language-flip', 'duplicate', 'near-duplicate',
] as const
export type LintKind = (typeof LINT_KINDS)[number]
export type Severity = 'error' | 'warning' | 'note'
/** What a fix does to the rows found; every fix makes a new snapshot. */
export type FixAction = 'drop' | 'keep-one' | 'mask'

export type LintFinding = {
  kind: LintKind
  severity: Severity
  /** The finding in figures. */
  summary: string
  /** How many rows it names; `rows` may hold the first of them. */
  total: number
  rows: { /** Position in the dataset. */ row: number; /** What was found there. */ found: string }[]
  fix: FixAction | null
}
export type LintReport = { rows: number; findings: LintFinding[]; /** Tokens were counted with this model's tokenizer and template. */ model: string | null; maxLength: number | null }

export const MATCHES = ['source-id', 'exact', 'ngram', 'similar', 'meaning'] as const
/** How a row meets an evaluation prompt, strongest first. */
export type Match = (typeof MATCHES)[number]
/**
 * Cosine similarity of sentence vectors from which a row counts as `meaning` where nobody says otherwise. No value holds
 * for every model: the histogram and the nearest pairs are there to judge it by.
 */
export const MEANING_THRESHOLD = 0.85

/** What the guard found by a sentence-embedding model: of each row, the evaluation prompt nearest to it. */
export type MeaningMatch = {
  /** What it is, in words; SHA-256 over its files and how it is used; where it lay. */
  encoder: string
  version: string
  folder: string
  threshold: number
  /** Rows by the cosine to their nearest prompt, in twenty steps from 0 to 1. */
  histogram: number[]
  /** The nearest, whether or not they reach the threshold; of rows that ask the same, the first. */
  nearest: { row: number; cosine: number; asked: string; prompt: string }[]
}
/** The result of the contamination guard, kept with the snapshot. */
export type ContaminationStamp = {
  checkedAt: string
  files: { path: string; sha256: string; prompts: number }[]
  /** Words of a shared run that count as `ngram`; Jaccard similarity of word shingles that counts as `similar`. */
  ngram: number
  similarity: number
  /** Positions of the rows that meet a prompt. */
  rows: number[]
  counts: Record<Match, number>
  /** The first of them, with the prompt they meet. */
  examples: { row: number; by: Match; prompt: string }[]
  /** Null where no sentence model was chosen: likeness of wording stands in for it. */
  meaning: MeaningMatch | null
}

export type DatasetDiff = {
  before: string
  after: string
  counts: { added: number; removed: number; changed: number; same: number }
  /** Statistics side by side; null where a side has none of that name. */
  statistics: { label: string; group: string | null; before: number | string | null; after: number | string | null }[]
  rows: { change: 'added' | 'removed' | 'changed'; before: DatasetRow | null; after: DatasetRow | null }[]
}

export const EXPORT_FORMATS = ['trl-jsonl', 'trl-parquet', 'llama-factory', 'openrlhf', 'drift', 'spin', 'hf'] as const
export type ExportFormat = (typeof EXPORT_FORMATS)[number]
/** Formats that take rows of a kind. */
export const FORMATS_OF: Record<DatasetKind, readonly ExportFormat[]> = {
  feedback: ['trl-jsonl', 'trl-parquet', 'llama-factory', 'drift', 'hf'],
  preference: ['trl-jsonl', 'trl-parquet', 'llama-factory', 'openrlhf', 'spin', 'hf'],
  prompts: ['trl-jsonl', 'trl-parquet', 'openrlhf', 'hf'],
}
/** Formats that are a folder of files. */
export const FOLDER_FORMATS: readonly ExportFormat[] = ['llama-factory', 'hf']
