/** Runs of one workspace that go on in another, as after a job on a cluster. */
import { cpSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { aLabWorkspace, aRecipe, execute, leftBehind, queueRun, reclaim } from '../../tests/support/lab-workspace.ts'
import { importRuns } from './import-runs.ts'
import { tagRuns } from './storage/run-marks.ts'
import { readMetrics } from './storage/run-stages.ts'
import { readLog, requireRun, setNotes } from './storage/runs.ts'
import type { Workspace } from './storage/open.ts'

/** Two workspaces of the same data and base: yours, and the one on the cluster. */
const two = (): [Workspace, Workspace] => [aLabWorkspace(), aLabWorkspace()]
const without = ({ files: _, ...rest }: Record<string, unknown>): Record<string, unknown> => rest

describe('taking runs over from another workspace', () => {
  it('brings a finished run with its models, its figures and its log', async () => {
    const [here, there] = two()
    const { runId, ...lease } = queueRun(there, aRecipe('drift'))
    expect((await execute(there, { runId, ...lease })).status).toBe('done')
    expect(await importRuns(here, [there.path])).toEqual({ runs: [{ id: runId, name: 'drift', file: there.path, rows: readMetrics(there.db, runId, 0).length, outcome: 'new' }], problems: [] })
    expect(without(leftBehind(here, runId))).toEqual(without(leftBehind(there, runId)))
    expect(existsSync(join(here.runs, runId, 'models', 'round-2', 'config.json'))).toBe(true)
    expect(readLog(here.db, runId)).toEqual(readLog(there.db, runId))
    expect((await importRuns(here, [there.path])).runs).toMatchObject([{ outcome: 'unchanged' }])
  })

  it('brings an unfinished one, which ends here as it would have there', async () => {
    const [here, there] = two()
    const yaml = aRecipe('drift')
    const { runId, ...lease } = queueRun(there, yaml)
    let trained = 0
    expect((await execute(there, { runId, ...lease }, { isFatal: (_, what) => what === 'told metrics' && ++trained === 5 })).status).toBe('killed')
    expect((await importRuns(here, [there.path])).runs).toMatchObject([{ id: runId, outcome: 'new' }])
    expect(requireRun(here.db, runId).status).toBe('interrupted')
    setNotes(here.db, runId, 'from the cluster')
    tagRuns(here.db, [runId], 'night', true)

    // It went on there meanwhile.
    expect((await execute(there, reclaim(there, runId))).status).toBe('done')
    expect((await execute(here, reclaim(here, runId))).status).toBe('done')
    const columns = (left: Record<string, unknown>): Record<string, unknown> => ({ ...without(left), stages: (left.stages as { key: string; result: unknown }[]).map(({ key, result }) => [key, result]) })
    expect(columns(leftBehind(here, runId))).toEqual(columns(leftBehind(there, runId)))
    expect(requireRun(here.db, runId)).toMatchObject({ notes: 'from the cluster', tags: ['night'] })
  })

  it('follows one that goes on there, and keeps what was noted here', async () => {
    const [here, there] = two()
    const { runId, ...lease } = queueRun(there, aRecipe('drift'))
    let trained = 0
    await execute(there, { runId, ...lease }, { isFatal: (_, what) => what === 'told metrics' && ++trained === 5 })
    await importRuns(here, [there.path])
    setNotes(here.db, runId, 'looks good')
    tagRuns(here.db, [runId], 'night', true)
    expect((await execute(there, reclaim(there, runId))).status).toBe('done')
    expect((await importRuns(here, [there.path])).runs).toMatchObject([{ id: runId, outcome: 'updated' }])
    expect(requireRun(here.db, runId)).toMatchObject({ status: 'done', notes: 'looks good', tags: ['night'] })
    expect(without(leftBehind(here, runId))).toEqual(without(leftBehind(there, runId)))
  })

  it('leaves out what could not go on here, and says why', async () => {
    const [here, there] = two()
    for (const recipe of ['drift', 'spin']) expect((await execute(there, queueRun(there, aRecipe(recipe)))).status).toBe('done')
    const [drift, spin] = there.db.prepare('SELECT id FROM runs ORDER BY position').pluck().all() as [string, string]
    // Another run has the name of the first.
    here.db.prepare("UPDATE runs SET created_at = '2020-01-01T00:00:00.000Z' WHERE id = ?").run(queueRun(here, aRecipe('drift')).runId)
    const { runs, problems } = await importRuns(here, [there.path])
    expect(runs.map(({ id }) => id)).toEqual([spin])
    expect(problems).toEqual([{ file: there.path, where: `run ${drift}`, reason: expect.stringContaining(`expected no other run "${drift}" here`) as string }])

    const other = aLabWorkspace()
    other.db.prepare("UPDATE all_datasets SET hash = 'another' WHERE name = 'feedback'").run()
    await expect(importRuns(other, [there.path])).rejects.toThrow('expected dataset "feedback" with the hash')
    other.db.prepare("UPDATE all_datasets SET name = 'elsewhere' WHERE name = 'feedback'").run()
    await expect(importRuns(other, [there.path])).rejects.toThrow('expected its dataset "feedback" here, found none')
    const moved = aLabWorkspace()
    cpSync(join(moved.models, 'base', 'config.json'), join(moved.models, 'base', 'generation_config.json'))
    writeFileSync(join(moved.models, 'base', 'config.json'), JSON.stringify({ other: true }))
    await expect(importRuns(moved, [there.path])).rejects.toThrow('expected the base model models/base to be the one it was trained from')
    await expect(importRuns(here, [here.path])).rejects.toThrow('expected another workspace, got this one')
  })
})
