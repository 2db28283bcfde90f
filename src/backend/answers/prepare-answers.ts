/** What a set of answers needs, checked before anything is computed: model, prompts, room for the answers. */
import { existsSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { type BenchmarkPrompt, readPrompts } from '../../core/evals/benchmark-prompts.ts'
import { DEVICES_OF } from '../../engine/device.ts'
import { findModel } from '../../engine/hub-cache.ts'
import { readModelConfig } from '../../engine/model-folder.ts'
import type { AnswersInput } from '../../shared/answers.ts'
import { UsageError } from '../../shared/errors.ts'
import { countParameters } from '../estimate.ts'
import { readTable } from '../evaluations/read-table.ts'
import { hashFile } from '../hash-file.ts'
import { listModels } from '../inspect/models.ts'
import { defaultThreads } from '../../engine/threads.ts'
import type { NewAnswers } from '../storage/answers.ts'
import type { Workspace } from '../storage/open.ts'

/** What the public tools allow an answer. */
const MAX_NEW_TOKENS = 2048

export type PreparedAnswers = NewAnswers & { folder: string; threads: number; /** Longest prompt, in tokens. */ maxPromptTokens: number; prompts: BenchmarkPrompt[] }

/** @throws UsageError naming what does not fit. `input` of what is returned has max_new_tokens decided. */
export async function prepareAnswers(workspace: Workspace, given: AnswersInput): Promise<PreparedAnswers> {
  const { benchmark, model, engine, device, useVllm, sampling } = given
  if (!DEVICES_OF[engine].includes(device)) throw new UsageError(`device: expected ${DEVICES_OF[engine].join(' or ')} with engine ${engine}, got ${device}`)
  if (useVllm && engine !== 'torch') throw new UsageError(`vLLM: expected engine torch, got ${engine}. Choose torch, or leave vLLM out`)
  const folder = findModel(model, workspace.path)
  if (folder === null || !existsSync(join(folder, 'config.json'))) throw new UsageError(`model ${model}: expected a model folder with config.json, found none${folder === null ? '' : ` in ${folder}`}. Name a checkpoint of a run, or a folder in Hugging Face layout`)
  const config = readModelConfig(folder)
  const { max_position_embeddings: context } = config
  const half = Math.floor(context / 2)
  const max_new_tokens = sampling.max_new_tokens ?? Math.min(MAX_NEW_TOKENS, half)
  const maxPromptTokens = context - max_new_tokens
  if (maxPromptTokens < 1) throw new UsageError(`max_new_tokens: expected room for a prompt in the model's context of ${context} tokens, got ${max_new_tokens}. Lower it`)
  const file = resolve(workspace.path, given.prompts)
  const prompts = readPrompts(benchmark, await readTable(file), file)
  const { run = null } = listModels(workspace).find(({ path }) => resolve(workspace.path, path) === folder) ?? {}
  const checkpoint = run === null ? null : basename(folder)
  return {
    input: { ...given, sampling: { ...sampling, max_new_tokens } },
    generator: run === null ? basename(folder) : `${run}-${checkpoint}`,
    run,
    checkpoint,
    total: prompts.length,
    notices: sampling.max_new_tokens === undefined && half < MAX_NEW_TOKENS ? [`answers end after ${max_new_tokens} tokens, half of the model's context of ${context}; published answers may have ${MAX_NEW_TOKENS}`] : [],
    promptsHash: await hashFile(file),
    folder,
    threads: defaultThreads(countParameters(config)),
    maxPromptTokens,
    prompts,
  }
}
