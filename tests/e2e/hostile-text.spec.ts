/**
 * What a log may hold to attack its reader: markup that would run, addresses that would be called, text that turns its
 * line around. It is shown as text in every view of it. Tests run in order and share the workspace.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { detectorNamed } from '../../src/backend/signals/detectors.ts'
import { runDetector } from '../../src/backend/signals/run-detector.ts'
import { importFiles } from '../../src/backend/imports/import-files.ts'
import { buildDataset } from '../../src/backend/storage/build-datasets.ts'
import { conversationId } from '../../src/backend/storage/conversations.ts'
import { openWorkspace } from '../../src/backend/storage/open.ts'
import { DEFAULT_BUILD } from '../../src/shared/datasets.ts'
import { importLog } from '../support/import-log.ts'
import { aRecipe, execute, fillLabWorkspace, queueRun } from '../support/lab-workspace.ts'
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
  `<base href=https://tracker.invalid/><meta http-equiv=refresh content="0;javascript:${RUN}">`,
  `<input autofocus onfocus="${RUN}"><video><source onerror="${RUN}"></video>`,
  `<object data="javascript:${RUN}"></object><embed src="javascript:${RUN}">`,
  `&lt;img src=x onerror="${RUN}"&gt; &#60;script>${RUN}&#60;/script>`,
  `[a](JaVaScRiPt:${RUN}) [b](java&#10;script:${RUN}) [c](<javascript:${RUN}>) <javascript:${RUN}> [d][x]\n\n[x]: javascript:${RUN}`,
  `[e](data:text/html,<script>${RUN}</script>) [f](vbscript:x) [g](file:///etc/passwd) [h](//tracker.invalid) [i](/settings)`,
  `[a](https://tracker.invalid/"onmouseover="${RUN}) [b](https://tracker.invalid 'x"onclick="${RUN}')`,
  `| <img src=x onerror="${RUN}"> | b |\n|-|-|\n| [c](javascript:${RUN}) | ![d](https://tracker.invalid/t.png) |`,
  '![data](data:image/svg+xml;base64,PHN2Zy8+) [![p](https://tracker.invalid/q.gif)](https://tracker.invalid)',
  '\u202Etxt.exe\u202C \u2066turned\u2069',
  'a\u200Fb\u200Ec\u061Cd &#x202E;e',
]
/** What turns the direction of text is never in what is shown, but as ⟲. */
const TURNS = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/g
/** All of them in a text as long as two that are near-duplicates. */
const everything = payloads.join('\n\n')
const nearly = ['swam', 'walked'].map((word) => turns(`hostile ${everything} ${word}`, `${everything} ${word}`, `thanks ${everything}`))
const mailed = (i: number): string => (i % 2 === 0 ? 'write to ana@firma.de ' : '')
const log = [
  ...payloads.map((text, i) => ({ id: `${i} ${text}`, source: text, model: text, language: text, tags: [text.slice(0, 60)], messages: turns(`hostile ${i} ${text}`, text, `that is wrong ${text}`, `${mailed(i)}better: ${text}`, 'thanks') })),
  ...nearly.map((messages) => ({ source: 'near', messages })),
]
/** Answered turns: two of every conversation, one of each near-duplicate. */
const TURNS_TO_LABEL = 2 * payloads.length + nearly.length

describe.each(hosts)('hostile text on the %s host', (host) => {
  let workbench: Workbench
  let page: Page
  let folder = ''
  const runs: string[] = []
  const { go, eventually } = pageSteps(() => page, 20_000)
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  }
  beforeAll(async () => {
    workbench = await openWorkbench(host, {
      async prepare(path) {
        folder = path
        const workspace = openWorkspace(path)
        await importLog(workspace, log)
        await importFiles(workspace.db, [file('bad.jsonl', payloads.map((text) => `${JSON.stringify({ id: text, messages: text })}\n`).join(''))])
        await runDetector(workspace.db, detectorNamed('rules'))
        for (const kind of ['feedback', 'preference'] as const) buildDataset(workspace.db, { name: `hostile-${kind}`, kind, ...DEFAULT_BUILD })
        fillLabWorkspace(workspace)
        for (const method of ['drift', 'spin']) {
          const lease = queueRun(workspace, aRecipe(method, { iterations: 1 }))
          await execute(workspace, lease)
          runs.push(lease.runId)
        }
        const say = workspace.db.prepare('UPDATE run_evaluations SET text = ? WHERE (11 * prompt_index + 3 * sample_index + round) % ? = ?')
        for (const [i, text] of payloads.entries()) say.run(text, payloads.length, i)
        workspace.close()
      },
    })
    page = workbench.page
  }, 180_000)
  afterAll(() => workbench?.close())

  /** Nothing ran, nothing was fetched, no element came from a text, no link leads where it should not, no text is turned. */
  const isText = async (): Promise<void> => {
    expect(await page.locator('html').getAttribute('data-ran')).toBeNull()
    expect(await page.locator('main, [role=dialog]').locator('script, iframe, form[action], img, style, link, base, meta, object, embed, math, video, [autofocus], details[ontoggle]').count()).toBe(0)
    const hrefs = await page.locator('main a[href], [role=dialog] a[href]').evaluateAll((links) => links.map((link) => link.getAttribute('href') ?? ''))
    expect(hrefs.filter((href) => !/^(?:\/(?!\/)|https?:\/\/|mailto:)/.test(href))).toEqual([])
    const shown = await page.evaluate<string>("document.body.textContent + [...document.querySelectorAll('[title]')].map((element) => element.title).join()")
    expect([...shown.matchAll(TURNS)].map(({ index }) => shown.slice(index - 40, index + 40))).toEqual([])
    expect(workbench.problems).toEqual([])
  }
  const said = async (words: string): Promise<void> => {
    await eventually(async () => await page.locator('body').innerText()).toContain(words)
    await isText()
  }
  const nameMyself = async (name: string): Promise<void> => {
    await page.keyboard.press('N')
    const field = page.getByRole('dialog').getByRole('textbox', { name: 'Name' })
    await field.fill(name)
    await field.press('Enter')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  }

  it('lists, finds and reads it, rendered and as it was written', async () => {
    await go('/conversations')
    const row = (index: number) => page.getByRole('grid', { name: 'Conversations' }).locator(`[aria-rowindex="${index + 2}"]`)
    await row(payloads.length - 1).waitFor()
    await isText()
    const shown = page.getByRole('article')
    for (const i of payloads.keys()) {
      await row(i).click()
      await eventually(() => shown.innerText()).toContain(`hostile ${i}`)
      await shown.locator('.rendered').first().waitFor()
      await isText()
    }
    await page.keyboard.press('M')
    await shown.locator('.rendered').first().waitFor({ state: 'detached' })
    for (const [i, payload] of payloads.entries()) {
      await row(i).click()
      // Fences of code are drawn, not written; what turns the direction of text is shown.
      const line = payload.split('\n').at(payload.startsWith('```') ? 1 : 0)!.replace(TURNS, '⟲')
      await eventually(() => shown.innerText()).toContain(line)
      await isText()
    }
    await page.keyboard.press('M')
    await page.keyboard.press('r')
    await page.locator('.raw').waitFor()
    await isText()
    // Nothing is lost: the text is what it is for JSON.
    const raw = JSON.parse((await page.locator('.raw pre').textContent())!) as { messages: { content: string }[] }
    expect(raw.messages[1]!.content).toBe(payloads.at(-1))
    await go('/conversations?q=hostile')
    await row(payloads.length - 1).waitFor()
    await isText()
  })

  it('shows where a link leads, and opens nothing by itself', async () => {
    await go(`/conversations?id=${conversationId(log[payloads.findIndex((text) => text.startsWith('![data]'))]!.messages)}`)
    const link = page.getByRole('article').locator('.rendered a').first()
    await link.waitFor()
    expect(await link.evaluate((a) => [a.getAttribute('rel'), a.getAttribute('target'), a.getAttribute('title')])).toEqual(['noreferrer noopener', '_blank', 'https://tracker.invalid'])
    expect(await link.innerText()).toContain('(tracker.invalid)')
    await isText()
  })

  it('shows it as text among the signals', async () => {
    await go('/signals')
    await eventually(async () => (await page.getByRole('main').innerText()).includes('that is wrong')).toBe(true)
    await isText()
    // The last rows hold what turns the direction of text, in words, evidence, replies and tooltips.
    const signals = page.getByRole('grid', { name: 'Signals' })
    await signals.evaluate((element) => (element.scrollTop = element.scrollHeight))
    await eventually(() => signals.innerText()).toMatch(/that is wrong ⟲txt\.exe⟲ ⟲turned⟲[^]*that is wrong a⟲b⟲c⟲d/)
    expect(await signals.locator('button[title*="⟲txt.exe"]').count()).toBeGreaterThan(0)
    await isText()
  })

  it('shows every turn of it as text in the review', async () => {
    await go(`/review?target=${TURNS_TO_LABEL}`)
    await page.getByRole('dialog', { name: 'Who labels?' }).waitFor()
    await page.keyboard.type('ana')
    await page.keyboard.press('Enter')
    const item = page.locator('[data-item]')
    const seen = new Set<string | null>()
    await item.waitFor()
    while (seen.size < TURNS_TO_LABEL) {
      const shown = await item.getAttribute('data-item')
      // The words that decided, and a note.
      await page.keyboard.press('v')
      for (let i = 0; i < 4; i++) await page.keyboard.press('Shift+ArrowRight')
      await page.keyboard.press('Enter')
      await page.keyboard.press('n')
      await page.keyboard.insertText(payloads[seen.size % payloads.length]!)
      await page.keyboard.press('Enter')
      seen.add(shown)
      await isText()
      await page.keyboard.press('3')
      if (seen.size < TURNS_TO_LABEL) await eventually(() => item.getAttribute('data-item')).not.toBe(shown)
    }
    await item.waitFor({ state: 'detached' })
  }, 180_000)

  it('shows it as text to who adjudicates, and in the log', async () => {
    const item = page.locator('[data-item]')
    await nameMyself('ben')
    await go(`/review?pass=second&target=${TURNS_TO_LABEL}`)
    await item.waitFor()
    for (let i = 0; i < TURNS_TO_LABEL; i++) {
      const shown = await item.getAttribute('data-item')
      await page.keyboard.press('1')
      if (i < TURNS_TO_LABEL - 1) await eventually(() => item.getAttribute('data-item')).not.toBe(shown)
    }
    await item.waitFor({ state: 'detached' })
    await nameMyself('eva')
    await go('/review?pass=adjudication')
    await item.waitFor()
    for (let i = 0; i < payloads.length; i++) {
      const shown = await item.getAttribute('data-item')
      expect(await page.getByRole('list', { name: 'Labels that differ' }).locator('mark').count()).toBe(1)
      await isText()
      await page.keyboard.press('2')
      await eventually(() => item.getAttribute('data-item')).not.toBe(shown)
    }
    await go('/review?view=log')
    await page.getByRole('grid', { name: 'Log' }).getByText('eva').first().waitFor()
    await isText()
  }, 180_000)

  it('shows it as text before it is imported, and in quarantine', async () => {
    await go('/conversations?import=files')
    await page.getByRole('textbox', { name: 'Files and folders' }).fill(join(folder, 'log.jsonl'))
    await said('hostile 0')
    await page.getByRole('textbox', { name: 'Files and folders' }).fill(join(folder, 'bad.jsonl'))
    await page.getByText('bad rows').waitFor()
    await isText()
    await go('/conversations?import=quarantine')
    const rows = page.getByRole('grid', { name: 'Rows in quarantine' })
    for (const [i, payload] of payloads.entries()) {
      await rows.locator(`[aria-rowindex="${i + 2}"]`).click()
      const raw = JSON.stringify({ id: payload, messages: payload })
      await eventually(() => page.getByRole('textbox', { name: 'Text of the row' }).inputValue()).toBe(raw)
      // What is written into has its text as it is, and says where it may mislead.
      expect(await page.getByText('Holds characters that turn the direction of text').count()).toBe(raw.replace(TURNS, '') === raw ? 0 : 1)
      await isText()
    }
  })

  it('shows it as text in datasets: rows, statistics, lint, what a fix changed, what evaluation prompts meet', async () => {
    for (const name of ['hostile-feedback', 'hostile-preference']) {
      await go(`/datasets?name=${name}&tab=rows`)
      const detail = page.getByRole('region', { name: 'The row' })
      await detail.waitFor()
      for (let i = 0; i < payloads.length; i++) {
        await eventually(() => detail.getByRole('heading').first().innerText()).toBe(`Row ${i + 1}`)
        await isText()
        await page.keyboard.press('j')
      }
      await page.keyboard.press('4')
      await page.getByRole('tab', { name: 'About', selected: true }).or(page.getByRole('tab', { selected: true })).first().waitFor()
      await isText()
    }
    await page.keyboard.press('2')
    const personal = page.getByRole('grid', { name: 'Findings' }).getByText('Personal data or keys')
    await personal.click()
    await page.getByRole('region', { name: 'The finding' }).getByRole('heading', { name: 'Personal data or keys' }).waitFor()
    await isText()
    await page.keyboard.press('f')
    await page.getByRole('main').getByRole('heading', { name: 'hostile-preference-2', exact: true }).waitFor()
    await page.keyboard.press('3')
    await page.getByRole('region', { name: 'The changed row' }).locator('ins').first().waitFor()
    await isText()
    const prompts = file('prompts.json', JSON.stringify(payloads.map((text, i) => ({ instruction: `hostile ${i} ${text}` }))))
    await page.keyboard.press('c')
    await page.getByRole('dialog').getByRole('textbox', { name: 'Prompt files' }).fill(prompts)
    await page.keyboard.press('Enter')
    await page.getByRole('region', { name: 'Contamination' }).getByText(/word for word/).first().waitFor()
    await isText()
  })

  it('shows it as text in near-duplicates, on the map, and among what was deleted', async () => {
    await go('/conversations')
    await page.getByRole('button', { name: 'Look through' }).click()
    await page.getByRole('button', { name: /^has a near-duplicate/ }).waitFor()
    const id = conversationId(nearly[0]!)
    await go(`/conversations?id=${id}`)
    await page.getByText('1 near-duplicate', { exact: true }).click()
    await page.getByRole('list', { name: 'Near-duplicates' }).getByRole('button').first().click()
    await eventually(() => page.locator('.diff ins').allTextContents()).toContain('walked')
    await isText()

    await go('/conversations?as=map')
    await page.getByRole('button', { name: 'Make the map' }).click()
    await page.getByRole('dialog').getByText('wording', { exact: true }).click()
    await page.getByRole('button', { name: 'Make the map', exact: true }).click()
    const map = page.getByRole('application', { name: /^Map of/ })
    await map.waitFor({ timeout: 60_000 })
    await map.focus()
    for (let i = 0; i < 8; i++) {
      await page.keyboard.press(i < 4 ? 'ArrowRight' : 'ArrowDown')
      await page.locator('.glance').waitFor()
      await isText()
    }

    await go(`/conversations?id=${id}`)
    await page.getByRole('button', { name: 'Delete the conversation' }).click()
    const dialog = page.getByRole('dialog', { name: 'Delete this conversation' })
    await dialog.getByText('rows').first().waitFor()
    await isText()
    await dialog.getByRole('button', { name: 'Delete', exact: true }).click()
    await dialog.waitFor({ state: 'detached' })
    await go('/conversations?deleted=1')
    await page.getByRole('dialog', { name: 'Deleted conversations' }).getByText('hostile').waitFor()
    await isText()
  }, 120_000)

  it('shows it as text in blind duels', async () => {
    const answers = (generator: string): string => file(`${generator}.json`, JSON.stringify(payloads.map((text, i) => ({ instruction: `${i} ${text}`, output: `${text}\n\n${generator}`, generator: `${generator} ${payloads.at(-2)}` }))))
    const files = [answers('ash'), answers('oak')]
    await go('/evaluate/duels')
    await page.getByRole('textbox', { name: 'Answers of one model: file' }).fill(files[0]!)
    await page.getByRole('textbox', { name: 'Answers of the other: file' }).fill(files[1]!)
    await page.getByRole('button', { name: 'Start' }).click()
    for (let n = 0; n < payloads.length; n++) {
      await page.getByText(`${n} of ${payloads.length}`).waitFor()
      await page.getByRole('article', { name: 'Left answer' }).locator('.rendered').waitFor()
      await isText()
      await page.keyboard.press('1')
    }
    await page.getByRole('heading', { name: /against/ }).waitFor()
    await isText()
  })

  it('shows it as text on the board of a comparison, and beside what an answer comes from', async () => {
    await go(`/compare?${runs.map((id) => `run=${encodeURIComponent(id)}`).join('&')}&tab=prompts&sort=index`)
    const options = page.getByRole('listbox', { name: 'Prompts' }).getByRole('option')
    await options.first().waitFor()
    for (let i = 0; i < (await options.count()); i++) {
      await options.nth(i).click()
      const samples = page.getByRole('article', { name: 'DRIFT', exact: true }).getByRole('button', { name: /^Sample/ })
      await samples.first().waitFor()
      for (let j = 0; j < (await samples.count()); j++) {
        await samples.nth(j).click()
        await isText()
      }
    }
    await page.getByRole('button', { name: 'Where from?' }).first().click()
    await page.getByText(/answered by/).waitFor()
    await isText()
  })
})
