import { describe, expect, it } from 'vitest'
import { aLabWorkspace, aRecipe, execute, queueRun } from '../../../tests/support/lab-workspace.ts'
import { runsApi } from '../api/runs.ts'
import { markRuns, readRunColumns, tagRuns } from './run-marks.ts'
import { listRuns } from './runs.ts'

const queued = (): { workspace: ReturnType<typeof aLabWorkspace>; ids: string[] } => {
  const workspace = aLabWorkspace()
  return { workspace, ids: [aRecipe('drift'), aRecipe('drift', { seed: 7 })].map((recipe) => queueRun(workspace, recipe).runId) }
}

describe('tags and marks of runs', () => {
  it('say which runs they changed, so that they can be taken back', () => {
    const { workspace: { db }, ids } = queued()
    expect(tagRuns(db, ids.slice(0, 1), 'good', true)).toEqual(ids.slice(0, 1))
    expect(tagRuns(db, ids, 'good', true)).toEqual(ids.slice(1))
    expect(tagRuns(db, ids.slice(1), 'good', false)).toEqual(ids.slice(1))
    expect(markRuns(db, ids, 'archived', true)).toEqual(ids)
    expect(markRuns(db, ids.slice(0, 1), 'archived', false)).toEqual(ids.slice(0, 1))
    expect(listRuns(db).reverse().map(({ tags, archived, pinned }) => ({ tags, archived, pinned }))).toEqual([{ tags: ['good'], archived: false, pinned: false }, { tags: [], archived: true, pinned: false }])
  })

  it('change nothing where one of the runs is not there', () => {
    const { workspace: { db }, ids } = queued()
    expect(() => tagRuns(db, [...ids, 'x'], 'good', true)).toThrow('expected a run of this workspace, got "x"')
    expect(listRuns(db).every(({ tags }) => tags.length === 0)).toBe(true)
  })
})

describe('columns of the table', () => {
  it('are the settings that are not the same in all runs', () => {
    const { workspace: { db }, ids } = queued()
    const [first, second] = readRunColumns(db).reverse()
    expect([first?.id, second?.id]).toEqual(ids)
    expect(Object.keys(first!.settings)).toEqual(['seed'])
    expect(second!.settings).toEqual({ seed: '7' })
  })

  it('have the score that the run\'s page shows of its last round, and the last step\'s metrics', async () => {
    const workspace = aLabWorkspace()
    const lease = queueRun(workspace, aRecipe('drift'))
    await execute(workspace, lease)
    const api = runsApi({ workspace, host: 'cli', version: 'test', push() {}, onClose() {} })
    const { evaluations } = api['runs.get']({ id: lease.runId })
    const shown = evaluations.find(({ round, temperature }) => round === 2 && temperature === 1)!
    const [columns] = readRunColumns(workspace.db)
    expect(columns!.score).toEqual({ value: { estimate: shown.score, low: shown.low, high: shown.high }, n: shown.n })
    expect(columns!.score!.value.low).toBeGreaterThanOrEqual(0)
    expect(columns!.score!.value.high).toBeLessThanOrEqual(1)
    expect(columns!.last['rewards/margins']).toBe(api['runs.metrics']({ id: lease.runId, after: 0 }).rows.at(-1)!['rewards/margins'])
  })
})
