/** The shapes of answers: what a policy of this workspace says to a benchmark's prompts, for a judge here or elsewhere. */
import { z } from 'zod'
import type { Benchmark, EvaluationRow } from './evaluation.ts'
import { deviceName, engineName } from './recipe.ts'

export const ANSWERED_BENCHMARKS = ['alpacaeval', 'wildbench'] as const
export type AnsweredBenchmark = (typeof ANSWERED_BENCHMARKS)[number]
/** Whose prompts each judged figure is of. */
export const PROMPTS_OF: Record<Benchmark, AnsweredBenchmark> = { alpacaeval: 'alpacaeval', 'wb-score': 'wildbench', 'wb-reward': 'wildbench' }

export const answersInput = z.object({
  benchmark: z.enum(ANSWERED_BENCHMARKS),
  /** Rows with `instruction` (AlpacaEval), or the data set's rows with `session_id` and `conversation_input` (WildBench); relative to the workspace. */
  prompts: z.string().trim().min(1),
  /** As `models.list` names it, or a model folder; relative to the workspace. */
  model: z.string().trim().min(1),
  engine: engineName.default('embedded'),
  device: deviceName.default('cpu'),
  /** The torch engine's: by vLLM, which makes its batches itself. */
  useVllm: z.boolean().default(false),
  sampling: z
    .object({
      /** 0 is greedy. */
      temperature: z.number().min(0).default(0),
      top_p: z.number().gt(0).max(1).default(1),
      /** Left out: 2,048, or half of what the model's context holds. */
      max_new_tokens: z.int().min(1).optional(),
      /** Answers decoded together; part of what makes them repeatable. */
      batch_size: z.int().min(1).max(1024).default(16),
      seed: z.int().default(42),
    })
    .prefault({}),
})
export type AnswersInput = z.output<typeof answersInput>

/** One answer to one prompt. Counts are tokens, `cutCharacters` what the prompt lost of its beginning to fit the context. */
export type AnswerRow = { index: number; prompt: string; text: string; finishReason: 'stop' | 'length'; tokens: number; promptTokens: number; cutCharacters: number }

/** A set of answers as it stands in the workspace. */
export type AnswerSet = {
  id: string
  benchmark: AnsweredBenchmark
  /** What its file calls the generator. */
  generator: string
  status: EvaluationRow['status']
  input: AnswersInput
  /** The run and the checkpoint of it that answered, such as round-2; null for a model of no run here. */
  run: string | null
  checkpoint: string | null
  /** SHA-256 over weights, configuration and tokenizer; null before the model was read. */
  modelHash: string | null
  /** Engine, version, machine, threads, device. */
  computedBy: string | null
  total: number
  done: number
  /** Of the answers so far. */
  tokens: number
  /** Answers that max_new_tokens ended; prompts that lost their beginning; answers without a word. */
  cutAnswers: number
  cutPrompts: number
  emptyAnswers: number
  seconds: number
  /** In the benchmark's own format; null until all are there. */
  file: { path: string; sha256: string } | null
  notices: string[]
  error: string | null
  createdAt: string
}

/** What a set of answers will take. */
export type AnswersEstimate = {
  answers: number
  /** Longest answer allowed, in tokens. */
  maxNewTokens: number
  /** From earlier answers of this model, or from a few tokens drawn for it; `atMost`: as if every answer took all its tokens. Null: not known before it is measured. */
  time: { seconds: number; basis: 'earlier' | 'measured'; atMost: boolean } | null
  /** Null: a server takes what its settings give it. */
  memoryBytes: number | null
  diskBytes: number
}
