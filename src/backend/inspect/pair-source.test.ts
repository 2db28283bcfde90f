import { describe, expect, it } from 'vitest'
import { aLabWorkspace, aRecipe, cannedReplies, execute, feedback, queueRun, seedPairs } from '../../../tests/support/lab-workspace.ts'
import { listStages, pageOfSamples } from '../storage/run-stages.ts'
import { findPair, type PairTexts } from './pair-source.ts'

type Found = { index: number; pair?: PairTexts; note?: string | null; why?: string }

/** What is found behind every sample of a round, and how many pairs the round says it trained on. */
async function pairsOfRound(recipe: string, changes: Record<string, unknown> = {}, stage = 'round-1/sample'): Promise<{ found: Found[]; trained: number }> {
  const workspace = aLabWorkspace()
  const { runId: run } = queueRun(workspace, aRecipe(recipe, changes))
  await execute(workspace, { runId: run, attempt: 1 })
  const { rows } = pageOfSamples(workspace.db, run, { stage, newestFirst: false, offset: 0, limit: -1 })
  const found = await Promise.all(rows.map(async ({ index }): Promise<Found> => {
    try {
      return { index, ...(await findPair(workspace, { run, stage, index })) }
    } catch (error) {
      return { index, why: (error as Error).message }
    }
  }))
  return { found, trained: Number(listStages(workspace.db, run).find(({ key }) => key === 'round-1/train')?.summary['pairs']) }
}

describe('the pair behind a sample', () => {
  it('of DRIFT has the sample as chosen and the disliked reply as rejected', async () => {
    const { found, trained } = await pairsOfRound('drift')
    expect(found.length).toBe(trained)
    for (const { pair } of found) {
      expect(cannedReplies.map((reply) => reply.slice(0, 120))).toContain(pair?.chosen.slice(0, 120))
      expect(feedback.find(({ reply }) => reply === pair?.rejected)?.label).toBe('dissatisfied')
    }
  })

  it('of SPIN has the liked reply as chosen and the sample as rejected', async () => {
    const { found, trained } = await pairsOfRound('spin')
    const pairs = found.flatMap(({ pair }) => (pair ? [pair] : []))
    expect(pairs.length).toBe(trained)
    for (const pair of pairs) expect(feedback.find(({ reply }) => reply === pair.chosen)).toMatchObject({ label: 'satisfied', prompt: pair.prompt })
  })

  it.each([['drift-unguided', 'round-1/sample'], ['drift-frozen', 'round-0/sample'], ['drift-sft', 'round-1/sample']])('of %s has the disliked reply as rejected', async (recipe, stage) => {
    const { found } = await pairsOfRound(recipe, { pairs_per_round: null }, stage)
    expect(found.length).toBe(3)
    for (const { pair } of found) expect(feedback.find(({ reply }) => reply === pair?.rejected)?.label).toBe('dissatisfied')
  })

  it('of the own-rejected arm is the same from either sample', async () => {
    const guided = await pairsOfRound('drift-own-rejected')
    expect(guided.found.flatMap(({ pair }) => pair ?? []).length).toBe(guided.trained)
    expect((await pairsOfRound('drift-own-rejected', {}, 'round-1/sample-own')).found).toEqual(guided.found)
  })

  it('of iterative DPO has the sample with the higher reward as chosen, the same for both samples', async () => {
    const { found, trained } = await pairsOfRound('iterative-dpo')
    const trainedOn = found.filter(({ pair, note }) => pair && note === null)
    expect(trainedOn.length).toBe(2 * trained)
    for (let i = 0; i < found.length; i += 2) expect(found[i]?.pair).toEqual(found[i + 1]?.pair)
    expect(found.filter(({ pair, note }) => pair && note !== null).every(({ note }) => note?.includes('pairs_per_round'))).toBe(true)
  })

  it('says when it was held out of training', async () => {
    const { found, trained } = await pairsOfRound('drift', { holdout_pairs: 1 })
    expect(found.filter(({ note }) => note?.startsWith('held out')).map(({ index }) => index)).toEqual([0])
    expect(found.filter(({ note }) => note === null).length).toBe(trained)
  })
})

describe('the pair behind a row', () => {
  it('is the row of a preference dataset; other kinds hold no pairs', async () => {
    const workspace = aLabWorkspace()
    expect((await findPair(workspace, { dataset: 'seed-pairs', row: 2 })).pair).toEqual(seedPairs[2])
    await expect(findPair(workspace, { dataset: 'seed-pairs', row: 99 })).rejects.toThrow('expected a row from 0 to 4, got 99')
    await expect(findPair(workspace, { dataset: 'feedback', row: 0 })).rejects.toThrow('expected kind preference')
    await expect(findPair(workspace, { dataset: 'absent', row: 0 })).rejects.toThrow('absent')
  })
})
