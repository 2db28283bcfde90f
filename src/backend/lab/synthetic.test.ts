/** DRIFT on replies that no user answered: UltraFeedback's, rated and criticised by annotators. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { aLabWorkspace, aRecipe, execute, queueRun } from '../../../tests/support/lab-workspace.ts'
import { DEFAULT_BUILD } from '../../shared/datasets.ts'
import { importFiles } from '../imports/import-files.ts'
import { buildDataset } from '../storage/build-datasets.ts'
import { readDataset } from '../storage/datasets.ts'
import { listStages, pageOfSamples } from '../storage/run-stages.ts'
import { readLog } from '../storage/runs.ts'

const completion = (response: string, rating: number, critique?: string) => ({ model: 'm', response, 'fine-grained_score': rating, ...(critique ? { critique } : {}) })
const rows = [
  { instruction: 'name a bird', completions: [completion('a wren', 5), completion('a stone', 1, 'a stone is no bird')] },
  { instruction: 'name a fish', completions: [completion('a carp', 4), completion('a shoe', 2, 'a shoe is no fish')] },
  { instruction: 'name a tree', completions: [completion('an oak', 4), completion('a spoon', 1)] },
]

it('a dataset of the workspace carries the critiques of imported UltraFeedback rows to the replies that are sampled', async () => {
  const workspace = aLabWorkspace()
  writeFileSync(join(workspace.path, 'ultra.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'))
  await importFiles(workspace.db, [join(workspace.path, 'ultra.jsonl')])
  const imported = { filter: { source: 'ultra' } }
  buildDataset(workspace.db, { ...DEFAULT_BUILD, name: 'ultra', kind: 'feedback', conversations: imported })
  expect(readDataset(workspace.db, 'ultra', 'feedback').map(({ reply, label, critique }) => [reply, label, critique])).toEqual([
    ['a stone', 'dissatisfied', 'a stone is no bird'], ['a wren', 'satisfied', undefined],
    ['a shoe', 'dissatisfied', 'a shoe is no fish'], ['a carp', 'satisfied', undefined],
    ['a spoon', 'dissatisfied', undefined], ['an oak', 'satisfied', undefined],
  ])
  const lease = queueRun(workspace, aRecipe('drift', { dataset: 'ultra', warm_start: null, pairs_per_round: null, iterations: 1, evaluation: [], without_feedback: 'critique' }))
  expect((await execute(workspace, lease)).status).toBe('done')
  expect(listStages(workspace.db, lease.runId).find(({ key }) => key === 'round-1/sample')?.summary).toMatchObject({ 'with a critique': 2, unguided: 1 })
})

it.each([
  ['critique', { 'with a critique': 2, unguided: 1 }, '2 with a critique, 1 unguided', ['a stone', 'a shoe', null]],
  ['unguided', { unguided: 3 }, '3 unguided', [null, null, null]],
  ['instruction', { 'with the instruction alone': 3 }, '3 with the instruction alone', ['a stone', 'a shoe', 'a spoon']],
])('synthetic rows are sampled as without_feedback: %s says, and the run tells how many of each', async (without_feedback, counts, words, shown) => {
  const workspace = aLabWorkspace()
  writeFileSync(join(workspace.path, 'ultra.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'))
  const lease = queueRun(workspace, aRecipe('drift', { dataset: 'ultra.jsonl', warm_start: null, pairs_per_round: null, iterations: 1, evaluation: [], without_feedback }))
  expect((await execute(workspace, lease)).status).toBe('done')
  expect(listStages(workspace.db, lease.runId).find(({ key }) => key === 'round-1/sample')?.summary).toMatchObject(counts)
  expect(readLog(workspace.db, lease.runId).map(({ text }) => text)).toContain(`round-1/sample: of 3 rows, those without the user's words are sampled otherwise (without_feedback): ${words}`)
  expect(pageOfSamples(workspace.db, lease.runId, { newestFirst: false, offset: 0, limit: -1 }).rows.map(({ rejected }) => rejected)).toEqual(shown)
})
