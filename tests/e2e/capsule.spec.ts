/** A comparison saved as a capsule and opened read-only in the same app: every view works, nothing can be changed. Runs are the fake engine's. */
import { join } from 'node:path'
import type { Page } from 'playwright'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openWorkspace } from '../../src/backend/storage/open.ts'
import { aRecipe, execute, fillLabWorkspace, queueRun } from '../support/lab-workspace.ts'
import { pageSteps } from '../support/page-steps.ts'
import { accessibilityProblems, openWorkbench, type Workbench } from './harness.ts'

async function prepare(path: string): Promise<void> {
  const workspace = openWorkspace(path)
  fillLabWorkspace(workspace)
  for (const method of ['drift', 'spin']) {
    const lease = queueRun(workspace, aRecipe(method, { iterations: 1 }))
    workspace.db.prepare("UPDATE runs SET group_name = 'race' WHERE id = ?").run(lease.runId)
    await execute(workspace, lease)
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

const { go, eventually } = pageSteps(() => page, 20_000)
const headline = () => page.getByRole('main').getByRole('heading', { name: /DRIFT.*n = 1 seed/ })
let said = ''

it('is saved from the comparison by key', async () => {
  await go('/compare?group=race')
  await headline().waitFor()
  said = await headline().innerText()
  await page.keyboard.press('c')
  const dialog = page.getByRole('dialog', { name: 'Save a capsule' })
  expect(await dialog.getByRole('textbox', { name: 'File' }).inputValue()).toBe('race.drift')
  expect(await accessibilityProblems(page)).toEqual([])
  await dialog.getByRole('textbox', { name: 'File' }).press('Enter')
  await page.getByText(/2 runs in one capsule of \d+\.\d MB/).waitFor()
})

it('opens from the settings, verified, on the same comparison', async () => {
  await go('/settings?section=workspace')
  await page.getByRole('textbox', { name: 'Folder or .drift file' }).fill(join(workbench.workspace, 'exports', 'race.drift'))
  await page.keyboard.press('Enter')
  await page.getByText('read-only capsule').waitFor()
  await page.waitForURL(/compare/)
  await eventually(() => headline().innerText()).toBe(said)
  expect(await page.getByRole('button', { name: 'Save capsule' }).count()).toBe(0)
})

it('shows the runs, their samples and their pairs’ health', async () => {
  await page.keyboard.press('g')
  await page.keyboard.press('r')
  await page.getByRole('main').getByText('spin', { exact: false }).first().waitFor()
  await go('/compare?group=race&tab=prompts')
  await page.getByRole('listbox', { name: 'Prompts' }).getByRole('option').first().waitFor()
})

it('says that it cannot be changed where something would change it', async () => {
  await go('/runs?new=1')
  await page.getByRole('main').waitFor()
  await page.keyboard.press('Control+Enter')
  await page.getByText(/read-only|capsule/i).nth(1).waitFor()
  expect(workbench.problems).toEqual([])
})
