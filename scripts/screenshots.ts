/**
 * node scripts/screenshots.ts [--out DIR] [--workspace DIR] [--only NAME]: runs the quick experiment on the headless
 * host and photographs every page into docs/screenshots, light and dark, at 1440 x 900 and 900 x 700. A workspace
 * with a finished quick experiment saves its time.
 */
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Browser, Page } from 'playwright'
import { startBrowser, startHost } from '../tests/support/headless-host.ts'
import { ensureBuilt } from './setup.mjs'

const { values } = parseArgs({ options: { out: { type: 'string' }, workspace: { type: 'string' }, only: { type: 'string', default: '' } } })

const root = join(import.meta.dirname, '..')
const out = resolve(values.out ?? join(root, 'docs', 'screenshots'))
const EXPERIMENT_MS = 20 * 60_000

type Look = { theme: 'light' | 'dark'; width: number; height: number }
const wide = { width: 1440, height: 900 }
const narrow = { width: 900, height: 700 }
const looks: Look[] = [wide, narrow].flatMap((size) => [{ theme: 'light', ...size }, { theme: 'dark', ...size }])

type Shot = { name: string; path: string; /** What to do once it is open. */ act?: (page: Page) => Promise<void> }
const shots: Shot[] = [
  { name: 'experiment-result', path: '/' },
  { name: 'welcome', path: '/?start=1' },
  { name: 'conversations', path: '/conversations?signal=dissatisfied', act: openReader },
  { name: 'signals', path: '/signals' },
  { name: 'signals-threshold', path: '/signals?view=threshold', act: runRules },
  { name: 'review', path: '/review?view=log&target=30', act: startReview },
  { name: 'datasets', path: '/datasets?name=feedback-1' },
  { name: 'datasets-lint', path: '/datasets?name=seed-pairs-1&tab=lint' },
  { name: 'datasets-about', path: '/datasets?name=seed-pairs-1&tab=about' },
  { name: 'runs', path: '/runs' },
  { name: 'race', path: '/runs?view=race' },
  { name: 'new-run', path: '/runs?new=1' },
  { name: 'new-race', path: '/runs?newrace=1', act: setApart },
  { name: 'run', path: '/runs/drift-seed1' },
  { name: 'run-health', path: '/runs/drift-seed1?tab=health' },
  { name: 'run-samples', path: '/runs/drift-seed1?tab=samples' },
  { name: 'run-tokens', path: '/runs/drift-seed1?tab=samples&pair=3' },
  { name: 'run-evaluation', path: '/runs/drift-seed1?tab=evaluation' },
  { name: 'compare-scores', path: '/compare' },
  { name: 'compare-curves', path: '/compare?tab=curves' },
  { name: 'compare-prompts', path: '/compare?tab=prompts&sort=gain' },
  { name: 'compare-exploration', path: '/compare?tab=exploration' },
  { name: 'compare-gradients', path: '/compare?tab=gradients' },
  { name: 'compare-settings', path: '/compare?tab=settings' },
  { name: 'evaluate', path: '/evaluate' },
  { name: 'settings', path: '/settings' },
]

async function openReader(page: Page): Promise<void> {
  await page.getByRole('grid', { name: 'Conversations' }).getByRole('row').nth(2).waitFor()
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

/** A cut-off needs probabilities; the first look makes them for all. */
async function runRules(page: Page): Promise<void> {
  const none = page.getByText('No detector has run')
  if (!(await none.isVisible())) return
  await page.getByRole('button', { name: /^Run the rules on/ }).click()
  await none.waitFor({ state: 'detached' })
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
const host = await startHost({ workspace: values.workspace ? resolve(values.workspace) : join(home, 'sample'), home })
const browser = await startBrowser()
try {
  await runExperiment()
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

async function shootAll(browser: Browser, look: Look): Promise<void> {
  for (const { name, path, act } of shots) {
    if (values.only !== '' && !name.startsWith(values.only)) continue
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
    const now = await page.getByRole('main').innerHTML()
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
  await page.screenshot({ path: file })
  console.log(`${file} ${Math.round(statSync(file).size / 1000)} kB`)
}
