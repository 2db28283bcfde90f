import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fakeEngine, fakeText } from '../../../tests/support/fake-engine.ts'
import { aLabWorkspace } from '../../../tests/support/lab-workspace.ts'
import { answersInput } from '../../shared/answers.ts'
import { addAnswers, insertAnswers } from '../storage/answers.ts'
import type { Workspace } from '../storage/open.ts'
import { type AnswerSpeed, estimateAnswers, measureAnswering } from './estimate-answers.ts'
import { prepareAnswers, type PreparedAnswers } from './prepare-answers.ts'

function prepare(workspace: Workspace, n: number, sampling: { max_new_tokens?: number; batch_size?: number } = {}): Promise<PreparedAnswers> {
  writeFileSync(join(workspace.path, 'prompts.json'), JSON.stringify(Array.from({ length: n }, (_, i) => ({ instruction: `do ${i}` }))))
  return prepareAnswers(workspace, answersInput.parse({ benchmark: 'alpacaeval', prompts: 'prompts.json', model: 'models/base', sampling: { batch_size: 4, max_new_tokens: 100, ...sampling } }))
}
const measure = async (prepared: PreparedAnswers, replies: string[]): Promise<{ speed: AnswerSpeed; draws: number }> => {
  let draws = 0
  const engine = fakeEngine({ replies, tick: (what) => void (what === 'sample' && draws++) })
  return { speed: await measureAnswering(prepared, { signal: new AbortController().signal, engine, loadText: () => fakeText }), draws }
}

test('time is that of earlier answers of the model to as many tokens in as large batches, once there is a batch of them', async () => {
  const workspace = aLabWorkspace()
  const { db } = workspace
  const id = insertAnswers(db, await prepare(workspace, 10), '2026-01-01')
  const keep = (from: number, count: number): void => addAnswers(db, id, Array.from({ length: count }, (_, i) => ({ index: from + i, prompt: 'x', text: 'y', finishReason: 'stop' as const, tokens: 1, promptTokens: 1, cutCharacters: 0 })), 2 * count)
  keep(0, 3)
  const time = async (n: number, sampling = {}) => estimateAnswers(db, await prepare(workspace, n, sampling), null).time
  expect(await time(805)).toBeNull()
  keep(3, 1)
  expect(await time(805)).toEqual({ seconds: 1610, basis: 'earlier', atMost: false })
  expect(await time(805, { max_new_tokens: 50 })).toBeNull()
  expect(await time(805, { batch_size: 2 })).toBeNull()
})

test('where it was measured, a batch takes its prompts and a step for each token of its longest answer', async () => {
  const workspace = aLabWorkspace()
  const prepared = await prepare(workspace, 10)
  const speed = { promptSeconds: 0.5, stepSeconds: 0.01, longest: null }
  expect(estimateAnswers(workspace.db, prepared, speed).time).toEqual({ seconds: 2.5 * (0.5 + 99 * 0.01), basis: 'measured', atMost: true })
  expect(estimateAnswers(workspace.db, prepared, { ...speed, longest: 21 }).time).toEqual({ seconds: 2.5 * (0.5 + 20 * 0.01), basis: 'measured', atMost: false })
  expect(estimateAnswers(workspace.db, prepared, null)).toMatchObject({ answers: 10, maxNewTokens: 100, time: null })
})

test('measuring draws a few tokens of one batch, and knows the length of answers that came to their end', async () => {
  const workspace = aLabWorkspace()
  const short = await measure(await prepare(workspace, 10), ['yes'])
  expect(short).toMatchObject({ speed: { longest: 4 }, draws: 3 })
  const long = await measure(await prepare(workspace, 10), ['y'.repeat(500)])
  expect(long).toMatchObject({ speed: { longest: null }, draws: 4 })
  expect(await measure(await prepare(workspace, 10, { max_new_tokens: 30 }), ['y'.repeat(500)])).toMatchObject({ speed: { longest: null } })
})

test('disk is at most that of the prompts and of answers that take all their tokens, in the workspace and in the file', async () => {
  const workspace = aLabWorkspace()
  const { diskBytes } = estimateAnswers(workspace.db, await prepare(workspace, 10), null)
  // "do 0" is a token of four characters.
  expect(diskBytes).toBe(2 * 4 * (10 * 1 + 10 * 100))
})
