/**
 * node scripts/screenshots.ts [--out DIR] [--workspace DIR] [--only NAME]: runs the quick experiment on the headless
 * host, adds what its pages need beside it, and photographs them into docs/screenshots, light and dark at 1440 x 900, dark at
 * 900 x 700. A workspace that has all that saves its time.
 */
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Browser, Locator, Page } from 'playwright'
import { startBrowser, startHost } from '../tests/support/headless-host.ts'
import { addContent, DUEL, LOG, PAIRS, RACE } from './screenshot-content.ts'
import { ensureBuilt } from './setup.mjs'

const { values } = parseArgs({ options: { out: { type: 'string' }, workspace: { type: 'string' }, only: { type: 'string', default: '' } } })

const root = join(import.meta.dirname, '..')
const out = resolve(values.out ?? join(root, 'docs', 'screenshots'))
const EXPERIMENT_MS = 20 * 60_000

type Look = { theme: 'light' | 'dark'; width: number; height: number }
const wide = { width: 1440, height: 900 }
const narrow = { width: 900, height: 700 }
const looks: Look[] = [{ theme: 'light', ...wide }, { theme: 'dark', ...wide }, { theme: 'dark', ...narrow }]

type Shot = { name: string; path: string; /** What to do once it is open. */ act?: (page: Page) => Promise<void>; /** Dialogs and second looks at a page: light and wide, dark and narrow are enough. */ twice?: true }
const shots: Shot[] = [
  { name: 'experiment-result', path: '/' },
  { name: 'welcome', path: '/?start=1' },
  { name: 'conversations', path: '/conversations?signal=dissatisfied', act: openReader },
  { name: 'conversations-markdown', path: '/conversations?source=support-desk&q=CSV', act: openReader, twice: true },
  { name: 'conversations-map', path: '/conversations?as=map', act: makeMap, twice: true },
  { name: 'import', path: '/conversations?import=files', act: previewLog, twice: true },
  { name: 'import-past', path: '/conversations?import=past', twice: true },
  { name: 'import-quarantine', path: '/conversations?import=quarantine', twice: true },
  { name: 'dataset-build', path: '/conversations?signal=dissatisfied', act: (page) => pressFor(page, 'b'), twice: true },
  { name: 'signals', path: '/signals' },
  { name: 'signals-threshold', path: '/signals?view=threshold' },
  { name: 'review', path: '/review?view=log&target=30', act: startReview },
  { name: 'datasets', path: '/datasets?name=feedback-1' },
  { name: 'datasets-lint', path: `/datasets?name=${PAIRS}&tab=lint` },
  { name: 'datasets-diff', path: '/datasets?name=seed-pairs-1&tab=diff', twice: true },
  { name: 'datasets-about', path: '/datasets?name=seed-pairs-1&tab=about' },
  { name: 'runs', path: '/runs' },
  { name: 'runs-scatter', path: '/runs?view=scatter&x=rewards%2Fmargins' },
  { name: 'runs-parallel', path: `/runs?view=parallel&brush=${encodeURIComponent('["score",0.75,null]')}` },
  { name: 'race', path: `/runs?view=race&group=${encodeURIComponent(RACE)}` },
  { name: 'new-run', path: '/runs?new=1' },
  { name: 'new-race', path: '/runs?newrace=1', act: setApart, twice: true },
  { name: 'run', path: '/runs/drift-seed1' },
  { name: 'run-health', path: '/runs/drift-seed1?tab=health' },
  { name: 'run-samples', path: '/runs/drift-seed1?tab=samples' },
  { name: 'run-tokens', path: '/runs/drift-seed1?tab=samples&pair=3' },
  { name: 'run-recipe', path: '/runs/drift-seed1?tab=recipe', twice: true },
  { name: 'run-canaries', path: '/runs/drift-seed2?tab=health', act: scrollTo('The same prompts, step after step'), twice: true },
  { name: 'run-script', path: '/runs/drift-seed1', act: (page) => dialogOf(page, page.getByRole('button', { name: 'Script' })), twice: true },
  { name: 'export-recipe', path: '/runs/drift-seed1', act: exportRecipe, twice: true },
  { name: 'run-evaluation', path: '/runs/drift-seed1?tab=evaluation' },
  { name: 'compare-scores', path: '/compare' },
  { name: 'compare-curves', path: '/compare?tab=curves' },
  { name: 'compare-time', path: '/compare?tab=curves&across=time', act: scrollTo('Metrics by step') },
  { name: 'compare-prompts', path: '/compare?tab=prompts&sort=gain' },
  { name: 'compare-exploration', path: '/compare?tab=exploration' },
  { name: 'compare-entropy', path: `/compare?group=${encodeURIComponent(RACE)}&tab=exploration`, act: scrollTo(/equal entropy|more than sharpening/) },
  { name: 'compare-gradients', path: '/compare?tab=gradients' },
  { name: 'compare-settings', path: '/compare?tab=settings' },
  { name: 'evaluate', path: '/evaluate?id=alpacaeval-aster-7b' },
  { name: 'evaluate-new', path: '/evaluate', act: (page) => pressFor(page, 'n'), twice: true },
  { name: 'duel', path: '/evaluate/duels', act: startDuel, twice: true },
  { name: 'settings', path: '/settings' },
]

async function openReader(page: Page): Promise<void> {
  await page.getByRole('grid', { name: 'Conversations' }).getByRole('row').nth(1).waitFor()
  await page.keyboard.press('j')
  await page.locator('.opinion').first().waitFor()
}

/** A recipe that runs twice under one budget of tokens. */
async function setApart(page: Page): Promise<void> {
  const form = page.getByRole('region', { name: 'Race as a form' })
  await form.getByRole('button', { name: 'Run it once more' }).first().click()
  const second = form.locator('.member').nth(1)
  await second.getByRole('button', { name: 'A difference' }).click()
  await second.getByRole('textbox', { name: /^Value of/ }).fill('1e-4')
  await form.getByRole('button', { name: 'equal compute' }).click()
  await form.getByRole('textbox', { name: 'Tokens of each run' }).fill('2000000')
  await page.getByText(/ runs, \d at a time/).waitFor()
}

/** Where it lies below the workspace: a picture names nobody's folders. */
async function previewLog(page: Page): Promise<void> {
  await page.getByRole('textbox', { name: 'Files and folders' }).fill(LOG)
  await page.getByRole('region', { name: 'Preview' }).waitFor()
}

async function makeMap(page: Page): Promise<void> {
  const points = page.locator('main canvas').first()
  const none = page.getByRole('button', { name: 'Make the map', exact: true })
  await points.or(none).first().waitFor()
  if (await none.isVisible()) {
    await dialogOf(page, none)
    await page.getByRole('dialog').getByRole('button', { name: 'Make the map' }).click()
  }
  await points.waitFor()
}

async function dialogOf(page: Page, opener: Locator): Promise<void> {
  await opener.click()
  await page.getByRole('dialog').waitFor()
}

async function pressFor(page: Page, key: string): Promise<void> {
  await page.keyboard.press(key)
  await page.getByRole('dialog').waitFor()
}

async function exportRecipe(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'More of this run' }).click()
  await dialogOf(page, page.getByRole('menuitem', { name: 'Export recipe…' }))
  await page.getByLabel('Exported recipe').getByText('beta').waitFor()
}

/** To the part of the page that is called so. */
function scrollTo(name: string | RegExp): (page: Page) => Promise<void> {
  return async (page) => {
    const part = page.getByRole('region', { name }).or(page.getByRole('figure', { name })).first()
    await part.waitFor()
    await part.evaluate((element) => element.scrollIntoView({ block: 'start' }))
  }
}

async function startDuel(page: Page): Promise<void> {
  const before = page.getByRole('button', { name: /decided$/ }).first()
  if (await before.isVisible()) await before.click()
  else {
    await page.getByRole('textbox', { name: 'Answers of one model: file' }).fill(DUEL[0])
    await page.getByRole('textbox', { name: 'Answers of the other: file' }).fill(DUEL[1])
    await page.getByRole('button', { name: 'Start' }).click()
  }
  await page.getByRole('article', { name: 'Left answer' }).waitFor()
}

/** Nobody labels without a name. */
async function startReview(page: Page): Promise<void> {
  await page.keyboard.press('N')
  await page.getByRole('dialog', { name: 'Who labels?' }).waitFor()
  await page.keyboard.type('ana')
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.keyboard.press('L')
  await page.locator('[data-item]').waitFor()
}

await ensureBuilt('renderer', process.execPath)
mkdirSync(out, { recursive: true })
const home = mkdtempSync(join(tmpdir(), 'drift-screenshots-'))
const workspace = values.workspace ? resolve(values.workspace) : join(home, 'sample')
const host = await startHost({ workspace, home })
const browser = await startBrowser()
/** In the page: where the workspace lies on this machine is nobody's business. */
const hideFolder = `{
  const folder = ${JSON.stringify(dirname(workspace))}
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = texts.nextNode(); node; node = texts.nextNode()) if (node.nodeValue.includes(folder)) node.nodeValue = node.nodeValue.replaceAll(folder, '~')
  for (const field of document.querySelectorAll('input')) if (field.value.includes(folder)) field.value = field.value.replaceAll(folder, '~')
}`
try {
  await runExperiment()
  addContent(workspace)
  await writeNotes()
  for (const look of looks) await shootAll(browser, look)
} finally {
  await browser.close()
  await host.stop()
  rmSync(home, { recursive: true, force: true, maxRetries: 5 })
}

/** Runs it to its end, taking its picture on the way; a finished one is done at once. */
async function runExperiment(): Promise<void> {
  const page = await open(browser, { theme: 'light', ...wide }, '/')
  await page.getByRole('button', { name: /Run the built-in experiment/ }).click()
  const training = page.getByRole('region', { name: 'What happens now' }).getByText(/DRIFT, round 2/)
  const done = page.getByRole('button', { name: 'Compare in detail' })
  await training.or(done).first().waitFor({ timeout: EXPERIMENT_MS })
  if (await training.isVisible()) {
    await page.waitForTimeout(1500)
    await save(page, 'experiment-live', { theme: 'light', ...wide })
  }
  await done.waitFor({ timeout: EXPERIMENT_MS })
  await page.context().close()
}

async function writeNotes(): Promise<void> {
  const page = await open(browser, { theme: 'light', ...wide }, '/runs/drift-seed1')
  const notes = page.getByRole('note', { name: 'Notes' })
  await page.getByRole('heading', { name: 'drift-seed1' }).waitFor()
  if (!(await notes.isVisible())) {
    await page.keyboard.press('n')
    await page.getByRole('textbox', { name: 'Notes of this run' }).fill('Held-out margins still rise in round 2: worth a third.\nThe learning rate is the best of the sweep on other requests.')
    await page.keyboard.press('Control+Enter')
    await notes.waitFor()
  }
  await page.context().close()
}

async function shootAll(browser: Browser, look: Look): Promise<void> {
  for (const { name, path, act, twice } of shots) {
    if (!name.startsWith(values.only) || (twice && look.theme === 'dark' && look.width === wide.width)) continue
    const page = await open(browser, look, path)
    await settle(page)
    await act?.(page)
    await settle(page)
    await save(page, name, look)
    await page.context().close()
  }
}

/** Answers come over one socket that never rests: a page has settled when it has stopped changing. */
async function settle(page: Page): Promise<void> {
  let before = ''
  for (let same = 0; same < 4; ) {
    await page.waitForTimeout(250)
    // A dialog hides the page from roles.
    const now = await page.locator('body').innerHTML()
    const waits = (await page.getByRole('status', { name: /^(Loading|Comparing|Counting)/ }).count()) > 0 || (await page.locator('.skeleton').count()) > 0
    same = !waits && now === before && now.length > 1000 ? same + 1 : 0
    before = now
  }
}

async function open(browser: Browser, { theme, width, height }: Look, path: string): Promise<Page> {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, reducedMotion: 'reduce' })
  const page = await context.newPage()
  page.on('pageerror', (error) => console.error(`${path}: ${error.message}`))
  page.on('console', (message) => message.type() === 'error' && console.error(`${path}: ${message.text()}`))
  const address = new URL(path, host.url)
  address.searchParams.set('token', new URL(host.url).searchParams.get('token') ?? '')
  await page.goto(address.href)
  await page.getByRole('main').waitFor()
  return page
}

async function save(page: Page, name: string, { theme, width }: Look): Promise<void> {
  const suffix = [...(theme === 'dark' ? ['dark'] : []), ...(width === wide.width ? [] : [String(width)])]
  const file = join(out, `${[name, ...suffix].join('-')}.png`)
  await page.evaluate(hideFolder)
  await page.screenshot({ path: file })
  console.log(`${file} ${Math.round(statSync(file).size / 1000)} kB`)
}
