/** Facets, typed fields, sorting, saved views, tags and selecting many, on a list too long to be drawn. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Locator, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { detectorNamed } from '../../src/backend/signals/detectors.ts'
import { runDetector } from '../../src/backend/signals/run-detector.ts'
import { deleteConversations, positionsOf } from '../../src/backend/storage/deletion.ts'
import { openWorkspace } from '../../src/backend/storage/open.ts'
import { importLog } from '../support/import-log.ts'
import { pageSteps } from '../support/page-steps.ts'
import { turns } from '../support/workspace.ts'
import { accessibilityProblems, hosts, openWorkbench, type Workbench } from './harness.ts'

/** 300 of the 1,200 come from the forum; every hundredth has six messages, the others three. */
const COUNT = 1200
const chats = Array.from({ length: COUNT }, (_, i) => ({
  source: i % 4 === 0 ? 'forum' : 'shop',
  messages: turns(`Question ${i} about lamps`, `Answer ${i}`, 'that is wrong', ...(i % 100 === 0 ? ['Sorry', 'thanks, perfect', 'Gladly'] : [])),
}))

describe.each(hosts)('browsing conversations on the %s host', (host) => {
  let workbench: Workbench
  let page: Page
  const { go, query, eventually } = pageSteps(() => page, 20_000)
  beforeAll(async () => {
    workbench = await openWorkbench(host, {
      async prepare(path) {
        const workspace = openWorkspace(path)
        await importLog(workspace, chats)
        await runDetector(workspace.db, detectorNamed('rules'))
        workspace.close()
      },
    })
    page = workbench.page
  })
  afterAll(() => workbench?.close())

  const press = async (...keys: string[]): Promise<void> => {
    for (const key of keys) await page.keyboard.press(key)
  }
  const facets = () => page.getByRole('complementary', { name: 'Facets' })
  const grid = () => page.getByRole('grid', { name: 'Conversations' })
  /** The row of the list at that place, from 0. */
  const row = (index: number): Locator => grid().locator(`[aria-rowindex="${index + 2}"]`)
  const total = async (): Promise<string> => ((await page.locator('.total').textContent()) ?? '').replace(/\D/g, '')
  const selected = () => page.getByRole('toolbar', { name: 'Selected conversations' })
  const size = async (): Promise<string | null> => ((await selected().isVisible()) ? selected().getByRole('status').textContent() : null)
  const view = () => page.getByRole('button', { name: /, saved views$/ })
  const toast = (words: string) => page.getByText(words, { exact: true })
  const undo = (words: string) => page.getByRole('status').filter({ hasText: words }).getByRole('button', { name: 'Undo' }).click()
  /** What fades away has no contrast. */
  const dismissToasts = async (): Promise<void> => {
    const crosses = page.getByRole('button', { name: 'Dismiss' })
    await crosses.evaluateAll('(all) => all.forEach((cross) => cross.click())')
    await eventually(() => crosses.count()).toBe(0)
  }
  const start = async (search = ''): Promise<void> => {
    await go(`/conversations${search}`)
    await row(0).locator('.first').waitFor()
  }
  const search = async (typed: string): Promise<void> => {
    await press('/', 'ControlOrMeta+a')
    await page.keyboard.type(typed)
    await press('Enter', 'Escape', 'Escape')
  }

  it('narrows by facet and by typed field, and goes back and forward over both', async () => {
    await start()
    await eventually(total).toBe('1200')
    await facets().getByRole('button', { name: /^forum/ }).focus()
    await press('Enter')
    await eventually(total).toBe('300')
    await search('turns:>3')
    await eventually(total).toBe('12')
    expect([query('source'), query('turns')]).toEqual(['forum', '4..'])
    await page.goBack()
    await eventually(total).toBe('300')
    await page.goForward()
    await eventually(total).toBe('12')
    await page.getByRole('button', { name: 'Remove filter source forum' }).focus()
    await press('Enter')
    await eventually(() => query('source')).toBeNull()
    await press('X')
    await eventually(total).toBe('1200')
  })

  it('keeps the rows in their places as filters come and go', async () => {
    await start()
    const top = async () => (await row(0).boundingBox())?.y
    const before = await top()
    await search('source:forum turns:>2 length:>1')
    await eventually(total).toBe('300')
    for (const name of ['source', 'turns', 'length']) expect(await page.getByRole('button', { name: new RegExp(`^Remove filter ${name}`) }).count()).toBe(1)
    expect(await top()).toBe(before)
  })

  it('says what is wrong with a typed field', async () => {
    await start()
    await press('/')
    await page.keyboard.type('sorce:forum')
    await press('Enter')
    await page.getByText('got "sorce" (nearest: source)').waitFor()
    expect(await accessibilityProblems(page)).toEqual([])
  })

  it('says of what was not looked for that nobody looked', async () => {
    await go('/conversations?personal=email')
    await page.getByText('1,200 of the workspace are not looked through for it yet.').waitFor()
    await facets().getByRole('button', { name: 'Look through' }).waitFor()
    // Nothing to select is no reason to select the page's text.
    await press('ControlOrMeta+a')
    expect(await page.evaluate('String(getSelection())')).toBe('')
  })

  it('sorts by a column, the most first', async () => {
    await start()
    await grid().getByRole('button', { name: 'Turns' }).click()
    await eventually(() => row(0).textContent()).toContain('Question 1100 ')
    expect(query('sort')).toBe('turns')
    expect(await grid().getByRole('columnheader', { name: 'Turns' }).getAttribute('aria-sort')).toBe('descending')
  })

  it('sorts by what no column shows, from the menu, and shows the figure it sorts by', async () => {
    await start()
    await press('o')
    await page.getByRole('menuitem', { name: 'DSAT probability' }).waitFor()
    expect(await page.getByRole('menuitem', { name: 'Relevance' }).getAttribute('aria-disabled')).toBe('true')
    expect((await accessibilityProblems(page)).filter((problem) => !problem.startsWith('region: '))).toEqual([])
    await page.getByRole('menuitem', { name: 'DSAT probability' }).click()
    await eventually(() => query('sort')).toBe('probability')
    const head = () => grid().getByRole('columnheader', { name: 'DSAT probability' })
    await eventually(() => head().getAttribute('aria-sort')).toBe('descending')
    await eventually(() => row(0).textContent()).toMatch(/0\.\d\d/)
    expect([query('sort'), query('desc')]).toEqual(['probability', '1'])
    await head().getByRole('button').click()
    await eventually(() => head().getAttribute('aria-sort')).toBe('ascending')
    await head().getByRole('button').click()
    await eventually(() => head().count()).toBe(0)
    expect([query('sort'), query('desc')]).toEqual([null, null])
  })

  it('sorts by first words from their head, and by relevance where words are searched for', async () => {
    await start()
    await grid().getByRole('button', { name: 'First message' }).click()
    await eventually(() => row(1).textContent()).toContain('Question 1 about')
    await eventually(() => row(2).textContent()).toContain('Question 10 about')
    expect([query('sort'), query('desc')]).toEqual(['opening', null])
    await press('/')
    await page.keyboard.type('perfect')
    await press('Enter')
    await eventually(total).toBe('12')
    // Enter leaves the field: the next key goes through what was found.
    await press('j')
    await row(0).and(page.locator('.here')).waitFor()
    await press('Escape')
    expect(query('q')).toBe('perfect')
    await press('o')
    await page.getByRole('menuitem', { name: 'Relevance' }).click()
    await grid().getByRole('columnheader', { name: 'Relevance' }).waitFor()
    await eventually(() => row(0).textContent()).toMatch(/\d\.\d\d/)
    await press('s')
    await page.getByRole('dialog', { name: 'Save this view' }).waitFor()
    await page.keyboard.type('Words that fit')
    await press('Enter')
    await eventually(() => view().textContent()).toContain('Words that fit')
    await page.reload()
    await grid().getByRole('columnheader', { name: 'Relevance' }).waitFor()
    await eventually(() => view().textContent()).toContain('Words that fit')
  })

  it('keeps a view under a name, says when it differs, and takes its deletion back', async () => {
    await start('?source=forum&sort=turns&desc=1')
    await press('s')
    const dialog = page.getByRole('dialog', { name: 'Save this view' })
    await dialog.waitFor()
    expect(await accessibilityProblems(page)).toEqual([])
    await page.keyboard.type('Long ones of the forum')
    await press('Enter')
    await eventually(() => view().textContent()).toContain('Long ones of the forum')
    expect(await view().getByText('changed').isVisible()).toBe(false)
    await search('turns:>3')
    await view().getByText('changed').waitFor()
    await press('S')
    await view().getByText('changed').waitFor({ state: 'hidden' })
    await dismissToasts()
    await press('v')
    await page.getByRole('menuitem', { name: 'All conversations' }).waitFor()
    // An open menu lies over the page, outside its landmarks.
    expect((await accessibilityProblems(page)).filter((problem) => !problem.startsWith('region: '))).toEqual([])
    await press('Home', 'Enter')
    await eventually(total).toBe('1200')
    await press('ControlOrMeta+k')
    await page.keyboard.type('Open view')
    await press('Enter')
    await eventually(total).toBe('12')
    expect([query('source'), query('turns'), query('sort'), query('desc')]).toEqual(['forum', '4..', 'turns', '1'])
    await press('ControlOrMeta+k')
    await page.keyboard.type('Rename view')
    await press('Enter')
    await page.getByRole('dialog', { name: 'Rename the view' }).waitFor()
    await press('ControlOrMeta+a')
    await page.keyboard.type('Forum')
    await press('Enter')
    await eventually(() => view().textContent()).toMatch(/^Forum/)
    await press('ControlOrMeta+k')
    await page.keyboard.type('Delete view')
    await press('Enter')
    await eventually(() => view().textContent()).toMatch(/^Unsaved view/)
    await undo('View “Forum” deleted')
    await eventually(() => view().textContent()).toMatch(/^Forum/)
  })

  it('puts a tag on the conversation under the cursor, takes it off and takes that back', async () => {
    await start()
    await press('j', 't')
    const dialog = page.getByRole('dialog', { name: 'Tag the conversation' })
    await dialog.waitFor()
    await page.keyboard.type('hard')
    await dialog.getByText('New tag “hard”').waitFor()
    await press('Enter')
    await row(0).getByText('hard', { exact: true }).waitFor()
    await facets().getByRole('button', { name: /^hard/ }).waitFor()
    await page.getByRole('article').getByRole('list', { name: 'Tags' }).getByText('hard').waitFor()
    await dismissToasts()
    expect(await accessibilityProblems(page)).toEqual([])
    await press('t')
    await dialog.getByText('hard, take it off').waitFor()
    expect(await accessibilityProblems(page)).toEqual([])
    await press('Enter')
    await row(0).getByText('hard', { exact: true }).waitFor({ state: 'hidden' })
    await undo('“hard” taken off 1 conversation')
    await row(0).getByText('hard', { exact: true }).waitFor()
  })

  it('selects row by row, in ranges over rows never drawn, and all that match', async () => {
    await start()
    await press('x', 'J', 'J')
    await eventually(size).toBe('3 selected')
    expect(await row(2).getAttribute('aria-selected')).toBe('true')
    expect(query('id')).toBeNull()
    await press('K')
    await eventually(size).toBe('2 selected')
    await row(9).click({ modifiers: ['ControlOrMeta'] })
    await eventually(size).toBe('3 selected')
    await grid().evaluate((element) => (element.scrollTop = element.scrollHeight))
    await row(1190).locator('.first').waitFor()
    await row(1190).click({ modifiers: ['Shift'] })
    await eventually(size).toBe('1,184 selected')
    expect(await page.evaluate('getSelection().isCollapsed')).toBe(true)
    await grid().evaluate((element) => (element.scrollTop = 0))
    await eventually(() => row(0).getAttribute('aria-selected')).toBe('true')
    expect(await row(5).getAttribute('aria-selected')).toBe('false')
    await press('ControlOrMeta+a')
    await eventually(size).toBe('All 1,200 that match')
    expect(await accessibilityProblems(page)).toEqual([])
    await press('x')
    await eventually(size).toBe('1,199 of 1,200 that match')
    await press('Escape')
    await eventually(size).toBeNull()
  })

  it('keeps a range to the rows between its ends while an import puts others before them', async () => {
    await start('?sort=turns&desc=1')
    await row(2).click({ modifiers: ['ControlOrMeta'] })
    await eventually(size).toBe('1 selected')
    const anchor = await row(2).locator('.first').textContent()
    const workspace = openWorkspace(workbench.workspace)
    await importLog(workspace, Array.from({ length: 10 }, (_, i) => ({ source: 'late', messages: turns(...Array.from({ length: 8 }, (_, turn) => `late ${i} turn ${turn}`)) })))
    // Before the list has heard of it: the range is of the rows in sight.
    await row(5).click({ modifiers: ['Shift'] })
    await eventually(size).toBe('4 selected')
    await eventually(() => row(12).locator('.first').textContent()).toBe(anchor)
    expect(await row(12).getAttribute('aria-selected')).toBe('true')
    // And after: its beginning has moved with its row.
    await row(17).click({ modifiers: ['Shift'] })
    await eventually(size).toBe('6 selected')
    expect(await Promise.all([11, 12, 17, 18].map((index) => row(index).getAttribute('aria-selected')))).toEqual(['false', 'true', 'true', 'false'])
    const late = workspace.db.prepare("SELECT id FROM conversations WHERE source = 'late'").pluck().all() as string[]
    await deleteConversations(workspace.db, positionsOf(workspace.db, late), new Date())
    workspace.close()
    await press('Escape')
    await eventually(size).toBeNull()
  })

  it('drops the selection with a word when the filters change', async () => {
    await start()
    await press('x')
    await eventually(size).toBe('1 selected')
    await facets().getByRole('button', { name: /^forum/ }).click()
    await toast('Selection cleared').waitFor()
    await eventually(size).toBeNull()
  })

  it('tags all that match, takes that back, and exports and deletes what is selected', async () => {
    await start('?source=forum')
    await press('ControlOrMeta+a', 't')
    const dialog = page.getByRole('dialog', { name: 'Tag the selected' })
    await dialog.waitFor()
    await page.keyboard.type('forum talk')
    await dialog.getByText('New tag “forum talk”').waitFor()
    await press('Enter')
    await toast('“forum talk” put on 300 conversations').waitFor()
    await eventually(() => facets().getByRole('button', { name: /^forum talk/ }).textContent()).toContain('300')
    await undo('“forum talk” put on 300 conversations')
    await facets().getByRole('button', { name: /^forum talk/ }).waitFor({ state: 'hidden' })

    await dismissToasts()
    await press('e')
    await page.getByRole('dialog', { name: 'Export 300 conversations' }).waitFor()
    expect(await accessibilityProblems(page)).toEqual([])
    await press('Enter')
    await toast('300 conversations written').waitFor()
    const written = join(workbench.workspace, 'exports', 'conversations.jsonl')
    expect(existsSync(written) && readFileSync(written, 'utf8').trim().split('\n').length).toBe(300)

    // All but one, whose number no list of ids has to hold.
    await press('x')
    await eventually(size).toBe('299 of 300 that match')
    await press('Delete')
    const many = page.getByRole('dialog', { name: 'Delete 299 conversations' })
    await many.getByText('leave the lists and the search').waitFor()
    await many.getByRole('button', { name: 'Delete', exact: true }).press('Enter')
    await eventually(total).toBe('1')
    await undo('299 conversations deleted')
    await eventually(total).toBe('300')

    await press('Escape', 'x', 'J', 'Delete')
    const deletion = page.getByRole('dialog', { name: 'Delete 2 conversations' })
    await deletion.waitFor()
    await deletion.getByRole('button', { name: 'Delete', exact: true }).press('Enter')
    await eventually(total).toBe('298')
    await undo('2 conversations deleted')
    await eventually(total).toBe('300')
    expect(workbench.problems).toEqual([])
  })
})
