/** The table of all runs: found, grouped, marked, tagged, archived and taken back; runs of other trainers; metrics as files. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Locator, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fillRuns } from '../../bench/runs-workspace.ts'
import { pageSteps } from '../support/page-steps.ts'
import { accessibilityProblems, hosts, openWorkbench, type Workbench } from './harness.ts'

const RUNS = 48

describe.each(hosts)('the table of runs on the %s host', (host) => {
  let workbench: Workbench
  let page: Page
  let workspace = ''
  const { go, query, eventually } = pageSteps(() => page, 20_000)
  beforeAll(async () => {
    workbench = await openWorkbench(host, {
      prepare(path) {
        workspace = path
        fillRuns(path, RUNS)
        return Promise.resolve()
      },
    })
    page = workbench.page
  })
  afterAll(() => workbench?.close())

  const table = (): Locator => page.getByRole('grid', { name: 'Runs' })
  const row = (name: string | RegExp): Locator => table().getByRole('row').filter({ has: page.getByRole('gridcell', { name }) })
  const total = async (): Promise<string> => (await page.locator('.table-line .total').textContent())?.trim() ?? ''
  const names = (): Promise<string[]> => table().locator('.name a').allTextContents()
  const toolbar = (): Locator => page.getByRole('toolbar', { name: 'Selected runs' })
  const pick = async (label: string, option: string): Promise<void> => {
    await page.getByRole('combobox', { name: label }).click()
    await page.getByRole('option', { name: option, exact: true }).click()
  }

  it('shows the newest run first, pinned ones before, with score and last metrics', async () => {
    await go('/runs')
    await eventually(total).toBe(`${RUNS} runs`)
    const [first, second] = await names()
    expect([first, second]).toEqual(['spin 6, rate 5e-7', 'drift-unguided 47, rate 0.000001'])
    await eventually(() => row('drift-unguided 47').getByText(/^\[0\.\d+, \d\.\d+\]|^\[−0\.\d+/).count()).toBe(1)
    expect(await accessibilityProblems(page)).toEqual([])
  })

  it('narrows by words, status and method, and keeps that in the address', async () => {
    await pick('Status', 'failed')
    await pick('Method', 'spin')
    await page.getByRole('textbox', { name: 'Search runs' }).fill('rate 5e-7')
    await eventually(names).toEqual([])
    await page.getByRole('button', { name: 'Clear the filters' }).click()
    await eventually(total).toBe(`${RUNS} runs`)
    await pick('Method', 'spin')
    await eventually(total).toBe(`${RUNS / 4} of ${RUNS} runs`)
    expect(query('method')).toBe('spin')
    await page.reload()
    await eventually(total).toBe(`${RUNS / 4} of ${RUNS} runs`)
  })

  it('sorts by score from best to worst, and back', async () => {
    await go('/runs')
    const scores = async (): Promise<number[]> => (await table().locator('.number > span:first-child').allTextContents()).map(Number).slice(1)
    await table().getByRole('button', { name: 'task score' }).click()
    await eventually(async () => query('sort')).toBe('score')
    await eventually(async () => (await scores()).length).toBeGreaterThan(10)
    const best = await scores()
    expect(best).toEqual(best.toSorted((a, b) => b - a))
    expect(await table().getByRole('columnheader', { name: 'task score' }).getAttribute('aria-sort')).toBe('descending')
    await table().getByRole('button', { name: 'task score' }).click()
    await eventually(async () => (await scores())[0]! < best.at(-1)!).toBe(true)
  })

  it('groups by a setting, closes a group, and shows only settings that differ', async () => {
    await go('/runs')
    await page.getByRole('button', { name: 'Columns of the settings that differ' }).click()
    await table().getByRole('columnheader', { name: 'learning_rate' }).waitFor()
    expect(await table().getByRole('columnheader', { name: 'beta' }).count()).toBe(1)
    expect(await table().getByRole('columnheader', { name: 'max_length' }).count()).toBe(0)
    await pick('Group by', 'by training.learning_rate')
    const group = table().getByRole('button', { name: 'Group 5e-7' })
    await group.click()
    await eventually(() => group.getAttribute('aria-expanded')).toBe('false')
    await eventually(names).not.toContain('drift 0, rate 5e-7')
    expect(query('closed')).toBe('5e-7')
    expect(await accessibilityProblems(page)).toEqual([])
  })

  it('marks by keys, tags what is marked, and takes it back', async () => {
    await go('/runs?method=drift')
    await eventually(total).toBe(`${RUNS / 4} of ${RUNS} runs`)
    for (const key of ['j', 'x', 'J', 'J']) await page.keyboard.press(key)
    await toolbar().getByText('3 selected').waitFor()
    await page.keyboard.press('t')
    await page.getByRole('textbox', { name: 'Tag' }).fill('baseline')
    await page.keyboard.press('Enter')
    await page.getByText('“baseline” put on 3 runs').waitFor()
    await eventually(() => table().getByText('baseline', { exact: true }).count()).toBe(3)
    await page.getByRole('button', { name: 'Undo' }).click()
    await eventually(() => table().getByText('baseline', { exact: true }).count()).toBe(0)
    await page.keyboard.press('Escape')
    await toolbar().waitFor({ state: 'hidden' })
  })

  it('archives and takes it back; the archive shows what is in it', async () => {
    await go('/runs?q=drift-unguided+47')
    await eventually(names).toEqual(['drift-unguided 47, rate 0.000001'])
    await page.keyboard.press('j')
    await page.keyboard.press('a')
    await page.getByText('1 run archived').waitFor()
    await page.getByText('No run matches').waitFor()
    await page.getByRole('button', { name: 'Show the archive' }).click()
    await eventually(names).toEqual(['drift-unguided 47, rate 0.000001'])
    await page.getByRole('button', { name: 'Undo' }).click()
    await page.getByRole('button', { name: 'Back from the archive' }).click()
    await eventually(names).toEqual(['drift-unguided 47, rate 0.000001'])
  })

  it('keeps notes on a run without a button, takes them back, and finds it by them', async () => {
    await go('/runs/run-3')
    const field = page.getByRole('textbox', { name: 'Notes of this run' })
    await page.getByRole('button', { name: 'Write notes' }).click()
    await field.fill('diverged at the second round\nlower the rate')
    expect(await accessibilityProblems(page)).toEqual([])
    await page.keyboard.press('Control+Enter')
    await page.getByRole('note', { name: 'Notes' }).getByText('lower the rate').waitFor()
    await page.keyboard.press('n')
    await field.fill('never mind')
    await page.keyboard.press('Escape')
    await field.waitFor({ state: 'hidden' })
    await page.keyboard.press('n')
    await field.fill('another thought')
    await page.getByRole('tab', { name: 'Log' }).click()
    await page.getByRole('note', { name: 'Notes' }).getByText('another thought').waitFor()
    await page.getByRole('button', { name: 'Undo' }).last().click()
    await page.getByRole('note', { name: 'Notes' }).getByText('lower the rate').waitFor()
    await go('/runs?q=lower+second')
    await eventually(names).toEqual(['drift-unguided 3, rate 5e-7'])
    await table().getByRole('img', { name: 'has notes' }).waitFor()
  })

  it('draws the runs that pass as a scatter, keeps the axes in the address, marks and opens by click', async () => {
    await go('/runs?method=drift')
    await eventually(total).toBe(`${RUNS / 4} of ${RUNS} runs`)
    await page.keyboard.press('V')
    const chart = page.getByRole('figure', { name: 'How does task score go with training.beta?' })
    await chart.getByText(`${RUNS / 4} runs`).waitFor()
    await pick('Vertical axis', 'loss')
    await pick('Horizontal axis', 'training.learning_rate')
    await page.getByRole('checkbox', { name: 'log x' }).check()
    await eventually(async () => [query('y'), query('x'), query('logx')]).toEqual(['loss', 'training.learning_rate', '1'])
    expect(await accessibilityProblems(page)).toEqual([])
    const figure = page.getByRole('figure', { name: 'How does loss go with training.learning_rate?' })
    await figure.getByRole('button', { name: /^Table of/ }).click()
    await eventually(() => figure.getByRole('row').count()).toBe(RUNS / 4 + 1)
    await figure.getByRole('button', { name: /^Table of/ }).click()
    // Somewhere on the picture is a run: the pointer says where.
    const canvas = figure.locator('canvas')
    await canvas.waitFor()
    const spot = await page.evaluate<{ x: number; y: number } | null>(`(() => {
      const canvas = document.querySelector('figure.chart canvas')
      const { left, top, width, height } = canvas.getBoundingClientRect()
      for (let x = left + 60; x < left + width; x += 3)
        for (let y = top + 40; y < top + height - 40; y += 3) {
          canvas.dispatchEvent(new MouseEvent('mousemove', { clientX: x, clientY: y, bubbles: true }))
          if (canvas.parentElement.style.cursor === 'pointer') return { x, y }
        }
      return null
    })()`)
    expect(spot).not.toBeNull()
    await page.keyboard.down('Control')
    await page.mouse.click(spot!.x, spot!.y)
    await page.keyboard.up('Control')
    await toolbar().getByText('1 selected').waitFor()
    await toolbar().getByRole('button', { name: 'Show in the list' }).click()
    await toolbar().getByText('1 selected').waitFor()
    await page.keyboard.press('V')
    await canvas.waitFor()
    await page.mouse.click(spot!.x, spot!.y)
    await page.waitForURL(/\/runs\/run-\d+/)
  })

  it('draws the runs over parallel axes; a brush narrows the table, axes move, and the address keeps both', async () => {
    await go('/runs?method=drift')
    await eventually(total).toBe(`${RUNS / 4} of ${RUNS} runs`)
    await page.keyboard.press('l')
    const parallel = page.getByRole('region', { name: 'Parallel axes' })
    const figure = parallel.getByRole('figure', { name: 'Which settings go with which task score?' })
    await figure.locator('canvas').waitFor()
    const axes = (): Promise<string[]> => parallel.locator('.axis .name').allTextContents()
    expect(await axes()).toEqual(['training.beta', 'training.learning_rate'])
    expect(await accessibilityProblems(page)).toEqual([])

    // The upper half of the last axis: those whose score lies there, by the figures of the chart's own table.
    await figure.getByRole('button', { name: /^Table of/ }).click()
    const scores = (await figure.getByRole('row').allTextContents()).length - 1
    expect(scores).toBe(RUNS / 4)
    await figure.getByRole('button', { name: /^Table of/ }).click()
    const score = figure.getByRole('group', { name: /^Axis task score/ })
    const box = (await score.boundingBox())!
    await page.mouse.move(box.x + box.width / 2, box.y + 1)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 4 })
    await page.mouse.up()
    await eventually(async () => query('brush')).toMatch(/^\["score",0\.\d+,null\]$/)
    const [, low] = JSON.parse(query('brush')!) as [string, number, null]
    const shown = async (): Promise<number[]> => (await table().locator('.number > span:first-child').allTextContents()).map(Number)
    await eventually(async () => (await shown()).length).toBeLessThan(RUNS / 4)
    // Three digits are written, four are compared.
    expect((await shown()).every((value) => value >= low - 5e-4)).toBe(true)
    const narrowed = await total()
    await page.reload()
    await eventually(total).toBe(narrowed)
    await figure.getByText(narrowed.replace(`of ${RUNS}`, `of ${RUNS / 4}`)).waitFor()

    await score.focus()
    await page.keyboard.press('Delete')
    await eventually(total).toBe(`${RUNS / 4} of ${RUNS} runs`)
    await parallel.getByRole('button', { name: 'training.beta to the right' }).click()
    await eventually(axes).toEqual(['training.learning_rate', 'training.beta'])
    await parallel.getByRole('button', { name: 'No axis of training.beta' }).click()
    await pick('Add an axis', 'loss')
    await eventually(axes).toEqual(['training.learning_rate', 'loss'])
    await page.reload()
    await eventually(axes).toEqual(['training.learning_rate', 'loss'])
    expect(await accessibilityProblems(page)).toEqual([])
  })

  it('names the run under the pointer on a line with its exact values, and opens it', async () => {
    await go('/runs?view=parallel&method=drift')
    const parallel = page.getByRole('region', { name: 'Parallel axes' })
    await pick('Add an axis', 'seed')
    const canvas = parallel.locator('canvas')
    await canvas.waitFor()
    const box = (await canvas.boundingBox())!
    const tip = parallel.getByRole('tooltip')
    for (let y = 50; y < box.height && (await tip.count()) === 0; y += 3) await page.mouse.move(box.x + box.width * 0.8, box.y + y)
    const name = (await tip.locator('b').textContent())!
    const [score] = /0\.\d{3} \[[01]\.\d{3}, [01]\.\d{3}\]/.exec((await tip.textContent())!)!
    expect((await row(name).getByRole('gridcell').allTextContents()).join(' ').replaceAll(/\s+/g, ' ')).toContain(score!.replace(' ', ''))
    await page.mouse.down()
    await page.mouse.up()
    await page.waitForURL(/\/runs\/run-\d+$/)
    await page.getByRole('heading', { name, exact: true }).waitFor()
  })

  it('takes marked runs to the comparison', async () => {
    await go('/runs')
    await eventually(total).toBe(`${RUNS} runs`)
    for (const key of ['j', 'x', 'J', 'c']) await page.keyboard.press(key)
    await page.waitForURL(/\/compare\?run=run-47&run=run-6/)
  })

  it('begins a new run with the recipe of another', async () => {
    await go('/runs/run-3')
    await page.getByRole('button', { name: 'More of this run' }).click()
    await page.getByRole('menuitem', { name: 'Edit a copy' }).click()
    await page.getByRole('heading', { name: 'A copy of drift-unguided 3' }).waitFor()
    await eventually(() => page.getByRole('textbox', { name: 'Recipe as YAML' }).inputValue()).toContain('recipe: drift-unguided')
  })

  it('imports another trainer\'s log, names the bad line, and writes its metrics as TensorBoard file', async () => {
    const folder = join(workspace, 'outputs', 'my-dpo')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'trainer_log.jsonl'), '{"current_steps": 1, "loss": 0.69, "my_score": 1}\n{"current\n{"current_steps": 2, "loss": 0.5, "my_score": NaN}\n{"current_steps": 3, "loss": 0.4, "my_score": 2, "train_runtime": 12.5}\n')
    await go('/runs?import=1')
    const dialog = page.getByRole('dialog', { name: 'Import runs' })
    await dialog.getByRole('textbox', { name: 'Folders or files' }).fill(folder)
    await dialog.getByRole('button', { name: 'Import', exact: true }).click()
    await dialog.getByText('new, 3 steps').waitFor()
    await dialog.getByText('line 2: expected JSON, got a line that is cut or damaged').waitFor()
    expect(await accessibilityProblems(page)).toEqual([])
    await dialog.getByRole('link', { name: 'my-dpo' }).click()
    await page.getByText(`imported from ${join(folder, 'trainer_log.jsonl')}`).waitFor()
    // All that it logged and nothing that it cannot have.
    await page.getByRole('figure', { name: 'my_score' }).getByText('1 figure was not finite and is left out').waitFor()
    await page.getByRole('region', { name: 'Logged once' }).getByText('train_runtime').waitFor()
    expect(await page.getByRole('figure').count()).toBe(2)
    // The note under one moves neither.
    const tops = await Promise.all(['Loss', 'my_score'].map((name) => page.getByRole('figure', { name }).getByRole('img').evaluate((element) => element.getBoundingClientRect().top)))
    expect(tops[0]).toBe(tops[1])
    expect(await page.getByText('Latest samples').count()).toBe(0)
    await page.getByRole('button', { name: 'More of this run' }).click()
    await page.getByRole('menuitem', { name: 'Export metrics…' }).click()
    await page.getByRole('combobox', { name: 'Format' }).click()
    await page.getByRole('option', { name: /TensorBoard/ }).click()
    await page.getByRole('button', { name: 'Export', exact: true }).click()
    await page.getByText('3 steps written').waitFor()
    const [file] = readdirSync(join(workspace, 'exports', 'tensorboard', 'my-dpo'))
    expect(readFileSync(join(workspace, 'exports', 'tensorboard', 'my-dpo', file!)).includes('train/loss')).toBe(true)
    await go('/runs?q=my-dpo')
    await eventually(() => row('my-dpo').getByText('0.400').count()).toBe(1)
    expect(workbench.problems).toEqual([])
  })
})
