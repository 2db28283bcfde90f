/** Draws a set's answers batch by batch, each kept before it is told, and leaves them as a file of the benchmark's own format. */
import { join } from 'node:path'
import { answerFileRow } from '../../core/evals/benchmark-prompts.ts'
import { hash32 } from '../../core/rng.ts'
import type { Engine, SampleRequest } from '../../engine/engine.ts'
import { openEngine } from '../../engine/open-engine.ts'
import { PLAIN_TORCH } from '../../engine/torch/options.ts'
import type { AnswerSet } from '../../shared/answers.ts'
import { UsageError } from '../../shared/errors.ts'
import { toBackendError } from '../errors.ts'
import { hashFile } from '../hash-file.ts'
import { engineIn, nameComputer } from '../lab/computed-by.ts'
import { hashModel, ModelShelf } from '../lab/models.ts'
import { drawReplies } from '../lab/sampling.ts'
import { fitPrompt, loadText, type Text } from '../lab/text.ts'
import { addAnswers, finishAnswers, ownAnswers, readAnswerRows, requireAnswers, setAnswerer, stopAnswers } from '../storage/answers.ts'
import type { Workspace } from '../storage/open.ts'
import { appVersion } from '../version.ts'
import { writeLines } from '../write-lines.ts'
import { prepareAnswers, type PreparedAnswers } from './prepare-answers.ts'

export type AnswerOptions = {
  signal: AbortSignal
  onProgress: (stage: string, done: number, total: number) => void
  /** Other than the input names: for tests. */
  engine?: Engine
  loadText?: (folder: string) => Text
}

/** Works a set off that `insertAnswers` or `restartAnswers` gave, from its first missing answer, and leaves it done, failed or cancelled. */
export async function runAnswers(workspace: Workspace, id: string, options: AnswerOptions): Promise<void> {
  const { db } = workspace
  ownAnswers(db, id)
  try {
    await answer(workspace, id, options)
  } catch (error) {
    const cancelled = options.signal.aborted
    stopAnswers(db, id, cancelled ? 'cancelled' : 'failed', cancelled ? null : toBackendError(error).message, new Date().toISOString())
    throw error
  }
}

async function answer(workspace: Workspace, id: string, options: AnswerOptions): Promise<void> {
  const { db } = workspace
  const { signal, onProgress } = options
  const begun = requireAnswers(db, id)
  onProgress('reading the model', begun.done, begun.total)
  const prepared = await prepareAnswers(workspace, begun.input)
  const { folder, threads, prompts } = prepared
  const { engine: name, device, useVllm, sampling: { seed, max_new_tokens = 0, ...sampling } } = prepared.input
  const engine = options.engine ?? (await openEngine(name, { ...PLAIN_TORCH, use_vllm: useVllm }))
  const models = new ModelShelf(engine, threads, device)
  try {
    const computedBy = nameComputer({ engine: engine.name, version: appVersion, threads, device, made: await engine.describe?.() })
    setAnswerer(db, id, continued(begun, prepared, { modelHash: hashModel(db, folder), computedBy }))
    const text = (options.loadText ?? loadText)(folder)
    const fitted = prompts.map(({ messages }) => fitPrompt(messages, prepared.maxPromptTokens, text.renderer))
    // As `drift sample` seeds them.
    const requests = fitted.map(({ ids }, i): SampleRequest => ({ promptIds: ids, seed: hash32(`${seed}/${i}/0`) }))
    let { done } = begun
    let since = performance.now()
    onProgress('answering', done, requests.length)
    for await (const replies of drawReplies({ text, models, signal }, folder, requests, done, { ...sampling, max_new_tokens }, signal)) {
      const rows = replies.map(({ text, finishReason, tokens }, i) => {
        const index = done + i
        return { index, prompt: prompts[index]!.messages.at(-1)!.content, text, finishReason, tokens, promptTokens: fitted[index]!.ids.length, cutCharacters: fitted[index]!.cut }
      })
      const now = performance.now()
      addAnswers(db, id, rows, (now - since) / 1000)
      since = now
      done += rows.length
      onProgress('answering', done, requests.length)
    }
  } finally {
    await models.release()
  }
  await writeFile(workspace, id, prepared)
}

/** What is said of the set from here on. @throws UsageError where the answers so far are of another model, or to other prompts. */
function continued(begun: AnswerSet & { promptsHash: string }, { input, promptsHash }: PreparedAnswers, now: { modelHash: string; computedBy: string }): Pick<AnswerSet, 'modelHash' | 'computedBy' | 'notices'> {
  if (promptsHash !== begun.promptsHash) throw new UsageError(`answers ${begun.id}: expected the prompts it was begun with, but ${input.prompts} has changed since. Bring the file back, or begin a new set`)
  if (begun.done === 0 || begun.computedBy === null) return { ...now, notices: begun.notices }
  if (now.modelHash !== begun.modelHash) throw new UsageError(`answers ${begun.id}: expected the model it was begun with (${begun.modelHash?.slice(0, 12)}), but ${input.model} holds another now (${now.modelHash.slice(0, 12)}). Begin a new set`)
  const changed = engineIn(begun.computedBy) !== engineIn(now.computedBy)
  return { ...now, notices: changed ? [...begun.notices, `the first ${begun.done} answers were computed by ${begun.computedBy}, the rest by ${now.computedBy}`] : begun.notices }
}

/** WildBench's own results are named after the model. */
async function writeFile(workspace: Workspace, id: string, { prompts, input: { benchmark, sampling } }: PreparedAnswers): Promise<void> {
  const { db } = workspace
  const set = requireAnswers(db, id)
  const configs = { engine: set.input.useVllm ? 'vllm' : set.input.engine, temperature: sampling.temperature, top_p: sampling.top_p, max_tokens: sampling.max_new_tokens ?? 0, seed: sampling.seed }
  const rows = readAnswerRows(db, id, { offset: 0, limit: -1 })
  const lines = rows.map(({ text }, i) => `${i === 0 ? '[' : ','}\n${JSON.stringify(answerFileRow(benchmark, prompts[i]!, text, set.generator, configs))}`)
  const name = benchmark === 'alpacaeval' ? 'model_outputs.json' : `${set.generator.replaceAll(/[^\w.-]+/g, '-')}.json`
  const path = await writeLines(join(workspace.exports, 'answers', id, name), [...lines, '\n]\n'])
  finishAnswers(db, id, { file: { path, sha256: await hashFile(path) }, notices: [...set.notices, ...told(set)] }, new Date().toISOString())
}

function told({ total, cutAnswers, cutPrompts, emptyAnswers, input: { sampling } }: AnswerSet): string[] {
  return [
    ...(cutAnswers > 0 ? [`${cutAnswers} of ${total} answers were cut at max_new_tokens ${sampling.max_new_tokens}; a judge sees them cut`] : []),
    ...(cutPrompts > 0 ? [`${cutPrompts} of ${total} prompts were too long for the model's context and lost their oldest text`] : []),
    ...(emptyAnswers > 0 ? [`${emptyAnswers} of ${total} answers are empty`] : []),
  ]
}
