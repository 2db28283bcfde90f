import { spawnSync } from 'node:child_process'
import { describe, expect, it, vi } from 'vitest'
import { anEmptyDatabase } from '../../../tests/support/workspace.ts'
import { secondsOf } from '../../core/run-table.ts'
import { recipeSchema } from '../../shared/recipe.ts'
import { type Owner, ownerOf, thisOwner } from '../jobs/owner.ts'
import type { WritableDb } from './open.ts'
import { addLog, claimRun, insertRun, LEASE_MS, type Lease, LeaseLost, listRuns, readRunFiles, releaseRun, renewLease, requestOfRun, requireRun, startRunAs, writeAsOwner } from './runs.ts'

const recipe = recipeSchema.parse({ recipe: 'drift', model_name_or_path: 'models/base', dataset: 'feedback' })
const aRun = (db: WritableDb, owner: Owner = thisOwner(), now = Date.now(), slug = 'drift-seed42'): Lease =>
  insertRun(db, { slug, name: slug, method: 'drift', recipe, group: null, rounds: 2, threads: 1, yaml: '' }, owner, now).lease
/** A process of this machine that has ended. */
const deadOwner = (): Owner => ({ ...thisOwner(), pid: spawnSync('true').pid })

describe('a run', () => {
  it('is named after method and seed, numbered where that is taken', () => {
    const db = anEmptyDatabase()
    expect([aRun(db).runId, aRun(db).runId, aRun(db).runId]).toEqual(['drift-seed42', 'drift-seed42-2', 'drift-seed42-3'])
    expect(listRuns(db).map(({ id }) => id)).toEqual(['drift-seed42-3', 'drift-seed42-2', 'drift-seed42'])
  })

  it('of a version that did not know a key yet has that key\'s default', () => {
    const db = anEmptyDatabase()
    const { runId } = aRun(db)
    const { mix_previous: _, ...older } = { ...recipe, evaluation: [{ type: 'verifiable', dataset: 'test', k: 4, temperatures: [1], max_new_tokens: 8, batch_size: 4, heldout_pairs: null }] }
    db.prepare('UPDATE runs SET settings = ? WHERE id = ?').run(JSON.stringify(older), runId)
    expect(readRunFiles(db, runId).recipe).toMatchObject({ mix_previous: false, evaluation: [{ dataset: 'test', reaction: 'scorer', scorer_dataset: null }] })
  })

  it('that stands still takes no time: paused, or left by a dead process', () => {
    const db = anEmptyDatabase()
    const start = Date.now() - 3_600_000
    const paused = aRun(db, thisOwner(), start)
    startRunAs(db, paused, thisOwner(), start)
    releaseRun(db, paused, { status: 'paused', error: null }, start + 60_000)
    const left = aRun(db, deadOwner(), start)
    startRunAs(db, left, deadOwner(), start + 5000)
    expect([paused, left].map(({ runId }) => secondsOf(requireRun(db, runId), Date.now()))).toEqual([60, 0])
    requestOfRun(db, left.runId, 'pause', Date.now())
    expect(secondsOf(requireRun(db, left.runId), Date.now())).toBe(0)
    expect(claimRun(db, paused.runId, thisOwner(), Date.now())).not.toBeNull()
    expect(requireRun(db, paused.runId).endedAt).toBeNull()
  })

  it('is read by a statement that is prepared once a database', () => {
    const db = anEmptyDatabase()
    const { runId } = aRun(db)
    requireRun(db, runId)
    const prepare = vi.spyOn(db, 'prepare')
    for (let i = 0; i < 3; i++) expect(requireRun(db, runId).id).toBe(runId)
    expect(prepare).not.toHaveBeenCalled()
    prepare.mockRestore()
    const other = anEmptyDatabase()
    expect(() => requireRun(other, runId)).toThrow(/There are none/)
  })

  it('is missing with the names of those that are there', () => {
    const db = anEmptyDatabase()
    expect(() => requireRun(db, 'x')).toThrow(/There are none/)
    aRun(db)
    expect(() => requireRun(db, 'x')).toThrow(/expected a run of this workspace, got "x". The newest are: drift-seed42/)
  })
})

describe('a lease', () => {
  it('of a living process is not taken', () => {
    const db = anEmptyDatabase()
    const { runId } = aRun(db)
    expect(requireRun(db, runId).status).toBe('queued')
    expect(claimRun(db, runId, thisOwner(), Date.now())).toBeNull()
  })

  it('of a dead process leaves the run interrupted, for anybody to resume', () => {
    const db = anEmptyDatabase()
    const { runId } = aRun(db, deadOwner())
    expect(requireRun(db, runId)).toMatchObject({ status: 'interrupted', error: expect.stringContaining('Resume it') as string })
    expect(claimRun(db, runId, thisOwner(), Date.now())).toEqual({ runId, attempt: 2 })
    expect(requireRun(db, runId)).toMatchObject({ status: 'queued', error: null })
  })

  it('of a pid that another process has by now is taken over', () => {
    const db = anEmptyDatabase()
    const { runId } = aRun(db, { ...thisOwner(), started: 'long ago' })
    expect(claimRun(db, runId, thisOwner(), Date.now())).not.toBeNull()
  })

  it('on another machine lasts until it is no longer renewed', () => {
    const db = anEmptyDatabase()
    const now = Date.now()
    const { runId } = aRun(db, { ...deadOwner(), machine: 'elsewhere' }, now)
    expect(claimRun(db, runId, thisOwner(), now + LEASE_MS)).toBeNull()
    expect(claimRun(db, runId, thisOwner(), now + LEASE_MS + 1)).not.toBeNull()
  })

  it('of a living process is not taken however late it is: a laptop that slept ends nobody\'s work', () => {
    const db = anEmptyDatabase()
    const now = Date.now()
    for (const [slug, owner] of [['ours', thisOwner()], ['theirs', ownerOf(process.ppid)]] as const) {
      const { runId } = aRun(db, owner, now, slug)
      expect(claimRun(db, runId, thisOwner(), now + 100 * LEASE_MS)).toBeNull()
      expect(requireRun(db, runId, now + 100 * LEASE_MS).status).toBe('queued')
    }
  })

  it('is kept by renewing it where the process cannot be asked', () => {
    const db = anEmptyDatabase()
    const now = Date.now()
    const lease = aRun(db, { ...ownerOf(process.ppid), machine: 'elsewhere' }, now)
    renewLease(db, lease, now + LEASE_MS)
    expect(claimRun(db, lease.runId, thisOwner(), now + 2 * LEASE_MS - 1)).toBeNull()
  })

  it('once lost lets its former owner write nothing', () => {
    const db = anEmptyDatabase()
    const old = aRun(db, deadOwner())
    claimRun(db, old.runId, thisOwner(), Date.now())
    expect(() => writeAsOwner(db, old, () => addLog(db, old.runId, 'info', 'from the grave'))).toThrow(LeaseLost)
    expect(() => startRunAs(db, old, thisOwner(), Date.now())).toThrow(LeaseLost)
    expect(() => releaseRun(db, old, { status: 'done', error: null }, Date.now())).toThrow(LeaseLost)
    expect(() => renewLease(db, old, Date.now())).toThrow(LeaseLost)
    expect(requireRun(db, old.runId).status).toBe('queued')
  })

  it('carries what somebody asks of its owner', () => {
    const db = anEmptyDatabase()
    const lease = aRun(db)
    expect(requestOfRun(db, lease.runId, 'pause', Date.now()).status).toBe('queued')
    expect(renewLease(db, lease, Date.now())).toBe('pause')
    releaseRun(db, lease, { status: 'paused', error: null }, Date.now())
    expect(requireRun(db, lease.runId).status).toBe('paused')
    const again = claimRun(db, lease.runId, thisOwner(), Date.now())
    expect(again && renewLease(db, again, Date.now())).toBeNull()
  })

  it('of a dead process need not be asked: the run is paused or cancelled at once, a finished one stays', () => {
    const db = anEmptyDatabase()
    const [one, two, done] = [aRun(db, deadOwner()), aRun(db, deadOwner()), aRun(db)]
    releaseRun(db, done, { status: 'done', error: null }, Date.now())
    expect(requestOfRun(db, one.runId, 'pause', Date.now()).status).toBe('paused')
    expect(requestOfRun(db, two.runId, 'cancel', Date.now()).status).toBe('cancelled')
    expect(requestOfRun(db, done.runId, 'cancel', Date.now()).status).toBe('done')
  })
})
