import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { aLabWorkspace, aRecipe, execute, queueRun } from '../../../tests/support/lab-workspace.ts'
import { deleteMetricsAfter, insertMetric } from '../storage/run-stages.ts'
import { gradientHealth, keptMethodGradients, methodGradients } from './gradient-health.ts'
import { keepDerived } from './keep-derived.ts'

it('reads every step of a short run and keeps nothing; of a long one it keeps what they come to, for as long as its rows stand', async () => {
  const workspace = aLabWorkspace()
  const { db, runs } = workspace
  const lease = queueRun(workspace, aRecipe('drift'))
  await execute(workspace, lease)
  const methods = [{ key: 'drift', runs: [lease.runId] }]
  const copy = join(runs, lease.runId, 'curves', 'gradient-health.json')
  const short = gradientHealth(db, lease.runId, runs)
  expect(short.map(({ round, pairs }) => [round, pairs])).toEqual([[1, 4], [2, 4]])
  expect(short[0]!.pairAccuracy).not.toBeNull()
  expect(existsSync(copy)).toBe(false)
  expect(keptMethodGradients(db, { methods }, runs)).toBeNull()

  db.transaction(() => {
    for (let step = 101; step <= 6100; step++) insertMetric(db, lease.runId, { stage: 'round-2/train', step, grad_norm: step === 6000 ? Number.NaN : 2 } as never, { pairIndices: [0, 1], margins: [step, Number.NaN] })
  })()
  keepDerived(workspace, lease.runId)
  expect(existsSync(copy)).toBe(true)
  const told: string[] = []
  const read = () => methodGradients(db, { methods }, null, (done, total) => void told.push(`${done} of ${total}`))
  const anew = read()
  expect(told).toEqual(['0 of 1'])
  const last = anew.methods[0]!.rounds.at(-1)!
  expect(last).toMatchObject({ round: 2, pairs: 6004, standsFor: 4, gradNormLast: 2 })
  expect(last.margins.at(-1)).toBeGreaterThan(6090)
  expect(keptMethodGradients(db, { methods }, runs)).toEqual(anew)
  expect(gradientHealth(db, lease.runId, runs)).toEqual(gradientHealth(db, lease.runId, null))

  // Scores of its pairs are measured again: they are no part of the copy.
  const before = readFileSync(copy, 'utf8')
  db.prepare('UPDATE run_pairs SET pair_accuracy = 0.125 WHERE run_id = ? AND round = 2').run(lease.runId)
  expect(keptMethodGradients(db, { methods }, runs)!.methods[0]!.rounds.at(-1)!.pairAccuracy).toBe(0.125)
  expect(readFileSync(copy, 'utf8')).toBe(before)

  deleteMetricsAfter(db, lease.runId, 'round-2/train', 6099)
  expect(keptMethodGradients(db, { methods }, runs)).toBeNull()
  expect(gradientHealth(db, lease.runId, runs).at(-1)!.pairs).toBe(6003)
  expect(keptMethodGradients(db, { methods }, runs)).not.toBeNull()
})
