/** Datasets by keyboard alone, on real conversations: build, lint, fix, compare, check against evaluation prompts, export. */
import { cpSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Page } from 'playwright'
import { openWorkspace } from '../../src/backend/storage/open.ts'
import { importLog } from '../support/import-log.ts'
import { turns } from '../support/workspace.ts'
import { accessibilityProblems, hosts, openWorkbench, type Workbench } from './harness.ts'

const sentenceModel = join(import.meta.dirname, '..', 'reference', 'sentence-encoder')
const GOOD = 'Bring the water to a boil, add the pasta and a spoon of salt, stir once and taste after'
const chats = Array.from({ length: 24 }, (_, i) => ({
  source: i < 16 ? 'shop' : 'forum',
  language: 'English',
  model: 'base',
  messages: turns(`How do I cook dish number ${i}?`, `Just cook it, number ${i}, it is easy and everybody can do it at home in a pan${i === 3 ? ', or write to ana@mail.de' : ''}`, 'that does not help, say how', i === 0 ? 'just cook it, number 0, it is easy and everybody can do it at home in a pan!' : `${GOOD} ${i + 5} minutes.`, 'thanks'),
  labels: [{ turn_index: 2, dsat: true, kind: 'too little detail' }, { turn_index: 4, dsat: false, sat: true }],
}))

describe.each(hosts)('datasets on the %s host', (host) => {
  let workbench: Workbench
  let page: Page
  let prompts = ''
  beforeAll(async () => {
    workbench = await openWorkbench(host, {
      async prepare(path) {
        const workspace = openWorkspace(path)
        await importLog(workspace, chats)
        prompts = join(path, 'alpaca.json')
        writeFileSync(prompts, JSON.stringify([{ instruction: 'how do I cook dish number 7' }]))
        workspace.close()
      },
    })
    page = workbench.page
  })
  afterAll(() => workbench?.close())

  const press = async (...keys: string[]): Promise<void> => {
    for (const key of keys) await page.keyboard.press(key)
  }
  const heading = (name: string) => page.getByRole('main').getByRole('heading', { name, exact: true })
  const query = (name: string): string | null => new URL(page.url()).searchParams.get(name)

  it('builds pairs from the signals', async () => {
    await page.getByRole('link', { name: /^Datasets/ }).first().waitFor()
    await press('g', 'd')
    await page.getByText('No datasets yet').waitFor()
    await press('b')
    const dialog = page.getByRole('dialog', { name: 'New dataset' })
    await dialog.getByRole('textbox', { name: 'Name' }).waitFor()
    await page.keyboard.type('pairs')
    await dialog.getByRole('combobox', { name: 'Kind' }).press('Enter')
    await page.getByRole('option', { name: /^Preference/ }).press('Enter')
    await dialog.getByRole('combobox', { name: 'Kind' }).filter({ hasText: 'Preference' }).waitFor()
    await dialog.getByRole('textbox', { name: 'Name' }).press('Enter')
    await heading('pairs').waitFor()
    await page.getByRole('tab', { name: 'Rows 24' }).waitFor()
  })

  it('lint names what is wrong, and one key makes the fixed snapshot', async () => {
    await press('2')
    const findings = page.getByRole('grid', { name: 'Findings' })
    await findings.getByText('Sides say the same').waitFor()
    expect(await page.getByRole('region', { name: 'The finding' }).innerText()).toContain('1 pair whose sides say the same')
    expect(await accessibilityProblems(page)).toEqual([])
    await press('f')
    await heading('pairs-2').waitFor()
    await page.getByRole('region', { name: 'The finding' }).getByRole('heading', { name: 'Personal data or keys' }).waitFor()
    expect(await findings.getByText('Sides say the same').count()).toBe(0)
    await press('f')
    await heading('pairs-3').waitFor()
    await page.getByRole('tab', { name: 'Rows 23' }).waitFor()
  })

  it('the diff to its parent shows the masked row, to another dataset the dropped one', async () => {
    await press('3')
    await page.getByText('1 changed').waitFor()
    const row = page.getByRole('region', { name: 'The changed row' })
    await row.locator('ins').first().waitFor()
    expect((await row.locator('del').allInnerTexts()).join('')).toContain('ana@mail')
    expect((await row.locator('ins').allInnerTexts()).join('')).toContain('[email]')
    await page.getByRole('combobox', { name: 'Compared with' }).press('Enter')
    await page.getByRole('option', { name: 'pairs', exact: true }).press('Enter')
    await page.getByText('1 removed').waitFor()
    expect(query('against')).toBe('pairs')
    expect(await accessibilityProblems(page)).toEqual([])
  })

  it('the guard stamps the dataset with the prompts it meets, and one key drops them', async () => {
    await press('c')
    await page.getByRole('dialog').getByRole('textbox', { name: 'Prompt files' }).waitFor()
    await page.keyboard.type(prompts)
    await press('Enter')
    const stamp = page.getByRole('region', { name: 'Contamination' })
    await stamp.getByText('1 of 23 rows').waitFor()
    expect(await stamp.innerText()).toMatch(/word for word\s*1/)
    expect(await accessibilityProblems(page)).toEqual([])
    await press('f')
    await heading('pairs-4').waitFor()
    await stamp.getByText('No row').waitFor()
    expect(await page.getByRole('region', { name: 'Lineage' }).innerText()).toMatch(/24\s*conversations\s*48\s*signals\s*24\s*pairs made\s*22\s*pairs\s*made from pairs \(24\) → pairs-2 \(23\) → pairs-3 \(23\)/)
  })

  it('the guard compares meaning by a sentence model that somebody chose, and shows the nearest pairs', async () => {
    await press('c')
    const dialog = page.getByRole('dialog')
    await dialog.getByText('wording and a sentence model').click()
    await dialog.getByRole('textbox', { name: 'Model folder' }).fill('/no/such/model')
    await press('Enter')
    await dialog.getByText('found nothing at /no/such/model').waitFor()
    // What only the comparing process finds out is said here too, however long its start takes.
    const broken = join(dirname(prompts), 'broken-model')
    cpSync(sentenceModel, broken, { recursive: true })
    truncateSync(join(broken, 'model.onnx'), 200)
    await dialog.getByRole('textbox', { name: 'Model folder' }).fill(broken)
    await press('Enter')
    await dialog.getByRole('alert').filter({ hasText: 'broken-model' }).waitFor({ timeout: 30_000 })
    await dialog.getByRole('textbox', { name: 'Model folder' }).fill(sentenceModel)
    await dialog.getByRole('textbox', { name: 'Cosine' }).fill('0.4')
    expect(await accessibilityProblems(page)).toEqual([])
    await press('Enter')
    const stamp = page.getByRole('region', { name: 'Nearest in meaning' })
    await stamp.getByText('32 dimensions').waitFor({ timeout: 90_000 })
    await stamp.scrollIntoViewIfNeeded()
    const cosines = await stamp.getByRole('cell').filter({ hasText: /^-?[01]\.\d{3}$/ }).allInnerTexts()
    expect(cosines.length).toBeGreaterThan(10)
    expect(cosines.map(Number)).toEqual(cosines.map(Number).sort((one, other) => other - one))
    expect(await accessibilityProblems(page)).toEqual([])
  }, 120_000)

  it('exports what is left, and a row leads back to the turn it stems from', async () => {
    await press('e')
    const dialog = page.getByRole('dialog', { name: 'Export pairs-4' })
    await dialog.getByRole('textbox', { name: 'File' }).focus()
    await press('Enter')
    await page.getByText('22 rows written').waitFor()
    const rows = readFileSync(join(workbench.workspace, 'exports', 'pairs-4.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { chosen: { content: string }[]; rejected: { content: string }[]; prompt: { content: string }[] })
    expect(rows).toHaveLength(22)
    expect(rows.map(({ prompt }) => prompt[0]?.content)).not.toContain('How do I cook dish number 7?')
    expect(rows.some(({ rejected }) => rejected[0]?.content.includes('write to [email]'))).toBe(true)

    await press('1')
    await page.getByText('Read the conversation').waitFor()
    await press('j', 'Enter')
    await page.waitForURL(/conversations\?.*turn=2/)
    await page.getByText('that does not help, say how').first().waitFor()
  })

  it('builds a dataset from the conversations that a filter shows, and from those selected; the recipe says which', async () => {
    await page.goto(new URL('/conversations?source=forum&q=dish', page.url()).href)
    await page.getByText('8 conversations').waitFor()
    await press('b')
    const dialog = page.getByRole('dialog', { name: 'New dataset' })
    await dialog.getByText('8 conversations: words dish · source forum').waitFor()
    expect(await accessibilityProblems(page)).toEqual([])
    await dialog.getByRole('textbox', { name: 'Name' }).fill('forum')
    await press('Enter')
    await heading('forum').waitFor()
    await page.getByRole('tab', { name: 'Rows 16' }).waitFor()
    await press('4')
    await page.getByText('words dish · source forum').waitFor()

    await page.goto(new URL('/conversations?source=forum&q=dish', page.url()).href)
    await page.getByRole('grid', { name: 'Conversations' }).getByText('dish number 16').waitFor()
    await press('j', 'x', 'J', 'J')
    await page.getByText('3 selected').waitFor()
    await page.getByRole('button', { name: 'Dataset…' }).click()
    await dialog.getByText('3 conversations: the 3 selected').waitFor()
    await dialog.getByRole('textbox', { name: 'Name' }).fill('three')
    await press('Enter')
    await heading('three').waitFor()
    await page.getByRole('tab', { name: 'Rows 6' }).waitFor()
  })

  it('takes several values of a facet, and the recipe lists them', async () => {
    await page.goto(new URL('/datasets?name=pairs', page.url()).href)
    await heading('pairs').waitFor()
    await press('b')
    const dialog = page.getByRole('dialog', { name: 'New dataset' })
    await dialog.getByRole('textbox', { name: 'Name' }).fill('several')
    await dialog.getByRole('combobox', { name: 'Sources: All sources' }).press('Enter')
    await page.getByRole('option', { name: 'shop' }).press('Enter')
    await page.getByRole('option', { name: 'forum' }).press('Enter')
    await press('Escape')
    await dialog.getByRole('combobox', { name: 'Sources: shop, forum' }).waitFor()
    await dialog.getByRole('combobox', { name: /^Categories of the signal/ }).press('Enter')
    await page.getByRole('option', { name: 'too little detail' }).press('Enter')
    await press('Escape')
    expect(await accessibilityProblems(page)).toEqual([])
    await dialog.getByRole('textbox', { name: 'Name' }).press('Enter')
    await heading('several').waitFor()
    await page.getByRole('tab', { name: 'Rows 24' }).waitFor()
    await press('4')
    await page.getByText('forum, shop', { exact: true }).waitFor()
  })

  it('logs no error and asks nobody else for anything', () => {
    expect(workbench.problems).toEqual([])
  })
})
