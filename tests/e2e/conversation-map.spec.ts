/** The map of conversations: made by wording and by a sentence model, under the list's filters, pointed at, read and selected from, also by keys alone. */
import { join } from 'node:path'
import type { Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openWorkspace } from '../../src/backend/storage/open.ts'
import { importLog } from '../support/import-log.ts'
import { pageSteps } from '../support/page-steps.ts'
import { turns } from '../support/workspace.ts'
import { accessibilityProblems, hosts, openWorkbench, type Workbench } from './harness.ts'

const model = join(import.meta.dirname, '..', 'reference', 'sentence-encoder')
const SUBJECTS = ['brighter lamps for the hall', 'onion soup that boils too long', 'a train from Berlin to Rome', 'a verse about the autumn wind']
const chats = Array.from({ length: 240 }, (_, i) => ({ source: ['shop', 'kitchen', 'travel', 'verses'][i % 4], language: i % 3 === 0 ? 'German' : 'English', messages: turns(`Question ${i}: ${SUBJECTS[i % 4]}, number ${i % 7}`, `About ${SUBJECTS[i % 4]}: answer ${i}`) }))

describe.each(hosts)('the map of conversations on the %s host', (host) => {
  let workbench: Workbench
  let page: Page
  const { go, query, eventually } = pageSteps(() => page, 20_000)
  beforeAll(async () => {
    workbench = await openWorkbench(host, {
      async prepare(path) {
        const workspace = openWorkspace(path)
        await importLog(workspace, chats)
        workspace.close()
      },
    })
    page = workbench.page
  })
  afterAll(() => workbench?.close())

  const map = () => page.getByRole('application', { name: /^Map of / })
  const note = async (): Promise<string> => (await page.locator('.chart .note').textContent()) ?? ''
  const subtitle = async (): Promise<string> => (await page.locator('.chart .unit').textContent()) ?? ''
  const legend = () => page.getByRole('list', { name: 'Colours' })
  const selected = () => page.getByRole('toolbar', { name: 'Selected conversations' })
  const press = async (...keys: string[]): Promise<void> => {
    for (const key of keys) await page.keyboard.press(key)
  }
  const makeFrom = async (folder: string): Promise<void> => {
    await page.getByRole('dialog').getByText('a sentence model').click()
    await page.getByRole('textbox', { name: 'Model folder' }).fill(folder)
    await page.getByRole('button', { name: 'Make the map', exact: true }).click()
  }
  /** Drags over a part of the map, as shares of it. */
  const drag = async (from: [number, number], to: [number, number]): Promise<void> => {
    const box = (await map().boundingBox())!
    await page.mouse.move(box.x + from[0] * box.width, box.y + from[1] * box.height)
    await page.mouse.down()
    await page.mouse.move(box.x + ((from[0] + to[0]) / 2) * box.width, box.y + to[1] * box.height)
    await page.mouse.move(box.x + to[0] * box.width, box.y + to[1] * box.height)
    await page.mouse.up()
  }

  it('says what it is where there is none, refuses a folder that holds no model, and makes one by wording', async () => {
    await go('/conversations')
    await page.getByText('Question 0:').waitFor()
    await press('m')
    await page.getByText('No map yet').waitFor()
    expect(query('as')).toBe('map')
    expect(await accessibilityProblems(page)).toEqual([])
    await page.getByRole('button', { name: 'Make the map' }).click()
    await makeFrom('/nowhere')
    await page.getByText('expected a folder of a sentence-embedding model, found nothing at /nowhere').waitFor()
    await page.getByRole('dialog').getByText('wording', { exact: true }).click()
    await page.getByRole('button', { name: 'Make the map', exact: true }).click()
    await map().waitFor({ timeout: 60_000 })
    expect(await subtitle()).toContain('wording: words and word pairs of the first 2,000 characters')
    expect(await note()).toBe('240 of 240 conversations')
    expect(await accessibilityProblems(page)).toEqual([])
  }, 120_000)

  it('shows the list’s filters, and filters by its legend', async () => {
    await go('/conversations?as=map')
    await map().waitFor()
    await legend().getByRole('button', { name: /^kitchen 60/ }).click()
    await eventually(() => query('source')).toBe('kitchen')
    await eventually(note).toContain('of 60 that match, 60 are on it')
    await page.getByRole('button', { name: 'Clear all' }).click()
    await eventually(note).toBe('240 of 240 conversations')
    await page.getByRole('textbox', { name: 'Search conversations' }).fill('onion')
    await eventually(note).toContain('of 60 that match, 60 are on it')
    await page.getByRole('combobox', { name: 'Coloured by' }).click()
    await page.getByRole('option', { name: 'Coloured by language' }).click()
    await legend().getByRole('button', { name: /^English 160/ }).waitFor()
  })

  it('is read and selected from by keys alone', async () => {
    await go('/conversations?as=map&q=wind')
    await eventually(note).toContain('of 60 that match')
    await press('Enter', 'ArrowRight')
    await page.locator('.glance').getByText('a verse about the autumn wind').waitFor()
    await press('x')
    await eventually(() => selected().getByRole('status').textContent()).toBe('1 selected')
    const first = await page.locator('.glance p').first().textContent()
    await press('ArrowRight')
    await eventually(() => page.locator('.glance p').first().textContent()).not.toBe(first)
    await press('x')
    await eventually(() => selected().getByRole('status').textContent()).toBe('2 selected')
    await press('Enter')
    await page.getByRole('article').or(page.getByText('a verse about the autumn wind').last()).first().waitFor()
    expect(query('id')).not.toBeNull()
  })

  it('selects by a box and by a line drawn by hand, for the list’s own actions', async () => {
    await go('/conversations?as=map')
    await eventually(note).toBe('240 of 240 conversations')
    await drag([0.001, 0.001], [0.999, 0.999])
    await eventually(() => selected().getByRole('status').textContent()).toBe('240 selected')
    await press('t')
    await page.getByRole('dialog').getByRole('combobox').or(page.getByRole('dialog').getByRole('textbox')).first().fill('mapped')
    await press('Enter')
    await page.getByText('mapped').first().waitFor()
    await press('Escape', 'Escape')
    await page.getByRole('button', { name: 'Select by a line drawn by hand' }).click()
    await drag([0.001, 0.001], [0.999, 0.999])
    await eventually(async () => Number((await selected().getByRole('status').textContent())?.replace(/\D/g, '') ?? 0)).toBeLessThan(240)
  })

  it('is made by a sentence model, names it, and is extended after an import', async () => {
    await go('/conversations?as=map')
    await map().waitFor()
    await page.getByRole('button', { name: 'Make anew' }).click()
    await makeFrom(model)
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    // Its process steps back behind all others: on a busy machine it takes its time.
    await eventually(subtitle, 60_000).toContain('sentence-encoder: ONNX sentence embedding of the first 24 tokens, mean pooling, 32 dimensions')
    const workspace = openWorkspace(workbench.workspace)
    await importLog(workspace, [{ source: 'shop', messages: turns('a question that came later', 'an answer') }])
    workspace.close()
    await page.getByText('1 conversation is not on the map yet.').waitFor()
    await page.getByRole('button', { name: 'Add it' }).click()
    await eventually(note, 60_000).toBe('241 of 241 conversations')
    expect(await subtitle()).toContain('sentence-encoder')
  }, 150_000)

  it('draws every colour, also beside values that have no point under the filter', async () => {
    await go('/conversations?as=map&source=kitchen')
    await eventually(note).toContain('60 are on it')
    // Pixels of a colour of its own, among the greys of what does not pass.
    const colouredPixels = () => page.evaluate<number>(`(() => {
      const canvas = document.querySelector('.chart .canvas canvas')
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
      let pixels = 0
      for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 60 && Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]) > 60) pixels += 1
      return pixels
    })()`)
    await eventually(colouredPixels).toBeGreaterThan(200)
    expect(workbench.problems).toEqual([])
  })
})
