/** A comparison saved as a capsule and opened read-only in the same app: every view works, nothing can be changed. Runs are the fake engine's. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { importFiles } from '../../src/backend/imports/import-files.ts'
import { openWorkspace } from '../../src/backend/storage/open.ts'
import { declareRace } from '../../src/backend/storage/races.ts'
import { releaseRun } from '../../src/backend/storage/runs.ts'
import { WRITING_CALLS } from '../../src/shared/capsule.ts'
import type { RequestFrame, ResponseFrame } from '../../src/shared/contract.ts'
import { aRecipe, execute, fillLabWorkspace, queueRun } from '../support/lab-workspace.ts'
import { pageSteps } from '../support/page-steps.ts'
import { turns } from '../support/workspace.ts'
import { accessibilityProblems, openWorkbench, type Workbench } from './harness.ts'

/** A race of two methods, one of whose seeds is still to run, a run of its own that stands still, and the conversation that a row comes from. */
async function prepare(path: string): Promise<void> {
  const workspace = openWorkspace(path)
  const log = join(path, 'log.jsonl')
  writeFileSync(log, `${JSON.stringify({ source: 'log', messages: turns('two fruits', 'kiwi', "that's not two", 'kiwi, fig'), labels: [{ turn_index: 2, dsat: true, kind: 'correction' }] })}\n`)
  await importFiles(workspace.db, [log])
  fillLabWorkspace(workspace)
  conversation = workspace.db.prepare('SELECT id FROM conversations').pluck().get() as string
  workspace.db.exec('DROP TRIGGER dataset_rows_are_immutable')
  workspace.db.prepare("UPDATE dataset_rows SET conversation_id = (SELECT id FROM conversations) WHERE conversation_id = 'c0'").run()
  declareRace(workspace.db, { name: 'race', regime: 'equal-pairs', declared: { metric: 'score', temperature: 1, pairs: [['drift', 'spin']] }, seeds: [5, 6], members: [{ recipe: 'drift', set: {} }, { recipe: 'spin', set: {} }] }, {}, new Date())
  for (const method of ['drift', 'spin', 'dpo']) {
    const lease = queueRun(workspace, aRecipe(method, { iterations: 1 }))
    workspace.db.prepare("UPDATE runs SET group_name = 'race' WHERE id = ?").run(lease.runId)
    if (method === 'dpo') releaseRun(workspace.db, lease, { status: 'paused', error: null }, Date.now())
    else await execute(workspace, lease)
  }
  workspace.db.prepare("UPDATE run_samples SET conversation_id = @id, row = json_set(row, '$.conversationId', @id) WHERE conversation_id = 'c0'").run({ id: conversation })
  workspace.close()
}

let workbench: Workbench
let page: Page
beforeAll(async () => {
  workbench = await openWorkbench('server', { prepare })
  page = workbench.page
  page.on('websocket', (socket) => {
    const names = new Map<number, string>()
    socket.on('framesent', ({ payload }) => {
      const { id, call } = JSON.parse(String(payload)) as RequestFrame
      names.set(id, call)
      sent.push(call)
    })
    socket.on('framereceived', ({ payload }) => {
      const frame = JSON.parse(String(payload)) as ResponseFrame
      if ('error' in frame) failed.push(`${names.get(frame.id)}: ${frame.error.message}`)
    })
  })
})
afterAll(() => workbench?.close())

const { go, eventually } = pageSteps(() => page, 20_000)
const headline = () => page.getByRole('main').getByRole('heading', { name: /DRIFT.*n = 1 seed/ })
let said = ''
/** Calls since the spec was there, and those that failed. */
const sent: string[] = []
const failed: string[] = []
let conversation = ''
const RUN = '/runs/drift-seed5'
/** Every page, with its sides and dialogs that have an address. */
const PLACES = [
  '/', '/conversations', '/conversations?import=files', '/conversations?deleted=1', '/conversations?id=CONVERSATION&turn=2', '/signals', '/signals?view=threshold', '/review', '/review?view=log',
  ...['rows', 'lint', 'diff', 'about'].map((tab) => `/datasets?name=feedback&tab=${tab}`), '/datasets?dialog=build', '/datasets?name=feedback&dialog=check',
  '/runs', '/runs?view=race&group=race', '/runs?import=1', '/runs?new=1', '/runs?newrace=1', RUN, `${RUN}?tab=health`, '/runs/warm-start-seed5',
  ...['scores', 'curves', 'prompts', 'exploration', 'gradients', 'settings'].map((tab) => `/compare?group=race&tab=${tab}`),
  '/evaluate', '/evaluate?dialog=judge', '/evaluate/duels', ...['machine', 'engines', 'workspace', 'appearance', 'shortcuts', 'about'].map((section) => `/settings?section=${section}`),
]
/** Where every key and button is tried: a place of each page. */
const PRESSED = ['/', '/conversations', '/conversations?id=CONVERSATION&turn=2', '/signals', '/review', '/datasets?name=feedback&tab=lint', '/runs', '/runs?view=race&group=race', '/runs?new=1', '/runs?newrace=1', RUN, '/runs/warm-start-seed5', '/compare?group=race&tab=scores', '/evaluate']
const MOST_BUTTONS = 25
/** `g` begins the way to another page. */
const KEYS = [...'abcdefhijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789', 'Enter', 'Delete', 'Control+Enter']

it('is saved from the comparison by key', async () => {
  await go('/compare?group=race')
  await headline().waitFor()
  said = await headline().innerText()
  await page.keyboard.press('c')
  const dialog = page.getByRole('dialog', { name: 'Save a capsule' })
  expect(await dialog.getByRole('textbox', { name: 'File' }).inputValue()).toBe('race.drift')
  expect(await accessibilityProblems(page)).toEqual([])
  await dialog.getByRole('textbox', { name: 'File' }).press('Enter')
  await page.getByText(/3 runs in one capsule of \d+\.\d MB/).waitFor()
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

it('leads from a conversation to a run’s samples of it, and from a sample back to the logged turn', async () => {
  await go(`/conversations?id=${conversation}`)
  await page.getByRole('article', { name: 'Conversation' }).waitFor()
  await page.getByRole('link', { name: 'drift-seed5' }).first().click()
  await page.waitForURL(/tab=samples/)
  await page.getByText('All stages').waitFor()
  const samples = page.getByRole('article')
  await eventually(() => samples.count()).toBeGreaterThan(0)
  const own = await samples.count()
  expect(await accessibilityProblems(page)).toEqual([])
  await samples.first().getByRole('link', { name: 'Where from?' }).click()
  await page.waitForURL((url) => url.pathname === '/conversations' && url.searchParams.get('id') === conversation && url.searchParams.has('turn'))
  await page.goBack()
  await page.getByRole('button', { name: 'Show all samples' }).click()
  await eventually(() => samples.count()).toBeGreaterThan(own)
})

it('says that it cannot be changed where something would change it', async () => {
  await go('/runs?new=1')
  const start = page.getByRole('button', { name: 'Start run' })
  await eventually(() => start.getAttribute('title')).toContain('“race” is a read-only capsule')
  expect(await start.isDisabled()).toBe(true)
  await go('/runs/warm-start-seed5')
  const resume = page.getByRole('button', { name: 'Resume' })
  await eventually(() => resume.getAttribute('title')).toContain('read-only capsule')
  expect(await resume.isDisabled()).toBe(true)
  await page.getByRole('button', { name: 'More of this run' }).click()
  const again = page.getByRole('menuitem', { name: 'Run again' })
  expect(await again.getAttribute('aria-disabled')).toBe('true')
  await again.click({ force: true })
  await page.keyboard.press('Escape')
  expect(await accessibilityProblems(page)).toEqual([])
  expect(sent.filter((name) => name === 'runs.start')).toEqual([])
})

it('asks nobody who labels, also where the page is the first that is opened', async () => {
  await go('/review')
  await page.reload()
  await page.getByText('Nothing can be labelled here').waitFor()
  expect(await page.getByRole('dialog').count()).toBe(0)
})

it('opens every page without a call that fails', async () => {
  const before = failed.length
  for (const place of PLACES) {
    await visit(place)
    await page.waitForTimeout(300)
  }
  expect(failed.slice(before)).toEqual([])
}, 120_000)

it('has no key and no enabled button on any page that asks for a change', async () => {
  const [before, asked] = [failed.length, sent.length]
  for (const place of PRESSED) {
    await visit(place)
    for (const key of KEYS) {
      await page.keyboard.press(key)
      await confirm(place)
    }
    const buttons = page.locator('main').locator('button:enabled:not(.recent button)')
    for (const words of new Set((await buttons.allInnerTexts()).map((one) => one.trim()).filter(Boolean).slice(0, MOST_BUTTONS))) {
      await buttons.filter({ hasText: words }).first().click({ timeout: 500, force: true }).catch(() => {})
      await confirm(place)
    }
  }
  expect(sent.slice(asked).filter((name) => (WRITING_CALLS as ReadonlySet<string>).has(name))).toEqual([])
  expect(failed.slice(before).filter((one) => one.includes('read-only'))).toEqual([])
}, 300_000)

it('logged no error and asked nobody else for anything', () => {
  expect(workbench.problems).toEqual([])
})

async function visit(place: string): Promise<void> {
  await go(place.replace('CONVERSATION', conversation))
  // A dialog hides the page from readers, roles included.
  await page.locator('main').locator('h1, h2').first().waitFor({ state: 'attached' })
}

/** A dialog's own action, where that is enabled; then what lies over the page is shut, and another page left again. */
async function confirm(place: string): Promise<void> {
  if ((await page.locator('[role="dialog"], [role="menu"]').count()) > 0) {
    await page.locator('[role="dialog"] button[type="submit"]:enabled, [role="menuitem"]:not([aria-disabled])').last().click({ timeout: 300 }).catch(() => {})
    await page.keyboard.press('Escape')
    await page.keyboard.press('Escape')
  }
  if (new URL(page.url()).pathname !== place.split('?')[0]) await visit(place)
}
