import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { aFolder, anEmptyWorkspace } from '../../tests/support/workspace.ts'
import { importRuns } from './import-runs.ts'
import { markRuns, readRunColumns, tagRuns } from './storage/run-marks.ts'
import { readMetrics } from './storage/run-stages.ts'
import { listRuns } from './storage/runs.ts'

const line = (step: number, loss: number): string => `${JSON.stringify({ current_steps: step, loss })}\n`
function outputFolder(name: string, files: Record<string, string>): string {
  const folder = join(aFolder(), name)
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(join(folder, file, '..'), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  return folder
}

describe('importing runs', () => {
  it('makes a finished run of a folder, with metrics in curves and table', async () => {
    const workspace = anEmptyWorkspace()
    const { db } = workspace
    const folder = outputFolder('My DPO run', { 'trainer_log.jsonl': line(1, 0.7) + line(2, 0.5) })
    const { runs, problems } = await importRuns(workspace, [folder])
    expect(runs).toEqual([{ id: 'my-dpo-run', name: 'My DPO run', file: join(folder, 'trainer_log.jsonl'), rows: 2, outcome: 'new' }])
    expect(problems).toEqual([])
    expect(listRuns(db)).toMatchObject([{ id: 'my-dpo-run', status: 'done', method: 'imported', importedFrom: join(folder, 'trainer_log.jsonl') }])
    expect(readMetrics(db, 'my-dpo-run', 0).map(({ step, loss }) => [step, loss])).toEqual([[1, 0.7], [2, 0.5]])
    expect(readRunColumns(db)).toMatchObject([{ id: 'my-dpo-run', score: null, last: { loss: 0.5 } }])
  })

  it('again changes nothing; a file that went on gets its new rows and keeps tags and marks', async () => {
    const workspace = anEmptyWorkspace()
    const { db } = workspace
    const folder = outputFolder('run', { 'trainer_log.jsonl': line(1, 0.7) })
    await importRuns(workspace, [folder])
    tagRuns(db, ['run'], 'baseline', true)
    markRuns(db, ['run'], 'pinned', true)
    expect((await importRuns(workspace, [folder])).runs).toMatchObject([{ id: 'run', outcome: 'unchanged' }])
    writeFileSync(join(folder, 'trainer_log.jsonl'), line(1, 0.7) + line(2, 0.6))
    expect((await importRuns(workspace, [folder])).runs).toMatchObject([{ id: 'run', outcome: 'updated', rows: 2 }])
    expect(listRuns(db)).toMatchObject([{ id: 'run', tags: ['baseline'], pinned: true }])
    expect(readMetrics(db, 'run', 0)).toHaveLength(2)
  })

  it('takes the last checkpoint of a folder that has no state of its own', async () => {
    const state = (step: number): string => JSON.stringify({ log_history: [{ step, loss: 1 }] })
    const folder = outputFolder('out', { 'checkpoint-9/trainer_state.json': state(9), 'checkpoint-10/trainer_state.json': state(10), 'trainer_log.jsonl': line(3, 1) })
    expect((await importRuns(anEmptyWorkspace(), [folder])).runs).toMatchObject([{ id: 'out', name: 'out', file: join(folder, 'checkpoint-10', 'trainer_state.json') }])
  })

  it('names what cannot be read beside what can', async () => {
    const workspace = anEmptyWorkspace()
    const good = outputFolder('good', { 'trainer_log.jsonl': `${line(1, 1)}nonsense\n` })
    const { runs, problems } = await importRuns(workspace, [good, join(good, 'gone.json')])
    expect(runs.map(({ id }) => id)).toEqual(['good'])
    expect(problems).toEqual([
      { file: join(good, 'trainer_log.jsonl'), where: 'line 2', reason: 'expected JSON, got a line that is cut or damaged' },
      { file: join(good, 'gone.json'), where: 'whole file', reason: expect.stringContaining('got nothing there') as string },
    ])
    await expect(importRuns(workspace, [join(good, 'gone.json')])).rejects.toThrow('got nothing there')
  })
})
