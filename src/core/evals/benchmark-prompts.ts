/** What a benchmark asks a policy, and its answers as the benchmark's own tools write them. */
import { UsageError } from '../../shared/errors.ts'
import type { AnsweredBenchmark } from '../../shared/answers.ts'
import type { Message } from '../../shared/types.ts'
import type { Row } from '../import/format.ts'
import { refuseDuplicates, textOf } from './alpaca-files.ts'
import { conversationOf, sessionOf } from './wildbench-files.ts'

/** `carried` goes into the row of the answer as it is. */
export type BenchmarkPrompt = { messages: Message[]; carried: Row }

/**
 * Every prompt once, in the order of the file. AlpacaEval: rows with `instruction`, so any model's outputs will do.
 * WildBench: rows of the data set. @throws UsageError naming the row that holds none. `where` names the file.
 */
export function readPrompts(benchmark: AnsweredBenchmark, rows: readonly Row[], where: string): BenchmarkPrompt[] {
  if (rows.length === 0) throw new UsageError(`prompts ${where}: expected rows, got none`)
  const prompts = rows.map((row, i) => (benchmark === 'alpacaeval' ? alpacaPrompt : wildBenchPrompt)(row, `prompts ${where}, row ${i + 1}`))
  refuseDuplicates(prompts.map(({ carried }) => String(carried['instruction'] ?? carried['session_id'])), `prompts ${where}`)
  return prompts
}

function alpacaPrompt(row: Row, at: string): BenchmarkPrompt {
  const instruction = textOf(row, 'instruction', at)
  return { messages: [{ role: 'user', content: instruction }], carried: { ...carry(row, 'dataset'), instruction } }
}

function wildBenchPrompt(row: Row, at: string): BenchmarkPrompt {
  const messages = conversationOf(row, at)
  if (messages.at(-1)?.role !== 'user') throw new UsageError(`${at}: expected conversation_input to end with the user's message, got one of ${messages.at(-1)?.role}`)
  return { messages, carried: { session_id: sessionOf(row, at), chat_history: messages.map(({ content }) => content), ...carry(row, 'primary_tag') } }
}

const carry = (row: Row, key: string): Row => (row[key] === undefined ? {} : { [key]: row[key] })

/** How the answers were drawn, under the names of WildBench's own tool. */
export type AnswerConfigs = { engine: string; temperature: number; top_p: number; max_tokens: number; seed: number }

/** A row of AlpacaEval's model_outputs.json, or of WildBench's results, where an answer is a list of one. */
export function answerFileRow(benchmark: AnsweredBenchmark, { carried }: BenchmarkPrompt, text: string, generator: string, configs: AnswerConfigs): Row {
  return benchmark === 'alpacaeval' ? { ...carried, output: text, generator } : { ...carried, output: [text], generator, configs, dataset: 'wild_bench' }
}
