import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { aLabWorkspace, aRecipe, execute, queueRun } from '../../../tests/support/lab-workspace.ts'
import type { Session } from '../session.ts'
import type { Workspace } from '../storage/open.ts'
import { readEvaluations } from '../storage/evaluations.ts'
import { runsApi } from './runs.ts'

async function aFinishedRun(recipe: string): Promise<{ id: string; workspace: Workspace; api: ReturnType<typeof runsApi> }> {
  const workspace = aLabWorkspace()
  const lease = queueRun(workspace, aRecipe(recipe))
  await execute(workspace, lease)
  const session: Session = { workspace, host: 'cli', version: 'test', push() {}, onClose() {} }
  return { id: lease.runId, workspace, api: runsApi(session) }
}

it('a recipe leaves for another trainer with what has no counterpart there, and where a path is named as a file of the exports folder', () => {
  const workspace = aLabWorkspace()
  const api = runsApi({ workspace, host: 'cli', version: 'test', push() {}, onClose() {} })
  const yaml = aRecipe('drift')
  const shown = api['runs.exportRecipe']({ yaml, format: 'llama-factory' })
  expect(shown.path).toBeNull()
  expect(shown.text).toMatch(/^pref_beta: 0\.1$/m)
  expect(shown.left.map(({ key }) => key)).toEqual(expect.arrayContaining(['recipe', 'warm_start', 'evaluation', 'template']))
  const { path, text } = api['runs.exportRecipe']({ yaml, format: 'trl', path: 'drift.trl.yaml' })
  expect(path).toBe(join(workspace.exports, 'drift.trl.yaml'))
  expect(readFileSync(path!, 'utf8')).toBe(text)
  expect(() => api['runs.exportRecipe']({ yaml: 'recipe: drift\n', format: 'trl' })).toThrow(/model_name_or_path/)
})

describe('a run as the interface sees it', () => {
  it('has the mean score of each round with a normal interval over prompts, within the scale', async () => {
    const { id, workspace, api } = await aFinishedRun('drift')
    const { evaluations } = api['runs.get']({ id })
    expect(evaluations.map(({ round, temperature, n }) => [round, temperature, n])).toEqual([-1, 0, 1, 2].flatMap((round) => [[round, 0, 3], [round, 1, 3]]))
    const samples = readEvaluations(workspace.db, [id]).filter(({ round, temperature }) => round === 1 && temperature === 1)
    const prompts = [0, 1, 2].map((prompt) => samples.filter(({ promptIndex }) => promptIndex === prompt).reduce((sum, { score }) => sum + score, 0) / 2)
    const mean = prompts.reduce((sum, score) => sum + score, 0) / 3
    const deviation = Math.sqrt(prompts.reduce((sum, score) => sum + (score - mean) ** 2, 0) / 2)
    const shown = evaluations.find(({ round, temperature }) => round === 1 && temperature === 1)
    expect(shown?.score).toBeCloseTo(mean, 12)
    const half = (1.96 * deviation) / Math.sqrt(3)
    expect([shown?.low, shown?.high]).toEqual([Math.max(0, mean - half), Math.min(1, mean + half)].map((limit) => expect.closeTo(limit, 12) as number))
  })

  it('has the margin of every pair it trained on, and the weight sigmoid(-margin) that follows', async () => {
    const { id, api } = await aFinishedRun('drift')
    const { gradientHealth, stages, ledger } = api['runs.get']({ id })
    expect(gradientHealth.map(({ round, pairs, standsFor, margins }) => [round, pairs, standsFor, margins.length])).toEqual([[1, 4, 1, 4], [2, 4, 1, 4]])
    const { margins, weight } = gradientHealth[0]!
    expect(margins).toEqual(margins.toSorted((a, b) => a - b))
    expect(weight).toBeCloseTo(margins.reduce((sum, margin) => sum + 1 / (1 + Math.exp(margin)), 0) / 4, 12)
    expect(stages.map(({ key, startsFrom }) => [key, startsFrom])).toEqual([
      ['warm-start/train', 'base'], ['base/evaluate', 'base'], ['round-0/evaluate', 'warm-start'], ['base/probe', 'base'], ['round-0/probe', 'warm-start'],
      ['round-1/sample', 'warm-start'], ['round-1/train', 'warm-start'], ['round-1/evaluate', 'round-1'], ['round-1/probe', 'round-1'],
      ['round-2/sample', 'round-1'], ['round-2/train', 'round-1'], ['round-2/evaluate', 'round-2'], ['round-2/probe', 'round-2'],
    ])
    expect(ledger.optimizerSteps).toBe(6 + 2 + 2)
  })

  it('has a probe of the base and of every round on the same pairs, with the margins that evaluation measured there', async () => {
    const { id, api } = await aFinishedRun('drift')
    const { probes, heldout } = api['runs.get']({ id })
    expect(probes.map(({ round, pairs, replies, canaries }) => [round, pairs.length, replies.length, canaries.length])).toEqual([-1, 0, 1, 2].map((round) => [round, 3, 3, 3]))
    const ascending = (values: number[]): number[] => values.toSorted((a, b) => a - b)
    for (const { round, margins } of heldout) {
      const measured = ascending(probes.find((probe) => probe.round === round)!.pairs.map(({ margin }) => margin))
      ascending(margins).forEach((margin, i) => expect(measured[i]).toBeCloseTo(margin, 12))
    }
    expect(probes[0]!.pairs.every(({ margin }) => margin === 0)).toBe(true)
  })

  it('gives metric rows after a count, and samples page by page, the newest first where asked', async () => {
    const { id, api } = await aFinishedRun('iterative-dpo')
    const { rows } = api['runs.metrics']({ id, after: 0 })
    expect(api['runs.metrics']({ id, after: 3 }).rows).toEqual(rows.slice(3))
    const page = api['runs.samples']({ id, newestFirst: true, offset: 0, limit: 3 })
    // ceil(4 x 1.6) requests, two samples each, two rounds.
    expect(page.total).toBe(7 * 2 * 2)
    expect(page.rows.map(({ stage, index }) => [stage, index])).toEqual([['round-2/sample', 13], ['round-2/sample', 12], ['round-2/sample', 11]])
    expect(page.rows.every(({ reward, rejected }) => typeof reward === 'number' && rejected === null)).toBe(true)
    expect(api['runs.samples']({ id, stage: 'round-1/sample', newestFirst: false, offset: 13, limit: 100 })).toMatchObject({ total: 14, rows: [{ index: 13 }] })
  })

  it('shows a guided sample beside the reply it is to improve on, and the user\'s words', async () => {
    const { id, api } = await aFinishedRun('drift')
    for (const { rejected, userFeedback } of api['runs.samples']({ id, newestFirst: false, offset: 0, limit: 10 }).rows) expect([typeof rejected, userFeedback]).toEqual(['string', 'no, that misses the budget'])
  })

  it('keeps notes', async () => {
    const { id, api } = await aFinishedRun('dpo')
    expect(api['runs.note']({ id, notes: 'a try' }).notes).toBe('a try')
    expect(api['runs.list']()[0]?.notes).toBe('a try')
  })
})
