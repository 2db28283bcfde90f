/** Capsules as somebody else gets them: whole, cut off, changed, made to do harm. */
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openPromise } from 'yauzl'
import { ZipFile } from 'yazl'
import { aLabWorkspace, aRecipe, execute, fillLabWorkspace, queueRun } from '../../../tests/support/lab-workspace.ts'
import { aFolder, aJsonlFile, turns } from '../../../tests/support/workspace.ts'
import { DEFAULT_RUBRIC } from '../../core/rubric.ts'
import { calls } from '../../shared/contract.ts'
import { WRITING_CALLS } from '../../shared/capsule.ts'
import { openBackend } from '../index.ts'
import { importFiles } from '../imports/import-files.ts'
import { writeRubric } from '../judge/judge-settings.ts'
import { listDatasets } from '../storage/datasets.ts'
import { deleteConversations, positionsOf } from '../storage/deletion.ts'
import { openWorkspace, type ReadableDb, type Workspace } from '../storage/open.ts'
import { listRuns } from '../storage/runs.ts'
import { COMMENT, fingerprintOf, MANIFEST, type Manifest } from './manifest.ts'
import { openCapsule } from './open-capsule.ts'
import { saveCapsule } from './save-capsule.ts'

/** Two methods of one group, run to their end, and a run that belongs to no group. */
async function aRace(folder: string): Promise<Workspace> {
  const workspace = openWorkspace(folder)
  fillLabWorkspace(workspace)
  for (const method of ['drift', 'spin', 'dpo']) {
    const lease = queueRun(workspace, aRecipe(method, { iterations: 1 }))
    if (method !== 'dpo') workspace.db.prepare("UPDATE runs SET group_name = 'race' WHERE id = ?").run(lease.runId)
    await execute(workspace, lease)
  }
  return workspace
}

const RUBRIC = 'Dissatisfied:\n- off the map: names a place that is not there\n\nSatisfied:\n- gratitude: thanks'

type Parts = { manifest: Manifest; files: Map<string, Buffer>; comment: string | null }

/** A capsule taken apart, changed and put together again. */
async function rebuilt(file: string, change: (parts: Parts) => void): Promise<string> {
  const zip = await openPromise(file)
  const files = new Map<string, Buffer>()
  for await (const entry of zip.eachEntry()) {
    const parts: Buffer[] = []
    for await (const part of await zip.openReadStreamPromise(entry)) parts.push(part as Buffer)
    files.set(entry.fileName, Buffer.concat(parts))
  }
  const parts: Parts = { manifest: JSON.parse(files.get(MANIFEST)!.toString()) as Manifest, files, comment: null }
  change(parts)
  const bytes = Buffer.from(JSON.stringify(parts.manifest))
  files.set(MANIFEST, bytes)
  const out = new ZipFile()
  for (const [name, content] of files) out.addBuffer(content, name)
  out.end({ comment: parts.comment ?? `${COMMENT}${fingerprintOf(bytes)}`, forceZip64Format: false })
  const target = join(aFolder(), 'changed.drift')
  await pipeline(out.outputStream as Readable, createWriteStream(target))
  return target
}

describe('a capsule', () => {
  let workspace: Workspace
  let file: string
  let saved: Awaited<ReturnType<typeof saveCapsule>>
  // The tests below only read it.
  const folder = mkdtempSync(join(tmpdir(), 'drift-capsules-'))
  beforeAll(async () => {
    workspace = await aRace(join(folder, 'workspace'))
    writeRubric(workspace.path, RUBRIC)
    file = join(folder, 'race.drift')
    saved = await saveCapsule(workspace, { of: ['race'], output: file, withModels: false }, '1.2.3')
  })
  afterAll(() => {
    workspace.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('holds the group, the datasets it names and the report, under one fingerprint', async () => {
    expect(saved).toMatchObject({ path: file, runs: 2, datasets: 4, models: 0, report: true })
    const { info, manifest, folder } = await openCapsule(file, aFolder())
    expect(info).toMatchObject({ title: 'race', appVersion: '1.2.3', runs: 2, models: false, fingerprint: saved.fingerprint })
    expect(manifest.entries.map(({ path }) => path)).toEqual(['workspace.db', 'recipes/drift-seed5.yaml', 'recipes/spin-seed5.yaml', 'exports/comparison-race.html'])
    expect(readFileSync(join(folder, 'recipes/drift-seed5.yaml'), 'utf8')).toContain('recipe: drift')
    expect(manifest.models.every(({ included, hash }) => !included && hash !== null)).toBe(true)
  })

  test('opened elsewhere answers every view as the workspace does', async () => {
    const { folder } = await openCapsule(file, aFolder())
    const [own, opened] = await Promise.all([openBackend({ workspace: workspace.path, host: 'cli' }), openBackend({ workspace: folder, host: 'cli' })])
    onTestFinished(async () => void (await Promise.all([own.close(), opened.close()])))
    const id = 'drift-seed5'
    const views = [['comparisons.get', { group: 'race' }], ['comparisons.prompts', { group: 'race' }], ['runs.get', { id }], ['runs.metrics', { id }], ['runs.samples', { id }], ['datasets.rows', { name: 'feedback' }], ['evaluations.list', {}]] as const
    for (const [name, input] of views) expect(await opened.call(name, input), name).toEqual(await own.call(name, input))
    expect((await opened.call('runs.list', {})).map((run) => run.id)).toEqual(['spin-seed5', 'drift-seed5'])
    expect((await opened.call('workspace.info', {})).capsule).toMatchObject({ title: 'race', runs: 2 })
    expect(existsSync((await opened.call('comparisons.report', { group: 'race' })).path)).toBe(true)
  })

  test('brings the rubric of its workspace, and of the judge nothing else', async () => {
    const { folder, info } = await openCapsule(file, aFolder())
    expect(info.rubric).toBe(true)
    const backend = await openBackend({ workspace: folder, host: 'cli' })
    onTestFinished(() => backend.close())
    expect(await backend.call('signals.rubric', {})).toEqual({ dissatisfied: ['off the map'], satisfied: ['gratitude'], text: RUBRIC })
    expect((await backend.call('workspace.info', {})).capsule?.rubric).toBe(true)
    expect(existsSync(join(folder, 'judge.json'))).toBe(false)
  })

  test('of an earlier version has no rubric, opens and says so', async () => {
    const { folder, info } = await openCapsule(await rebuilt(file, ({ manifest }) => void delete manifest.rubric), aFolder())
    expect(info.rubric).toBe(false)
    const backend = await openBackend({ workspace: folder, host: 'cli' })
    onTestFinished(() => backend.close())
    expect((await backend.call('signals.rubric', {})).text).toBe(DEFAULT_RUBRIC)
  })

  test('with a rubric that nobody can read is refused', async () => {
    await expect(openCapsule(await rebuilt(file, ({ manifest }) => void (manifest.rubric = 'off the map')), aFolder())).rejects.toThrow(/rubric, line 1: expected "Dissatisfied:"/)
  })

  test('refuses whatever starts or changes something, also calls that nobody has listed', async () => {
    const { folder } = await openCapsule(file, aFolder())
    const backend = await openBackend({ workspace: folder, host: 'cli' })
    onTestFinished(() => backend.close())
    await expect(backend.call('runs.start', { yaml: aRecipe('drift') })).rejects.toMatchObject({ code: 'read-only', message: expect.stringContaining('"race" is a read-only capsule') as string })
    await expect(backend.call('review.guidelines', { text: 'mine' })).rejects.toMatchObject({ code: 'read-only' })
    expect(() => backend.workspace.db.exec('DELETE FROM runs')).toThrow(/readonly/)
    expect([...WRITING_CALLS].filter((name) => !Object.hasOwn(calls, name))).toEqual([])
  })

  test('is opened twice as the same folder', async () => {
    const home = aFolder()
    expect((await openCapsule(file, home)).folder).toBe((await openCapsule(file, home)).folder)
  })

  test('cut off anywhere is refused', async () => {
    const whole = readFileSync(file)
    for (const share of [0.2, 0.6, 0.95, 0.999]) {
      const cut = join(aFolder(), 'cut.drift')
      writeFileSync(cut, whole.subarray(0, Math.floor(whole.length * share)))
      await expect(openCapsule(cut, aFolder()), String(share)).rejects.toMatchObject({ code: 'bad-input', message: expect.stringMatching(/cut off|damaged/) as string })
    }
  })

  test('with a byte changed in any of its files is refused, and nothing of it is kept', async () => {
    const whole = readFileSync(file)
    const zip = await openPromise(file)
    for await (const { fileName, compressedSize, relativeOffsetOfLocalHeader: header } of zip.eachEntry()) {
      // Its name and what else stands before its bytes are as long as the header says.
      const start = header + 30 + whole.readUInt16LE(header + 26) + whole.readUInt16LE(header + 28)
      for (const at of [start, start + Math.floor(compressedSize / 2), start + compressedSize - 1]) {
        const changed = Buffer.from(whole)
        changed[at]! ^= 0xff
        const target = join(aFolder(), 'changed.drift')
        const home = aFolder()
        writeFileSync(target, changed)
        await expect(openCapsule(target, home), `${fileName}, byte ${at}`).rejects.toMatchObject({ code: 'bad-input' })
        expect(existsSync(join(home, 'capsules', `race-${saved.fingerprint.slice(0, 12)}`))).toBe(false)
      }
    }
  })

  test('with other content under the same names is refused by its hashes', async () => {
    const other = await rebuilt(file, ({ files }) => {
      const html = files.get('exports/comparison-race.html')!
      files.set('exports/comparison-race.html', Buffer.from(html.toString().replace('DRIFT', 'DR1FT')))
    })
    await expect(openCapsule(other, aFolder())).rejects.toThrow(/comparison-race\.html: expected SHA-256 .* got .*changed after it was saved/)
  })

  test('with a changed list of contents is refused by its fingerprint', async () => {
    const other = await rebuilt(file, (parts) => {
      parts.manifest.title = 'better race'
      parts.comment = `${COMMENT}${saved.fingerprint}`
    })
    await expect(openCapsule(other, aFolder())).rejects.toThrow(/with the fingerprint .* got .*changed/)
  })

  test('with something more in it, or something missing, is refused', async () => {
    await expect(openCapsule(await rebuilt(file, ({ files }) => void files.set('recipes/more.yaml', Buffer.from('x'))), aFolder())).rejects.toThrow(/holds "recipes\/more.yaml", which its capsule.json does not name/)
    await expect(openCapsule(await rebuilt(file, ({ files }) => void files.delete('recipes/drift-seed5.yaml')), aFolder())).rejects.toThrow(/expected recipes\/drift-seed5.yaml in it, found none/)
  })

  test('that would write outside its folder is refused before anything is unpacked', async () => {
    const evil = await rebuilt(file, ({ files, manifest }) => {
      files.set('models/XX/XX/XX/evil', Buffer.from('x'))
      manifest.entries.push({ path: '../../../evil', bytes: 1, sha256: fingerprintOf(Buffer.from('x')) })
    })
    // The library that writes archives refuses such names, so they are put in by hand, at equal length.
    writeFileSync(evil, Buffer.from(readFileSync(evil).toString('latin1').replaceAll('models/XX/XX/XX/evil', '../../../../../../evil'.slice(0, 20)), 'latin1'))
    const home = aFolder()
    await expect(openCapsule(evil, home)).rejects.toThrow(/cannot be trusted|outside the places/)
    expect(existsSync(join(home, 'capsules'))).toBe(false)
  })

  test('that would fill the disk is refused before anything is unpacked', async () => {
    const zeros = Buffer.alloc(300 << 20)
    const bomb = await rebuilt(file, ({ files, manifest }) => {
      files.set('models/zeros', zeros)
      manifest.entries.push({ path: 'models/zeros', bytes: zeros.length, sha256: fingerprintOf(zeros) })
    })
    await expect(openCapsule(bomb, aFolder())).rejects.toThrow(/would unpack to \d+, more than 100 times/)
  })

  test('of a newer version says so', async () => {
    await expect(openCapsule(await rebuilt(file, ({ manifest }) => void (manifest.version = 2)), aFolder())).rejects.toThrow(/expected at most version 1, got 2.*update this one/)
    await expect(openCapsule(await rebuilt(file, ({ manifest }) => void (manifest.schema = 999)), aFolder())).rejects.toThrow(/database of at most version \d+, got 999.*update this one/)
  })

  test('that is none says what was expected', async () => {
    const text = join(aFolder(), 'text.drift')
    writeFileSync(text, 'hello')
    await expect(openCapsule(text, aFolder())).rejects.toThrow(/begins as a zip archive does, got something else/)
    await expect(openCapsule(join(aFolder(), 'nowhere.drift'), aFolder())).rejects.toThrow(/could not read it \(ENOENT\)/)
    await expect(saveCapsule(workspace, { of: ['nothing'], output: text, withModels: false }, '1')).rejects.toMatchObject({ code: 'not-found' })
  })

  test('with models holds the weights of its runs and of their base', async () => {
    const output = join(aFolder(), 'models.drift')
    const { models } = await saveCapsule(workspace, { of: ['drift-seed5'], output, withModels: true }, '1')
    const { folder, manifest } = await openCapsule(output, aFolder())
    expect(manifest.models.filter(({ included }) => included)).toHaveLength(models)
    expect(manifest.models.map(({ path }) => path)).toEqual(['models/base', 'runs/drift-seed5/models/round-1', 'runs/drift-seed5/models/warm-start'])
    for (const { path } of manifest.models) expect(existsSync(join(folder, path, 'config.json'))).toBe(true)
  })
})

test('a capsule takes along the conversations its rows come from, with their signals, and no others', async () => {
  const workspace = aLabWorkspace()
  await importFiles(workspace.db, [aJsonlFile([{ source: 'log', messages: turns('two fruits', 'kiwi', "that's not two", 'kiwi, fig'), labels: [{ turn_index: 2, dsat: true, kind: 'correction' }] }, { source: 'log', messages: turns('a joke', 'no.') }])])
  const [used] = workspace.db.prepare('SELECT id FROM conversations ORDER BY position').pluck().all() as string[]
  workspace.db.exec("DROP TRIGGER dataset_rows_are_immutable")
  workspace.db.prepare("UPDATE dataset_rows SET conversation_id = ? WHERE conversation_id = 'c0'").run(used)
  const lease = queueRun(workspace, aRecipe('drift', { iterations: 1 }))
  await execute(workspace, lease)
  const output = join(aFolder(), 'one.drift')
  expect(await saveCapsule(workspace, { of: [lease.runId], output, withModels: false }, '1')).toMatchObject({ conversations: 1 })
  const { folder } = await openCapsule(output, aFolder())
  const backend = await openBackend({ workspace: folder, host: 'cli' })
  onTestFinished(() => backend.close())
  const { rows } = await backend.call('conversations.list', { query: 'fruits' })
  expect(rows.map(({ id }) => id)).toEqual([used])
  expect((await backend.call('conversations.get', { id: used! })).signals).toMatchObject([{ label: 'dissatisfied', turnIndex: 2 }])
})

test('what was deleted is not in a capsule, whose datasets still say that they come from it', async () => {
  const workspace = aLabWorkspace()
  await importFiles(workspace.db, [aJsonlFile([{ source: 'log', messages: turns('two fruits', 'zanzibar kiwi') }])])
  const [id] = workspace.db.prepare('SELECT id FROM conversations').pluck().all() as string[]
  workspace.db.exec('DROP TRIGGER dataset_rows_are_immutable')
  workspace.db.prepare("UPDATE dataset_rows SET conversation_id = ? WHERE conversation_id = 'c0'").run(id)
  await execute(workspace, queueRun(workspace, aRecipe('drift', { iterations: 1 })))
  await deleteConversations(workspace.db, positionsOf(workspace.db, [id!]), new Date('2026-03-01T10:00:00Z'))
  const output = join(aFolder(), 'one.drift')
  await saveCapsule(workspace, { of: [listRuns(workspace.db)[0]!.id], output, withModels: false }, '1')
  const { folder } = await openCapsule(output, aFolder())
  expect(readFileSync(join(folder, 'workspace.db')).includes('zanzibar')).toBe(false)
  const opened = openWorkspace(folder, { create: false })
  onTestFinished(() => opened.close())
  // No run reads the scorer's rows, so the capsule has none of them.
  const stamps = (db: ReadableDb) => listDatasets(db).filter(({ name }) => name !== 'scored').map(({ gone }) => gone && { ...gone, purged: 0 })
  // Here its text is gone for good, there it can be restored.
  expect(stamps(opened.db)).toEqual(stamps(workspace.db))
  expect(listDatasets(opened.db).some(({ gone }) => gone?.purged === 1)).toBe(true)
})
