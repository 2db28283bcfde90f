/** Files to conversations in a real browser, by keyboard: preview, mapping of unknown columns, import, quarantine. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { accessibilityProblems, openWorkbench, type Workbench } from './harness.ts'

const folder = mkdtempSync(join(tmpdir(), 'drift-e2e-files-'))
const log = join(folder, 'chats.jsonl')
const table = join(folder, 'tickets.csv')
const turns = (i: number): object => ({ messages: [{ role: 'user', content: `Name fruit ${i}.` }, { role: 'assistant', content: 'Kiwi.' }, { role: 'user', content: 'Another.' }] })
writeFileSync(log, [...Array.from({ length: 40 }, (_, i) => JSON.stringify(turns(i))), '{"messages": 5}'].join('\n'))
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

const go = async (path: string): Promise<void> => void (await page.goto(new URL(path, page.url()).href))
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

it('keeps the bad row with its reason and text', async () => {
  await go('/conversations?import=quarantine')
  await page.getByRole('grid', { name: 'Rows in quarantine' }).getByText('expected a list of messages, got 5').waitFor()
  expect(await page.getByRole('dialog').locator('pre').innerText()).toBe('{"messages": 5}')
  await page.getByRole('button', { name: 'Copy the row' }).waitFor()
})

it('logged no error', () => {
  expect(workbench.problems).toEqual([])
})
