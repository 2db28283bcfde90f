/** Canary prompts on a run's page: answered while it trains, shown as they come, there again after a reload. */
import { resolve } from 'node:path'
import type { Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openWorkspace } from '../../src/backend/storage/open.ts'
import { aRecipe, fillLabWorkspace } from '../support/lab-workspace.ts'
import { pageSteps } from '../support/page-steps.ts'
import { accessibilityProblems, hosts, openWorkbench, type Workbench } from './harness.ts'

const STEPS = 100
const recipe = aRecipe('dpo', {
  model_name_or_path: resolve('resources/base-model'), canary_steps: 10, canary_prompts: ['Plan a picnic, please.', 'Name three birds.'],
  training: { learning_rate: 1e-3, max_steps: STEPS, per_device_train_batch_size: 2 }, evaluation: [],
})

describe.each(hosts)('canary prompts on the %s host', (host) => {
  let workbench: Workbench
  let page: Page
  const { go, eventually } = pageSteps(() => page, 120_000)
  const table = () => page.getByRole('region', { name: 'The same prompts, step after step' })
  const rows = (): Promise<string[]> => table().getByRole('rowheader').allTextContents()
  beforeAll(async () => {
    workbench = await openWorkbench(host, {
      prepare(path) {
        const workspace = openWorkspace(path)
        fillLabWorkspace(workspace)
        workspace.close()
      },
    })
    page = workbench.page
  })
  afterAll(() => workbench?.close())

  it('are asked for in the form, a line each', async () => {
    await go('/runs?new=1')
    await page.getByRole('textbox', { name: 'Recipe as YAML' }).fill(recipe)
    await page.getByRole('group', { name: 'Machine' }).getByText(/more$/).click()
    const prompts = page.getByRole('textbox', { name: 'canary_prompts' })
    await eventually(() => prompts.inputValue()).toBe('Plan a picnic, please.\nName three birds.')
    await prompts.fill('Plan a picnic, please.\nName four birds.')
    await prompts.press('Tab')
    await eventually(() => page.getByRole('textbox', { name: 'Recipe as YAML' }).inputValue()).toContain('Name four birds.')
  })

  it('stand on the page while the run trains, a row each time and a column each prompt', async () => {
    await page.getByRole('button', { name: 'Start run' }).click()
    await page.waitForURL(/\/runs\/./)
    await page.getByRole('tab', { name: 'Gradient health' }).click()
    await eventually(async () => (await rows())[0]).toBe('warm start, step 10')
    // It came by itself, before the run's end.
    expect((await rows()).length).toBeLessThan(STEPS / 10)
    expect(await table().getByRole('columnheader').allTextContents()).toEqual(['after', 'Plan a picnic, please.', 'Name four birds.'])
    await eventually(async () => (await rows()).length).toBe(STEPS / 10)
    const before = await table().textContent()
    expect(await accessibilityProblems(page)).toEqual([])
    await page.reload()
    await eventually(() => table().textContent()).toBe(before)
    expect(workbench.problems).toEqual([])
  }, 240_000)
})
