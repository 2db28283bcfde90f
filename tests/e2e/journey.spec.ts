/**
 * The main job from the first click to the report, on real training in a real browser: one quick experiment is
 * started from the welcome page, and everything else happens beside it or to it. Tests run in order and share it.
 */
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import type { Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBrowser } from '../support/headless-host.ts'
import { pageSteps } from '../support/page-steps.ts'
import { accessibilityProblems, openWorkbench, type Workbench } from './harness.ts'

/** The quick experiment takes less than 90 s on two free cores; shared machines get their time. */
const EXPERIMENT_MS = 10 * 60_000
const STEP_MS = 30_000

let workbench: Workbench
let page: Page
beforeAll(async () => {
  workbench = await openWorkbench('server')
  page = workbench.page
  page.setDefaultTimeout(STEP_MS)
})
afterAll(() => workbench?.close())

const { go, query, eventually } = pageSteps(() => page, STEP_MS)
const press = async (...keys: string[]): Promise<void> => {
  for (const key of keys) await page.keyboard.press(key)
}
/** Does `title` by name, as somebody who never leaves the keyboard. */
async function doInPalette(title: string): Promise<void> {
  await press('Control+k')
  await page.getByRole('dialog', { name: 'Find or do' }).waitFor()
  await page.keyboard.type(title)
  await page.getByRole('option', { name: title }).first().waitFor()
  await press('Enter')
}
const status = (): Promise<string | null> => page.getByRole('main').getByRole('img', { name: /^(queued|running|paused|interrupted|done|failed|cancelled)$/ }).first().getAttribute('aria-label')

describe('the built-in experiment', () => {
  it('starts with one click on the welcome page', async () => {
    await page.getByRole('button', { name: /Run the built-in experiment/ }).click()
    await page.getByRole('heading', { name: 'Three ways to learn from the same users' }).waitFor()
    await page.getByRole('region', { name: 'What happens now' }).getByRole('progressbar').waitFor()
  })

  it('lets one go to any page from the keyboard, by name or by two keys', async () => {
    await doInPalette('Datasets')
    await page.waitForURL(/\/datasets/)
    await press('g', 's')
    await page.waitForURL(/\/signals/)
    await press('g', 'h')
    await page.getByRole('heading', { name: 'Three ways to learn from the same users' }).waitFor()
  })

  it('turns dark when told to, and stays so', async () => {
    const ground = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor')
    const light = await ground()
    await doInPalette('Use the dark theme')
    await eventually(ground).not.toBe(light)
    const dark = await ground()
    await page.reload()
    await page.getByRole('main').waitFor()
    expect(await ground()).toBe(dark)
    await doInPalette('Use the light theme')
    await eventually(ground).toBe(light)
  })

  it('moves its curves while it trains, and shows what the policy writes', async () => {
    await page.getByRole('region', { name: 'Methods' }).getByRole('link', { name: 'DRIFT', exact: true }).click({ timeout: EXPERIMENT_MS })
    await page.waitForURL(/\/runs\/drift/)
    await page.getByRole('button', { name: 'Table of: Loss' }).click({ timeout: EXPERIMENT_MS })
    const rows = page.getByRole('region', { name: 'Data of: Loss' }).getByRole('row')
    const first = await rows.count()
    await eventually(() => rows.count(), EXPERIMENT_MS).toBeGreaterThan(first)
    expect(first).toBeGreaterThan(0)
    const cells = await page.getByRole('region', { name: 'Data of: Loss' }).getByRole('row').last().getByRole('cell').allInnerTexts()
    expect(cells[1]).toMatch(/^round \d/i)
    expect(Number(cells[2])).toBeGreaterThan(0)

    const sample = page.getByRole('complementary', { name: 'Latest samples' }).getByRole('article').first()
    await sample.getByText('the user’s words').waitFor()
    expect((await sample.locator('.reply p').innerText()).length).toBeGreaterThan(3)
  }, EXPERIMENT_MS)

  it('ends with a result in one sentence', async () => {
    await go('/')
    await page.getByRole('button', { name: 'Compare in detail' }).waitFor({ timeout: EXPERIMENT_MS })
    await page.getByRole('region', { name: 'Result' }).getByText(/DRIFT/).first().waitFor()
    for (const score of await page.getByRole('region', { name: 'Methods' }).locator('.number').all()) expect(await score.innerText()).toMatch(/^0\.\d+\s*\[0\.\d+, 0\.\d+\]$/)
    expect(await page.getByRole('region', { name: 'Methods' }).locator('.number').count()).toBe(3)
  }, EXPERIMENT_MS)
})

describe('its comparison', () => {
  let headline = ''

  it('says who is ahead, with an interval around every score', async () => {
    await page.getByRole('button', { name: 'Compare in detail' }).click()
    await page.getByRole('tab', { name: 'Scores' }).waitFor()
    headline = await page.getByRole('main').getByRole('heading', { level: 1 }).innerText()
    expect(headline).toMatch(/DRIFT/)
    const table = page.getByRole('region', { name: 'Figures at temperature 1' })
    await table.waitFor()
    const scores = new Map<string, number>()
    for (const row of (await table.getByRole('row').all()).slice(1)) {
      const method = (await row.getByRole('rowheader').innerText()).trim()
      const [, score = '', low = '', high = ''] = /^([\d.]+)\s*\[([\d.]+), ([\d.]+)\]/.exec(await row.getByRole('cell').nth(2).innerText()) ?? []
      expect(Number(low), `${method}: lower end of ${score}`).toBeLessThan(Number(score))
      expect(Number(high), `${method}: upper end of ${score}`).toBeGreaterThan(Number(score))
      scores.set(method, Number(score))
    }
    expect([...scores.keys()].sort()).toEqual(['Base', 'DRIFT', 'Iterative DPO', 'SPIN', 'Warm start'])
    // The positive control: seed, world and engine are fixed, so this is a number, not a chance.
    expect(scores.get('DRIFT')).toBeGreaterThan(scores.get('Base')! + 0.05)
  })

  it('shows the answers to one prompt side by side', async () => {
    await page.getByRole('tab', { name: 'Prompts' }).click()
    const list = page.getByRole('listbox', { name: 'Prompts' })
    const prompt = list.getByRole('option').nth(2)
    const asked = (await prompt.locator('.text').innerText()).slice(0, 30)
    await prompt.click()
    await eventually(() => query('prompt')).not.toBeNull()
    await page.locator('.board .request', { hasText: asked }).waitFor()
    const answerOf = (method: string) => page.getByRole('article', { name: method, exact: true }).locator('.text')
    expect((await answerOf('Base').innerText()).length).toBeGreaterThan(3)
    expect((await answerOf('DRIFT').innerText()).length).toBeGreaterThan(3)

    const before = query('prompt')
    await press('j')
    await eventually(() => query('prompt')).not.toBe(before)
    const after = query('prompt')
    await page.reload()
    await answerOf('DRIFT').waitFor()
    expect(query('prompt')).toBe(after)
    expect(await list.getByRole('option', { selected: true }).count()).toBe(1)
  })

  it('exports a report that says the same without a network', async () => {
    const waiting = page.waitForEvent('download')
    await press('e')
    const download = await waiting
    expect(download.suggestedFilename()).toMatch(/^comparison-.*\.html$/)
    const file = join(workbench.workspace, 'downloads', 'report.html')
    mkdirSync(dirname(file), { recursive: true })
    await download.saveAs(file)

    const browser = await startBrowser()
    try {
      const context = await browser.newContext({ offline: true })
      const report = await context.newPage()
      const asked: string[] = []
      report.on('request', (request) => asked.push(request.url()))
      await report.goto(`file://${file}`)
      expect(asked).toEqual([`file://${file}`])
      expect(await report.locator('.headline').innerText()).toBe(headline)
      expect(await report.locator('svg').count()).toBeGreaterThan(2)
      await report.getByRole('cell', { name: 'Iterative DPO' }).first().waitFor()
    } finally {
      await browser.close()
    }
    expect(readFileSync(file, 'utf8')).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/)
  })
})

describe('conversations', () => {
  const reader = () => page.getByRole('article', { name: 'Conversation' })

  it('are stepped through with j, k, Enter and Escape', async () => {
    await go('/conversations')
    await page.getByRole('grid', { name: 'Conversations' }).getByRole('row').nth(5).waitFor()
    await press('j')
    await reader().waitFor()
    await eventually(() => query('id')).not.toBeNull()
    const first = query('id')
    await press('j')
    await eventually(() => query('id')).not.toBe(first)
    await press('k')
    await eventually(() => query('id')).toBe(first)
    await press('Escape')
    await eventually(() => query('id')).toBeNull()
    expect(await reader().count()).toBe(0)
    await page.getByRole('grid', { name: 'Conversations' }).focus()
    await press('Home', 'Enter')
    await eventually(() => query('id')).toBe(first)
  })

  it('stay selected over a reload and with back and forward', async () => {
    const id = query('id')
    await page.reload()
    await reader().getByText(id!.slice(0, 12)).waitFor()
    expect(query('id')).toBe(id)
    await press('g', 'd')
    await page.waitForURL(/\/datasets/)
    await page.goBack()
    await reader().getByText(id!.slice(0, 12)).waitFor()
  })

  it('take a label by key, and give it back with Undo', async () => {
    await go('/conversations?signal=dissatisfied')
    await page.getByRole('grid', { name: 'Conversations' }).getByRole('row').nth(2).waitFor()
    await press('j')
    await reader().locator('.opinion').first().waitFor()
    await press('n')
    await eventually(() => query('turn')).not.toBeNull()
    const turn = reader().locator(`#turn-${query('turn')}`)
    const opinion = () => turn.locator('.opinion').innerText()
    const before = await opinion()
    await press('3')
    await page.getByText(/labelled satisfied/).waitFor()
    await eventually(opinion).toMatch(/satisfied\s+you/i)
    await page.reload()
    await eventually(opinion).toMatch(/satisfied\s+you/i)
    await press('2')
    await page.getByText(/labelled neutral/).waitFor()
    await eventually(opinion).toMatch(/neutral\s+you/i)
    await page.getByRole('button', { name: 'Undo' }).click()
    await eventually(opinion).toMatch(/satisfied\s+you/i)
    await press('0')
    await eventually(opinion).toBe(before)
  })
})

describe('a run of one’s own', () => {
  it('starts from a recipe that form and text both edit', async () => {
    await go('/runs?new=1')
    const text = page.getByRole('textbox', { name: 'Recipe as YAML' })
    await eventually(() => text.inputValue()).toContain('recipe: drift')
    await page.getByRole('textbox', { name: 'seed', exact: true }).fill('70')
    await press('Tab')
    await eventually(() => text.inputValue()).toMatch(/^seed: 70$/m)
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('to be killed')
    await page.getByRole('button', { name: 'Start run' }).click()
    await page.waitForURL(/\/runs\/to-be-killed/)
    await eventually(status).toBe('running')
  })

  it('pauses after the unit of work it is in, and goes on', async () => {
    await page.getByRole('main').getByRole('button', { name: 'Pause' }).click()
    await eventually(status).toBe('paused')
    expect(worker()).toBeNull()
    await page.getByRole('main').getByRole('button', { name: 'Resume' }).click()
    await eventually(status).toBe('running')
    await page.getByText(/^[\d,]+ of [\d,]+ (steps|replies|answers) · .*(MB|GB) in memory/).waitFor()
  })

  it('is reported when its process is killed, and resumes to its end', async () => {
    await eventually(worker).not.toBeNull()
    process.kill(worker()!, 'SIGKILL')
    await eventually(status).toBe('interrupted')
    await page.getByText('The process that ran it is gone').waitFor()
    await press('g', 'c')
    await page.getByRole('grid', { name: 'Conversations' }).getByRole('row').nth(2).waitFor()
    await page.goBack()
    await page.getByRole('main').getByRole('button', { name: 'Resume' }).click()
    await eventually(status, EXPERIMENT_MS).toBe('done')
    await page.getByRole('tab', { name: 'Evaluation and ledger' }).click()
    await page.getByRole('region', { name: 'Fairness ledger' }).waitFor()
    // Killed and continued, it still knows its tokens by time and what its processes held.
    const use = page.getByRole('region', { name: 'Time and memory of the stages' }).getByRole('row', { name: /round 1 · train/ })
    expect(await use.textContent()).toMatch(/\d s[\d,]+[\d,]+\d+ MB|\d s[\d,]+[\d,]+[\d.]+ GB/)
  }, EXPERIMENT_MS)

  it('can be cancelled, keeping what is finished', async () => {
    await go('/runs?new=1')
    const text = page.getByRole('textbox', { name: 'Recipe as YAML' })
    await eventually(() => text.inputValue()).toContain('recipe: drift')
    await text.fill((await text.inputValue()).replace(/^seed: .*$/m, 'seed: 71'))
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('to be cancelled')
    await page.getByRole('button', { name: 'Start run' }).click()
    await eventually(status).toBe('running')
    await page.getByRole('main').getByRole('button', { name: 'Cancel' }).click()
    await eventually(status).toBe('cancelled')
    expect(worker()).toBeNull()
    await go('/runs')
    await page.getByRole('row', { name: /to be cancelled/ }).getByRole('img', { name: 'cancelled' }).waitFor()
  })

  /** The process that works on the run this page shows, from its lease. */
  function worker(): number | null {
    const id = decodeURIComponent(new URL(page.url()).pathname.slice('/runs/'.length))
    const db = new Database(join(workbench.workspace, 'workspace.db'), { readonly: true })
    try {
      return (db.prepare("SELECT owner_pid FROM runs WHERE id = ? AND status = 'running'").pluck().get(id) as number | null | undefined) ?? null
    } finally {
      db.close()
    }
  }
})

// All that differs in the dark are colours.
describe.each([['light', undefined], ['dark', ['color-contrast']]] as const)('in the %s theme', (theme, rules) => {
  beforeAll(async () => {
    await go('/')
    await doInPalette(`Use the ${theme} theme`)
  })

  it.each([
    ['/', 'Methods'],
    ['/?start=1', 'This workspace'],
    ['/conversations', 'Conversations'],
    ['/conversations?signal=dissatisfied&import=past', 'Import'],
    ['/signals', 'Deciders'],
    ['/datasets', 'Datasets'],
    ['/runs', 'Runs'],
    ['/runs?view=race', 'Fairness ledger'],
    ['/runs?new=1', 'New run'],
    ['/runs/drift-seed1', 'Stages of drift-seed1'],
    ['/runs/drift-seed1?tab=health', 'Margins of its pairs'],
    ['/runs/drift-seed1?tab=samples', 'Stage'],
    ['/runs/drift-seed1?tab=evaluation', 'Fairness ledger'],
    ['/runs/drift-seed1?tab=log', 'Log'],
    ['/compare', 'Scores'],
    ['/compare?tab=curves', 'Curves'],
    ['/compare?tab=prompts', 'Prompts'],
    ['/compare?tab=exploration', 'Exploration'],
    ['/compare?tab=gradients', 'Gradient health'],
    ['/compare?tab=settings', 'Fairness ledger'],
    ['/settings', 'Settings'],
    ['/settings?section=shortcuts', 'Keys'],
  ])('%s has no accessibility problem that axe can see', async (path, shows) => {
    await go(path)
    await page.getByText(shows, { exact: false }).or(page.getByLabel(shows)).first().waitFor({ state: 'attached' })
    await page.waitForTimeout(200)
    expect(await accessibilityProblems(page, rules && [...rules])).toEqual([])
  })
})

it('logged no error and asked nobody else for anything, all the way', () => {
  expect(workbench.problems).toEqual([])
})
