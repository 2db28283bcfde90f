/**
 * The whole way to an answer on real training: recipe, race of three methods, kill and resume, live curves, statistics,
 * board, map, an answer's origin, a blind duel, report, capsule opened read-only. Tests run in order and share the race.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { Page } from 'playwright'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fillDemo } from '../support/demo-workspace.ts'
import { pageSteps } from '../support/page-steps.ts'
import { openWorkbench, type Workbench } from './harness.ts'

const RACE_MS = 6 * 60_000
const GROUP = 'group=who+learns+more'

let workbench: Workbench
let page: Page
beforeAll(async () => {
  workbench = await openWorkbench('server', { prepare: fillDemo({ iterations: 2, pairsPerRound: 64, testPrompts: 24, k: 4 }) })
  page = workbench.page
}, 120_000)
afterAll(() => workbench?.close())

const { go, query, eventually } = pageSteps(() => page, 30_000)
// Before the comparison is there the heading is the page's name, and its keys do nothing yet.
const headline = () => page.getByRole('main').getByRole('heading', { level: 1 }).filter({ hasNotText: 'Compare runs' })
const status = (): Promise<string | null> => page.getByRole('main').getByRole('img', { name: /^(queued|running|paused|interrupted|done|failed|cancelled)$/ }).first().getAttribute('aria-label')
/** A run of the race that works, and its process. */
function working(): { id: string; owner_pid: number } | undefined {
  const db = new Database(join(workbench.workspace, 'workspace.db'), { readonly: true })
  try {
    return db.prepare("SELECT id, owner_pid FROM runs WHERE status = 'running' AND owner_pid IS NOT NULL ORDER BY position LIMIT 1").get() as { id: string; owner_pid: number } | undefined
  } finally {
    db.close()
  }
}
let killed = ''
let said = ''

it('recipe: the form changes the text, and a wrong key is named', async () => {
  await go('/runs?new=1')
  const text = page.getByRole('textbox', { name: 'Recipe as YAML' })
  await eventually(() => text.inputValue()).toContain('recipe: drift')
  await page.getByRole('textbox', { name: 'seed', exact: true }).fill('3')
  await page.keyboard.press('Tab')
  await eventually(() => text.inputValue()).toMatch(/^seed: 3$/m)
  await text.fill(`${await text.inputValue()}\niteratons: 2\n`)
  await page.getByText('did you mean "iterations"?').waitFor()
})

it('race: three methods under equal pairs, what counts declared before the start', async () => {
  await go('/runs')
  await page.getByRole('button', { name: 'New race' }).click()
  const form = page.getByRole('region', { name: 'Race as a form' })
  await form.getByRole('textbox', { name: 'Seeds' }).fill('1')
  await form.getByRole('textbox', { name: 'Name' }).fill('who learns more')
  await page.getByText(/^3 runs/).waitFor()
  await page.getByRole('button', { name: 'Start race' }).click()
  await page.getByRole('heading', { name: 'who learns more' }).waitFor()
  await page.getByText(/score at T = 1, final round: .*DRIFT minus .*SPIN/).waitFor()
})

it('live: curves grow while a method trains', async () => {
  await eventually(() => working()?.id, RACE_MS).toBeDefined()
  killed = working()!.id
  await go(`/runs/${killed}`)
  await page.getByRole('button', { name: 'Table of: Loss' }).click({ timeout: RACE_MS })
  const rows = page.getByRole('region', { name: 'Data of: Loss' }).getByRole('row')
  const first = await rows.count()
  await eventually(() => rows.count(), RACE_MS).toBeGreaterThan(first)
}, RACE_MS)

it('killed, a run says so and goes on where it was', async () => {
  // It may have ended meanwhile: then another one of the race is taken.
  await eventually(() => working()?.id, RACE_MS).toBeDefined()
  const { id, owner_pid } = working()!
  process.kill(owner_pid, 'SIGKILL')
  await go(`/runs/${id}`)
  await eventually(status).toBe('interrupted')
  await page.getByText('The process that ran it is gone').waitFor()
  await page.getByRole('main').getByRole('button', { name: 'Resume' }).click()
  await eventually(status).toMatch(/queued|running|done/)
  await go(`/runs?view=race&${GROUP}`)
  await eventually(() => page.getByRole('main').locator('.lanes').getByRole('img', { name: 'done', exact: true }).count(), RACE_MS).toBe(3)
  await page.getByText(/^Held: pairs trained on per run differ by 0\.0 % at most/).waitFor({ timeout: 30_000 })
}, RACE_MS)

it('monitors: the pairs’ margins and the probe’s gradients, with a verdict in words', async () => {
  await go('/runs/drift-seed1?tab=health')
  await page.getByRole('button', { name: 'Table of: Margins of its pairs' }).click()
  expect(await page.getByRole('region', { name: 'Data of: Margins of its pairs' }).getByRole('row').count()).toBeGreaterThan(2)
  await page.getByText(/teaching|saturated|degenerating/i).first().waitFor()
})

it('compare: one sentence, the declared tests, a forest of differences', async () => {
  await go(`/compare?${GROUP}&tab=scores`)
  await page.getByRole('tab', { name: 'Scores' }).waitFor()
  said = await headline().innerText()
  expect(said).toMatch(/DRIFT.*n = 1 seed × 24 prompts/)
  const tests = page.getByRole('region', { name: /^Tests at temperature 1/ })
  const primary = tests.getByRole('row', { name: /primary/ })
  await eventually(async () => (await primary.getByRole('rowheader').allInnerTexts()).sort()).toEqual(['DRIFT − Iterative DPO', 'DRIFT − SPIN'])
  for (const words of await primary.allInnerTexts()) expect(words).toMatch(/not distinguishable|is ahead/)
})

it('board: every method’s answers to the request that lost most', async () => {
  await page.getByRole('tab', { name: 'Prompts' }).click()
  await page.getByRole('listbox', { name: 'Prompts' }).getByRole('option').first().click()
  await eventually(() => query('prompt')).not.toBeNull()
  for (const method of ['Base', 'DRIFT', 'SPIN', 'Iterative DPO']) expect((await page.getByRole('article', { name: method, exact: true }).locator('.text').innerText()).length).toBeGreaterThan(2)
})

it('origin: from an answer back to its checkpoint, the nearest pairs, a conversation', async () => {
  await page.getByRole('article', { name: 'DRIFT', exact: true }).getByRole('button', { name: 'Where from?' }).click()
  const origin = page.getByRole('region', { name: 'Where the answer comes from' })
  await origin.getByText('runs/drift-seed1/models/round-2').waitFor()
  const link = origin.getByRole('link', { name: 'Read the conversation' }).first()
  await link.click()
  await page.waitForURL(/\/conversations\?id=/)
  await page.getByRole('article', { name: 'Conversation' }).waitFor()
  await page.goBack()
})

it('map: all rounds’ answers on one plane, figures at equal passes beside it', async () => {
  await go(`/compare?${GROUP}&tab=exploration`)
  await page.getByRole('region', { name: 'Exploration, final round' }).getByRole('row', { name: /DRIFT/ }).waitFor({ timeout: 60_000 })
  await page.getByRole('region', { name: 'Map of answers' }).getByText(/answers of seed 1 drawn/).waitFor({ timeout: 60_000 })
})

it('duel: two methods’ last answers without names, decided by key; what lost is a dataset', async () => {
  await go(`/compare?${GROUP}&tab=prompts`)
  await page.getByRole('button', { name: 'Blind duel' }).click()
  await page.waitForURL(/\/evaluate\/duels/)
  await page.getByRole('button', { name: 'Start' }).click()
  const left = page.getByRole('article', { name: 'Left answer' })
  await left.waitFor()
  expect(await page.getByRole('main').innerText()).not.toMatch(/drift|spin/i)
  await page.keyboard.press('1')
  await page.getByText(/^1 of \d+/).waitFor()
  await page.keyboard.press('3')
  await page.getByText(/^2 of \d+/).waitFor()
  const id = query('duel')
  await go(`/evaluate/duels?duel=${id}&end=1`)
  await page.getByRole('heading', { name: /drift-seed1 against/ }).waitFor()
  await page.getByRole('button', { name: 'Make the dataset' }).click()
  await page.getByText('2 rows are in').waitFor()
})

it('report: the same sentence and figures in one file', async () => {
  await go(`/compare?${GROUP}`)
  await headline().waitFor()
  const waiting = page.waitForEvent('download')
  await page.keyboard.press('e')
  const file = join(workbench.workspace, 'report.html')
  await (await waiting).saveAs(file)
  const html = readFileSync(file, 'utf8')
  expect(html).toContain('<svg')
  for (const title of ['Tests of each difference', 'What was found, final round', 'Does it still teach?']) expect(html).toContain(`<h2>${title}</h2>`)
  expect(html.replace(/\s+/g, ' ')).toContain(said.replace(/\s+/g, ' ').slice(0, 40))
  expect(html).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/)
})

it('capsule: opened read-only it says the same', async () => {
  await page.keyboard.press('c')
  await page.getByRole('dialog', { name: 'Save a capsule' }).getByRole('textbox', { name: 'File' }).press('Enter')
  await page.getByText(/3 runs in one capsule of \d+\.\d MB/).waitFor()
  await go('/settings?section=workspace')
  await page.getByRole('textbox', { name: 'Folder or .drift file' }).fill(join(workbench.workspace, 'exports', 'who-learns-more.drift'))
  await page.keyboard.press('Enter')
  await page.getByText('read-only capsule').waitFor()
  await page.waitForURL(/compare/)
  await eventually(() => headline().innerText()).toBe(said)
})

it('logged no error and asked nobody else for anything, all the way', () => {
  expect(workbench.problems).toEqual([])
})
