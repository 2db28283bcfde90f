import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { aFolder, aJsonlFile, anEmptyDatabase, anEmptyWorkspace, turns } from '../../../tests/support/workspace.ts'
import { calls, type CallInput } from '../../shared/contract.ts'
import { importFiles } from '../imports/import-files.ts'
import { DEFAULT_BUILD } from '../../shared/datasets.ts'
import { buildDataset } from '../storage/build-datasets.ts'
import { openDatabase } from '../storage/open.ts'
import { listViews, removeView, renameView, saveView } from '../storage/saved-views.ts'
import { conversationTasks } from './tasks.ts'

async function aLog() {
  const db = anEmptyDatabase()
  await importFiles(db, [aJsonlFile(['red', 'blue', 'green'].map((colour, i) => ({ id: i, source: 'shop', model: 'm', language: 'English', created_at: '2024-03-09', task: { verifier: 'v', spec: i }, metadata: { chosen: 'better', note: colour }, messages: turns(`${colour} shoes`, 'Here.', 'thanks') })))])
  const tasks = conversationTasks(db)
  const list = (input: CallInput<'conversations.list'>) => Promise.resolve(tasks.list(calls['conversations.list'].input.parse(input)))
  return { db, tasks, list }
}

test('a tag goes on what is chosen or all that match, and undoing leaves those that had it before', async () => {
  const { tasks, list } = await aLog()
  const ids = (await list({ query: 'blue' })).rows.map(({ id }) => id)
  expect(await tasks.tag({ selection: { ids }, tag: 'hard', on: true })).toMatchObject({ changed: 1 })
  const all = await tasks.tag({ selection: { filter: {} }, tag: 'hard', on: true })
  expect(all.changed).toBe(2)
  expect((await list({ tag: 'hard' })).total).toBe(3)
  expect(await tasks.undoTag({ change: all.change })).toEqual({ changed: 2 })
  expect((await list({ tag: 'hard' })).rows.map(({ id, tags }) => ({ id, tags }))).toEqual([{ id: ids[0], tags: ['hard'] }])
  await expect(tasks.undoTag({ change: all.change })).rejects.toThrow('expected one of the newest 20 changes')
  await expect(tasks.tag({ selection: { ids: ['nope'] }, tag: 'x', on: true })).rejects.toThrow('expected ids of this workspace, got "nope"')
})

test('a tag goes on in batches that others write between; stopped, it is taken back whole, on or off', async () => {
  const { db, path } = anEmptyWorkspace()
  await importFiles(db, [aJsonlFile(Array.from({ length: 5000 }, (_, i) => ({ source: i < 2000 ? 'a' : 'b', messages: turns(`request ${i}`, 'reply') })))])
  const tasks = conversationTasks(db)
  const other = openDatabase(join(path, 'workspace.db'))
  onTestFinished(() => void other.close())
  other.pragma('busy_timeout = 0')
  const tagged = () => other.prepare('SELECT count(*) FROM conversation_tags').pluck().get()
  const beside = (done: number): void => {
    other.exec("INSERT INTO saved_views (name, address, removed) VALUES ('v', '?', 1)")
    if (done > 3000) throw new Error('cancelled')
  }
  const [all, some] = [{ filter: {} }, { filter: { source: 'a' } }]
  await tasks.tag({ selection: some, tag: 'hard', on: true })
  await expect(tasks.tag({ selection: all, tag: 'hard', on: true }, beside)).rejects.toThrow('cancelled')
  expect(tagged()).toBe(2000)
  const { change } = await tasks.tag({ selection: all, tag: 'hard', on: true })
  await expect(tasks.tag({ selection: all, tag: 'hard', on: false }, beside)).rejects.toThrow('cancelled')
  await expect(tasks.undoTag({ change }, (done) => { if (done > 500) throw new Error('cancelled') })).rejects.toThrow('cancelled')
  expect(tagged()).toBe(5000)
  expect(other.prepare('SELECT count(*) FROM saved_views').pluck().get()).toBeGreaterThan(4)
  // One that goes while its batch is waited for is left out.
  let gone = false
  const ids = db.prepare("SELECT id FROM conversations WHERE source = 'b' ORDER BY position DESC LIMIT 1").pluck().all() as string[]
  const late = await tasks.tag({ selection: all, tag: 'late', on: true }, () => {
    if (!gone) other.prepare('DELETE FROM conversations WHERE id = ?').run(ids[0])
    gone = true
  })
  expect(late.changed).toBe(4999)
  expect(await tasks.undoTag({ change })).toEqual({ changed: 2999 })
})

/** More than can be named one by one. */
const MANY = 12_000

test('all that match of more than can be named are tagged, built from, deleted with their descent, and brought back; those taken out stay', { timeout: 60_000 }, async () => {
  const db = anEmptyDatabase()
  await importFiles(db, [aJsonlFile(Array.from({ length: MANY + 5 }, (_, i) => ({ source: i < MANY ? 'big' : 'small', messages: turns(`request ${i}`, `reply ${i}`, 'no'), labels: [{ turn_index: 2, dsat: true }] })))])
  const tasks = conversationTasks(db)
  const ids = db.prepare('SELECT id FROM conversations ORDER BY position').pluck().all() as string[]
  const selection = { filter: { source: 'big' }, except: [ids[0]!, ids[MANY - 1]!, ids[MANY]!, 'gone meanwhile'] }
  const left = MANY - 2

  const tagged = await tasks.tag({ selection, tag: 'all', on: true })
  expect(tagged.changed).toBe(left)
  expect(await tasks.undoTag({ change: tagged.change })).toEqual({ changed: left })
  expect(buildDataset(db, { ...DEFAULT_BUILD, name: 'd', kind: 'feedback', conversations: selection })).toMatchObject({ rows: left, recipe: { conversations: selection } })

  const descent = await tasks.descent({ selection, learned: { [ids[1]!]: 2, [ids[0]!]: 9 } })
  expect(descent).toEqual({ conversations: left, turns: 3 * left, signals: left, labelledTurns: 0, datasets: [{ name: 'd', rows: left, of: left }], runs: [], samples: 0, classifierTurns: 2, until: MANY + 5 })
  // What comes in after it was counted is not meant.
  await importFiles(db, [aJsonlFile([{ source: 'big', messages: turns('late', 'reply', 'no') }])])
  const told: number[] = []
  const gone = await tasks.delete({ selection: { ...selection, until: descent.until }, now: new Date(0) }, (done, _total, stage) => void (stage === 'deleting' && told.push(done)))
  expect(gone).toMatchObject({ conversations: left, stopped: false })
  expect(told.at(-1)).toBe(left)
  expect(told.length).toBeGreaterThan(3)
  const there = () => db.prepare('SELECT count(*) FROM conversations').pluck().get()
  expect(there()).toBe(5 + 2 + 1)
  expect(db.prepare('SELECT id FROM conversations ORDER BY position LIMIT 2').pluck().all()).toEqual([ids[0], ids[MANY - 1]])

  expect(await tasks.restore({ which: { deletion: gone.deletion } })).toEqual({ conversations: left, importable: 0, stopped: false })
  expect(db.prepare('SELECT id FROM conversations ORDER BY position').pluck().all().slice(0, -1)).toEqual(ids)
  expect(db.prepare("INSERT INTO messages_fts (messages_fts, rank) VALUES ('integrity-check', 1)").run()).toBeDefined()

  // Cancelled on the way: what is gone is said, and comes back under its number.
  const stopped = await tasks.delete({ selection, now: new Date(1) }, (done) => {
    if (done > 100) throw new Error('cancelled')
  })
  expect(stopped.stopped).toBe(true)
  expect(stopped.conversations).toBeGreaterThan(100)
  expect(stopped.conversations).toBeLessThan(left)
  expect(await tasks.restore({ which: { deletion: stopped.deletion } })).toMatchObject({ conversations: stopped.conversations })
  expect(there()).toBe(MANY + 6)
})

test('an export imports to the same conversations', async () => {
  const { tasks, list } = await aLog()
  const written = await tasks.export({ selection: { filter: { query: 'shoes' } }, path: join(aFolder(), 'out.jsonl.gz'), mask: false })
  expect(written.rows).toBe(3)
  const again = anEmptyDatabase()
  await importFiles(again, [written.path])
  const copy = conversationTasks(again)
  const first = calls['conversations.list'].input.parse({})
  expect(await copy.list(first)).toEqual(await list({}))
  expect(again.prepare('SELECT metadata FROM conversations').pluck().all()).toEqual([0, 1, 2].map((i) => JSON.stringify({ id: i, task: { verifier: 'v', spec: i }, chosen: 'better', note: ['red', 'blue', 'green'][i] })))
})

test('a masked export holds no personal data, and the workspace keeps its text', async () => {
  const db = anEmptyDatabase()
  await importFiles(db, [aJsonlFile([{ id: 1, source: 'shop', metadata: { contact: 'ana@mail.org' }, messages: turns('write to ana@mail.org or +49 170 1234567', 'Done.', 'thanks') }])])
  const tasks = conversationTasks(db)
  const exported = async (mask: boolean) => readFileSync((await tasks.export({ selection: { filter: {} }, path: join(aFolder(), 'out.jsonl'), mask })).path, 'utf8')
  const masked = await exported(true)
  expect(JSON.parse(masked)).toMatchObject({ messages: [{ content: 'write to [email] or [phone]' }, { content: 'Done.' }, { content: 'thanks' }], metadata: { contact: '[email]' } })
  expect(masked).not.toMatch(/ana@|1234567/)
  expect(JSON.parse(await exported(false))).toMatchObject({ messages: [{ content: 'write to ana@mail.org or +49 170 1234567' }, {}, {}], metadata: { contact: 'ana@mail.org' } })
})

test('views are kept under names of their own, and a removed one comes back', async () => {
  const { db } = await aLog()
  const hard = saveView(db, 'Hard', '?tag=hard')
  expect(saveView(db, 'Hard', '?tag=hard&desc=1').id).toBe(hard.id)
  saveView(db, 'long', '?length=8000..')
  expect(() => renameView(db, hard.id, 'long')).toThrow('expected a name of its own, got "long"')
  renameView(db, hard.id, 'Hardest')
  removeView(db, hard.id, true)
  expect(listViews(db).map(({ name }) => name)).toEqual(['long'])
  removeView(db, hard.id, false)
  expect(listViews(db)).toEqual([{ id: hard.id, name: 'Hardest', address: '?tag=hard&desc=1' }, expect.objectContaining({ name: 'long' })])
})

test('a range picked while an import goes on is the rows between its ends as they were shown, on any sort', async () => {
  const db = anEmptyDatabase()
  const add = (from: number, to: number) => importFiles(db, [aJsonlFile(Array.from({ length: to - from }, (_, i) => ({ source: `s${(from + i) % 5}`, messages: turns(...Array.from({ length: 1 + ((7 * (from + i)) % 6) }, (_, turn) => `conversation ${from + i} turn ${turn}`)) })))])
  await add(0, 400)
  const tasks = conversationTasks(db)
  for (const [sort, descending] of [['turns', true], ['source', false], ['opening', true], ['imported', true], ['imported', false]] as const) {
    const page = (offset: number, until?: number) => Promise.resolve(tasks.list({ sort, descending, offset, limit: 100, until }))
    const first = await page(0)
    const known = db.prepare('SELECT count(*) FROM conversations').pluck().get() as number
    await add(known, known + 150)
    // The pages that follow go on where the first one ended: none twice, none left out.
    const shown = [first, ...(await Promise.all([100, 200, 300].map((offset) => page(offset, first.until))))].flatMap(({ rows }) => rows.map(({ id }) => id))
    expect(new Set(shown).size).toBe(400)
    const now = (await Promise.all([0, 100, 200, 300].map((offset) => page(offset)))).flatMap(({ rows }) => rows.map(({ id }) => id))
    expect(now.join() === shown.join()).toBe(sort === 'imported' && !descending)
    const range = { sort, descending, until: first.until }
    expect(await tasks.between({ ...range, from: shown[40]!, to: shown[320]! })).toEqual({ ids: shown.slice(40, 321) })
    expect(await tasks.between({ ...range, from: shown[320]!, to: shown[40]! })).toEqual({ ids: shown.slice(40, 321) })
    expect(() => tasks.between({ ...range, from: shown[0]!, to: 'nope' })).toThrow('got one that is not in it any more')
  }
})
