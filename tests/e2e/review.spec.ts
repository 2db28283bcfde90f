/**
 * Reviewing from the keyboard alone: label, take back, reload and go on, a second person's blind pass, adjudication,
 * the log; and a backend that is killed between two labels. Tests run in order and share one workspace.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cohenKappa } from '../../src/core/agreement.ts'
import { startBrowser, startHost } from '../support/headless-host.ts'
import { pageSteps } from '../support/page-steps.ts'
import { fillReviewWorkspace } from '../support/review-workspace.ts'
import { accessibilityProblems, openWorkbench, type Workbench } from './harness.ts'

const STEP_MS = 20_000
const ITEMS = 30

let workbench: Workbench
let page: Page
beforeAll(async () => {
  workbench = await openWorkbench('server', { prepare: async (workspace) => void (await fillReviewWorkspace(workspace, 120)) })
  page = workbench.page
  page.setDefaultTimeout(STEP_MS)
})
afterAll(() => workbench?.close())

const { go, eventually } = pageSteps(() => page, STEP_MS)
/** The turn that shows at this instant, or `none`. */
const shownItem = (on: Page = page): Promise<string> => on.evaluate<string>("document.querySelector('[data-item]')?.dataset.item ?? 'none'")
const rows = (workspace: string, sql: string): Record<string, unknown>[] => {
  const db = new Database(join(workspace, 'workspace.db'), { readonly: true })
  try {
    return db.prepare(sql).all() as Record<string, unknown>[]
  } finally {
    db.close()
  }
}
const labels = (where = '1'): Record<string, unknown>[] => rows(workbench.workspace, `SELECT a.*, c.id || ' ' || a.turn_index AS item FROM current_annotations a JOIN conversations c ON c.position = a.conversation WHERE a.action = 'label' AND ${where} ORDER BY a.id`)

/** Presses a key that decides, and waits until another turn (or the end of the queue) shows. Returns the turn decided. */
async function decide(key: string, on: Page = page): Promise<string> {
  const before = await shownItem(on)
  await on.keyboard.press(key)
  await eventually(() => shownItem(on)).not.toBe(before)
  return before
}
async function nameMyself(name: string): Promise<void> {
  await page.keyboard.press('N')
  const field = page.getByRole('dialog').getByRole('textbox', { name: 'Name' })
  await field.waitFor()
  await page.keyboard.press('Control+a')
  await page.keyboard.type(name)
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
}

describe('a first pass', () => {
  it('asks who labels, before anything else', async () => {
    await go(`/review?target=${ITEMS}`)
    await page.getByRole('dialog', { name: 'Who labels?' }).waitFor()
    await page.keyboard.type('ana')
    await page.keyboard.press('Enter')
    await page.locator('[data-item]').waitFor()
    expect(new URL(page.url()).searchParams.get('dialog')).toBeNull()
  })

  it('takes categories, evidence and a note by key, and the label last', async () => {
    const text = await page.getByRole('group', { name: /The user’s words/ }).innerText()
    await page.keyboard.press('q')
    await page.keyboard.press('w')
    await page.keyboard.press('q')
    await page.keyboard.press('v')
    await page.keyboard.press('Home')
    await page.keyboard.press('Shift+ArrowRight')
    await page.keyboard.press('Enter')
    await page.keyboard.press('n')
    await page.keyboard.type('1st note, j k')
    await page.keyboard.press('Enter')
    const item = await decide('1')
    const [written] = labels()
    expect(written).toMatchObject({ item, annotator: 'ana', label: 'dissatisfied', categories: '["revision asked"]', note: '1st note, j k', pass: 'first', suggestion: 'shown' })
    const words = text.match(/^\s*\S+(\s+\S+)?/)![0].trim()
    expect(text.slice(Number(written!['evidence_start']), Number(written!['evidence_end']))).toBe(words)
    expect(Number(written!['seconds'])).toBeGreaterThan(0)
  })

  it(`labels ${ITEMS} turns without a mouse and without moving what is looked at`, async () => {
    const places = (): Promise<string> => page.evaluate<string>("JSON.stringify([...document.querySelectorAll('.words, .labels button, .review-aside, .review-turn')].map((element) => { const { x, y, width, height } = element.getBoundingClientRect(); return [x, y, width, height] }))")
    const at = await places()
    for (let i = 1; i < ITEMS - 1; i++) {
      const item = await decide(String(1 + (i % 3)))
      expect(labels().at(-1)).toMatchObject({ item })
      expect(await places()).toBe(at)
    }
    await decide('3')
    await page.getByText('this queue is through').waitFor()
    expect(labels()).toHaveLength(ITEMS)
  })

  it('takes the last label back, and after a reload stands where it was', async () => {
    const last = labels().at(-1)
    await page.keyboard.press('k')
    await eventually(() => shownItem()).toBe(last?.['item'])
    expect(labels()).toHaveLength(ITEMS - 1)
    await page.reload()
    await eventually(() => shownItem()).toBe(last?.['item'])
    await page.getByText(`${ITEMS - 1} of ${ITEMS} labelled`).waitFor()
    await decide('2')
    expect(labels()).toHaveLength(ITEMS)
    expect(labels().at(-1)).toMatchObject({ item: last?.['item'], label: 'neutral' })
  })

  it('takes back across sessions, one entry after the other', async () => {
    await page.reload()
    await page.getByText('this queue is through').waitFor()
    const [before, last] = labels().slice(-2)
    await page.keyboard.press('k')
    await eventually(() => shownItem()).toBe(last?.['item'])
    await page.keyboard.press('k')
    await eventually(() => shownItem()).toBe(before?.['item'])
    await decide('2')
    await decide('2')
    expect(labels()).toHaveLength(ITEMS)
  })
})

describe('a second pass', () => {
  it('shows another person the same turns, blind', async () => {
    await nameMyself('ben')
    await go(`/review?pass=second&target=${ITEMS}`)
    await page.locator('[data-item]').waitFor()
    await page.getByText('A second pass is blind').waitFor()
    expect(await page.getByText(/suggests/).count()).toBe(0)
    const first = new Map(labels("annotator = 'ana'").map((label) => [label['item'], label['label']]))
    const keys: Record<string, string> = { dissatisfied: '1', neutral: '2', satisfied: '3' }
    for (let i = 0; i < ITEMS; i++) {
      const own = keys[String(first.get(await shownItem()))]!
      await decide(i % 6 === 0 ? (own === '1' ? '3' : '1') : own)
    }
    await page.getByText('this queue is through').waitFor()
    expect(labels("annotator = 'ben'").every(({ suggestion }) => suggestion === 'hidden')).toBe(true)
  })

  it('shows kappa with its interval and n, as the core computes it from the labels on disk', async () => {
    const order = ['dissatisfied', 'neutral', 'satisfied']
    const table = order.map(() => order.map(() => 0))
    const second = new Map(labels("annotator = 'ben'").map((label) => [label['item'], label['label']]))
    for (const { item, label } of labels("annotator = 'ana'")) table[order.indexOf(String(label))]![order.indexOf(String(second.get(item)))]! += 1
    const kappa = cohenKappa(table)!
    const pane = page.getByRole('region', { name: 'Agreement' })
    await pane.getByText(`n = ${ITEMS}`).waitFor()
    await eventually(() => pane.innerText()).toContain(`[${kappa.low.toFixed(2)}, ${kappa.high.toFixed(2)}]`)
    expect(await pane.innerText()).toContain(kappa.estimate.toFixed(2))
    expect(kappa.estimate).toBeGreaterThan(0.5)
    expect(kappa.estimate).toBeLessThan(0.95)
  })
})

describe('adjudication', () => {
  it('shows both labels side by side and settles the turns', async () => {
    await nameMyself('eva')
    await go('/review?pass=adjudication')
    await page.locator('[data-item]').waitFor()
    for (let i = 0; i < 5; i++) {
      const cards = page.getByRole('list', { name: 'Labels that differ' }).getByRole('listitem')
      expect((await cards.allInnerTexts()).map((text) => /ana|ben/.exec(text)?.[0])).toEqual(['ana', 'ben'])
      const item = await decide('2')
      expect(labels("pass = 'adjudication'").at(-1)).toMatchObject({ item, annotator: 'eva', label: 'neutral' })
    }
    await page.getByText('this queue is through').waitFor()
    expect(rows(workbench.workspace, "SELECT decider_version AS how, count(*) AS n FROM signals WHERE decider = 'human' GROUP BY 1 ORDER BY 1")).toEqual([{ how: 'adjudicated', n: 5 }, { how: 'agreed', n: 25 }])
  })

  it('ends with nothing disputed', async () => {
    await eventually(async () => (await page.getByRole('region', { name: 'Agreement' }).innerText()).includes('to adjudicate')).toBe(false)
  })
})

describe('the log', () => {
  it('holds every entry, what was taken back marked as such, and filters', async () => {
    await page.keyboard.press('L')
    const table = page.getByRole('grid', { name: 'Log' })
    const entries = 2 * ITEMS + 5 + 3 + 3
    await page.getByRole('heading', { name: `${entries} entries` }).waitFor()
    await go('/review?view=log&by=ana&did=undo')
    await page.getByRole('heading', { name: '3 entries' }).waitFor()
    expect(await table.getByText(/took back \d+/).count()).toBe(3)
    await go('/review?view=log&by=ana')
    await eventually(() => table.locator('.undone').count()).toBe(3)
  })

  it('goes to a file', async () => {
    await page.keyboard.press('E')
    await page.getByRole('dialog', { name: 'Export the labels' }).waitFor()
    await page.keyboard.press('Control+a')
    await page.keyboard.type('labels.csv')
    await page.keyboard.press('Enter')
    await page.getByText(`${2 * ITEMS + 5} labels written`).waitFor()
    expect(readFileSync(join(workbench.workspace, 'exports', 'labels.csv'), 'utf8').trim().split('\r\n')).toHaveLength(2 * ITEMS + 6)
  })
})

describe('the reader', () => {
  it('takes back one’s own label alone, and says so', async () => {
    const others = String(labels("annotator = 'ben' AND a.label = 'dissatisfied'").find(({ item }) => labels("annotator = 'eva'").every((own) => own['item'] !== item))?.['item'])
    const [id, turn] = others.split(' ')
    const before = labels().length
    await go(`/conversations?id=${id}&turn=${turn}`)
    await page.locator(`#turn-${turn} .opinion`).waitFor()
    await page.keyboard.press('0')
    await page.getByText(`Turn ${turn} stays as it was`).waitFor()
    expect(labels()).toHaveLength(before)
    await page.keyboard.press('3')
    await page.getByText(`Turn ${turn} labelled satisfied`).waitFor()
    expect(labels()).toHaveLength(before + 1)
    await page.keyboard.press('0')
    await page.getByText(`Your label of turn ${turn} is taken back`).waitFor()
    expect(labels()).toHaveLength(before)
  })
})

describe('the page', () => {
  it('keeps edited guidelines in the workspace', async () => {
    await go('/review')
    await page.getByText('What did the user think').waitFor()
    await page.keyboard.press('G')
    await page.getByRole('textbox', { name: 'Guidelines' }).waitFor()
    await page.keyboard.press('Control+a')
    await page.keyboard.type('Only complaints count.')
    await page.keyboard.press('Control+Enter')
    await page.getByRole('region', { name: 'Guidelines' }).getByText('Only complaints count.').waitFor()
    await page.reload()
    await page.getByRole('region', { name: 'Guidelines' }).getByText('Only complaints count.').waitFor()
  })

  it('follows the rubric that a person edits: keys, queue, bars and facets; labels keep what they had and show it', async () => {
    await go('/review?order=random&seed=7')
    await page.locator('[data-item]').waitFor()
    await page.keyboard.press('w')
    const first = await decide('1')
    await page.keyboard.press('R')
    const rubric = page.getByRole('dialog', { name: 'Rubric' })
    await rubric.getByRole('textbox', { name: 'Categories' }).fill('Dissatisfied:\n- late\n- Late')
    await page.keyboard.press('Tab')
    await rubric.getByRole('button', { name: 'Save' }).click()
    await rubric.getByText('expected each category once').waitFor()
    await rubric.getByRole('textbox', { name: 'Categories' }).fill(`Dissatisfied:\n${Array.from({ length: 11 }, (_, i) => `- reason ${i + 1}`).join('\n')}\n\nSatisfied:\n- quick: came at once`)
    await rubric.getByRole('button', { name: 'Save' }).click()
    await rubric.waitFor({ state: 'detached' })
    await page.getByRole('list', { name: 'Categories, dissatisfied' }).getByRole('button', { name: 'reason 11' }).waitFor()
    expect(await page.locator('.categories button').allInnerTexts()).toHaveLength(12)
    await page.keyboard.press('w')
    await page.keyboard.press('s')
    const second = await decide('1')
    expect(labels().slice(-2)).toMatchObject([{ item: first, categories: '["revision asked"]' }, { item: second, categories: '["reason 2","reason 11"]' }])
    // Both taken back: the one from before the rubric changed says what it still names.
    await page.keyboard.press('k')
    await eventually(() => shownItem()).toBe(second)
    await page.keyboard.press('k')
    await eventually(() => shownItem()).toBe(first)
    await page.getByText('Not in the rubric:').waitFor()
    await page.getByRole('button', { name: 'revision asked' }).waitFor()
    await decide('1')
    expect(labels().at(-1)).toMatchObject({ item: first, categories: '["revision asked"]' })

    await page.keyboard.press('?')
    await page.getByRole('dialog').getByText('Category: reason 10').waitFor()
    await page.keyboard.press('Escape')
    await go('/review?order=category')
    await page.getByRole('combobox', { name: 'Category' }).click()
    await page.getByRole('option', { name: 'reason 11' }).waitFor()
    await page.getByRole('option', { name: 'unspecified' }).waitFor()
    await page.getByRole('option', { name: 'revision asked' }).filter({ hasText: 'not in the rubric' }).waitFor()
    await page.keyboard.press('Escape')
    await go('/signals')
    await page.getByRole('button', { name: /^revision asked not in the rubric/ }).first().waitFor()
    await page.getByRole('button', { name: /^unspecified/ }).first().click()
    await page.locator('.signals').getByText(/^\d+ signals$/).waitFor()
    await go('/conversations')
    await page.getByTitle('revision asked: not in the rubric').waitFor()
  })

  it('has no accessibility problems while labelling, adjudicating and in the log, and no errors happened', async () => {
    // A suggestion that is still fading in has less contrast than it will have.
    await page.emulateMedia({ reducedMotion: 'reduce' })
    for (const path of ['/review', '/review?pass=second', '/review?view=log']) {
      await go(path)
      await page.getByRole('main').waitFor()
      await page.locator('[data-item], [role="grid"], .empty').first().waitFor()
      expect(await accessibilityProblems(page), path).toEqual([])
    }
    expect(workbench.problems).toEqual([])
  })
})

describe('a backend that is killed between labels', () => {
  it('has every label whose turn was followed by another, and goes on with the next turn', async () => {
    const home = mkdtempSync(join(tmpdir(), 'drift-e2e-'))
    const workspace = join(home, 'workspace')
    await fillReviewWorkspace(workspace, 60)
    const browser = await startBrowser()
    const done: string[] = []
    try {
      for (let life = 0; life < 4; life++) {
        const host = await startHost({ workspace, home })
        const context = await browser.newContext()
        await context.addInitScript("localStorage.setItem('drift.review.annotator', '\"ana\"')")
        const own = await context.newPage()
        const address = new URL(host.url)
        address.pathname = '/review'
        await own.goto(address.href)
        await own.locator('[data-item]').waitFor()
        expect(done).not.toContain(await shownItem(own))
        for (let i = 0; i < 3; i++) done.push(await decide(String(1 + i), own))
        process.kill(host.pid, 'SIGKILL')
        await host.stop()
        await context.close()
        expect(rows(workspace, "SELECT c.id || ' ' || a.turn_index AS item FROM annotations a JOIN conversations c ON c.position = a.conversation ORDER BY a.id").map(({ item }) => item)).toEqual(done)
      }
      expect(new Set(done).size).toBe(12)
    } finally {
      await browser.close()
      rmSync(home, { recursive: true, force: true, maxRetries: 5 })
    }
  }, 120_000)
})
