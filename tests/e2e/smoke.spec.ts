import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { accessibilityProblems, hosts, openWorkbench, type Workbench } from './harness.ts'

describe.each(hosts)('a fresh workspace on the %s host', (host) => {
  let workbench: Workbench
  beforeAll(async () => {
    workbench = await openWorkbench(host)
    await workbench.page.getByRole('main').waitFor()
  })
  afterAll(() => workbench?.close())

  it('shows the workbench', async () => {
    expect(await workbench.page.title()).toContain('DRIFT Workbench')
    await workbench.page.getByRole('navigation').first().waitFor()
  })

  it('keeps the token out of the address bar', () => {
    expect(workbench.page.url()).not.toContain('token')
  })

  it('reloads where it is, without the token in the address', async () => {
    await workbench.page.reload()
    await workbench.page.getByRole('main').waitFor()
  })

  it('has no accessibility problem that axe can see', async () => {
    expect(await accessibilityProblems(workbench.page)).toEqual([])
  })

  it('logs no error and asks nobody else for anything', async () => {
    await workbench.page.waitForLoadState('networkidle')
    expect(workbench.problems).toEqual([])
  })
})
