/**
 * From a log file to an exported dataset by keyboard alone, on 50,000 conversations in WildChat's layout: import, search,
 * facet, read, label, undo, a second person, adjudication, threshold, freeze, lint, export. Tests run in order.
 */
import { readFileSync, rmSync, writeFileSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeConversations } from '../support/fake-conversations.ts'
import { pageSteps } from '../support/page-steps.ts'
import { accessibilityProblems, openWorkbench, type Workbench } from './harness.ts'

const CONVERSATIONS = 50_000
const LABELS = 30
/** Work on all of them: an import, a detector, a dataset. */
const WHOLE_MS = 120_000

const folder = mkdtempSync(join(tmpdir(), 'drift-e2e-journey-'))
const log = join(folder, 'wildchat.jsonl.gz')

/** Talks of the built-in world's users under a number of their own, as WildChat's rows hold them. */
function writeLog(): void {
  const talks = makeConversations(2_000).map(({ conversation }) => conversation)
  const rows = Array.from({ length: CONVERSATIONS }, (_, i) => {
    const { messages, model, language } = talks[i % talks.length]!
    const conversation = messages.map(({ role, content }, at) => ({ role, content: at === 0 ? `Ticket ${i}: ${content}` : content, language, toxic: false, redacted: false, turn_identifier: i }))
    return JSON.stringify({ conversation_hash: i.toString(16).padStart(32, '0'), model: model ?? 'gpt-4', timestamp: new Date(1.7e12 + 600_000 * i).toISOString(), conversation, turn: Math.ceil(messages.length / 2), language, toxic: false, redacted: false })
  })
  writeFileSync(log, gzipSync(rows.join('\n'), { level: 1 }))
}

let workbench: Workbench
let page: Page
beforeAll(async () => {
  writeLog()
  workbench = await openWorkbench('server')
  page = workbench.page
})
afterAll(async () => {
  await workbench?.close()
  rmSync(folder, { recursive: true, force: true })
})

const { eventually, query } = pageSteps(() => page, 20_000)
const press = async (...keys: string[]): Promise<void> => {
  for (const key of keys) await page.keyboard.press(key)
}
const heading = (name: string) => page.getByRole('main').getByRole('heading', { name, exact: true })
const total = () => page.getByRole('main').getByRole('status').filter({ hasText: /conversations?$/ })
const found = async (): Promise<number> => Number((await total().innerText()).replace(/\D/g, ''))
const shownItem = (): Promise<string> => page.evaluate<string>("document.querySelector('[data-item]')?.dataset.item ?? 'none'")
async function decide(key: string): Promise<string> {
  const before = await shownItem()
  await press(key)
  await eventually(shownItem).not.toBe(before)
  return before
}
async function choosePass(name: string): Promise<void> {
  await page.getByRole('toolbar', { name: 'Queue' }).locator('button', { hasText: name }).focus()
  await press('Enter')
}
async function nameMyself(name: string): Promise<void> {
  await page.getByRole('dialog').getByRole('textbox', { name: 'Name' }).waitFor()
  await press('Control+a')
  await page.keyboard.type(name)
  await press('Enter')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
}

it('imports the file', async () => {
  await page.getByRole('link', { name: /^Conversations/ }).first().waitFor()
  await press('g', 'c')
  await page.waitForURL(/conversations/)
  await press('i')
  await page.getByRole('dialog').getByRole('textbox', { name: 'Files and folders' }).waitFor()
  await page.keyboard.type(log)
  await page.getByRole('region', { name: 'Preview' }).getByText('wildchat').first().waitFor()
  await press('Enter')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await total().filter({ hasText: CONVERSATIONS.toLocaleString('en-US') }).waitFor({ timeout: WHOLE_MS })
}, WHOLE_MS)

it('judges every answered turn', async () => {
  await press('g', 's')
  await page.getByText('No signals yet').waitFor()
  await press('r')
  await page.getByRole('complementary', { name: 'Deciders and labels' }).getByRole('listitem').filter({ hasText: 'Rules' }).getByText(/covers 100/).waitFor({ timeout: WHOLE_MS })
}, WHOLE_MS)

it('searches words, narrows by a field and by a facet, and reads what is left', async () => {
  await press('g', 'c')
  await page.getByRole('grid').getByRole('row').nth(5).waitFor()
  await press('/')
  await page.keyboard.type('ticket 4711 ')
  await eventually(() => total().innerText()).toMatch(/^1\b/)
  await press('Control+a')
  await page.keyboard.type('signal:dissatisfied')
  await press('Enter')
  await eventually(() => query('signal')).toBe('dissatisfied')
  await eventually(found).toBeGreaterThan(1000)
  const dissatisfied = await found()
  const facet = page.getByRole('complementary', { name: 'Facets' }).getByRole('button', { name: /gpt-4-0314/ })
  await facet.focus()
  await press('Enter')
  await eventually(() => query('model')).toBe('gpt-4-0314')
  await eventually(found).toBeLessThan(dissatisfied)
  await page.getByRole('grid').focus()
  await press('j', 'Enter')
  await page.getByRole('button', { name: /raw/i }).first().waitFor()
  await press('n')
  await eventually(() => query('turn')).not.toBeNull()
  expect(await accessibilityProblems(page)).toEqual([])
})

it(`labels ${LABELS} turns, takes one back, and goes on`, async () => {
  await press('Escape', 'g', 'v')
  await nameMyself('ana')
  await page.locator('[data-item]').waitFor()
  const seen: string[] = []
  for (let i = 0; i < LABELS; i++) seen.push(await decide(String(1 + (i % 3))))
  expect(new Set(seen).size).toBe(LABELS)
  await press('k')
  await eventually(shownItem).toBe(seen.at(-1))
  await decide('1')
})

it('takes a second person’s blind labels, and settles where they differ', async () => {
  await press('N')
  await nameMyself('ben')
  await choosePass('Second pass')
  await page.getByText('A second pass is blind').waitFor()
  await page.locator('[data-item]').waitFor()
  for (let i = 0; i < 6; i++) await decide('2')
  await press('N')
  await nameMyself('eva')
  await choosePass('Adjudicate')
  await page.getByRole('list', { name: 'Labels that differ' }).waitFor()
  await decide('1')
})

it('finds the cut-off against the labels, and freezes a dataset there', async () => {
  await press('g', 's', 't')
  const reading = page.getByRole('region', { name: 'At the cut-off' })
  await reading.getByText(/Precision/).waitFor()
  await press('b')
  await eventually(() => query('cut')).not.toBeNull()
  // Labels of the 30 most doubtful turns say little of the rest: the cut-off is set by hand.
  await page.getByRole('slider', { name: 'Cut-off on the probability' }).first().focus()
  await press('Home', ...Array.from({ length: 40 }, () => 'ArrowRight'))
  await eventually(() => reading.innerText()).toMatch(/At cut-off\s*0\.40/)
  await reading.getByRole('button', { name: 'Make a dataset at this cut-off' }).focus()
  await press('Enter')
  const dialog = page.getByRole('dialog', { name: 'New dataset' })
  await dialog.getByRole('textbox', { name: 'Name' }).waitFor()
  expect(Number(await dialog.getByRole('textbox', { name: 'Cut-off' }).inputValue())).toBe(0.4)
  await page.keyboard.type('pairs')
  await dialog.getByRole('combobox', { name: 'Kind' }).press('Enter')
  await page.getByRole('option', { name: /^Preference/ }).press('Enter')
  await dialog.getByRole('textbox', { name: 'Name' }).press('Enter')
  await heading('pairs').waitFor({ timeout: WHOLE_MS })
}, WHOLE_MS)

it('lints, fixes by key, and exports what is left', async () => {
  await press('2')
  await page.getByRole('grid', { name: 'Findings' }).getByRole('row').nth(1).waitFor({ timeout: WHOLE_MS })
  await press('f')
  await heading('pairs-2').waitFor({ timeout: WHOLE_MS })
  await press('e')
  await page.getByRole('dialog', { name: 'Export pairs-2' }).getByRole('textbox', { name: 'File' }).focus()
  await press('Enter')
  const written = page.getByText(/[\d,]+ rows written/)
  await written.waitFor({ timeout: WHOLE_MS })
  const rows = readFileSync(join(workbench.workspace, 'exports', 'pairs-2.jsonl'), 'utf8').trim().split('\n')
  expect(rows).toHaveLength(Number((await written.innerText()).replace(/\D/g, '')))
  expect(rows.length).toBeGreaterThan(100)
  expect(JSON.parse(rows[0]!)).toMatchObject({ prompt: [{ role: 'user' }], chosen: [{ role: 'assistant' }], rejected: [{ role: 'assistant' }] })
}, WHOLE_MS)

it('logged no error and asked nobody else for anything', () => {
  expect(workbench.problems).toEqual([])
})
