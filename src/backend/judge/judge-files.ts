/** What a judge is shown, read from files: pairs of AlpacaEval answers, WildBench tasks with their answers. */
import { readAnnotations, readModelOutputs, refuseDuplicates, textOf } from '../../core/evals/alpaca-files.ts'
import type { WildBenchTask } from '../../core/evals/judge-prompts.ts'
import { conversationOf, sessionOf } from '../../core/evals/wildbench-files.ts'
import { describe, type Row } from '../../core/import/format.ts'
import { UsageError } from '../../shared/errors.ts'
import type { EvaluationFiles } from '../../shared/evaluation.ts'
import { modelOfFolder } from '../evaluations/evaluate-files.ts'
import { readTable } from '../evaluations/read-table.ts'

export type AnswerPair = { instruction: string; baselineOutput: string; baseline: string; modelOutput: string; model: string }

/** In the order of the baseline; instructions that one side lacks are said aloud. */
export async function readAnswerPairs({ annotations, outputs, baseline }: EvaluationFiles): Promise<{ pairs: AnswerPair[]; notices: string[] }> {
  if (annotations !== undefined && outputs === undefined) {
    const published = readAnnotations(await readTable(annotations), annotations).annotations
    return { pairs: published.map((row) => ({ ...row, model: modelOfFolder(annotations, row.annotator) ?? row.model })), notices: [] }
  }
  if (outputs === undefined || baseline === undefined) throw new UsageError('judge: expected outputs and baseline, the answers of the model and of what it is compared with, or published annotations whose answers are judged anew')
  const own = new Map(readModelOutputs(await readTable(outputs), outputs).map((row) => [row.instruction, row]))
  const base = readModelOutputs(await readTable(baseline), baseline)
  const pairs = base.flatMap((row): AnswerPair[] => {
    const answer = own.get(row.instruction)
    return answer === undefined ? [] : [{ instruction: row.instruction, baselineOutput: row.output, baseline: row.generator || 'baseline', modelOutput: answer.output, model: answer.generator || 'model' }]
  })
  if (pairs.length === 0) throw new UsageError(`judge: expected instructions that ${outputs} and ${baseline} share, found none`)
  const missing = base.length - pairs.length
  const strangers = own.size - pairs.length
  return {
    pairs,
    notices: [...(missing > 0 ? [`${missing} of ${base.length} instructions of the baseline have no answer and are not judged`] : []), ...(strangers > 0 ? [`${strangers} answers are to instructions that the baseline lacks and are not judged`] : [])],
  }
}

export type AnsweredTask = { task: WildBenchTask; answer: string; model: string; referenceAnswer: string; place: number }

/** In the order of the data set; `place` is the task's row in it, which decides its presentation order. */
export async function readAnsweredTasks({ tasks, outputs, baseline }: EvaluationFiles, withReference: boolean): Promise<{ answered: AnsweredTask[]; tasks: number; tagged: boolean; notices: string[] }> {
  if (tasks === undefined || outputs === undefined) throw new UsageError("judge: expected tasks (the data set's rows) and outputs (the model's answers)")
  if (withReference && baseline === undefined) throw new UsageError("judge: expected baseline, the reference model's answers")
  const rows = await readTable(tasks)
  const set = readTasks(rows, tasks)
  const own = await readAnswers(outputs)
  const reference = withReference ? await readAnswers(baseline!) : null
  const answered = set.flatMap((task, place): AnsweredTask[] => {
    const answer = own.get(task.sessionId)
    const referenceAnswer = reference === null ? { output: '' } : reference.get(task.sessionId)
    return answer === undefined || referenceAnswer === undefined ? [] : [{ task, answer: answer.output, model: answer.generator, referenceAnswer: referenceAnswer.output, place }]
  })
  if (answered.length === 0) throw new UsageError(`judge: expected answers to tasks of ${tasks}, found none in ${outputs}`)
  return { answered, tasks: set.length, tagged: rows.every((row) => typeof row['primary_tag'] === 'string'), notices: answered.length < set.length ? [`${set.length - answered.length} of ${set.length} tasks have no answer and are not judged`] : [] }
}

function readTasks(rows: readonly Row[], where: string): WildBenchTask[] {
  const tasks = rows.map((row, i): WildBenchTask => {
    const at = `tasks ${where}, row ${i + 1}`
    const { checklist } = row
    if (!Array.isArray(checklist) || !checklist.every((item) => typeof item === 'string')) throw new UsageError(`${at}: expected checklist as a list of texts, got ${describe(checklist)}`)
    return { sessionId: sessionOf(row, at), conversation: conversationOf(row, at), checklist: checklist as string[] }
  })
  refuseDuplicates(tasks.map(({ sessionId }) => sessionId), `tasks ${where}`)
  return tasks
}

/** {session_id, output, generator}; upstream writes the output as a list of one. */
async function readAnswers(where: string): Promise<Map<string, { output: string; generator: string }>> {
  const rows = await readTable(where)
  const answers = rows.map((row, i) => {
    const at = `outputs ${where}, row ${i + 1}`
    const output = Array.isArray(row['output']) ? (row['output'] as unknown[])[0] : row['output']
    return { sessionId: textOf(row, 'session_id', at), output: textOf({ output }, 'output', at), generator: typeof row['generator'] === 'string' ? row['generator'] : 'model' }
  })
  refuseDuplicates(answers.map(({ sessionId }) => sessionId), `outputs ${where}`)
  return new Map(answers.map(({ sessionId, ...answer }) => [sessionId, answer]))
}
