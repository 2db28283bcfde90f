import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fakeEngine, fakeText, writeFakeModel } from '../../../tests/support/fake-engine.ts'
import { aLabWorkspace, aRecipe, cannedReplies, execute, queueRun } from '../../../tests/support/lab-workspace.ts'
import { answersInput } from '../../shared/answers.ts'
import { hashModel } from '../lab/models.ts'
import { insertAnswers, readAnswerRows, requireAnswers, restartAnswers } from '../storage/answers.ts'
import type { Workspace } from '../storage/open.ts'
import { prepareAnswers } from './prepare-answers.ts'
import { runAnswers } from './run-answers.ts'

function aPromptFile(workspace: Workspace, n = 10): string {
  const file = join(workspace.path, 'prompts.json')
  writeFileSync(file, JSON.stringify(Array.from({ length: n }, (_, i) => ({ instruction: `do ${i}`, dataset: 'own' }))))
  return file
}

type Given = { sampling?: object; [key: string]: unknown }
async function begin(workspace: Workspace, given: Given = {}): Promise<string> {
  const input = answersInput.parse({ benchmark: 'alpacaeval', prompts: 'prompts.json', model: 'models/base', ...given, sampling: { batch_size: 4, max_new_tokens: 120, temperature: 1, ...given.sampling } })
  return insertAnswers(workspace.db, await prepareAnswers(workspace, input), '2026-01-01')
}
const work = (workspace: Workspace, id: string, { stopAt = Infinity, describedAs = 'one' } = {}) => {
  const stop = new AbortController()
  let batches = 0
  const engine = fakeEngine({ replies: cannedReplies, tick: (what) => void (what === 'sample' && ++batches > stopAt && stop.abort(new Error('stopped'))) })
  return runAnswers(workspace, id, { signal: stop.signal, onProgress: () => {}, engine: { ...engine, describe: () => Promise.resolve(describedAs) }, loadText: () => fakeText })
}

test('a set that was stopped goes on where it was and ends with the answers of an undisturbed one', async () => {
  const workspace = aLabWorkspace()
  aPromptFile(workspace)
  const whole = await begin(workspace)
  await work(workspace, whole)
  const stopped = await begin(workspace)
  await expect(work(workspace, stopped, { stopAt: 1 })).rejects.toThrow('stopped')
  expect(requireAnswers(workspace.db, stopped)).toMatchObject({ status: 'cancelled', done: 8, total: 10, error: null, file: null })
  restartAnswers(workspace.db, stopped)
  await work(workspace, stopped)
  const all = { offset: 0, limit: -1 }
  expect(readAnswerRows(workspace.db, stopped, all)).toEqual(readAnswerRows(workspace.db, whole, all))
  expect(requireAnswers(workspace.db, stopped)).toMatchObject({ status: 'done', done: 10, file: { sha256: requireAnswers(workspace.db, whole).file!.sha256 } })
  expect(() => restartAnswers(workspace.db, stopped)).toThrow('expected a set that has stopped, got one that is done')
})

test('the file is the benchmark’s own, and tokens, cut answers and the model’s hash are counted from what was drawn', async () => {
  const workspace = aLabWorkspace()
  aPromptFile(workspace)
  const id = await begin(workspace, { sampling: { max_new_tokens: 30 } })
  await work(workspace, id)
  const set = requireAnswers(workspace.db, id)
  const rows = readAnswerRows(workspace.db, id, { offset: 0, limit: -1 })
  const text = readFileSync(set.file!.path, 'utf8')
  expect(set.file).toEqual({ path: join(workspace.exports, 'answers', id, 'model_outputs.json'), sha256: createHash('sha256').update(text).digest('hex') })
  expect(JSON.parse(text)).toEqual(rows.map(({ text: output }, i) => ({ dataset: 'own', instruction: `do ${i}`, output, generator: 'base' })))
  const cut = rows.filter(({ finishReason }) => finishReason === 'length').length
  expect(cut).toBeGreaterThan(0)
  expect(set).toMatchObject({ tokens: rows.reduce((sum, { tokens }) => sum + tokens, 0), cutAnswers: cut, run: null, checkpoint: null, modelHash: hashModel(workspace.db, join(workspace.models, 'base')), notices: [`${cut} of 10 answers were cut at max_new_tokens 30; a judge sees them cut`] })
  expect(set.computedBy).toMatch(/^embedded .*, 1 thread, one$/)
})

test('a run’s checkpoint answers under the run’s name, and its lineage is kept', async () => {
  const workspace = aLabWorkspace()
  aPromptFile(workspace)
  const lease = queueRun(workspace, aRecipe('drift'))
  await execute(workspace, lease)
  const id = await begin(workspace, { model: `runs/${lease.runId}/models/round-1` })
  await work(workspace, id)
  expect(requireAnswers(workspace.db, id)).toMatchObject({ generator: `${lease.runId}-round-1`, run: lease.runId, checkpoint: 'round-1', modelHash: hashModel(workspace.db, join(workspace.runs, lease.runId, 'models', 'round-1')) })
})

test('answers of two models, or to two files of prompts, are not mixed; another engine is said', async () => {
  const workspace = aLabWorkspace()
  const file = aPromptFile(workspace)
  const stopped = async (): Promise<string> => {
    const id = await begin(workspace)
    await expect(work(workspace, id, { stopAt: 1 })).rejects.toThrow('stopped')
    restartAnswers(workspace.db, id)
    return id
  }
  const [a, b, c] = [await stopped(), await stopped(), await stopped()]
  await work(workspace, a, { describedAs: 'two' })
  expect(requireAnswers(workspace.db, a).notices).toEqual([expect.stringMatching(/^the first 8 answers were computed by .*one, the rest by .*two$/)])
  writeFakeModel(join(workspace.models, 'base'), 2)
  await expect(work(workspace, b)).rejects.toThrow(/expected the model it was begun with .* but models\/base holds another now/)
  writeFileSync(file, JSON.stringify([{ instruction: 'other' }]))
  await expect(work(workspace, c)).rejects.toThrow('prompts.json has changed since')
  expect([b, c].map((id) => requireAnswers(workspace.db, id))).toMatchObject([{ status: 'failed', done: 8 }, { status: 'failed', done: 8 }])
})

test('WildBench: a conversation too long for the context loses its beginning, which is said', async () => {
  const workspace = aLabWorkspace()
  const long = [{ role: 'user', content: 'x'.repeat(6000) }, { role: 'assistant', content: 'yes' }, { role: 'user', content: 'and now?' }]
  writeFileSync(join(workspace.path, 'tasks.json'), JSON.stringify([{ session_id: 'a', conversation_input: long }, { session_id: 'b', conversation_input: long.slice(1, 2).concat(long.slice(2)) }]))
  const id = await begin(workspace, { benchmark: 'wildbench', prompts: 'tasks.json' })
  await work(workspace, id)
  const { file, notices } = requireAnswers(workspace.db, id)
  expect(notices).toEqual(["1 of 2 prompts were too long for the model's context and lost their oldest text"])
  expect(readAnswerRows(workspace.db, id, { offset: 0, limit: 9 }).map(({ prompt, cutCharacters }) => [prompt, cutCharacters > 0])).toEqual([['and now?', true], ['and now?', false]])
  expect(file!.path).toMatch(/base\.json$/)
  expect(JSON.parse(readFileSync(file!.path, 'utf8'))).toMatchObject([{ session_id: 'a', output: [expect.any(String)], generator: 'base', configs: { engine: 'embedded', temperature: 1, max_tokens: 120, seed: 42 } }, { session_id: 'b' }])
})

test.each([
  [{ model: 'models/none' }, 'model models/none: expected a model folder with config.json, found none in'],
  [{ sampling: { max_new_tokens: 4096 } }, "expected room for a prompt in the model's context of 4096 tokens, got 4096"],
  [{ prompts: 'absent.json' }, 'expected a file, found none at'],
  [{ device: 'cuda' }, 'device: expected cpu or webgpu with engine embedded, got cuda'],
  [{ useVllm: true }, 'vLLM: expected engine torch, got embedded'],
])('what cannot be answered is told before anything is recorded (%#)', async (given, message) => {
  const workspace = aLabWorkspace()
  aPromptFile(workspace)
  await expect(begin(workspace, given)).rejects.toThrow(message)
})

test('without a limit an answer may have what the public tools give it, or half of a small context', async () => {
  const workspace = aLabWorkspace()
  aPromptFile(workspace)
  const prepared = await prepareAnswers(workspace, answersInput.parse({ benchmark: 'alpacaeval', prompts: 'prompts.json', model: 'models/base' }))
  expect(prepared).toMatchObject({ input: { sampling: { max_new_tokens: 2048, temperature: 0 } }, maxPromptTokens: 2048, notices: [] })
  const config = join(workspace.models, 'base', 'config.json')
  writeFileSync(config, readFileSync(config, 'utf8').replace('4096', '600'))
  expect(await prepareAnswers(workspace, answersInput.parse({ benchmark: 'alpacaeval', prompts: 'prompts.json', model: 'models/base' }))).toMatchObject({ input: { sampling: { max_new_tokens: 300 } }, notices: [expect.stringContaining('half of the model')] })
})
