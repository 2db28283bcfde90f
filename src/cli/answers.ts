/** What `drift eval answer` does. The set goes to stdout, in words or with --json as one object; progress goes to stderr. */
import { resolve } from 'node:path'
import { estimateAnswers, measureAnswering } from '../backend/answers/estimate-answers.ts'
import { prepareAnswers } from '../backend/answers/prepare-answers.ts'
import { runAnswers } from '../backend/answers/run-answers.ts'
import { listModels } from '../backend/inspect/models.ts'
import { progressRate } from '../backend/progress-rate.ts'
import { insertAnswers, requireAnswers, restartAnswers } from '../backend/storage/answers.ts'
import type { Workspace } from '../backend/storage/open.ts'
import { requireRun } from '../backend/storage/runs.ts'
import { answersWords } from '../core/estimate-words.ts'
import { answersInput, type AnswerSet } from '../shared/answers.ts'
import { UsageError } from '../shared/errors.ts'
import { print, progressLine, withWorkspace } from './data-verbs.ts'
import type { AnswerOptions } from './eval-verbs.ts'
import { interruption } from './interruption.ts'

export async function runAnswerVerb(options: AnswerOptions): Promise<void> {
  await withWorkspace(options.workspace, options.resume === undefined, async (workspace) => {
    const id = options.resume ?? (await begin(workspace, options))
    if (id === null) return
    if (options.resume !== undefined) restartAnswers(workspace.db, id)
    const line = progressLine()
    const rate = progressRate()
    try {
      await runAnswers(workspace, id, {
        signal: interruption(),
        onProgress(stage, done, total) {
          if (stage !== 'answering') return line.show(stage)
          const { perSecond, etaSeconds } = rate(done, total)
          line.show(`${done} of ${total} answered${perSecond === null ? '' : ` (${perSecond.toFixed(1)}/s, ${Math.ceil(etaSeconds ?? 0)} s left)`}`)
        },
      })
    } catch (error) {
      line.end()
      const { done, total } = requireAnswers(workspace.db, id)
      console.error(`drift: ${done} of ${total} answers are kept; go on with drift eval answer --workspace ${workspace.path} --resume ${id}`)
      throw error
    }
    line.end()
    const set = requireAnswers(workspace.db, id)
    for (const notice of set.notices) console.error(`drift: ${notice}`)
    if (options.json) print(asJson(set))
    else console.log(`${set.total} answers of ${set.generator} (${set.tokens} tokens in ${set.seconds.toFixed(1)} s) are in ${set.file!.path}`)
  })
}

/** Tells first what it will take, measured where no earlier answers tell; null where nothing more was asked for. */
async function begin(workspace: Workspace, { benchmark, prompts, engine, device, useVllm, temperature, topP, maxNewTokens, batchSize, seed, ...options }: AnswerOptions): Promise<string | null> {
  if (benchmark === undefined || prompts === undefined) throw new UsageError('eval answer: expected --benchmark and --prompts, or --resume')
  const input = answersInput.parse({
    benchmark, prompts: resolve(prompts), model: modelOf(workspace, options), engine, device, useVllm: useVllm ?? false,
    sampling: { temperature, top_p: topP, batch_size: batchSize, seed, ...(maxNewTokens === undefined ? {} : { max_new_tokens: maxNewTokens }) },
  })
  const prepared = await prepareAnswers(workspace, input)
  const known = estimateAnswers(workspace.db, prepared, null)
  const estimate = known.time === null ? estimateAnswers(workspace.db, prepared, await measureAnswering(prepared, { signal: interruption() })) : known
  if (options.estimate) {
    if (options.json) print(estimate)
    else console.log(answersWords(estimate))
    return null
  }
  console.error(`drift: ${answersWords(estimate)}`)
  return insertAnswers(workspace.db, prepared, new Date().toISOString())
}

function modelOf(workspace: Workspace, { run, round, model }: Pick<AnswerOptions, 'run' | 'round' | 'model'>): string {
  if ((run === undefined) === (model === undefined)) throw new UsageError('eval answer: expected either --run (and --round) or --model')
  if (model !== undefined) return resolve(model)
  const { id } = requireRun(workspace.db, run!)
  const trained = listModels(workspace).filter((entry) => entry.run === id)
  const wanted = round === undefined ? trained[0] : trained.find(({ path }) => path.endsWith(round === 0 ? '/warm-start' : `/round-${round}`))
  if (wanted === undefined) throw new UsageError(`eval answer: expected a trained checkpoint of run ${id}${round === undefined ? '' : ` at round ${round}`}, found ${trained.length === 0 ? 'none' : trained.map(({ path }) => path.split('/').at(-1)).join(', ')}`)
  return wanted.path
}

const asJson = ({ id, benchmark, generator, file, run, checkpoint, modelHash, computedBy, total, tokens, cutAnswers, cutPrompts, emptyAnswers, seconds, input, notices }: AnswerSet): object => ({
  answers: id, benchmark, generator, file: file!.path, sha256: file!.sha256, run, checkpoint, model_sha256: modelHash, computed_by: computedBy,
  total, tokens, cut_answers: cutAnswers, cut_prompts: cutPrompts, empty_answers: emptyAnswers, seconds, sampling: input.sampling, notices,
})
