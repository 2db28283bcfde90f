/** Comparing runs on a real host: tests behind a difference, the board over rounds and methods, what turned bad. Runs are the fake engine's. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Page } from 'playwright'
import { openWorkspace } from '../../src/backend/storage/open.ts'
import { aRecipe, execute, fillLabWorkspace, queueRun } from '../support/lab-workspace.ts'
import { pageSteps } from '../support/page-steps.ts'
import { accessibilityProblems, openWorkbench, type Workbench } from './harness.ts'

const runs: string[] = []
let clone: string
const unevaluated: string[] = []
async function prepare(path: string): Promise<void> {
  const workspace = openWorkspace(path)
  fillLabWorkspace(workspace)
  for (const method of ['drift', 'spin']) {
    const lease = queueRun(workspace, aRecipe(method, { iterations: 2 }))
    await execute(workspace, lease)
    runs.push(lease.runId)
  }
  // One request that DRIFT answered well in its first round and fails in its last.
  const fix = workspace.db.prepare('UPDATE run_evaluations SET pass = ?, score = ? WHERE run_id = ? AND round = ? AND prompt_index = 0')
  fix.run(1, 1, runs[0], 1)
  fix.run(0, 0, runs[0], 2)
  const changed = queueRun(workspace, aRecipe('drift', { iterations: 2, warm_start: { dataset: 'seed-pairs', num_train_epochs: 2, learning_rate: 0.05 }, training: { learning_rate: 0.01, optim: 'adamw_torch', per_device_train_batch_size: 2, num_train_epochs: 1 } }))
  await execute(workspace, changed)
  clone = changed.runId
  for (const seed of [5, 6]) {
    const lease = queueRun(workspace, aRecipe('dpo', { seed, evaluation: [] }))
    await execute(workspace, lease)
    unevaluated.push(lease.runId)
  }
  workspace.close()
}

let workbench: Workbench
let page: Page
beforeAll(async () => {
  workbench = await openWorkbench('server', { prepare })
  page = workbench.page
})
afterAll(() => workbench?.close())

const { go, query, eventually } = pageSteps(() => page, 10_000)
const compare = (tab: string): Promise<void> => go(`/compare?${runs.map((id) => `run=${encodeURIComponent(id)}`).join('&')}&tab=${tab}`)

it('says of each difference how it was tested and what would decide it', async () => {
  await compare('scores')
  const tests = page.getByRole('region', { name: /^Tests at temperature/ }).first()
  await tests.waitFor()
  const line = tests.getByRole('row', { name: /DRIFT − SPIN/ })
  expect(await line.getByRole('cell').nth(0).innerText()).toBe('primary')
  const words = await line.innerText()
  expect(words).toMatch(/not distinguishable|is ahead/)
  if (words.includes('not distinguishable')) expect(words).toContain('unknown from one seed')
})

it('shows a request over rounds and methods, and the answers of the round that is chosen', async () => {
  await compare('prompts&sort=index')
  await page.getByRole('listbox', { name: 'Prompts' }).getByRole('option').first().click()
  await eventually(() => query('prompt')).toBe('0')
  const matrix = page.getByRole('table', { name: 'Score by round and method' })
  const drift = matrix.getByRole('row', { name: /DRIFT/ })
  await eventually(async () => (await drift.getByRole('cell').allInnerTexts()).slice(-2)).toEqual(['1.00', '0.00'])
  const column = page.getByRole('article', { name: 'DRIFT', exact: true })
  await column.getByText('round 2').first().waitFor()
  await matrix.getByRole('button', { name: 'round 1' }).click()
  await eventually(() => column.locator('.score b').innerText()).toBe('1.00')
  await page.getByText('the round before', { exact: true }).click()
  await column.getByText(/on the warm start/).waitFor()
})

it('keeps what was good and is bad now, by one key', async () => {
  const list = page.getByRole('listbox', { name: 'Prompts' })
  const all = await list.getByRole('option').count()
  await page.keyboard.press('b')
  await eventually(() => query('bad')).toBe('1')
  await eventually(() => list.getByRole('option').count()).toBeLessThan(all)
  expect(await list.getByRole('option').first().locator('.number').innerText()).toBe('1')
  expect(await accessibilityProblems(page)).toEqual([])
  await page.keyboard.press('b')
  await eventually(() => list.getByRole('option').count()).toBe(all)
})

it('overlays any metric of the runs step by step, smoothed and on a log scale when asked', async () => {
  await compare('curves')
  const steps = page.getByRole('region', { name: 'Metrics by step' })
  await steps.getByText('rewards/margins; 2 runs, each on its own pairs').waitFor()
  await steps.getByRole('combobox', { name: 'Metric' }).click()
  await page.getByRole('option', { name: 'loss', exact: true }).click()
  await eventually(() => query('metric')).toBe('loss')
  await steps.getByRole('button', { name: '0.9', exact: true }).click()
  await steps.getByText(/moving average per round, weight 0\.9/).waitFor()
  await steps.getByRole('button', { name: 'log' }).click()
  await steps.getByText(/log scale/).waitFor()
  expect(await accessibilityProblems(page)).toEqual([])
})

it('lays curves over time from each run’s first step; a run shows throughput and memory of every step', async () => {
  await compare('curves&metric=system/memory_bytes')
  const steps = page.getByRole('region', { name: 'Metrics by step' })
  await steps.getByRole('button', { name: 'time', exact: true }).click()
  await eventually(() => query('across')).toBe('time')
  const overTime = steps.getByRole('figure', { name: 'How does training go over time?' })
  await overTime.getByText('system/memory_bytes; 2 runs, each on its own pairs').waitFor()
  await overTime.getByRole('button', { name: /^Table of/ }).click()
  expect((await overTime.getByRole('row').first().innerText()).split(/\t/)).toEqual(['run', 'seconds since the first step', 'stage', 'system/memory_bytes'])
  const rows = (await overTime.getByRole('row').allInnerTexts()).slice(1).map((row) => row.split(/\s*\t\s*/))
  // Both runs begin at 0.
  expect(rows.filter(([, at]) => Number(at) === 0)).toHaveLength(2)
  expect(rows.every(([, at, , bytes]) => Number(at) >= 0 && Number(bytes!.replaceAll(',', '')) > 10e6)).toBe(true)
  expect(await accessibilityProblems(page)).toEqual([])

  await go(`/runs/${runs[0]}?across=time`)
  const rowsOf = async (name: string): Promise<number> => {
    await page.getByRole('button', { name: `Table of: ${name}`, exact: true }).click()
    return page.getByRole('region', { name: `Data of: ${name}`, exact: true }).getByRole('row').count()
  }
  const losses = await rowsOf('Loss')
  expect(losses).toBeGreaterThan(5)
  for (const name of ['Throughput', 'Memory']) expect(await rowsOf(name), name).toBe(losses)
  expect(await accessibilityProblems(page)).toEqual([])
})

it('leads from an answer back to its checkpoint, the pairs nearest to it, and the conversation of one', async () => {
  await compare('prompts&sort=index')
  const column = page.getByRole('article', { name: 'DRIFT', exact: true })
  await column.getByRole('button', { name: 'Where from?' }).click()
  const origin = page.getByRole('region', { name: 'Where the answer comes from' })
  await origin.getByText(`runs/${runs[0]}/models/round-2`).waitFor()
  // Below the answers it would open unseen.
  await eventually(async () => page.viewportSize()!.height - (await origin.boundingBox())!.y).toBeGreaterThan(300)
  await eventually(() => query('from')).toBe('drift')
  expect(await origin.getByRole('link', { name: /^round/ }).allInnerTexts()).toEqual(['round 2', 'round 1'])
  const first = origin.getByRole('listitem').filter({ hasText: 'alike' }).first()
  expect(await first.innerText()).toMatch(/user no, that misses the budget/)
  expect(await first.getByRole('link', { name: 'Read the conversation' }).getAttribute('href')).toMatch(/\/conversations\?id=c\d&turn=2/)
  expect(await accessibilityProblems(page)).toEqual([])
  await column.getByRole('button', { name: 'Where from?' }).click()
  await origin.waitFor({ state: 'detached' })
})

it('shows what was found beside how often it passed: a map, pass@k, figures at equal passes', async () => {
  await compare('exploration')
  const figures = page.getByRole('region', { name: 'Exploration, final round' })
  await figures.getByRole('row', { name: /DRIFT/ }).waitFor()
  expect(await figures.getByRole('row').count()).toBe(1 + 4)
  const map = page.getByRole('region', { name: 'Map of answers' })
  await map.getByText(/answers of seed 5 drawn/).waitFor()
  const drawn = async (): Promise<number> => Number(/(\d+) answers/.exec(await map.getByText(/answers of seed 5 drawn/).innerText())![1])
  const before = await drawn()
  await map.getByRole('button', { name: 'SPIN' }).click()
  await eventually(drawn).toBeLessThan(before)
  expect(await accessibilityProblems(page)).toEqual([])
})

it('leads from a point of the map to where its answer comes from', async () => {
  const map = page.getByRole('region', { name: 'Map of answers' })
  const canvas = (await map.locator('canvas').boundingBox())!
  const traced = page.getByRole('region', { name: 'The answer chosen on the map' })
  // Somewhere on the picture is an answer: the pointer says where.
  const spot = await page.evaluate<{ x: number; y: number } | null>(`(() => {
    const canvas = document.querySelector('[aria-label="Map of answers"] canvas')
    for (let x = ${canvas.x} + 4; x < ${canvas.x + canvas.width}; x += 3)
      for (let y = ${canvas.y} + 4; y < ${canvas.y + canvas.height}; y += 3) {
        canvas.dispatchEvent(new MouseEvent('mousemove', { clientX: x, clientY: y, bubbles: true }))
        if (canvas.parentElement.style.cursor === 'pointer') return { x, y }
      }
    return null
  })()`)
  expect(spot).not.toBeNull()
  await page.mouse.click(spot!.x, spot!.y)
  await traced.getByRole('region', { name: 'Where the answer comes from' }).getByText('answered by').waitFor()
  expect(await accessibilityProblems(page)).toEqual([])
  await traced.getByRole('link', { name: 'All answers to the prompt' }).click()
  await eventually(() => query('tab')).toBe('prompts')
  await page.getByRole('listbox', { name: 'Prompts' }).getByRole('option', { selected: true }).waitFor()
})

it('sets a clone with another learning rate beside its original as a method of its own, and says so', async () => {
  await go(`/compare?run=${runs[0]}&run=${clone}&tab=scores`)
  await page.getByRole('list', { name: 'Before you believe it' }).getByText('DRIFT stands here with 2 settings, each a method of its own: learning_rate 0.05; learning_rate 0.01.').waitFor()
  const figures = page.getByRole('region', { name: /^Figures at temperature/ }).first()
  for (const name of ['DRIFT (learning_rate 0.05)', 'DRIFT (learning_rate 0.01)']) expect(await figures.getByRole('row', { name: new RegExp(`^${name.replace(/[()]/g, '\\$&')} round 2 1 seed`) }).count()).toBe(1)
  expect(await figures.getByRole('row', { name: /^Warm start/ }).count()).toBe(1)
  await go(`/compare?run=${runs[0]}&run=${clone}&tab=prompts&sort=index`)
  for (const name of ['DRIFT (learning_rate 0.05)', 'DRIFT (learning_rate 0.01)']) await page.getByRole('article', { name, exact: true }).waitFor()
  expect(await page.getByRole('table', { name: 'Score by round and method' }).getByRole('row', { name: /^DRIFT/ }).count()).toBe(2)
  expect(await accessibilityProblems(page)).toEqual([])
})

it('says which run it leaves out for want of an evaluation', async () => {
  await go(`/compare?run=${runs[0]}&run=${unevaluated[0]}&tab=scores`)
  await page.getByText(`${unevaluated[0]} has no evaluation: left out here, curves by step show what it trained.`).waitFor()
})

it('overlays the training of runs that were never evaluated', async () => {
  await go(`/compare?${unevaluated.map((id) => `run=${id}`).join('&')}`)
  await page.getByRole('heading', { name: 'There are no evaluations to compare' }).waitFor()
  await page.getByRole('region', { name: 'Metrics by step' }).getByText('rewards/margins; 2 runs, each on its own pairs').waitFor()
  expect(await page.getByRole('alert').count()).toBe(0)
  expect(await accessibilityProblems(page)).toEqual([])
  await compare('scores')
  await page.getByRole('region', { name: /^Tests at temperature/ }).first().waitFor()
})

it('draws score against entropy, a line per method through its temperatures, and says how to get more of them', async () => {
  await compare('exploration')
  const chart = page.getByRole('figure', { name: 'Is a gain more than sharpening?' })
  await chart.getByText(/Evaluated at T = 0 and 1 alone: .* temperatures: \[0, 0\.3, 0\.7, 1\]/).waitFor()
  await chart.getByRole('button', { name: /^Table of/ }).click()
  const rows = chart.getByRole('row')
  expect(await rows.first().innerText()).toMatch(/method\s+T\s+token entropy, nats/)
  expect(await rows.count()).toBe(1 + 4 * 2)
  // Greedy decoding draws from a distribution of one token.
  expect(await chart.getByRole('row', { name: /^DRIFT 0 / }).innerText()).toMatch(/^DRIFT\s+0\s+0\s/)
})

it('logged no error and asked nobody else for anything', () => {
  expect(workbench.problems).toEqual([])
})
