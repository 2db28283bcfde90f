/** Datasets are written in batches beside others who write and read: nobody sees half of one, whatever happens to who writes it. */
import { spawn } from 'node:child_process'
import { expect, onTestFinished, test } from 'vitest'
import { anEmptyWorkspace } from '../../../tests/support/workspace.ts'
import type { PromptRow } from '../../shared/types.ts'
import { createDataset, createDatasets, listDatasets, readDataset } from './datasets.ts'
import { openDatabase, type WritableDb } from './open.ts'

const ROWS = 4000
const rowsOf = (word: string, count = ROWS): PromptRow[] => Array.from({ length: count }, (_, i) => ({ prompt: [{ role: 'user', content: `${word} ${i}` }], task: null, conversationId: null }))
const draft = (name: string, count?: number) => ({ name, kind: 'prompts' as const, rows: rowsOf(name, count), recipe: {} })
const stored = (db: WritableDb) => db.prepare('SELECT (SELECT count(*) FROM all_datasets) AS datasets, (SELECT count(*) FROM dataset_rows) AS rows').get()

/** A workspace's database, and another connection to it that waits for nobody. */
function aDatabase(): { db: WritableDb; other: WritableDb } {
  const { db } = anEmptyWorkspace()
  const other = openDatabase(db.name)
  onTestFinished(() => void other.close())
  other.pragma('busy_timeout = 0')
  return { db, other }
}

test('others write between the batches, and see none of them before all are whole', () => {
  const { db, other } = aDatabase()
  let told = 0
  const made = createDatasets(db, [draft('train'), draft('aside', 500)], () => {
    told += 1
    other.prepare("INSERT INTO saved_views (name, address) VALUES (?, '?')").run(`view ${told}`)
    expect(listDatasets(other)).toEqual([])
  })
  expect(told).toBeGreaterThan(3)
  expect(listDatasets(other)).toEqual(made.toReversed())
  expect(readDataset(other, 'train', 'prompts')).toEqual(rowsOf('train'))
  expect(stored(db)).toEqual({ datasets: 2, rows: ROWS + 500 })
})

test('one that is stopped, or meets a name that was taken meanwhile, leaves nothing', () => {
  const { db, other } = aDatabase()
  const stopped = (done: number): void => {
    if (done > 1000) throw new Error('cancelled')
  }
  expect(() => createDatasets(db, [draft('a', 500), draft('b')], stopped)).toThrow('cancelled')
  expect(stored(db)).toEqual({ datasets: 0, rows: 0 })

  const meanwhile = (taken: () => void) => (done: number): void => void (done === ROWS && taken())
  expect(() => createDataset(db, draft('c'), meanwhile(() => createDataset(other, { ...draft('c'), rows: rowsOf('x', 10) })))).toThrow('dataset c: it exists with other rows (10 of kind prompts')
  expect(createDataset(db, draft('d'), meanwhile(() => createDataset(other, draft('d'))))).toEqual(listDatasets(db)[0])
  expect(stored(db)).toEqual({ datasets: 2, rows: 10 + ROWS })
})

test('what another process took for dead does not become a dataset', () => {
  const { db, other } = aDatabase()
  const clear = (done: number): void => void (done === ROWS && other.exec("DELETE FROM all_datasets WHERE owner IS NOT NULL"))
  expect(() => createDataset(db, draft('a'), clear)).toThrow('dataset a: what was written of it is gone')
  expect(stored(db)).toEqual({ datasets: 0, rows: 0 })
})

test('killed after any batch, nothing is listed, and the next build clears what was left', { timeout: 60_000 }, async () => {
  const { db } = aDatabase()
  /** @returns once the process was killed, having told of so many batches */
  const killAfter = (batches: number) =>
    new Promise<NodeJS.Signals | null>((resolve) => {
      const script = `import { writeSync } from 'node:fs'
        import { createDatasets } from ${JSON.stringify(new URL('./datasets.ts', import.meta.url).href)}
        import { openDatabase } from ${JSON.stringify(new URL('./open.ts', import.meta.url).href)}
        const [draft, rowsOf] = [${draft.toString()}, ${rowsOf.toString()}]
        const ROWS = ${ROWS}
        let told = 0
        createDatasets(openDatabase(${JSON.stringify(db.name)}), [draft('train'), draft('aside')], () => (++told === ${batches} && process.kill(process.pid, 'SIGKILL')))`
      spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script], { stdio: ['ignore', 'inherit', 'inherit'] }).on('exit', (_, signal) => resolve(signal))
    })
  for (const batches of [1, 3, 5, 6]) {
    expect(await killAfter(batches)).toBe('SIGKILL')
    expect(listDatasets(db)).toEqual([])
    expect(stored(db)).not.toMatchObject({ rows: 0 })
  }
  createDataset(db, draft('after', 5))
  expect(listDatasets(db).map(({ name }) => name)).toEqual(['after'])
  expect(stored(db)).toEqual({ datasets: 1, rows: 5 })
})
