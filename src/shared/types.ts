/** The domain's nouns, as they cross the contract. No behaviour here. */
import type { ContaminationStamp } from './datasets.ts'
import type { GoneConversations } from './deletion.ts'

export type Role = 'system' | 'user' | 'assistant' | 'tool'
export type Message = { role: Role; content: string }

/** A request whose answer a program can verify; `spec` is read by the verifier alone. */
export type VerifiableTask = { verifier: string; spec: unknown }

export type Conversation = {
  /** Content hash of source-independent text (roles and contents). */
  id: string
  source: string
  model: string | null
  language: string | null
  createdAt: string | null
  messages: Message[]
  metadata: Record<string, unknown>
}

export type SignalLabel = 'dissatisfied' | 'satisfied' | 'neutral'
export type Decider = 'human' | 'imported' | 'rules' | 'classifier' | 'judge'

/** What a user thought of the assistant message(s) just before `turnIndex`. */
export type Signal = {
  conversationId: string
  /** Index in `messages` of the user message that reacts. */
  turnIndex: number
  label: SignalLabel
  /** That the user was dissatisfied, whatever the label. */
  probability: number
  categories: string[]
  evidence: { start: number; end: number } | null
  decider: Decider
  deciderVersion: string
}

/** Where a policy's reply stands: a sample of a run's evaluation (`prompt` counts in its dataset), or an answer of a set. */
export type ReplyOrigin = { run: string; round: number; prompt: number; sample: number; temperature: number } | { answers: string; index: number; run: string | null; checkpoint: string | null }

/** A logged reply with what its user thought of it: DRIFT's raw material. */
export type FeedbackRow = {
  prompt: Message[]
  reply: string
  label: SignalLabel
  /** The user's words; null where the user was silent. */
  userFeedback: string | null
  conversationId: string
  turnIndex: number
  task: VerifiableTask | null
  /** Of an annotator, where data without user reactions has one (UltraFeedback). */
  critique?: string
  /** Of a reply that a policy of this workspace gave. */
  origin?: ReplyOrigin
}

export type Provenance = { conversationId: string | null; turnIndex: number | null; userFeedback: string | null; round: number | null; policy: string | null; seed: number | null }

export type Pair = { prompt: Message[]; chosen: string; rejected: string; task: VerifiableTask | null; provenance: Provenance }
export type PromptRow = { prompt: Message[]; task: VerifiableTask | null; conversationId: string | null }

export type DatasetKind = 'feedback' | 'preference' | 'prompts'
export type Dataset = {
  name: string
  kind: DatasetKind
  hash: string
  rows: number
  createdAt: string
  /** How it was made: filters, cut-off, split, parent. */
  recipe: Record<string, unknown>
  /** `group` marks rows counted by source, language or category. */
  statistics: { label: string; value: number | string; group?: string }[]
  /** What the contamination guard found, where it has looked. */
  contamination: ContaminationStamp | null
  /** Of the conversations its rows come from, those deleted since; null where all are there. */
  gone: GoneConversations | null
}

export type RunStatus = 'queued' | 'running' | 'paused' | 'interrupted' | 'done' | 'failed' | 'cancelled'

export type Run = {
  id: string
  name: string
  /** Key in tables: recipe name, or `iterative-dpo-oracle` where the reward is the evaluation's own. */
  method: string
  recipe: string
  group: string | null
  status: RunStatus
  round: number
  rounds: number
  seed: number
  baseModel: string
  modelPath: string | null
  engine: string
  threads: number | null
  createdAt: string
  startedAt: string | null
  endedAt: string | null
  error: string | null
  notes: string
  tags: string[]
  /** Stands first in the table. */
  pinned: boolean
  /** Out of the table until it is asked for. */
  archived: boolean
  /** File of another trainer whose metrics these are; such a run can only be looked at. */
  importedFrom: string | null
}

/** One stage of a run's timeline: warm-start, round-1/sample, round-1/train, round-1/evaluate … */
export type RunStage = {
  key: string
  kind: 'sample' | 'train' | 'reward' | 'evaluate'
  round: number
  status: 'running' | 'done'
  startsFrom: string | null
  startedAt: string
  endedAt: string | null
  seconds: number | null
  /** Trained or sampled; null where it did neither. */
  tokens: number | null
  /** The most that the process which computed it was seen to hold (of the torch engine on a GPU: allocated there); null where vLLM sampled, or in an earlier version. */
  peakMemoryBytes: number | null
  /** Set when an equal stage of another run was reused (same inputs, same result). */
  reusedFrom: string | null
  summary: Record<string, number | string | null>
}

export type MetricRow = { stage: string; step: number; [trlName: string]: number | string }

export type SampleRow = {
  stage: string
  index: number
  prompt: Message[]
  text: string
  rejected: string | null
  userFeedback: string | null
  finishReason: 'stop' | 'length'
  tokens: number
  /** Mean over its tokens, in nats; null where what drew it does not tell (vLLM). */
  entropy: number | null
  reward: number | null
  /** The logged turn that it was sampled for; null where its row names none. */
  conversationId: string | null
  turnIndex: number | null
}

/** Signals consumed and work done, so that unequal races are seen. */
export type FairnessLedger = {
  signals: number
  uniquePrompts: number
  samplesDrawn: number
  rewardQueries: number
  generatedTokens: number
  /** Of earlier replies that were scored to find which are stale (resample_stale_only). */
  scoredTokens: number
  trainedTokens: number
  optimizerSteps: number
  seconds: number
}

/** Of the stage that a run is in. `memoryBytes`: resident memory of the process that computes it; of the torch engine on a GPU what it has allocated there; null where vLLM samples. */
export type JobProgress = { runId: string; stage: string; done: number; total: number; perSecond: number | null; etaSeconds: number | null; tokensPerSecond: number | null; memoryBytes: number | null }

export type Job = {
  id: string
  kind: 'run' | 'import' | 'signals' | 'analysis' | 'map' | 'evaluation' | 'demo' | 'engine' | 'dataset' | 'conversations'
  title: string
  status: RunStatus
  stage: string
  done: number
  total: number
  perSecond: number | null
  etaSeconds: number | null
  /** As in JobProgress; runs alone have them. */
  tokensPerSecond?: number | null
  memoryBytes?: number | null
  runId: string | null
  error: string | null
}

export type Interval = { estimate: number; low: number; high: number }
