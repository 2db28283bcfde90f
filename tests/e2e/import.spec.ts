/** Files to conversations in a real browser, by keyboard: preview, mapping of unknown columns, import, quarantine and mending. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { pageSteps } from '../support/page-steps.ts'
import { accessibilityProblems, openWorkbench, type Workbench } from './harness.ts'

const folder = mkdtempSync(join(tmpdir(), 'drift-e2e-files-'))
const log = join(folder, 'chats.jsonl')
const table = join(folder, 'tickets.csv')
const turns = (i: number): object => ({ messages: [{ role: 'user', content: `Name fruit ${i}.` }, { role: 'assistant', content: 'Kiwi.' }, { role: 'user', content: 'Another.' }] })
writeFileSync(log, [...Array.from({ length: 40 }, (_, i) => JSON.stringify(turns(i))), '{"messages": 5}', '{"messages": [', '{"messages": 6}'].join('\n'))
writeFileSync(table, 'ticket,who,said,by\n1,user,"Where is it, then?",ana\n1,bot,On its way.,\n2,user,Thanks,ben\n2,bot,You are welcome.,\n')

let workbench: Workbench
let page: Page
beforeAll(async () => {
  workbench = await openWorkbench('server')
  page = workbench.page
})
afterAll(async () => {
  await workbench?.close()
  rmSync(folder, { recursive: true, force: true })
})

const { go, eventually } = pageSteps(() => page, 20_000)
const preview = () => page.getByRole('region', { name: 'Preview' })
const importedRows = () => page.getByRole('grid', { name: 'Imports so far' }).getByRole('row')

it('shows the first rows as they will be imported, and imports on Enter', async () => {
  await go('/conversations?import=files')
  await page.getByRole('textbox', { name: 'Files and folders' }).fill(log)
  await preview().getByText('Name fruit 0.').waitFor()
  expect(await preview().innerText()).toMatch(/openai/)
  expect(await accessibilityProblems(page)).toEqual([])
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await go('/conversations?import=past')
  await importedRows().filter({ hasText: 'chats.jsonl' }).filter({ hasText: '40' }).waitFor()
})

it('lets unknown columns be named, and shows what they give', async () => {
  await go('/conversations?import=files')
  await page.getByRole('textbox', { name: 'Files and folders' }).fill(table)
  await preview().getByText('No known format').waitFor()
  for (const [field, column] of [['Conversation', 'ticket'], ['Role', 'who'], ['Content', 'said'], ['User', 'by']] as const) {
    await page.getByRole('combobox', { name: field, exact: true }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('option', { name: column }).waitFor()
    await page.keyboard.type(column)
    await page.keyboard.press('Enter')
    await page.getByRole('combobox', { name: field, exact: true }).getByText(column).waitFor()
  }
  await preview().getByText('Where is it, then?').waitFor()
  expect(await accessibilityProblems(page)).toEqual([])
  await page.getByRole('button', { name: 'Import', exact: true }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await go('/conversations?import=past')
  await importedRows().filter({ hasText: 'tickets.csv' }).filter({ hasText: 'csv' }).waitFor()
})

it('waits with an import that is asked for at once until the first rows are read, and leaves it where they cannot be', async () => {
  const field = page.getByRole('textbox', { name: 'Files and folders' })
  const other = join(folder, 'other.csv')
  writeFileSync(other, 'Frage,Ziel,Wert\nWas?,Das,1\n')
  await go('/conversations?import=files')
  await field.fill(other)
  await page.keyboard.press('Enter')
  await preview().getByText('No known format').waitFor()
  expect(await page.getByRole('button', { name: 'Import', exact: true }).isDisabled()).toBe(true)
  const empty = join(folder, 'empty.jsonl')
  writeFileSync(empty, '')
  await field.fill(empty)
  await preview().getByText('No row was found in it: the file is empty.').waitFor()
  const good = join(folder, 'good.jsonl')
  writeFileSync(good, JSON.stringify(turns(900)))
  await field.fill(good)
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await go('/conversations?import=past')
  await importedRows().filter({ hasText: 'good.jsonl' }).waitFor()
  expect(await importedRows().filter({ hasText: 'other.csv' }).count()).toBe(0)
})

it('says of a path that is not there what was expected', async () => {
  await go('/conversations?import=files')
  await page.getByRole('textbox', { name: 'Files and folders' }).fill('/nowhere/a.jsonl')
  await page.getByText(/expected files or folders, found none at \/nowhere\/a\.jsonl/).waitFor()
})

it('brings a file that only the browser has into the workspace, and imports it from there', async () => {
  await go('/conversations?import=files')
  const lines = Array.from({ length: 30_000 }, (_, i) => JSON.stringify({ messages: [{ role: 'user', content: `Uploaded ${i} ${'x'.repeat(100)}` }, { role: 'assistant', content: 'Seen.' }] })).join('\n')
  await page.getByLabel('Files to bring into the workspace').setInputFiles({ name: 'mine.jsonl', mimeType: 'application/jsonl', buffer: Buffer.from(lines) })
  await preview().getByText('Uploaded 0', { exact: false }).first().waitFor()
  await page.getByRole('textbox', { name: 'Files and folders' }).press('Enter')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await go('/conversations?import=past')
  await importedRows().filter({ hasText: 'mine.jsonl' }).filter({ hasText: '30,000' }).waitFor()
})

/** As a person drops files and folders of the browser's machine on the middle of the form. */
async function drop(...paths: string[]): Promise<void> {
  const box = (await page.locator('.zone').boundingBox())!
  const cdp = await page.context().newCDPSession(page)
  const data = { items: [], files: paths, dragOperationsMask: 1 }
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) await cdp.send('Input.dispatchDragEvent', { type, x: box.x + box.width / 2, y: box.y + box.height / 2, data })
  await cdp.detach()
}
const shard = (name: string, rows: number, words = 'x'): string => Array.from({ length: rows }, (_, i) => JSON.stringify({ messages: [{ role: 'user', content: `${name} ${i} ${words}` }, { role: 'assistant', content: 'Seen.' }] })).join('\n')

it('brings a dropped folder with its folders into the workspace, says what it leaves out, and imports it as one', async () => {
  const dataset = join(folder, 'wild')
  mkdirSync(join(dataset, 'data', '.cache'), { recursive: true })
  // More than a browser hands over at once.
  for (let i = 0; i < 120; i++) writeFileSync(join(dataset, 'data', `train-${i}.jsonl`), shard(`Shard ${i} row`, 5))
  writeFileSync(join(dataset, 'more.json'), `[${shard('More', 2).replace('\n', ',')}]`)
  writeFileSync(join(dataset, 'README.md'), '# Wild')
  writeFileSync(join(dataset, 'dataset_info.json'), '{}')
  writeFileSync(join(dataset, 'data', '.cache', 'lost.jsonl'), shard('Lost', 5))
  await go('/conversations?import=files')
  await page.getByText('Drop files or a folder here').waitFor()
  await drop(dataset)
  await preview().getByText('Shard 0 row 0', { exact: false }).waitFor()
  await page.getByText('No rows in: wild/', { exact: false }).waitFor()
  const path = await page.getByRole('textbox', { name: 'Files and folders' }).inputValue()
  expect(path).toMatch(/uploads.[0-9a-f-]+.wild$/)
  expect(await accessibilityProblems(page)).toEqual([])
  await page.getByRole('button', { name: 'Import', exact: true }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await go('/conversations?import=past')
  await importedRows().filter({ hasText: 'wild' }).filter({ hasText: '602' }).waitFor()
  // Dropped again, it has the same place: nothing is brought twice, and nothing imported.
  await go('/conversations?import=files')
  await drop(dataset)
  await eventually(() => page.getByRole('textbox', { name: 'Files and folders' }).inputValue()).toBe(path)
})

it('takes a folder from the folder field as well', async () => {
  await go('/conversations?import=files')
  const chosen = join(folder, 'chosen')
  mkdirSync(chosen)
  writeFileSync(join(chosen, 'a.jsonl'), shard('Chosen', 3))
  await page.getByLabel('Folder to bring into the workspace').setInputFiles(chosen)
  await preview().getByText('Chosen 0', { exact: false }).waitFor()
  expect(await page.getByRole('textbox', { name: 'Files and folders' }).inputValue()).toMatch(/uploads.[0-9a-f-]+.chosen$/)
})

it('says of a folder without rows what was expected', async () => {
  const empty = join(folder, 'arrow')
  mkdirSync(empty)
  writeFileSync(join(empty, 'data-00000.arrow'), 'ARROW1')
  await go('/conversations?import=files')
  await drop(empty)
  await page.getByText(/expected files that end in .json.* in the folder arrow, found none\. Its \.arrow files/).waitFor()
})

it('cancels while a folder is brought, and goes on from there when it is dropped again', async () => {
  const dataset = join(folder, 'heavy')
  mkdirSync(dataset)
  for (let i = 0; i < 3; i++) writeFileSync(join(dataset, `part-${i}.jsonl`), shard(`Heavy ${i}`, 2000, 'x'.repeat(20_000)))
  await go('/conversations?import=files')
  await drop(dataset)
  await page.getByText(/^Bringing part-\d\.jsonl into the workspace, file \d of 3$/).waitFor()
  await page.getByRole('button', { name: 'Cancel', exact: true }).click()
  await page.getByText('Drop files or a folder here').waitFor()
  expect(await page.getByRole('textbox', { name: 'Files and folders' }).inputValue()).toBe('')
  await drop(dataset)
  await preview().getByText('Heavy 0 0', { exact: false }).waitFor()
  expect(await preview().innerText()).toMatch(/3 files/)
})

const setAside = () => page.getByRole('grid', { name: 'Rows in quarantine' })
const mending = () => page.getByRole('textbox', { name: 'Text of the row' })
const mended = JSON.stringify({ messages: [{ role: 'user', content: 'Name a tree.' }, { role: 'assistant', content: 'Oak.' }] })

it('keeps the bad row with its reason and text', async () => {
  await go('/conversations?import=quarantine')
  await setAside().getByText('expected a list of messages, got 5').waitFor()
  expect(await mending().inputValue()).toBe('{"messages": 5}')
  await page.getByRole('button', { name: 'Copy the row' }).waitFor()
  expect(await accessibilityProblems(page)).toEqual([])
})

it('mends a row by keyboard: what still fails keeps the text and says why, then it is a conversation', async () => {
  await setAside().focus()
  await page.keyboard.press('Enter')
  await page.locator('textarea:focus').waitFor()
  await mending().fill('{"messages": []')
  await page.keyboard.press('Control+Enter')
  await page.getByRole('status').filter({ hasText: /^expected JSON: / }).waitFor()
  expect(await mending().inputValue()).toBe('{"messages": []')
  // It waits until one comes back to it.
  await page.reload()
  await page.getByText('edited: expected JSON', { exact: false }).first().waitFor()
  await eventually(() => mending().inputValue()).toBe('{"messages": []')
  await mending().fill(mended)
  await page.keyboard.press('Escape')
  await page.locator('[role="grid"]:focus').waitFor()
  await page.getByRole('button', { name: 'Import this row' }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.getByRole('article').getByText('Name a tree.').waitFor()
  await go('/conversations?import=past')
  await importedRows().filter({ hasText: 'chats.jsonl' }).filter({ hasText: '3, 1 mended' }).waitFor()
})

it('narrows the rows by reason, dismisses one and takes that back', async () => {
  await go('/conversations?import=quarantine')
  await setAside().getByText('expected JSON', { exact: false }).waitFor()
  await page.getByRole('combobox', { name: 'Reason' }).click()
  await page.getByRole('option', { name: 'messages: expected a list of messages' }).click()
  await eventually(() => setAside().getByRole('row').count()).toBe(2)
  expect(page.url()).toContain('reason=messages')
  await setAside().focus()
  await page.keyboard.press('Delete')
  await page.getByText('No row is like that').waitFor()
  await page.getByRole('button', { name: '1 dismissed' }).waitFor()
  await page.getByRole('button', { name: 'Undo' }).click()
  await setAside().getByText('expected a list of messages, got 6').waitFor()
})

it('exports the rows; mended outside and imported, they leave the quarantine', async () => {
  await go('/conversations?import=quarantine')
  await page.getByRole('button', { name: 'Export…' }).click()
  const out = join(folder, 'set-aside.jsonl')
  await page.getByRole('textbox', { name: 'File', exact: true }).fill(out)
  await page.keyboard.press('Enter')
  await page.getByText('2 rows written').waitFor()
  const [first, second] = readFileSync(out, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as object)
  writeFileSync(out, [{ ...first, raw: mended.replace('tree', 'bird') }, { ...second, raw: JSON.parse(mended.replace('tree', 'river')) as object }].map((row) => JSON.stringify(row)).join('\n'))
  await go('/conversations?import=files')
  await page.getByRole('textbox', { name: 'Files and folders' }).fill(out)
  await preview().getByText('Name a bird.').waitFor()
  await page.getByRole('textbox', { name: 'Files and folders' }).press('Enter')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await go('/conversations?import=quarantine')
  await page.getByText('Nothing in quarantine').waitFor()
})

it('cancelled from the job strip, an import keeps what it has, and goes on to its end from the list', { timeout: 180_000 }, async () => {
  const rows = 150_000
  const large = join(folder, 'large.jsonl')
  writeFileSync(large, Array.from({ length: rows }, (_, i) => `{"messages":[{"role":"user","content":"Large ${i}"},{"role":"assistant","content":"Seen."}]}\n`).join(''))
  await go('/conversations?import=files')
  await page.getByRole('textbox', { name: 'Files and folders' }).fill(large)
  await preview().getByText('Large 0').waitFor()
  await page.getByRole('textbox', { name: 'Files and folders' }).press('Enter')
  const jobs = page.getByRole('region', { name: 'Jobs' })
  await jobs.getByText(/^[1-9]\d* conversations/).waitFor()
  await jobs.getByRole('button', { name: 'Cancel import large.jsonl' }).click()
  await jobs.getByText('cancelled').waitFor()

  await go('/conversations?import=past')
  const stopped = page.getByRole('list', { name: 'Stopped imports' }).getByRole('listitem').filter({ hasText: 'large.jsonl' })
  const [, kept = ''] = /^Stopped after ([\d,]+) conversations/.exec(await stopped.innerText()) ?? []
  const keptRows = Number(kept.replaceAll(',', ''))
  expect(keptRows).toBeGreaterThan(0)
  expect(keptRows).toBeLessThan(rows)
  expect(await accessibilityProblems(page)).toEqual([])

  await stopped.getByRole('button', { name: 'Go on' }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  // It told of this import's rest alone: nothing was read twice.
  await page.getByText(`${rows - keptRows} imported, 0 duplicates, 0 set aside`).first().waitFor({ timeout: 120_000 })
  await go('/conversations?import=past')
  await importedRows().filter({ hasText: 'large.jsonl' }).filter({ hasText: '150,000' }).waitFor()
  await expect(page.getByRole('list', { name: 'Stopped imports' }).count()).resolves.toBe(0)
  await go('/conversations?q=Large')
  await page.getByText('150,000', { exact: false }).first().waitFor()
})

it('logged no error', () => {
  expect(workbench.problems).toEqual([])
})
