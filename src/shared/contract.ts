/**
 * Every call and every push between interface and backend, on one page. Three hosts carry it (Electron port,
 * WebSocket, in process for the command line); inputs are validated here, at the boundary.
 */
import { z } from 'zod'
import './plain-issues.ts'
import type { Analysis, GroupMember } from './analysis.ts'
import { conversationFilter, conversationSelection, tagName, type SavedView } from './browse.ts'
import type { CapsuleInfo, SavedCapsule } from './capsule.ts'
import { type AnswerLineage, type Comparison, CURVE_AXES, type Exploration, type Measured, type PromptAnswers, type PromptBoard, type StepCurves } from './comparison.ts'
import { answersInput, type AnswerRow, type AnswerSet, type AnswersEstimate } from './answers.ts'
import type { DeletedConversation, Deletion, Descent } from './deletion.ts'
import type { DecidedPair, DuelResult, DuelRow, ShownPair } from './duel.ts'
import { engineName } from './recipe.ts'
import type { ParityReport, TorchPlan, TorchState } from './engines.ts'
import { evaluationInput, type CalibrationRow, type EvaluationDifference, type EvaluationRow, type JudgingEstimate } from './evaluation.ts'
import { buildShape, DETECTORS, EXPORT_FORMATS, LINT_KINDS, MEANING_THRESHOLD, type DatasetDiff, type DatasetRow, type LintReport } from './datasets.ts'
import type { ModelEntry, PairInspection } from './inspection.ts'
import { MAP_COLOURS, type ConversationMap, type MapColouring, type MapPoints } from './conversation-map.ts'
import { CONVERSATION_SORTS, type Facet } from './facets.ts'
import { judgeSettingsSchema, type JudgeEstimate, type JudgeSettings } from './judge.ts'
import type { Probe, RoundHealth, StepCanaries, Verdict } from './monitors.ts'
import type { Race, RaceCheck, StartedRace, Sweep } from './race.ts'
import { FOREIGN_FORMATS, type ImportedRecipe, type LeftKey } from './recipe-exchange.ts'
import type { Trip } from './tripwires.ts'
import { RUN_FORMATS, RUN_MARKS, type RunColumns, type RunImport } from './run-table.ts'
import type { ClassifierInfo, Rubric, ThresholdBench } from './signals.ts'
import type { Conversation, Dataset, FairnessLedger, Job, Message, MetricRow, Run, RunStage, SampleRow, Signal, SignalLabel } from './types.ts'
import { LOG_ACTIONS, REVIEW_ORDERS, REVIEW_PASSES, type LogEntry, type LogRow, type Resolution, type ReviewAgreement, type ReviewItem, type ReviewQueue } from './review.ts'

const label = z.enum(['dissatisfied', 'satisfied', 'neutral'])
const detector = z.enum(DETECTORS)
const page = { offset: z.int().min(0).default(0), limit: z.int().min(1).max(500).default(100) }
/** How an import reads rows; without either each row's keys say it. The mapping is from field to column name. */
const columnField = z.enum(['messages', 'conversation', 'role', 'content', 'prompt', 'reply', 'user', 'model', 'language', 'time', 'source'])
const reading = { format: z.string().optional(), mapping: z.partialRecord(columnField, z.string()).optional() }
const quarantineFilter = {
  importId: z.string().optional(),
  file: z.string().optional(),
  /** What rows' reasons have in common. */
  kind: z.string().optional(),
  /** Those that were dismissed, in place of the others. */
  dismissed: z.boolean().default(false),
}
export type QuarantineFilter = z.output<z.ZodObject<typeof quarantineFilter>>
const conversationOrder = { sort: z.enum(CONVERSATION_SORTS).default('imported'), descending: z.boolean().default(false) }
const ids = z.array(z.string()).min(1).max(100_000)
const annotator = z.string().trim().min(1).max(60)
const reviewPass = z.enum(REVIEW_PASSES)

const underModel = { model: z.string().nullable().default(null), maxLength: z.int().min(1).nullable().default(null) }

/** What is compared: runs one by one, or all of a group. */
const compared = { runs: z.array(z.string()).optional(), group: z.string().optional() }
/** Without them the first seed and the highest temperature. */
/** A file of model outputs, or a run after its last round. */
const duelSide = z.union([z.string().min(1), z.strictObject({ run: z.string().min(1) })])
const boardView = { seed: z.int().optional(), temperature: z.number().optional() }

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

  'imports.list': call<{ id: string; files: string[]; format: string; imported: number; duplicates: number; /** Left out, because they had been deleted from the workspace. */ deleted: number; quarantined: number; /** Of these so many became conversations since. */ mended: number; createdAt: string; seconds: number | null; reading: ImportReading; /** Nobody works on it and it did not come to its end: started again, it goes on. */ stopped: boolean }[]>()({}),
  /** The first rows as they would be imported. */
  'imports.preview': call<ImportPreview>()({ files: z.array(z.string()).min(1), ...reading }),
  'imports.start': call<{ jobId: string }>()({ files: z.array(z.string()).min(1), ...reading }),
  /** A part of a file that a browser holds, appended where `start` is its end; answers how much of it is there, and where. With `folder`, which says of what dropped folder it is, `name` begins with that folder's and the path is the folder's. */
  'imports.upload': call<{ path: string; bytes: number }>()({ name: z.string().max(4000), folder: z.string().regex(/^[0-9a-f-]{8,80}$/).optional(), size: z.int().min(0), modifiedMs: z.int(), start: z.int().min(0), base64: z.string().max(6_000_000) }),
  /** `raw`: the beginning of what stood there; `edited`: it was tried otherwise, without success. `key` names the row in an exported file. */
  'imports.quarantine': call<{ total: number; rows: { id: number; key: string; importId: string; file: string; row: number; reason: string; raw: string; edited: boolean }[] }>()({ ...quarantineFilter, ...page }),
  'imports.quarantineFacets': call<Record<'imports' | 'files' | 'kinds', { value: string; count: number }[]> & { dismissed: number }>()({ ...quarantineFilter }),
  /** One row whole, or as much as is kept (`isCut`; `bytes` of the whole, null where not known); `mended`: as it was tried last. */
  'imports.quarantinedRow': call<{ id: number; key: string; importId: string; file: string; row: number; reason: string; raw: string; mended: string | null; /** Line that names the cells of a table's record. */ header: string | null; bytes: number | null; isCut: boolean; isDismissed: boolean; reading: ImportReading }>()({ id: z.int() }),
  /** Reads a text as the row's import would have: it leaves the quarantine as conversations, or stays with the text and the new reason. */
  'imports.mend': call<{ reason: string } | { conversationId: string; imported: number; duplicates: number; deleted: number }>()({ id: z.int(), text: z.string().max(5_000_000) }),
  /** Hides a row, or takes that back. */
  'imports.dismiss': call<{ ok: true }>()({ id: z.int(), dismissed: z.boolean() }),
  /** Writes them as JSONL that imports once mended, gzip where the name ends so; a relative path lies in the workspace's exports folder. `leftOut`: of which no whole text is kept. */
  'imports.exportQuarantine': call<{ path: string; rows: number; leftOut: number }>()({ ...quarantineFilter, path: z.string().trim().min(1) }),

  /** `until`: how far the workspace reached; given with the next pages, what is imported meanwhile moves no row. */
  'conversations.list': call<{ total: number; rows: ConversationRow[]; until: number }>()({ ...conversationFilter, ...conversationOrder, until: z.int().optional(), ...page }),
  /** Ids from one row of the list to another, whichever comes first, at most 10,000; `until`: as the list was when it said so. */
  'conversations.between': call<{ ids: string[] }>()({ ...conversationFilter, ...conversationOrder, from: z.string(), to: z.string(), until: z.int() }),
  /** How many conversations have each value, under the filter's other fields. */
  'conversations.facets': call<Facet[]>()({ ...conversationFilter }),
  /** Puts a tag on conversations or takes it off; `change` is what `conversations.undoTag` takes back, as long as the workspace is open. */
  'conversations.tag': call<{ changed: number; change: number }>()({ selection: conversationSelection, tag: tagName, on: z.boolean() }),
  'conversations.undoTag': call<{ changed: number }>()({ change: z.int() }),
  /** Writes them as JSONL rows that import as they are, gzip where the name ends so; a relative path lies in the workspace's exports folder. `mask`: personal data as its kind in brackets. */
  'conversations.export': call<{ path: string; rows: number }>()({ selection: conversationSelection, path: z.string().min(1), mask: z.boolean().default(false) }),
  /** At most 10,000, in the order in which they were imported. */
  'conversations.ids': call<{ ids: string[]; total: number }>()({ selection: conversationSelection }),
  'conversations.views': call<SavedView[]>()({}),
  /** Under a name that is there, in its place. */
  'conversations.saveView': call<SavedView>()({ name: z.string().trim().min(1).max(80), address: z.string() }),
  'conversations.renameView': call<SavedView>()({ id: z.int(), name: z.string().trim().min(1).max(80) }),
  /** Hides one, or takes that back. */
  'conversations.removeView': call<SavedView>()({ id: z.int(), removed: z.boolean() }),
  'conversations.get': call<{ conversation: Conversation; tags: string[]; signals: Signal[]; usedIn: { dataset: string; run: string | null }[] }>()({ id: z.string() }),
  /** How far reading every conversation once has come; what it finds are the facets `near` and `personal`. */
  'conversations.analysis': call<Analysis>()({}),
  /** Reads those that were not read yet and compares all. */
  'conversations.analyse': call<{ jobId: string }>()({}),
  /** The other members of a conversation's near-duplicate group. */
  'conversations.group': call<{ total: number; members: GroupMember[] }>()({ id: z.string() }),
  /** The map of conversations as it stands: what made it, how much of the workspace is on it. */
  'conversations.map': call<ConversationMap>()({}),
  /** `key`: of the map as last heard of; the answer is as it is now. */
  'conversations.mapPoints': call<MapPoints>()({ key: z.string() }),
  /** Each point's colour, and which pass the filter. */
  'conversations.mapColours': call<MapColouring>()({ ...conversationFilter, colour: z.enum(MAP_COLOURS) }),
  /** Embeds the conversations that have no vector yet and lays all out anew. `folder`: of a sentence-embedding model (tokenizer.json, model.onnx); null: by their wording. */
  'conversations.makeMap': call<{ jobId: string }>()({ folder: z.string().trim().min(1).nullable() }),
  /** One conversation as the list shows it. */
  'conversations.glance': call<ConversationRow>()({ id: z.string() }),
  /** What comes from these conversations: shown before they are deleted. `until`: how far the workspace reached; given with the selection, no others are deleted. */
  'conversations.descent': call<Descent & { until: number }>()({ selection: conversationSelection }),
  /** Out of every list, count, queue and dataset to come, until they are restored or purged; `deletion` restores them together. */
  'conversations.delete': call<Deletion>()({ selection: conversationSelection }),
  /** `importable`: of these the text was purged; they can be imported again. */
  'conversations.restore': call<{ conversations: number; importable: number; stopped: boolean }>()({ which: z.union([z.object({ deletion: z.int() }), z.object({ ids })]) }),
  /** Overwrites the text of deleted conversations. */
  'conversations.purge': call<{ conversations: number }>()({ ids }),
  'conversations.deleted': call<{ total: number; rows: DeletedConversation[] }>()({ ...page }),

  'signals.summary': call<SignalSummary>()({}),
  'signals.list': call<{ total: number; rows: SignalRow[] }>()({ label: label.optional(), category: z.string().optional(), decider: z.string().optional(), ...page }),
  /** `limit`: the judge's first so many turns, labelled ones before the others. */
  'signals.run': call<{ jobId: string }>()({ detector: detector.default('rules'), limit: z.int().min(1).nullable().default(null) }),
  'signals.classifier': call<ClassifierInfo>()({}),
  /** Trains the workspace's own classifier on its labels and runs it. */
  'signals.retrain': call<{ jobId: string }>()({}),
  /** What each cut-off on a detector's probability finds, against the labels of people and of the data. */
  'signals.threshold': call<ThresholdBench>()({ detector }),
  /** Why users are content or not, in the workspace's own categories; `text` is what a person edits and a judge reads. */
  'signals.rubric': call<Rubric & { text: string }>()({}),
  /** Labels keep the categories they have, also those that are not in it any more. */
  'signals.saveRubric': call<Rubric & { text: string }>()({ text: z.string().max(100_000) }),
  'signals.judge': call<JudgeSettings & { key: 'environment' | 'settings' | null }>()({}),
  /** `key`: kept for this user; empty forgets it; left out, it stays. */
  'signals.configureJudge': call<{ ok: true }>()({ settings: judgeSettingsSchema, key: z.string().optional() }),
  'signals.estimateJudge': call<JudgeEstimate>()({ limit: z.int().min(1).nullable().default(null) }),
  /** A person's label, as `review.label` writes it, from the reader; null takes their last one on the turn back. People win over every other decider. */
  'signals.label': call<{ signal: Signal | null }>()({ conversationId: z.string(), turnIndex: z.int(), label: label.nullable(), annotator: annotator.default('unnamed') }),

  /** The annotator's queue of this kind, drawn once and kept; `fresh` draws another of turns that are left. */
  'review.queue': call<ReviewQueue>()({
    annotator,
    pass: reviewPass.default('first'),
    order: z.enum(REVIEW_ORDERS).default('uncertain'),
    category: z.string().nullable().default(null),
    /** Whose labels a second pass looks at again: one's own name for one's own; null for anybody else's. */
    of: annotator.nullable().default(null),
    target: z.int().min(1).max(5000).default(100),
    seed: z.int().default(1),
    /** Probability from which a detector counts as dissatisfied; the most uncertain turns lie nearest to it. */
    cutoff: z.number().min(0).max(1).default(0.5),
    fresh: z.boolean().default(false),
  }),
  /** Where the queue stands and the next undecided turns, the first to be shown now. */
  'review.next': call<{ queue: ReviewQueue; items: ReviewItem[] }>()({ queue: z.int(), limit: z.int().min(1).max(10).default(3) }),
  /** Appends to the log: a label, or with null that the annotator sets the turn aside. Answered when it is on disk. */
  'review.label': call<{ entry: LogEntry; resolution: Resolution | null }>()({
    conversationId: z.string(),
    turnIndex: z.int(),
    annotator,
    pass: reviewPass,
    label: label.nullable(),
    categories: z.array(z.string().min(1)).max(50).default([]),
    evidence: z.object({ start: z.int().min(0), end: z.int() }).nullable().default(null),
    note: z.string().max(10_000).default(''),
    suggestion: z.enum(['shown', 'hidden']),
    seconds: z.number().min(0).nullable().default(null),
  }),
  /** Takes back the annotator's last entry of a pass, whenever it was made, and brings its turn again. */
  'review.undo': call<{ undone: LogEntry | null; item: ReviewItem | null }>()({ annotator, pass: reviewPass }),
  'review.agreement': call<ReviewAgreement>()({}),
  'review.log': call<{ total: number; rows: LogRow[] }>()({ annotator: annotator.optional(), pass: reviewPass.optional(), action: z.enum(LOG_ACTIONS).optional(), ...page }),
  /** Everybody's present labels; CSV where the file's name says so, JSONL otherwise. */
  'review.export': call<{ path: string; rows: number }>()({ path: z.string().min(1), mask: z.boolean().default(false) }),
  /** The workspace's text on how to label; with `text` it is replaced. */
  'review.guidelines': call<{ text: string }>()({ text: z.string().max(100_000).optional() }),

  'datasets.list': call<Dataset[]>()({}),
  'datasets.rows': call<{ total: number; rows: DatasetRow[] }>()({ name: z.string(), ...page }),
  'datasets.build': call<Dataset>()({ name: z.string().min(1), kind: z.enum(['feedback', 'preference', 'prompts']), ...buildShape }),
  /** Findings by severity; with a model (of `models.list`) also what its tokenizer, template and max_length make of the rows. */
  'datasets.lint': call<LintReport>()({ name: z.string(), ...underModel }),
  /** A new snapshot as the fix of one finding leaves the rows; without `as` under the next free name. */
  'datasets.fix': call<Dataset>()({ name: z.string(), fix: z.enum([...LINT_KINDS, 'contamination']), as: z.string().min(1).nullable().default(null), ...underModel }),
  /** Looks for the prompts of evaluation files (AlpacaEval, WildBench) in the rows and stamps the snapshot with the result. */
  'datasets.check': call<Dataset>()({ name: z.string(), files: z.array(z.string().min(1)).min(1), folder: z.string().min(1).nullable().default(null), threshold: z.number().min(0).max(1).default(MEANING_THRESHOLD) }),
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
  'runs.samples': call<{ total: number; rows: SampleRow[] }>()({ id: z.string(), stage: z.string().optional(), /** Sampled for this one alone. */ conversation: z.string().optional(), newestFirst: z.boolean().default(false), ...page }),
  /** The pair a round made of a sample, token by token under the round's policy and its reference. */
  'runs.inspect': call<PairInspection>()({ id: z.string(), stage: z.string(), index: z.int().min(0) }),
  /** Checks a recipe without starting it: issues with path and nearest key, translated keys, estimate. */
  'runs.validate': call<RecipeCheck>()({ yaml: z.string() }),
  'runs.start': call<Run>()({ yaml: z.string(), name: z.string().optional(), group: z.string().optional() }),
  'runs.pause': call<Run>()({ id: z.string() }),
  /** `engine`: it goes on with this one as it is here now, though it was computed with another so far. */
  'runs.resume': call<Run>()({ id: z.string(), engine: engineName.optional() }),
  'runs.cancel': call<Run>()({ id: z.string() }),
  /**
   * A shell script that starts the run on another machine, or continues it where its workspace was copied there.
   * `place`: the workspace as that machine sees it. `save`: into the workspace's exports folder.
   */
  'runs.script': call<{ script: string; path: string | null }>()({ id: z.string(), slurm: z.boolean().default(false), place: z.string().trim().min(1).optional(), save: z.boolean().default(false) }),
  'runs.note': call<Run>()({ id: z.string(), notes: z.string() }),
  /** Scores, last metrics and differing settings, for the table of all runs. */
  'runs.columns': call<RunColumns[]>()({}),
  /** Puts a tag on runs or takes it off; answers those that it changed. */
  'runs.tag': call<{ changed: string[] }>()({ ids, tag: tagName, on: z.boolean() }),
  /** Pins or archives runs, or takes that back; answers those that it changed. */
  'runs.mark': call<{ changed: string[] }>()({ ids, mark: z.enum(RUN_MARKS), on: z.boolean() }),
  /** Writes a run's metrics; `tensorboard` makes a folder. A relative path lies in the workspace's exports folder. */
  'runs.export': call<{ path: string; rows: number }>()({ id: z.string(), format: z.enum(RUN_FORMATS), path: z.string().min(1) }),
  /** Metric files of other trainers, or folders that hold one, as runs that can only be looked at; what is here already is brought up to date. */
  'runs.import': call<RunImport>()({ paths: z.array(z.string().min(1)).min(1) }),
  /** Recipes lying in the workspace's `recipes` folder (`file`: recipes/…), then the presets (preset …). */
  'runs.recipes': call<{ file: string; yaml: string }[]>()({}),
  /** A file of TRL, alignment-handbook or LLaMA-Factory as a recipe. */
  'runs.importRecipe': call<ImportedRecipe>()({ text: z.string().max(1_000_000) }),
  /** A recipe's training as a file of one of these, with what has no counterpart there. With `path` it is written; a relative one lies in the workspace's exports folder. */
  'runs.exportRecipe': call<{ text: string; left: LeftKey[]; path: string | null }>()({ yaml: z.string().max(1_000_000), format: z.enum(FOREIGN_FORMATS), path: z.string().min(1).optional() }),

  /** Newest first. */
  'races.list': call<Race[]>()({}),
  /** Checks a race's file without starting it; throws where it is none. */
  'races.check': call<RaceCheck>()({ yaml: z.string().max(1_000_000) }),
  /** Declares a race and queues its runs; the same file again goes on with what is not done. */
  'races.start': call<StartedRace>()({ yaml: z.string().max(1_000_000) }),
  /** Goes on with a declared race: resumes what stopped, starts what is missing; once its sweep is decided, its own runs. */
  'races.continue': call<StartedRace>()({ name: z.string() }),
  /** How a race's settings were chosen, or how far that is; null where it has no sweep. */
  'races.sweep': call<{ sweep: Sweep | null }>()({ name: z.string() }),

  /** Model folders of the workspace that can score: what runs trained, newest first, then bases. */
  'models.list': call<ModelEntry[]>()({}),

  'demo.start': call<{ jobId: string }>()({ quick: z.boolean().default(true), seed: z.int().default(1), seeds: z.int().positive().optional() }),
  'demo.estimate': call<{ quickMinutes: number; fullMinutes: number }>()({}),

  /** Judged evaluations, newest first, and what is known of their judges; `key` tells whether the host has a judge's key. */
  'evaluations.list': call<{ rows: EvaluationRow[]; calibrations: CalibrationRow[]; key: boolean }>()({}),
  /** Makes one from a judge's files, or by asking a judge. */
  'evaluations.start': call<{ id: string; jobId: string }>()({ evaluation: evaluationInput }),
  /** Goes on with a stopped one: replies that came are not asked for again. */
  'evaluations.resume': call<{ jobId: string }>()({ id: z.string() }),
  /** What asking the judge will take. */
  'evaluations.estimate': call<JudgingEstimate>()({ evaluation: evaluationInput }),
  /** Hides one, or takes that back. */
  'evaluations.remove': call<{ id: string }>()({ id: z.string(), removed: z.boolean() }),
  /** The others minus the first, on the prompts they share. */
  'evaluations.differences': call<EvaluationDifference[]>()({ ids: z.array(z.string()).min(2) }),

  /** Sets of answers of policies to a benchmark's prompts, newest first. */
  'answers.list': call<AnswerSet[]>()({}),
  /** Has a model answer a benchmark's prompts; one set at a time. */
  'answers.start': call<{ id: string; jobId: string }>()({ answers: answersInput }),
  /** What answering will take, as far as it is known without loading the model. */
  'answers.estimate': call<AnswersEstimate>()({ answers: answersInput }),
  /** The same, with the speed measured on some prompts: seconds beside loading. The next one that is measured, and a start, end it. */
  'answers.measure': call<AnswersEstimate>()({ answers: answersInput }),
  /** Goes on with a stopped set: answers that came are not drawn again. */
  'answers.resume': call<{ jobId: string }>()({ id: z.string() }),
  'answers.rows': call<{ total: number; rows: AnswerRow[] }>()({ id: z.string(), offset: z.int().min(0).default(0), limit: z.int().min(1).max(500).default(50) }),
  /** Hides one, or takes that back. */
  'answers.remove': call<{ id: string }>()({ id: z.string(), removed: z.boolean() }),

  'duels.list': call<DuelRow[]>()({}),
  /** Pairs what two files of model outputs, or two runs after their last round, answer differently, in a seeded order with seeded sides. */
  'duels.start': call<{ id: string }>()({ a: duelSide, b: duelSide, seed: z.int().default(1) }),
  /** The next pair that is not decided, without names. */
  'duels.next': call<{ pair: ShownPair | null; decided: number; total: number }>()({ id: z.string() }),
  /** With null the decision is taken back. */
  'duels.decide': call<{ id: string }>()({ id: z.string(), index: z.int().min(0), winner: z.enum(['left', 'right', 'tie']).nullable(), reasons: z.array(z.string()).default([]) }),
  /** Null where nothing is decided; the decided pairs with whose answer is whose and where it was given. */
  'duels.result': call<{ result: DuelResult | null; pairs: DecidedPair[] }>()({ id: z.string() }),
  /** What lost, as a feedback dataset. */
  'duels.dataset': call<Dataset>()({ id: z.string(), name: z.string().min(1) }),

  /** Runs with the same evaluation, compared; `group` stands for all its runs. */
  'comparisons.get': call<Comparison>()({ runs: z.array(z.string()).optional(), group: z.string().optional() }),
  /** What the methods found beside how often they passed; seconds for many samples. */
  'comparisons.explore': call<Exploration>()({ ...compared }),
  /** A training metric of the runs by step, time or tokens, thinned; a trainer's imported runs too. */
  'comparisons.curves': call<StepCurves>()({ ...compared, metric: z.string().min(1).max(100), smoothing: z.number().min(0).lt(1).default(0), axis: z.enum(CURVE_AXES).default('step') }),
  /** Of each method, the runs given for it as one: what its training did to its pairs round by round, and the verdict. */
  'comparisons.gradients': call<{ methods: { key: string; rounds: RoundHealth[]; verdict: Verdict }[] }>()({ methods: z.array(z.object({ key: z.string(), runs: z.array(z.string()) })).min(1) }),
  /** From one answer back to its checkpoint, the training pairs nearest to it and their conversations. */
  'comparisons.lineage': call<AnswerLineage>()({ run: z.string(), round: z.int().min(-1), dataset: z.string().optional(), prompt: z.int().min(0), sample: z.int().min(0), temperature: z.number().min(0) }),
  /** Every prompt of the evaluation, a score per method and round; without answers. */
  'comparisons.prompts': call<PromptBoard>()({ ...compared, ...boardView, sort: z.enum(['index', 'gain', 'harm']).default('index'), turnedBad: z.boolean().default(false) }),
  /** One prompt: every method's answers side by side, round by round. */
  'comparisons.answers': call<PromptAnswers>()({ ...compared, ...boardView, index: z.int().min(0) }),
  /** One offline HTML file; written to the workspace's exports folder. `url` downloads it from the headless host. */
  'comparisons.report': call<{ path: string; url: string }>()({ runs: z.array(z.string()).optional(), group: z.string().optional() }),

  /** Runs and groups with all they need, as one `.drift` file; a relative path lies in the workspace's exports folder. */
  'capsules.save': call<SavedCapsule>()({ of: z.array(z.string().min(1)).min(1), path: z.string().min(1), models: z.boolean().default(false) }),
  /** Verifies a capsule, unpacks it to a folder of this user's and opens it as `workspace.open` does; it can only be read. */
  'capsules.open': call<WorkspaceInfo>()({ path: z.string().min(1) }),

  /** The torch engine's Python: whether it works, and what it can do. */
  'engines.torch': call<TorchState>()({}),
  /** What `engines.install` will fetch, and how large it is. */
  'engines.plan': call<TorchPlan>()({}),
  /** Makes the app's own environment, or finishes or mends it. */
  'engines.install': call<{ jobId: string }>()({}),
  /** Takes an interpreter that is here, after trying it. */
  'engines.adopt': call<{ python: string }>()({ python: z.string().trim().min(1) }),
  /** Deletes the app's own environment, or forgets the interpreter that was named. */
  'engines.remove': call<{ removed: string | null; bytes: number }>()({}),
  /** Scores a batch and takes a DPO step of a model folder on both engines, compares them and keeps the result; seconds for a small model. */
  'engines.parity': call<ParityReport>()({ model: z.string().trim().min(1), device: z.enum(['cpu', 'cuda', 'mps']).default('cpu') }),

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
  | { type: 'run.canaries'; runId: string; rows: StepCanaries[] }
  | { type: 'workspace.changed'; nouns: ('workspace' | 'imports' | 'conversations' | 'signals' | 'rubric' | 'review' | 'datasets' | 'runs' | 'evaluations')[] }

/** Frames on every pipe, one JSON object each. */
export type RequestFrame = { id: number; call: CallName; input: unknown }
export type ResponseFrame = { id: number; ok: unknown } | { id: number; error: CallError } | { push: Push }
export type CallError = { message: string; code: 'bad-input' | 'not-found' | 'no-evaluation' | 'read-only' | 'failed'; detail?: string }

export type WorkspaceInfo = {
  path: string
  name: string
  host: 'electron' | 'server' | 'cli'
  version: string
  counts: { conversations: number; signals: number; datasets: number; runs: number }
  /** What it says of itself, where the workspace is an opened capsule: nothing in it can be started or changed. */
  capsule: CapsuleInfo | null
  /** The quick experiment of a first start, while it is the thing to look at. */
  demo: { jobId: string; group: string; status: Job['status'] } | null
}

export type ConversationRow = {
  id: string
  source: string
  model: string | null
  language: string | null
  createdAt: string | null
  turns: number
  characters: number
  tags: string[]
  /** First user message, cut; or the search hit with <mark> replaced by U+E000/U+E001 around the words found. */
  snippet: string
  signals: { turnIndex: number; label: SignalLabel }[]
  /** What the list is sorted by where the rest of the row does not tell: a sort of FIGURE_SORTS. Null: it has none. */
  figure?: number | null
}

export type SignalRow = Signal & { userText: string; replyText: string }

export type SignalSummary = {
  answeredTurns: number
  labels: { label: SignalLabel; count: number }[]
  deciders: { decider: string; version: string; count: number }[]
  categories: { category: string; count: number; examples: { conversationId: string; turnIndex: number; text: string }[] }[]
}

/** What a column can hold (`core/import/columns.ts`). */
export type ColumnField = z.infer<typeof columnField>
export type ImportReading = { format?: string | undefined; mapping?: Partial<Record<ColumnField, string>> | undefined }

export type ImportPreview = {
  files: number
  bytes: number
  /** The one that is shown. */
  file: string
  /** Null where nothing was recognized. */
  format: string | null
  columns: string[]
  mapping: Partial<Record<ColumnField, string>>
  /** Long texts are cut. */
  conversations: { source: string | null; model: string | null; language: string | null; createdAt: string | null; turns: number; messages: Message[] }[]
  /** People's labels of conversations among the first rows. */
  labels: number
  problems: { row: number; reason: string; raw: string }[]
}

export type RunDetail = {
  run: Run
  yaml: string
  stages: RunStage[]
  ledger: FairnessLedger
  /** Of the first evaluation that the recipe asks for; `measured` says what its score is, null where there is none. */
  evaluations: { round: number; temperature: number; score: number; low: number; high: number; pass: number; n: number }[]
  measured: Measured | null
  gradientHealth: RoundHealth[]
  /** Margins against the base on the recipe's held-out pairs, round by round; empty where it names none. */
  heldout: { round: number; margins: number[] }[]
  probes: Probe[]
  /** While it trained, in their order; empty without canary_steps. */
  canaries: StepCanaries[]
  /** In the order in which they tripped. */
  trips: Trip[]
  /** How far the torch engine agreed with the embedded one on the run's base; null where it was not compared, or nothing was computed on torch. */
  parity: ParityReport | null
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
  /** Why the run would end without a score or a verdict, and the fields that would give it them from the workspace's datasets; null where it has both. */
  evaluation: { why: string; fields: { path: string[]; value: string }[] } | null
  /** Seconds and bytes, from this machine's measured rates where there are any. */
  estimate: { seconds: number | null; memoryBytes: number | null; /** What the memory consists of, in bytes. */ memoryParts: MemoryParts | null; diskBytes: number | null; /** Where a judge ranks the samples; cost in the currency of the recipe's prices. */ judge: { queries: number; promptTokens: number; completionTokens: number; cost: number | null; seconds: number | null } | null } | null
}
