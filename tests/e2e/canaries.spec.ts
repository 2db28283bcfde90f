/** What a run's page shows as it goes: canary prompts, answered while it trains and there again after a reload; a tripwire that stops it; weights that diverged. */
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

  const begin = async (yaml: string): Promise<void> => {
    await go('/runs?new=1')
    await page.getByRole('textbox', { name: 'Recipe as YAML' }).fill(yaml)
    await page.getByRole('button', { name: 'Start run' }).click()
    await page.waitForURL(/\/runs\/./)
  }

  it('a tripwire that pauses the run says so on the page that is open, with the ways on', async () => {
    await begin(aRecipe('dpo', { model_name_or_path: resolve('resources/base-model'), tripwires: [{ metric: 'grad_norm', above: 1e-6, action: 'pause' }], training: { max_steps: 20, per_device_train_batch_size: 2 }, evaluation: [] }))
    const wires = page.getByRole('region', { name: 'Tripwires' })
    await eventually(() => wires.count()).toBe(1)
    await eventually(() => wires.innerText()).toMatch(/Paused by a tripwire: gradient norm \(grad_norm\) [\d.]+, above .*\s+Resume goes on as it is/s)
    expect(await accessibilityProblems(page)).toEqual([])
  }, 240_000)

  it('weights that diverged are no reason to try again', async () => {
    await begin(aRecipe('dpo', { model_name_or_path: resolve('resources/base-model'), training: { learning_rate: 1e30, lr_scheduler_type: 'constant', warmup_steps: 0, max_grad_norm: 0, max_steps: 20, per_device_train_batch_size: 2 }, evaluation: [] }))
    await page.getByText('Trying again would end the same way').waitFor({ timeout: 120_000 })
    expect(await page.getByRole('link', { name: 'a copy with other settings' }).getAttribute('href')).toContain('from=')
  }, 240_000)
})
