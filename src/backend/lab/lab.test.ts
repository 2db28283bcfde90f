import { rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fakeText, writeFakeModel } from '../../../tests/support/fake-engine.ts'
import { aLabWorkspace, aRecipe, execute, feedback, forgetRuns, leftBehind, modelHash, queueRun, reclaim, seedPairs } from '../../../tests/support/lab-workspace.ts'
import { embeddedEngine } from '../../engine/embedded.ts'
import { readSafetensors } from '../../engine/safetensors.ts'
import { guided } from '../../recipes/prompts.ts'
import { tokensOf } from '../../core/fairness.ts'
import { isSystem, SYSTEM } from '../../core/run-time.ts'
import { verify } from '../../core/verifiers.ts'
import type { Pair } from '../../shared/types.ts'
import { estimateRun } from '../estimate.ts'
import { parseRecipe, requireRecipe } from '../recipe-file.ts'
import { createDataset } from '../storage/datasets.ts'
import { readEvaluations, readHeldout, readPairStatistics } from '../storage/evaluations.ts'
import { countSamples, findStage, finishStage, insertStage, listStages, pageOfSamples, readCanaries, readLedger, readMetrics, readProbes, readStoredSamples, type StoredSample } from '../storage/run-stages.ts'
import type { Workspace } from '../storage/open.ts'
import { type Lease, readLog, requireRun } from '../storage/runs.ts'
import { Stopped } from './context.ts'

const BASE = resolve('resources/base-model')

/** `every`: so many boundaries lie between two kills that are tried. All of them would be thousands of runs. */
const arms = [
  { name: 'drift', yaml: aRecipe('drift'), every: 13 },
  { name: 'drift that samples anew for stale rows alone', yaml: aRecipe('drift', { iterations: 3, resample_stale_only: 0.8 }), every: 17 },
  { name: 'drift on a token budget', yaml: aRecipe('drift', { token_budget: 14_000 }), every: 43 },
  { name: 'drift-frozen', yaml: aRecipe('drift-frozen'), every: 31 },
  { name: 'drift-own-rejected', yaml: aRecipe('drift-own-rejected'), every: 37 },
  { name: 'spin', yaml: aRecipe('spin', { mix_previous: true }), every: 29 },
  { name: 'iterative-dpo', yaml: aRecipe('iterative-dpo'), every: 29 },
  { name: 'iterative-dpo with the verifier', yaml: aRecipe('iterative-dpo', { reward: 'verifiable' }), every: 41 },
  { name: 'drift, evaluated by a scorer of replies', yaml: aRecipe('drift', { evaluation: [{ type: 'dsat-rate', dataset: 'test', scorer_dataset: 'scored', k: 2, max_new_tokens: 120, batch_size: 4 }] }), every: 37 },
  // 40 steps, so that checkpoints lie within a stage.
  { name: 'dpo with canary prompts', yaml: aRecipe('dpo', { canary_steps: 3, training: { learning_rate: 0.05, optim: 'adamw_torch', per_device_train_batch_size: 1, num_train_epochs: 8 } }), every: 11 },
]

describe.each(arms)('a run of $name', ({ yaml, every }) => {
  it('killed at any boundary and continued leaves behind what an undisturbed one does', async () => {
    const workspace = aLabWorkspace()
    const calmLease = queueRun(workspace, yaml)
    const calm = await execute(workspace, calmLease)
    expect(calm.status).toBe('done')
    const expected = leftBehind(workspace, calmLease.runId)
    for (let at = 1; at <= calm.ticks.length; at += every) {
      forgetRuns(workspace)
      const lease = queueRun(workspace, yaml)
      const { status } = await execute(workspace, lease, { isFatal: (tick) => tick === at })
      // When a checkpoint is written depends on time: on a busy machine one may be fewer than in the undisturbed run.
      if (status === 'done' && at > calm.ticks.length - 12) continue
      expect(status).toBe('killed')
      expect((await execute(workspace, reclaim(workspace, lease.runId))).status).toBe('done')
      expect(leftBehind(workspace, lease.runId), `killed at ${at}, ${calm.ticks[at - 1]}`).toEqual(expected)
    }
  })

  it('killed again and again, each time a little later, still ends the same', async () => {
    const workspace = aLabWorkspace()
    const calmLease = queueRun(workspace, yaml)
    await execute(workspace, calmLease)
    const expected = leftBehind(workspace, calmLease.runId)
    forgetRuns(workspace)
    let lease = queueRun(workspace, yaml)
    let kills = 0
    for (;;) {
      const limit = 9 + 2 * kills
      if ((await execute(workspace, lease, { isFatal: (tick) => tick === limit })).status === 'done') break
      lease = reclaim(workspace, lease.runId)
      kills++
    }
    expect(kills).toBeGreaterThan(2)
    expect(leftBehind(workspace, lease.runId)).toEqual(expected)
    expect(requireRun(workspace.db, lease.runId).status).toBe('done')
    expect(listStages(workspace.db, lease.runId).every(({ status }) => status === 'done')).toBe(true)
  })
})

describe('a run that samples anew for stale rows alone', () => {
  const staleOnly = (resample_stale_only: number | null, changes = {}): string => aRecipe('drift', { iterations: 3, pairs_per_round: 3, resample_stale_only, ...changes })
  const samplesOf = (workspace: Workspace, run: string) => [1, 2, 3].map((round) => readStoredSamples(workspace.db, run, `round-${round}/sample`))
  const summaries = (workspace: Workspace, run: string) => listStages(workspace.db, run).filter(({ kind }) => kind === 'sample').map(({ summary }) => [summary['samples'], summary['kept']])

  it('keeps those replies whose log π has moved by no more than the threshold per token, and counts what it drew and scored', async () => {
    const workspace = aLabWorkspace()
    const [lease, whole] = [queueRun(workspace, staleOnly(0.8)), queueRun(workspace, staleOnly(null, { seed: 6 }))]
    await execute(workspace, lease)
    await execute(workspace, whole)
    const [first, second, third] = samplesOf(workspace, lease.runId)
    // The fake engine's score of token t is -1 - |sin(id x weight[t mod 8] + prompt length)|.
    const movedUnder = (policy: string, { completionIds, logp, conversationId }: StoredSample): number => {
      const weights = readSafetensors(join(workspace.runs, lease.runId, 'models', policy, 'model.safetensors')).get('w')!.data
      const { messages } = guided(feedback.find((one) => one.conversationId === conversationId)!, { prompt_style: 'chat', improve_instruction: 'Please give an improved response that addresses my feedback.', without_feedback: 'instruction' })
      const { length } = fakeText.renderer.renderPrompt(messages as never).ids
      return Math.abs(completionIds.reduce((total, id, t) => total - 1 - Math.abs(Math.sin(id * weights[t % 8]! + length)), 0) - logp) / completionIds.length
    }
    const staleOf = (policy: string, samples: StoredSample[]) => samples.filter((sample) => movedUnder(policy, sample) > 0.8).map(({ conversationId }) => conversationId)
    const ids = (samples: StoredSample[] | undefined) => samples!.map(({ conversationId }) => conversationId)
    expect(first).toHaveLength(3)
    expect(ids(second)).toEqual(staleOf('round-1', first!))
    const latest = first!.map((sample) => second!.find(({ conversationId }) => conversationId === sample.conversationId) ?? sample)
    expect(ids(third)).toEqual(staleOf('round-2', latest))
    // Both kinds occur, or nothing was shown.
    expect([1, 2]).toContain(second!.length)
    expect(summaries(workspace, lease.runId)).toEqual([[3, undefined], [second!.length, 3 - second!.length], [third!.length, 3 - third!.length]])
    const tokens = (samples: StoredSample[]): number => samples.reduce((total, sample) => total + sample.tokens, 0)
    expect(readLedger(workspace.db, lease.runId)).toMatchObject({ samplesDrawn: 3 + second!.length + third!.length, generatedTokens: tokens([...first!, ...second!, ...third!]), scoredTokens: tokens(first!) + tokens(latest), signals: readLedger(workspace.db, whole.runId).signals })
    expect(readLedger(workspace.db, whole.runId)).toMatchObject({ samplesDrawn: 9, scoredTokens: 0 })
    expect(readLog(workspace.db, lease.runId).map(({ text }) => text)).toContain(`round-2/sample: ${3 - second!.length} of 3 rows keep the replies of an earlier round, because log π of them has moved by at most resample_stale_only 0.8 nats per token; ${second!.length} are sampled (in the paper: all)`)
    // Every round trains on all its pairs, the kept ones with them.
    expect(listStages(workspace.db, lease.runId).filter(({ key }) => /round-\d\/train/.test(key)).map(({ summary }) => summary['pairs'])).toEqual([3, 3, 3])
  })

  it('keeps all where any move is allowed, and none where no move is: then it ends as one that samples all anew', async () => {
    const workspace = aLabWorkspace()
    const [all, none, plain] = [queueRun(workspace, staleOnly(1000)), queueRun(workspace, staleOnly(0)), queueRun(workspace, staleOnly(null))]
    for (const lease of [all, none, plain]) expect((await execute(workspace, lease)).status).toBe('done')
    expect(summaries(workspace, all.runId)).toEqual([[3, undefined], [0, 3], [0, 3]])
    expect(summaries(workspace, none.runId)).toEqual([[3, undefined], [3, 0], [3, 0]])
    expect(samplesOf(workspace, none.runId)).toEqual(samplesOf(workspace, plain.runId))
    expect(modelHash(workspace, none.runId)).toBe(modelHash(workspace, plain.runId))
    // A reply that stays is still looked at by the probe of the round that trained on it.
    expect(readProbes(workspace.db, all.runId).map(({ moved }) => moved.length)).toEqual([0, 0, 3, 3, 3])
  })

  it('is estimated by what such rounds took before, and as if all were sampled anew where none did', () => {
    const workspace = aLabWorkspace()
    const seconds = (threshold: number | null): number | null => estimateRun(requireRecipe(parseRecipe(staleOnly(threshold, { warm_start: null, evaluation: [] }))), workspace).seconds
    const done = queueRun(workspace, staleOnly(0.8))
    const stage = (key: string, kind: 'sample' | 'train', summary: Record<string, number>, took: number): void => {
      insertStage(workspace.db, { runId: done.runId, key, kind, round: 1, startsFrom: null, inputHash: key, computedBy: 'test', startedAt: '' })
      finishStage(workspace.db, done.runId, key, { result: null, counts: {}, summary, seconds: took, peakMemoryBytes: null, endedAt: '', reusedFrom: null })
    }
    stage('round-1/sample', 'sample', { samples: 10 }, 20)
    stage('round-1/train', 'train', { steps: 5 }, 10)
    // 9 pairs of 3 rounds: 2 s a sample, 1 s a pair.
    expect(seconds(null)).toBeCloseTo(9 * 2 + 9)
    expect(seconds(0.8)).toBeCloseTo(9 * 2 + 9)
    stage('round-2/sample', 'sample', { samples: 4, kept: 6 }, 5)
    expect(seconds(null)).toBeCloseTo(9 * 2 + 9)
    expect(seconds(0.8)).toBeCloseTo(3 * 2 + 6 * 0.5 + 9)
    expect(seconds(0.4)).toBeCloseTo(9 * 2 + 9)
  })

  it('looks at every sample of a row: one that moved too far has all of them drawn anew', async () => {
    const workspace = aLabWorkspace()
    const lease = queueRun(workspace, staleOnly(0.8, { sampling: { temperature: 1, top_p: 1, n: 2, max_new_tokens: 120, batch_size: 3 } }))
    await execute(workspace, lease)
    const [first, second] = samplesOf(workspace, lease.runId)
    const { moved } = findStage(workspace.db, lease.runId, 'round-2/sample')?.result as { moved: number[] }
    expect([first!.length, moved.length, second!.length]).toEqual([6, 3, 2 * moved.filter((nats) => nats > 0.8).length])
  })
})

describe('a run', () => {
  it('that answers canary prompts while it trains ends with the same weights, metrics and samples as one that does not', async () => {
    const [quiet, asked] = [aLabWorkspace(), aLabWorkspace()]
    const [without, with_] = [queueRun(quiet, aRecipe('drift')), queueRun(asked, aRecipe('drift', { canary_steps: 4 }))]
    await execute(quiet, without)
    await execute(asked, with_)
    expect(modelHash(asked, with_.runId)).toBe(modelHash(quiet, without.runId))
    expect(leftBehind(asked, with_.runId)['samples']).toEqual(leftBehind(quiet, without.runId)['samples'])
    const measured = ({ db }: Workspace, id: string) => readMetrics(db, id, 0).map((row) => Object.fromEntries(Object.entries(row).filter(([name]) => !isSystem(name))))
    expect(measured(asked, with_.runId)).toEqual(measured(quiet, without.runId))
    const canaries = readCanaries(asked.db, with_.runId)
    // Every fourth step and each stage's last: six steps of the warm start, two of each round.
    expect(canaries.map(({ stage, step }) => [stage, step])).toEqual([['warm-start/train', 4], ['warm-start/train', 6], ['round-1/train', 2], ['round-2/train', 2]])
    expect(readCanaries(quiet.db, without.runId)).toEqual([])
    // The last answers of a stage are those of the policy it leaves behind, whose probe asks the same prompts.
    const probed = readProbes(asked.db, with_.runId).filter(({ round }) => round >= 0).map((probe) => probe.canaries.map(({ prompt, reply }) => ({ prompt, reply: reply.slice(0, 63) })))
    expect([1, 2, 3].map((at) => canaries[at]!.canaries.map(({ prompt, reply }) => ({ prompt, reply: reply.slice(0, 63) })))).toEqual(probed)
  })

  it('has not moved from the replies it sampled where it learns nothing, and has where it learns', async () => {
    const moved = async (learning_rate: number): Promise<number[][]> => {
      const workspace = aLabWorkspace()
      const lease = queueRun(workspace, aRecipe('drift', { model_name_or_path: BASE, warm_start: null, iterations: 1, sampling: { temperature: 1, top_p: 1, max_new_tokens: 24 }, training: { learning_rate, per_device_train_batch_size: 2 }, evaluation: [{ dataset: 'test', k: 1, max_new_tokens: 24, heldout_pairs: 'heldout' }] }))
      expect((await execute(workspace, lease, { engine: embeddedEngine })).status, requireRun(workspace.db, lease.runId).error ?? '').toBe('done')
      const samples = readStoredSamples(workspace.db, lease.runId, 'round-1/sample')
      const probes = readProbes(workspace.db, lease.runId)
      expect(probes.map((probe) => probe.moved.length)).toEqual([0, 0, samples.length])
      return probes.map((probe) => probe.moved)
    }
    for (const nats of (await moved(0)).at(-1)!) expect(Math.abs(nats)).toBeLessThan(1e-4)
    expect(Math.max(...(await moved(1e-3)).at(-1)!.map(Math.abs))).toBeGreaterThan(1e-2)
  })

  it('has moved by what the scores of its samples say, where the policy wrote the chosen side alone', async () => {
    const workspace = aLabWorkspace()
    const [drift, spin] = [queueRun(workspace, aRecipe('drift')), queueRun(workspace, aRecipe('spin'))]
    await execute(workspace, drift)
    await execute(workspace, spin)
    expect(readProbes(workspace.db, spin.runId).flatMap((probe) => probe.moved)).toEqual([])
    const probe = readProbes(workspace.db, drift.runId).find(({ round }) => round === 1)!
    // The fake engine's score of token t is -1 - |sin(id x weight[t mod 8] + prompt length)|.
    const weights = readSafetensors(join(workspace.runs, drift.runId, 'models', 'round-1', 'model.safetensors')).get('w')!.data
    const expected = readStoredSamples(workspace.db, drift.runId, 'round-1/sample').map(({ completionIds, logp, conversationId }) => {
      const row = feedback.find((one) => one.conversationId === conversationId)!
      const length = fakeText.renderer.renderPrompt(guided(row, { prompt_style: 'chat', improve_instruction: 'Please give an improved response that addresses my feedback.', without_feedback: 'instruction' }).messages as never).ids.length
      return (completionIds.reduce((total, id, t) => total - 1 - Math.abs(Math.sin(id * weights[t % 8]! + length)), 0) - logp) / completionIds.length
    })
    const ascending = (values: number[]): number[] => values.toSorted((a, b) => a - b)
    ascending(expected).forEach((nats, i) => expect(ascending(probe.moved)[i]).toBeCloseTo(nats, 5))
  })

  it('asks the prompts that its recipe names, and needs some', async () => {
    const workspace = aLabWorkspace()
    const own = queueRun(workspace, aRecipe('dpo', { canary_steps: 100, canary_prompts: ['why is the sky blue?', 'a, b'] }))
    await execute(workspace, own)
    expect(readCanaries(workspace.db, own.runId).map(({ canaries }) => canaries.map(({ prompt }) => prompt))).toEqual([['why is the sky blue?', 'a, b']])
    const none = queueRun(workspace, aRecipe('dpo', { seed: 6, canary_steps: 100, evaluation: [] }))
    expect((await execute(workspace, none)).status).toBe('failed')
    expect(requireRun(workspace.db, none.runId).error).toContain('canary_steps 100: expected prompts to answer, got no canary_prompts and no evaluation to take them from')
  })

  it('of another seed has other numbers', async () => {
    const workspace = aLabWorkspace()
    const [one, other] = [queueRun(workspace, aRecipe('drift')), queueRun(workspace, aRecipe('drift', { seed: 6 }))]
    await execute(workspace, one)
    await execute(workspace, other)
    expect(modelHash(workspace, one.runId)).not.toBe(modelHash(workspace, other.runId))
  })

  it('takes over what another method has done, with the numbers it would have computed', async () => {
    const alone = aLabWorkspace()
    const lonely = queueRun(alone, aRecipe('spin'))
    await execute(alone, lonely)

    const shared = aLabWorkspace()
    await execute(shared, queueRun(shared, aRecipe('drift')))
    const second = queueRun(shared, aRecipe('spin'))
    await execute(shared, second)

    expect(leftBehind(shared, second.runId)).toEqual(leftBehind(alone, lonely.runId))
    const reused = listStages(shared.db, second.runId).filter(({ reusedFrom }) => reusedFrom !== null)
    expect(reused.map(({ key, reusedFrom }) => [key, reusedFrom])).toEqual([['warm-start/train', 'drift-seed5'], ['base/evaluate', 'drift-seed5'], ['round-0/evaluate', 'drift-seed5'], ['base/probe', 'drift-seed5'], ['round-0/probe', 'drift-seed5']])
    const inode = (run: string): number => statSync(join(shared.runs, run, 'models', 'warm-start', 'model.safetensors')).ino
    expect(inode(second.runId)).toBe(inode('drift-seed5'))
    // What was taken over counts as this run's work: who comes second is not cheaper.
    expect(readLedger(shared.db, second.runId)).toMatchObject({ ...readLedger(alone.db, lonely.runId), seconds: expect.any(Number) as number })
  })

  it('keeps how many tokens a stage handled and what its process held beside what is compared', async () => {
    const workspace = aLabWorkspace()
    const lease = queueRun(workspace, aRecipe('drift'))
    await execute(workspace, lease)
    const stages = listStages(workspace.db, lease.runId)
    expect(stages.every(({ peakMemoryBytes }) => peakMemoryBytes! > 10e6)).toBe(true)
    const tokens = (key: string): number | null => stages.find((stage) => stage.key === key)!.tokens
    expect(tokens('round-1/train')).toBe(readMetrics(workspace.db, lease.runId, 0).findLast(({ stage }) => stage === 'round-1/train')!['num_tokens'])
    expect(tokens('round-1/sample')).toBe(readStoredSamples(workspace.db, lease.runId, 'round-1/sample').reduce((sum, sample) => sum + sample.tokens, 0))
    expect(tokens('round-1/evaluate')).toBeNull()
  })

  it('keeps what each step took beside what is compared, pauses left out', async () => {
    const workspace = aLabWorkspace()
    const lease = queueRun(workspace, aRecipe('dpo', { training: { learning_rate: 0.05, optim: 'adamw_torch', per_device_train_batch_size: 1, num_train_epochs: 8 } }))
    let steps = 0
    await execute(workspace, lease, { isFatal: (_, what) => what === 'told metrics' && ++steps === 25 })
    const PAUSE_S = 1.5
    await new Promise((resolve) => setTimeout(resolve, 1000 * PAUSE_S))
    expect((await execute(workspace, reclaim(workspace, lease.runId))).status).toBe('done')
    const rows = readMetrics(workspace.db, lease.runId, 0)
    expect(rows.map(({ step }) => step)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1))
    const seconds = rows.map((row) => Number(row[SYSTEM.seconds]))
    const waits = seconds.map((at, i) => at - (seconds[i - 1] ?? 0))
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...waits)).toBeLessThan(PAUSE_S)
    expect(seconds.at(-1)).toBeLessThanOrEqual(listStages(workspace.db, lease.runId).find(({ kind }) => kind === 'train')!.seconds!)
    expect(rows.every((row) => Number(row[SYSTEM.memoryBytes]) > 10e6 && Number(row[SYSTEM.tokensPerSecond]) > 0)).toBe(true)
    expect(workspace.db.prepare("SELECT count(*) FROM run_metrics WHERE row LIKE '%system/%' OR details LIKE '%system/%'").pluck().get()).toBe(0)
  })

  it('leads from a sample to the logged turn it was drawn for, and from a conversation to its samples', async () => {
    const workspace = aLabWorkspace()
    const lease = queueRun(workspace, aRecipe('drift'))
    await execute(workspace, lease)
    const page = { newestFirst: false, offset: 0, limit: 500 }
    const all = pageOfSamples(workspace.db, lease.runId, page)
    const { conversationId, turnIndex } = all.rows[0]!
    expect([typeof conversationId, typeof turnIndex]).toEqual(['string', 'number'])
    const own = pageOfSamples(workspace.db, lease.runId, { ...page, conversation: conversationId! })
    expect(own.rows).toEqual(all.rows.filter((row) => row.conversationId === conversationId))
    expect(own.total).toBe(own.rows.length)
    expect(own.total).toBeLessThan(all.total)
  })

  it('leaves out a held-out pair whose prompt alone is too long, and has the other pairs\' figures as they are without it', async () => {
    const workspace = aLabWorkspace()
    const [first, ...others] = seedPairs.slice(0, 3) as [Pair, ...Pair[]]
    createDataset(workspace.db, { name: 'with-long', kind: 'preference', rows: [first, { ...first, prompt: [{ role: 'user', content: 'word '.repeat(2000) }] }, ...others], recipe: {} })
    const [without, with_] = ['heldout', 'with-long'].map((heldout_pairs) => queueRun(workspace, aRecipe('drift', { evaluation: [{ dataset: 'test', k: 2, max_new_tokens: 120, batch_size: 4, heldout_pairs }] }))) as [Lease, Lease]
    for (const lease of [without, with_]) expect((await execute(workspace, lease)).status).toBe('done')
    const margins = ({ runId }: Lease): number[][] => readHeldout(workspace.db, [runId]).map((one) => one.margins)
    expect(margins(with_)).toEqual(margins(without))
    // The fake engine's norms go by a pair's place, and the probe's order by how many pairs there are.
    const probed = ({ runId }: Lease): number[][][] => readProbes(workspace.db, runId).map(({ pairs }) => pairs.map(({ chosen, rejected, margin }) => [chosen, rejected, margin]).toSorted((a, b) => a[0]! - b[0]!))
    expect(probed(with_)).toEqual(probed(without))
    expect(probed(with_).map(({ length }) => length)).toEqual([3, 3, 3, 3])
  })

  it('draws equal samples for equal policies: the same request, seed and sample has the same random numbers', async () => {
    const workspace = aLabWorkspace()
    const [drift, spin] = [queueRun(workspace, aRecipe('drift')), queueRun(workspace, aRecipe('spin', { evaluation: [{ dataset: 'test', k: 2, max_new_tokens: 120, batch_size: 6, heldout_pairs: null }] }))]
    await execute(workspace, drift)
    await execute(workspace, spin)
    const base = (run: string): string[] => readEvaluations(workspace.db, [run]).filter(({ round }) => round === -1).map(({ text }) => text)
    expect(base(spin.runId)).toEqual(base(drift.runId))
    expect(base(drift.runId)).toHaveLength(3 * (1 + 2))
  })

  it('pauses after a unit of work and goes on to the same end', async () => {
    const workspace = aLabWorkspace()
    const yaml = aRecipe('iterative-dpo')
    const calm = queueRun(workspace, yaml)
    await execute(workspace, calm)
    const expected = leftBehind(workspace, calm.runId)
    forgetRuns(workspace)
    let lease = queueRun(workspace, yaml)
    for (const what of ['told metrics', 'told samples', 'reward', 'score', 'told metrics', 'sample']) {
      const stop = new AbortController()
      const { status } = await execute(workspace, lease, { stop, isFatal: (_, happens) => { if (happens === what) stop.abort(new Stopped('pause')); return false } })
      expect(status).toBe('paused')
      expect(requireRun(workspace.db, lease.runId)).toMatchObject({ status: 'paused', error: null })
      lease = reclaim(workspace, lease.runId)
    }
    expect((await execute(workspace, lease)).status).toBe('done')
    expect(leftBehind(workspace, lease.runId)).toEqual(expected)
  })

  it('whose finished model was deleted makes it again', async () => {
    const workspace = aLabWorkspace()
    const lease = queueRun(workspace, aRecipe('drift'))
    const calm = await execute(workspace, lease)
    const expected = leftBehind(workspace, lease.runId)
    forgetRuns(workspace)
    const again = queueRun(workspace, aRecipe('drift'))
    await execute(workspace, again, { isFatal: (tick) => tick === calm.ticks.length - 3 })
    rmSync(join(workspace.runs, again.runId, 'models', 'round-1'), { recursive: true })
    expect((await execute(workspace, reclaim(workspace, again.runId))).status).toBe('done')
    expect(leftBehind(workspace, again.runId).files).toEqual(expected.files)
    expect(readLog(workspace.db, again.runId).map(({ text }) => text).join()).toContain('round-1/train: its files are gone')
  })

  it('does not go on from another base than it began with', async () => {
    const workspace = aLabWorkspace()
    const lease = queueRun(workspace, aRecipe('drift'))
    await execute(workspace, lease, { isFatal: (tick) => tick === 60 })
    writeFakeModel(join(workspace.models, 'base'), 2)
    expect((await execute(workspace, reclaim(workspace, lease.runId))).status).toBe('failed')
    expect(requireRun(workspace.db, lease.runId).error).toContain('warm-start/train: its inputs (base model, datasets or recipe) are no longer those it was run with')
  })

  it('resumed by a newer version keeps what is finished and begins what is half done again', async () => {
    const workspace = aLabWorkspace()
    const lease = queueRun(workspace, aRecipe('drift'))
    let batches = 0
    await execute(workspace, lease, { isFatal: (_, what) => what === 'told samples' && ++batches === 2 })
    expect(countSamples(workspace.db, lease.runId, 'round-1/sample')).toBe(4)
    const { status, ticks } = await execute(workspace, reclaim(workspace, lease.runId), { version: 'newer' })
    expect(status).toBe('done')
    // Both batches of both rounds, none of the warm start.
    expect(ticks.filter((what) => what === 'told samples')).toHaveLength(4)
    expect(ticks.filter((what) => what === 'step')).toHaveLength(2 + 2)
    expect(readLog(workspace.db, lease.runId).map(({ text }) => text).join()).toContain('round-1/sample: begun again, because it was begun with embedded test')
  })

  it('does not go on with another engine unless that is asked for', async () => {
    const workspace = aLabWorkspace()
    const lease = queueRun(workspace, aRecipe('drift'))
    await execute(workspace, lease, { isFatal: (tick) => tick === 60, describedAs: 'torch 2.12' })
    const refused = await execute(workspace, reclaim(workspace, lease.runId), { describedAs: 'torch 2.13' })
    expect(refused.status).toBe('failed')
    expect(requireRun(workspace.db, lease.runId).error).toBe(`engine changed: this run was computed with embedded, torch 2.12 so far, now it is embedded, torch 2.13. Its numbers would be of two engines: bring the first one back, or ask for the change: drift resume ${lease.runId} --workspace ${workspace.path} --engine embedded`)
    expect((await execute(workspace, reclaim(workspace, lease.runId), { describedAs: 'torch 2.13', engineChange: true })).status).toBe('done')
    const log = readLog(workspace.db, lease.runId).map(({ text }) => text).join('\n')
    expect(log).toContain('engine changed, as was asked: computed with embedded, torch 2.12 so far, now it is embedded, torch 2.13; what is finished stays')
    expect(workspace.db.prepare("SELECT key FROM run_stages WHERE computed_by LIKE '%2.12'").pluck().all()).toContain('warm-start/train')
  })

  it('fails with what to do where the data cannot give pairs', async () => {
    const workspace = aLabWorkspace()
    const lease = queueRun(workspace, aRecipe('drift', { training: { max_length: 3 } }))
    expect((await execute(workspace, lease)).status).toBe('failed')
    expect(requireRun(workspace.db, lease.runId).error).toMatch(/warm-start\/train: expected pairs to train on, got 5 whose prompts alone fill training.max_length 3; raise it/)
  })

  it('says how good the sides of its pairs are and what it has used of the logs', async () => {
    const workspace = aLabWorkspace()
    const lease = queueRun(workspace, aRecipe('drift', { pairs_per_round: 3 }))
    await execute(workspace, lease)
    const [first] = readPairStatistics(workspace.db, lease.runId)
    expect(first).toMatchObject({ round: 1, pairs: 3 })
    const scores = feedback.filter(({ label }) => label === 'dissatisfied').map(({ task, reply }) => verify(task!, reply).taskScore)
    expect(first?.rejectedScore).toBeCloseTo(scores.reduce((sum, score) => sum + score, 0) / 3, 12)
    // Ten sides of five seed pairs, and three disliked replies; requests 0-4 of the seeds, 0, 3 and 6 of the rounds.
    expect(readLedger(workspace.db, lease.runId)).toMatchObject({ signals: 13, uniquePrompts: 6, samplesDrawn: 6, rewardQueries: 0, optimizerSteps: 6 + 2 + 2 })
  })
})


describe('a token budget', () => {
  it('leaves the warm start alone, is shared by the rounds, and is what the run ends on', async () => {
    const workspace = aLabWorkspace()
    const lease = queueRun(workspace, aRecipe('drift', { token_budget: 14_000 }))
    expect((await execute(workspace, lease)).status).toBe('done')
    const free = queueRun(workspace, aRecipe('drift'))
    await execute(workspace, free)
    const stage = (run: string, key: string) => findStage(workspace.db, run, key)!.counts
    const tokens = (run: string, key: string): number => (stage(run, key).trainedTokens ?? 0) + (stage(run, key).generatedTokens ?? 0)
    const warm = tokens(lease.runId, 'warm-start/train')
    expect(warm).toBe(tokens(free.runId, 'warm-start/train'))
    for (const round of [1, 2]) {
      const share = (14_000 - warm) / 2
      expect(Math.abs((tokens(lease.runId, `round-${round}/sample`) + tokens(lease.runId, `round-${round}/train`)) / share - 1)).toBeLessThan(0.1)
      expect(stage(lease.runId, `round-${round}/train`).optimizerSteps).toBeGreaterThan(stage(free.runId, `round-${round}/train`).optimizerSteps!)
    }
    expect(Math.abs(tokensOf(readLedger(workspace.db, lease.runId)) / 14_000 - 1)).toBeLessThan(0.03)
  })

  it('too small for a step of a round is said with what was used for what', async () => {
    const workspace = aLabWorkspace()
    const lease = queueRun(workspace, aRecipe('drift', { token_budget: 3000 }))
    expect((await execute(workspace, lease)).status).toBe('failed')
    expect(requireRun(workspace.db, lease.runId).error).toMatch(/^round-1\/train: expected room for a step of training within token_budget 3000, but \d+ tokens were used before this round and \d+ to sample it, of its share of -?\d+\. Raise token_budget/)
  })
})
