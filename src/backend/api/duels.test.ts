import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { aRecipe, execute, fillLabWorkspace, queueRun } from '../../../tests/support/lab-workspace.ts'
import { aFolder, aJsonlFile } from '../../../tests/support/workspace.ts'
import { readFeedbackRow } from '../../core/dataset-rows.ts'
import type { FeedbackRow } from '../../shared/types.ts'
import { openBackend, type Backend } from '../index.ts'
import { answersInput } from '../../shared/answers.ts'
import { hashFile } from '../hash-file.ts'
import { finishAnswers, insertAnswers } from '../storage/answers.ts'
import { openWorkspace } from '../storage/open.ts'

async function aBackend(): Promise<Backend> {
  const backend = await openBackend({ workspace: join(aFolder(), 'w'), host: 'server' })
  onTestFinished(() => backend.close())
  return backend
}
const answers = (generator: string, n = 12) => aJsonlFile(Array.from({ length: n }, (_, i) => ({ instruction: `do ${i}`, output: `${generator} ${i}`, generator })), `${generator}.jsonl`)

it('a duel hides names, keeps decisions, and turns what lost into a feedback dataset', async () => {
  const backend = await aBackend()
  const { id } = await backend.call('duels.start', { a: answers('ash'), b: answers('oak') })
  const sides = new Set<string>()
  for (let n = 0; n < 12; n++) {
    const { pair, decided, total } = await backend.call('duels.next', { id })
    expect([decided, total]).toEqual([n, 12])
    sides.add(pair!.left.split(' ')[0]!)
    // Ash wins wherever it stands, but for one tie.
    await backend.call('duels.decide', { id, index: pair!.index, winner: n === 5 ? 'tie' : pair!.left.startsWith('ash') ? 'left' : 'right', reasons: n === 0 ? ['low quality'] : [] })
  }
  expect(sides).toEqual(new Set(['ash', 'oak']))
  expect((await backend.call('duels.next', { id })).pair).toBeNull()
  expect(await backend.call('duels.result', { id })).toMatchObject({ result: { winsA: 11, winsB: 0, ties: 1, share: { estimate: expect.closeTo(100 * (11.5 / 12), 9) as number } } })
  expect(await backend.call('duels.list', {})).toMatchObject([{ id, nameA: 'ash', nameB: 'oak', decided: 12, total: 12 }])

  expect(await backend.call('duels.dataset', { id, name: 'losses' })).toMatchObject({ name: 'losses', kind: 'feedback', rows: 11, recipe: { duel: id, between: ['ash', 'oak'] } })
  const rows = (await backend.call('datasets.rows', { name: 'losses' })).rows as FeedbackRow[]
  expect(rows.every(({ reply, label }) => reply.startsWith('oak') && label === 'dissatisfied')).toBe(true)
  expect(rows.map(({ userFeedback }) => userFeedback).filter(Boolean)).toEqual(['The other answer is better: low quality.'])
})

it('a decision can be taken back; files without a shared request are refused', async () => {
  const backend = await aBackend()
  const { id } = await backend.call('duels.start', { a: answers('ash', 3), b: answers('oak', 3) })
  const { pair } = await backend.call('duels.next', { id })
  await backend.call('duels.decide', { id, index: pair!.index, winner: 'left' })
  await backend.call('duels.decide', { id, index: pair!.index, winner: null })
  expect(await backend.call('duels.next', { id })).toMatchObject({ decided: 0, pair })
  expect(await backend.call('duels.result', { id })).toEqual({ result: null, pairs: [] })
  await expect(backend.call('duels.dataset', { id, name: 'none' })).rejects.toThrow('expected at least one answer that lost')
  const same = answers('ash', 3)
  await expect(backend.call('duels.start', { a: same, b: same })).rejects.toThrow('expected requests that both sides answer differently, found none')
})

it('two runs fight with their last answers; a run that nothing is evaluated of is refused', async () => {
  const path = join(aFolder(), 'w')
  const workspace = openWorkspace(path)
  fillLabWorkspace(workspace)
  const runs: string[] = []
  for (const method of ['drift', 'spin']) {
    const lease = queueRun(workspace, aRecipe(method, { iterations: 2 }))
    await execute(workspace, lease)
    runs.push(lease.runId)
  }
  // The last round's greedy answers, told apart by whose they are.
  const write = workspace.db.prepare("UPDATE run_evaluations SET text = ? || prompt_index WHERE run_id = ? AND round = 2 AND sample_index = 0 AND temperature = (SELECT min(temperature) FROM run_evaluations)")
  for (const id of runs) write.run(`${id}: `, id)
  const unfinished = queueRun(workspace, aRecipe('dpo', {})).runId
  workspace.close()
  const backend = await openBackend({ workspace: path, host: 'server' })
  onTestFinished(() => backend.close())
  const [a, b] = runs.map((run) => ({ run }))
  const { id } = await backend.call('duels.start', { a: a!, b: b! })
  const { pair, total } = await backend.call('duels.next', { id })
  await backend.call('duels.decide', { id, index: pair!.index, winner: pair!.left.startsWith('drift') ? 'left' : 'right' })
  const { pairs } = await backend.call('duels.result', { id })
  // Each answer leads back to its sample, and the loss that becomes a row does too.
  const place = Number(/: (\d+)$/.exec(pair!.left)![1])
  const originOf = (run: string) => ({ run, round: 2, prompt: place, sample: 0, temperature: expect.any(Number) as number })
  expect(pairs).toMatchObject([{ winner: 'a', originA: originOf('drift-seed5'), originB: originOf('spin-seed5') }])
  const lineage = await backend.call('comparisons.lineage', pairs[0]!.originB as never)
  expect(lineage).toMatchObject({ answer: { text: pairs[0]!.b }, checkpoint: 'runs/spin-seed5/models/round-2' })
  await backend.call('duels.dataset', { id, name: 'lost' })
  expect((await backend.call('datasets.rows', { name: 'lost' })).rows).toMatchObject([{ reply: pairs[0]!.b, label: 'dissatisfied', origin: pairs[0]!.originB }])
  const written = await backend.call('duels.dataset', { id, name: 'lost-again' })
  expect(readFeedbackRow((await backend.call('datasets.rows', { name: written.name })).rows[0] as never)).toMatchObject({ origin: pairs[0]!.originB })
  expect(total).toBeGreaterThan(1)
  expect([pair!.left, pair!.right].map((text) => text.split(':')[0]).sort()).toEqual([...runs].sort())
  expect(await backend.call('duels.list', {})).toMatchObject([{ nameA: 'drift-seed5', nameB: 'spin-seed5' }])
  await expect(backend.call('duels.start', { a: a!, b: { run: unfinished } })).rejects.toThrow(/expected an evaluated run, found no evaluation/)
})

it('answers of a set that stand in its file lead back to the set; a file that was changed leads nowhere', async () => {
  const backend = await aBackend()
  const { db } = backend.workspace
  const file = answers('ash', 4)
  const id = insertAnswers(db, { generator: 'drift-seed1-round-1', input: answersInput.parse({ benchmark: 'alpacaeval', prompts: 'p.json', model: 'm' }), run: 'drift-seed1', checkpoint: 'round-1', total: 4, notices: [], promptsHash: '' }, '2026-01-01')
  finishAnswers(db, id, { file: { path: file, sha256: await hashFile(file) }, notices: [] }, '2026-01-01')
  const decide = async (a: string) => {
    const duel = await backend.call('duels.start', { a, b: answers('oak', 4) })
    const { pair } = await backend.call('duels.next', { id: duel.id })
    await backend.call('duels.decide', { id: duel.id, index: pair!.index, winner: pair!.left.startsWith('oak') ? 'left' : 'right' })
    return (await backend.call('duels.result', { id: duel.id })).pairs[0]!
  }
  const { a, originA, originB } = await decide(file)
  expect([originA, originB]).toEqual([{ answers: id, index: Number(a.slice(4)), run: 'drift-seed1', checkpoint: 'round-1' }, null])
  expect((await decide(answers('ash', 5))).originA).toBeNull()
})
