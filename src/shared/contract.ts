/**
 * Every call and every push between interface and backend, on one page. Three hosts carry it (Electron port,
 * WebSocket, in process for the command line); inputs are validated here, at the boundary.
 */
import { z } from 'zod'
import type { Comparison, PromptBoard } from './comparison.ts'
import { buildShape, EXPORT_FORMATS, LINT_KINDS, type DatasetDiff, type LintReport } from './datasets.ts'
import type { ModelEntry, PairInspection } from './inspection.ts'
import type { Conversation, Dataset, FairnessLedger, FeedbackRow, Job, MetricRow, Pair, PromptRow, Run, RunStage, SampleRow, Signal, SignalLabel } from './types.ts'

const label = z.enum(['dissatisfied', 'satisfied', 'neutral'])
const page = { offset: z.int().min(0).default(0), limit: z.int().min(1).max(500).default(100) }
const conversationFilter = {
  query: z.string().optional(),
  source: z.string().optional(),
  model: z.string().optional(),
  signal: label.optional(),
  category: z.string().optional(),
  minTurns: z.int().optional(),
  maxTurns: z.int().optional(),
}

const underModel = { model: z.string().nullable().default(null), maxLength: z.int().min(1).nullable().default(null) }

/** A call's input schema and, as a type only, its output. */
type Call<Input extends z.ZodType, Output> = { input: Input; output?: Output }
const call = <Output>() => <Shape extends z.ZodRawShape>(shape: Shape): Call<z.ZodObject<Shape>, Output> => ({ input: z.object(shape) })

export const calls = {
  'workspace.info': call<WorkspaceInfo>()({}),
  /** Recent workspaces of this machine, newest first. */
  'workspace.recent': call<{ path: string; name: string; openedAt: string; current: boolean }[]>()({}),
  /** Closes the open workspace and opens another; pushes `workspace.changed` with noun `workspace`. */
  'workspace.open': call<WorkspaceInfo>()({ path: z.string().min(1) }),
  'doctor.run': call<{ checks: { name: string; ok: boolean; detail: string }[] }>()({}),

  'imports.list': call<{ id: string; files: string[]; format: string; imported: number; duplicates: number; quarantined: number; createdAt: string; seconds: number | null }[]>()({}),
  'imports.start': call<{ jobId: string }>()({ files: z.array(z.string()).min(1), format: z.string().optional() }),
  'imports.quarantine': call<{ total: number; rows: { file: string; row: number; reason: string; raw: string }[] }>()({ importId: z.string().optional(), ...page }),

  'conversations.list': call<{ total: number; rows: ConversationRow[] }>()({ ...conversationFilter, sort: z.enum(['imported', 'turns', 'length', 'dissatisfied']).default('imported'), descending: z.boolean().default(false), ...page }),
  'conversations.facets': call<{ name: 'source' | 'model' | 'language' | 'signal' | 'turns' | 'category'; values: { value: string; count: number }[] }[]>()({ ...conversationFilter }),
  'conversations.get': call<{ conversation: Conversation; signals: Signal[]; usedIn: { dataset: string; run: string | null }[] }>()({ id: z.string() }),

  'signals.summary': call<SignalSummary>()({}),
  'signals.list': call<{ total: number; rows: SignalRow[] }>()({ label: label.optional(), category: z.string().optional(), decider: z.string().optional(), ...page }),
  'signals.run': call<{ jobId: string }>()({ detector: z.enum(['rules']).default('rules') }),
  /** A human label wins over every other decider; null takes it back. */
  'signals.label': call<{ signal: Signal | null }>()({ conversationId: z.string(), turnIndex: z.int(), label: label.nullable() }),

  'datasets.list': call<Dataset[]>()({}),
  'datasets.rows': call<{ total: number; rows: (FeedbackRow | Pair | PromptRow)[] }>()({ name: z.string(), ...page }),
  'datasets.build': call<Dataset>()({ name: z.string().min(1), kind: z.enum(['feedback', 'preference', 'prompts']), ...buildShape }),
  /** Findings by severity; with a model (of `models.list`) also what its tokenizer, template and max_length make of the rows. */
  'datasets.lint': call<LintReport>()({ name: z.string(), ...underModel }),
  /** A new snapshot as the fix of one finding leaves the rows; without `as` under the next free name. */
  'datasets.fix': call<Dataset>()({ name: z.string(), fix: z.enum([...LINT_KINDS, 'contamination']), as: z.string().min(1).nullable().default(null), ...underModel }),
  /** Looks for the prompts of evaluation files (AlpacaEval, WildBench) in the rows and stamps the snapshot with the result. */
  'datasets.check': call<Dataset>()({ name: z.string(), files: z.array(z.string().min(1)).min(1) }),
  /** What another snapshot has, lacks and says otherwise; statistics side by side. */
  'datasets.diff': call<DatasetDiff>()({ before: z.string(), after: z.string(), ...page }),
  /** A pair token by token under a model of the workspace (and its reference): ids, log-probabilities, what is cut. */
  'datasets.inspect': call<PairInspection>()({ name: z.string(), row: z.int().min(0), policy: z.string(), reference: z.string().nullable().default(null) }),
  /** A file, or a folder for llama-factory and hf. */
  'datasets.export': call<{ path: string; rows: number }>()({ name: z.string(), format: z.enum(EXPORT_FORMATS), path: z.string(), mask: z.boolean().default(false) }),

  'runs.list': call<Run[]>()({}),
  'runs.get': call<RunDetail>()({ id: z.string() }),
  /** Metric rows after `after` (a row count), for live curves. */
  'runs.metrics': call<{ rows: MetricRow[] }>()({ id: z.string(), after: z.int().min(0).default(0) }),
  'runs.samples': call<{ total: number; rows: SampleRow[] }>()({ id: z.string(), stage: z.string().optional(), newestFirst: z.boolean().default(false), ...page }),
  /** The pair a round made of a sample, token by token under the round's policy and its reference. */
  'runs.inspect': call<PairInspection>()({ id: z.string(), stage: z.string(), index: z.int().min(0) }),
  /** Checks a recipe without starting it: issues with path and nearest key, translated keys, estimate. */
  'runs.validate': call<RecipeCheck>()({ yaml: z.string() }),
  'runs.start': call<Run>()({ yaml: z.string(), name: z.string().optional(), group: z.string().optional() }),
  'runs.pause': call<Run>()({ id: z.string() }),
  'runs.resume': call<Run>()({ id: z.string() }),
  'runs.cancel': call<Run>()({ id: z.string() }),
  'runs.note': call<Run>()({ id: z.string(), notes: z.string() }),
  /** Recipes lying in the workspace's `recipes` folder. */
  'runs.recipes': call<{ file: string; yaml: string }[]>()({}),

  /** Model folders of the workspace that can score: what runs trained, newest first, then bases. */
  'models.list': call<ModelEntry[]>()({}),

  'demo.start': call<{ jobId: string }>()({ quick: z.boolean().default(true), seed: z.int().default(1), seeds: z.int().positive().optional() }),
  'demo.estimate': call<{ quickMinutes: number; fullMinutes: number }>()({}),

  /** Runs with the same evaluation, compared; `group` stands for all its runs. */
  'comparisons.get': call<Comparison>()({ runs: z.array(z.string()).optional(), group: z.string().optional() }),
  /** One prompt of the evaluation: every method's answers side by side, round by round. */
  'comparisons.prompts': call<PromptBoard>()({ runs: z.array(z.string()).optional(), group: z.string().optional(), seed: z.int().optional(), sort: z.enum(['index', 'gain', 'harm']).default('index'), ...page }),
  /** One offline HTML file; written to the workspace's exports folder. `url` downloads it from the headless host. */
  'comparisons.report': call<{ path: string; url: string }>()({ runs: z.array(z.string()).optional(), group: z.string().optional() }),

  'jobs.list': call<Job[]>()({}),
  'jobs.cancel': call<Job>()({ id: z.string() }),
} as const

export type Calls = typeof calls
export type CallName = keyof Calls
/** What a caller passes (defaults may be left out) and what a handler receives. */
export type CallInput<Name extends CallName> = z.input<Calls[Name]['input']>
export type ParsedInput<Name extends CallName> = z.output<Calls[Name]['input']>
export type CallOutput<Name extends CallName> = NonNullable<Calls[Name]['output']>
export type Handlers = { [Name in CallName]: (input: ParsedInput<Name>) => Promise<CallOutput<Name>> | CallOutput<Name> }

/** Told to every connected interface as it happens. */
export type Push =
  | { type: 'job'; job: Job }
  | { type: 'run'; run: Run }
  | { type: 'run.stage'; runId: string; stage: RunStage }
  | { type: 'run.metrics'; runId: string; rows: MetricRow[] }
  | { type: 'run.samples'; runId: string; rows: SampleRow[] }
  | { type: 'workspace.changed'; nouns: ('workspace' | 'imports' | 'conversations' | 'signals' | 'datasets' | 'runs' | 'evaluations')[] }

/** Frames on every pipe, one JSON object each. */
export type RequestFrame = { id: number; call: CallName; input: unknown }
export type ResponseFrame = { id: number; ok: unknown } | { id: number; error: CallError } | { push: Push }
export type CallError = { message: string; code: 'bad-input' | 'not-found' | 'failed'; detail?: string }

export type WorkspaceInfo = {
  path: string
  name: string
  host: 'electron' | 'server' | 'cli'
  version: string
  counts: { conversations: number; signals: number; datasets: number; runs: number }
  /** The quick experiment of a first start, while it is the thing to look at. */
  demo: { jobId: string; group: string; status: Job['status'] } | null
}

export type ConversationRow = {
  id: string
  source: string
  model: string | null
  language: string | null
  turns: number
  characters: number
  /** First user message, cut; or the search hit with <mark> replaced by U+E000/U+E001 around the words found. */
  snippet: string
  signals: { turnIndex: number; label: SignalLabel }[]
}

export type SignalRow = Signal & { userText: string; replyText: string }

export type SignalSummary = {
  answeredTurns: number
  labels: { label: SignalLabel; count: number }[]
  deciders: { decider: string; version: string; count: number }[]
  categories: { category: string; count: number; examples: { conversationId: string; turnIndex: number; text: string }[] }[]
  /** Rules against labels that came with the data or from people, where both exist. */
  agreement: { n: number; precision: number | null; recall: number | null; f1: number | null; against: string } | null
}

export type RunDetail = {
  run: Run
  yaml: string
  stages: RunStage[]
  ledger: FairnessLedger
  evaluations: { round: number; temperature: number; score: number; low: number; high: number; pass: number; n: number }[]
  gradientHealth: { round: number; margins: number[]; weights: number[]; gradNormFirst: number; gradNormLast: number; chosenScore: number | null; rejectedScore: number | null; pairAccuracy: number | null }[]
  log: { time: string; level: 'info' | 'warning' | 'error'; text: string }[]
}

/** The largest training step of a run; the rest of its memory is the process itself. */
export type MemoryParts = { weights: number; gradients: number; optimizer: number; activations: number; /** Tokens of the longest pair it reckons with, prompt once. */ longest: number }

export type RecipeCheck = {
  ok: boolean
  issues: { path: string; message: string }[]
  translated: { from: string; to: string; note: string }[]
  /** Keys that are given and have no effect. */
  warnings: { path: string; message: string }[]
  /** Seconds and bytes, from this machine's measured rates where there are any. */
  estimate: { seconds: number | null; memoryBytes: number | null; /** What the memory consists of, in bytes. */ memoryParts: MemoryParts | null; diskBytes: number | null } | null
}
