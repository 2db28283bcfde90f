import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { accessibilityProblems, hosts, openWorkbench, type Workbench } from './harness.ts'

describe.each(hosts)('the settings on the %s host', (host) => {
  let workbench: Workbench
  beforeAll(async () => {
    workbench = await openWorkbench(host)
    await workbench.page.getByRole('link', { name: 'Settings' }).click()
  })
  afterAll(() => workbench?.close())

  it('say what works on this machine', async () => {
    await workbench.page.getByText('Everything needed works here').waitFor({ timeout: 30_000 })
  })

  it("show what the torch engine's environment takes before anything is installed", async () => {
    const { page } = workbench
    await page.getByRole('navigation', { name: 'Settings' }).getByRole('link', { name: 'PyTorch engine' }).click()
    await page.getByText('Not set up.').waitFor()
    await page.getByText(/[1-9]\d*, .+ to download with (?:uv|pip)/).waitFor()
    expect(await page.getByRole('button', { name: 'Install' }).isEnabled()).toBe(true)
    expect(await accessibilityProblems(page)).toEqual([])
  })

  it('refuse an interpreter that is none, and say where they looked', async () => {
    const { page } = workbench
    await page.getByRole('textbox', { name: 'Interpreter' }).fill('/nowhere/bin/python')
    await page.getByRole('button', { name: 'Take it' }).click()
    await page.getByRole('alert').filter({ hasText: 'found nothing at /nowhere/bin/python' }).waitFor()
    expect(workbench.problems).toEqual([])
  })
})
