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

  it('says what a button is for on hover and on focus, until Escape', async () => {
    const { page } = workbench
    const help = page.getByRole('button', { name: 'Keys of this page' })
    const tooltip = page.getByRole('tooltip')
    await help.hover()
    await tooltip.waitFor()
    expect(await tooltip.textContent()).toContain('Keys of this page')
    expect(await help.getAttribute('aria-describedby')).toBe(await tooltip.getAttribute('id'))
    const [button, bubble] = [(await help.boundingBox())!, (await tooltip.boundingBox())!]
    expect(bubble.y).toBeGreaterThan(button.y + button.height)
    expect(bubble.x + bubble.width).toBeLessThan(await page.evaluate<number>('innerWidth'))
    await page.keyboard.press('Escape')
    await tooltip.waitFor({ state: 'hidden' })
    await page.mouse.move(700, 500)
    await page.getByRole('link', { name: 'DRIFT Workbench, home' }).focus()
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Tab')
    expect(await tooltip.count()).toBe(0)
    await help.focus()
    await tooltip.waitFor()
    await page.keyboard.press('Escape')
    await tooltip.waitFor({ state: 'hidden' })
  })

  it('has no accessibility problem that axe can see', async () => {
    expect(await accessibilityProblems(workbench.page)).toEqual([])
  })

  it('logs no error and asks nobody else for anything', async () => {
    await workbench.page.waitForLoadState('networkidle')
    expect(workbench.problems).toEqual([])
  })
})
