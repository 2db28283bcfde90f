import { describe, expect, it } from 'vitest'
import { aLabWorkspace, aRecipe, execute, modelHash, queueRun } from '../../../tests/support/lab-workspace.ts'
import { verify } from '../../core/verifiers.ts'
import { chanceOfDissatisfaction } from '../../core/world/user.ts'
import { parseRecipe } from '../recipe-file.ts'
import { readDataset } from '../storage/datasets.ts'
import { readEvaluations } from '../storage/evaluations.ts'
import { listStages, readLedger } from '../storage/run-stages.ts'
import { readLog, requireRun } from '../storage/runs.ts'

const evaluation = (changes: Record<string, unknown>) => [{ type: 'dsat-rate', dataset: 'test', k: 2, max_new_tokens: 120, batch_size: 4, ...changes }]

describe('the DSAT rate of answers', () => {
  it('of the simulated user is the chance that it is dissatisfied with what was violated', async () => {
    const workspace = aLabWorkspace()
    const lease = queueRun(workspace, aRecipe('drift', { evaluation: evaluation({ reaction: 'simulated-user' }) }))
    expect((await execute(workspace, lease)).status).toBe('done')
    const prompts = readDataset(workspace.db, 'test', 'prompts')
    const answers = readEvaluations(workspace.db, [lease.runId])
    expect(answers.length).toBeGreaterThan(0)
    for (const { promptIndex, text, score } of answers) {
      const failed = Object.values(verify(prompts[promptIndex]!.task!, text).checks).filter((met) => met === 0).length
      expect(score).toBeCloseTo(1 - chanceOfDissatisfaction(failed), 12)
    }
    expect(new Set(answers.map(({ score }) => score)).size).toBeGreaterThan(1)
  })

  it('of a scorer comes from one scorer for all seeds, optimizers and methods, and costs them nothing', async () => {
    const workspace = aLabWorkspace()
    const [drift, spin] = [
      queueRun(workspace, aRecipe('drift', { evaluation: evaluation({ scorer_dataset: 'scored' }) })),
      queueRun(workspace, aRecipe('spin', { seed: 9, evaluation: evaluation({ scorer_dataset: 'scored' }), training: { learning_rate: 0.01, optim: 'rmsprop', per_device_train_batch_size: 2 } })),
    ]
    for (const lease of [drift, spin]) expect((await execute(workspace, lease)).status).toBe('done')
    const reused = listStages(workspace.db, spin.runId).filter(({ key }) => key.startsWith('reward/scorer/'))
    expect(reused.map(({ key, reusedFrom }) => [key, reusedFrom])).toEqual([['reward/scorer/train', drift.runId], ['reward/scorer/calibrate', drift.runId]])
    for (const { score } of readEvaluations(workspace.db, [drift.runId, spin.runId])) expect(score > 0 && score < 1).toBe(true)
    expect(requireRun(workspace.db, drift.runId).modelPath).toBe(`runs/${drift.runId}/models/round-2`)

    const without = aLabWorkspace()
    const plain = queueRun(without, aRecipe('drift'))
    await execute(without, plain)
    const { seconds: _, ...ledger } = readLedger(workspace.db, drift.runId)
    expect(readLedger(without.db, plain.runId)).toMatchObject(ledger)
    expect(modelHash(workspace, drift.runId)).toBe(modelHash(without, plain.runId))
  })

  it('says how well its scorer orders conversations that it did not see', async () => {
    const workspace = aLabWorkspace()
    const lease = queueRun(workspace, aRecipe('drift', { evaluation: evaluation({ scorer_dataset: 'scored' }) }))
    await execute(workspace, lease)
    const line = readLog(workspace.db, lease.runId).find(({ text }) => text.startsWith('reward/scorer'))
    expect(line?.text).toMatch(/orders liked and disliked replies of \d+ conversations it did not see with AUC \d\.\d{3} \(Brier score \d\.\d{3}\)/)
  })

  it.each([
    [evaluation({}), 'evaluation.0.scorer_dataset: expected a feedback dataset that the scorer learns from (type: dsat-rate), got none'],
    [[...evaluation({ scorer_dataset: 'scored' }), ...evaluation({ dataset: 'more', scorer_dataset: 'feedback' })], 'evaluation.0.scorer_dataset: expected one scorer for all evaluations of a run, got scored and feedback'],
  ])('refuses what cannot be rated', (of, message) => {
    expect(parseRecipe(aRecipe('drift', { evaluation: of })).issues.map((issue) => `${issue.path}: ${issue.message}`)[0]).toContain(message)
  })

  it('warns where a scorer learns from what the method trains on, or is not used', () => {
    expect(parseRecipe(aRecipe('drift', { evaluation: evaluation({ scorer_dataset: 'feedback' }) })).warnings[0]).toMatchObject({ path: 'evaluation.0.scorer_dataset', message: expect.stringContaining('is what the method trains on') as string })
    expect(parseRecipe(aRecipe('drift', { evaluation: evaluation({ type: 'verifiable', scorer_dataset: 'scored' }) })).warnings[0]).toMatchObject({ message: expect.stringContaining('has no effect') as string })
  })

  it('stops with what to do where one side of the labels is missing', async () => {
    const workspace = aLabWorkspace()
    workspace.db.prepare("UPDATE all_datasets SET name = 'x' WHERE name = 'scored'").run()
    const { createDataset } = await import('../storage/datasets.ts')
    createDataset(workspace.db, { name: 'scored', kind: 'feedback', rows: readDataset(workspace.db, 'x', 'feedback').filter(({ label }) => label === 'satisfied'), recipe: {} })
    const lease = queueRun(workspace, aRecipe('drift', { evaluation: evaluation({ scorer_dataset: 'scored' }) }))
    expect((await execute(workspace, lease)).status).toBe('failed')
    expect(requireRun(workspace.db, lease.runId).error).toContain('replies of satisfied users alone; name a scorer_dataset with more of both')
  })
})
