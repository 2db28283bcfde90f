/** What a log may hold to attack its reader: markup that would run, addresses that would be called, text that turns its line around. It is shown as text in every view of it. */
import type { Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { detectorNamed } from '../../src/backend/signals/detectors.ts'
import { runDetector } from '../../src/backend/signals/run-detector.ts'
import { openWorkspace } from '../../src/backend/storage/open.ts'
import { importLog } from '../support/import-log.ts'
import { pageSteps } from '../support/page-steps.ts'
import { turns } from '../support/workspace.ts'
import { hosts, openWorkbench, type Workbench } from './harness.ts'

const RUN = 'document.documentElement.dataset.ran=1'
const payloads = [
  `<script>${RUN}</script>`,
  `<img src=x onerror="${RUN}">`,
  `<svg onload="${RUN}"><script>${RUN}</script></svg>`,
  `<svg><animate onbegin="${RUN}" attributeName=x dur=1s></svg>`,
  `<iframe srcdoc="<script>parent.${RUN}</script>"></iframe>`,
  `<a href="javascript:${RUN}">read on</a>`,
  `[read on](javascript:${RUN})`,
  '![pixel](https://tracker.invalid/p.gif)',
  '<link rel=stylesheet href=https://tracker.invalid/a.css>',
  `<details open ontoggle="${RUN}">x</details>`,
  `"><body onload="${RUN}">`,
  `<math><mtext><style><img src=x onerror="${RUN}"></style></mtext></math>`,
  `{{ constructor.constructor('${RUN}')() }}`,
  `\`\`\`"><img src=x onerror="${RUN}">\n<script>${RUN}</script>\n\`\`\``,
  '<form action=https://tracker.invalid><button>send</button></form>',
  '<style>body { display: none }</style>',
  '\u202Etxt.exe\u202C \u2066turned\u2069',
]

describe.each(hosts)('hostile text on the %s host', (host) => {
  let workbench: Workbench
  let page: Page
  const { go, eventually } = pageSteps(() => page, 20_000)
  beforeAll(async () => {
    workbench = await openWorkbench(host, {
      async prepare(path) {
        const workspace = openWorkspace(path)
        await importLog(workspace, payloads.map((text, i) => ({ id: `${i} ${text}`, source: text, model: text, language: text, tags: [text.slice(0, 60)], messages: turns(`hostile ${i} ${text}`, text, `that is wrong ${text}`, text, 'thanks') })))
        await runDetector(workspace.db, detectorNamed('rules'))
        workspace.close()
      },
    })
    page = workbench.page
  })
  afterAll(() => workbench?.close())

  /** Nothing ran, nothing was fetched, no element came from a text. */
  const isText = async (): Promise<void> => {
    expect(await page.locator('html').getAttribute('data-ran')).toBeNull()
    expect(await page.locator('main').locator('script, iframe, form[action], img, style, link, object, embed, math, details[ontoggle], a[href^="javascript" i]').count()).toBe(0)
    expect(workbench.problems).toEqual([])
  }

  it('lists, finds and reads it as it was written', async () => {
    await go('/conversations')
    const row = (index: number) => page.getByRole('grid', { name: 'Conversations' }).locator(`[aria-rowindex="${index + 2}"]`)
    await row(payloads.length - 1).waitFor()
    await isText()
    for (const [i, payload] of payloads.entries()) {
      await row(i).click()
      const shown = page.getByRole('article')
      // Fences of code are drawn, not written; what turns the direction of text is shown.
      const line = payload.split('\n').at(payload.startsWith('```') ? 1 : 0)!.replace(/[\u202A-\u202E\u2066-\u2069]/g, '⟲')
      await eventually(async () => (await shown.innerText()).includes(line)).toBe(true)
      await isText()
    }
    await page.keyboard.press('r')
    await page.locator('.raw').waitFor()
    await isText()
    await go('/conversations?q=hostile')
    await row(payloads.length - 1).waitFor()
    await isText()
  })

  it('shows it as text among the signals', async () => {
    await go('/signals')
    await eventually(async () => (await page.getByRole('main').innerText()).includes('that is wrong')).toBe(true)
    await isText()
  })

  it('shows every turn of it as text in the review', async () => {
    // Two answered turns of every conversation.
    const turnsToLabel = 2 * payloads.length
    await go(`/review?target=${turnsToLabel}`)
    await page.getByRole('dialog', { name: 'Who labels?' }).waitFor()
    await page.keyboard.type('ana')
    await page.keyboard.press('Enter')
    const item = page.locator('[data-item]')
    const seen = new Set<string | null>()
    await item.waitFor()
    while (seen.size < turnsToLabel) {
      const shown = await item.getAttribute('data-item')
      seen.add(shown)
      await isText()
      if (seen.size === turnsToLabel) break
      await page.keyboard.press('3')
      await eventually(() => item.getAttribute('data-item')).not.toBe(shown)
    }
  })
})
