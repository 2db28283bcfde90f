/**
 * Photographs pages of the interface over the fake backend, to be looked at:
 * `node tests/support/screenshot.ts /conversations '/signals?label=dissatisfied' [--themes light,dark] [--sizes 1440x900,900x700]
 *  [--press 'j j Enter'] [--name x] [--state done|empty|waiting|failed] [--conversations 900] [--slow ms] [--broken CALL] [--axe] [--no-build]`.
 * Files go to /tmp/shots. `--axe` also lists accessibility findings. Development only.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { AxeBuilder } from '@axe-core/playwright'
import { chromium, type Page } from 'playwright'
import { type FakeBackendOptions, serveFake } from './fake-backend.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    themes: { type: 'string', default: 'light,dark' },
    sizes: { type: 'string', default: '1440x900,900x700' },
    press: { type: 'string', default: '' },
    name: { type: 'string', default: '' },
    state: { type: 'string', default: 'done' },
    conversations: { type: 'string', default: '12480' },
    slow: { type: 'string', default: '0' },
    wait: { type: 'string', default: '400' },
    broken: { type: 'string', multiple: true, default: [] },
    hover: { type: 'string', default: '' },
    click: { type: 'string', default: '' },
    axe: { type: 'boolean', default: false },
    build: { type: 'boolean', default: true },
    out: { type: 'string', default: '/tmp/shots' },
    url: { type: 'string', default: '' },
  },
  allowNegative: true,
})
const root = join(import.meta.dirname, '..', '..')
const built = '/tmp/drift-look'
if (!values.url && (values.build || !existsSync(join(built, 'index.html')))) execFileSync(process.execPath, [join(root, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'warn', '--emptyOutDir', '--outDir', built], { cwd: root, stdio: 'inherit' })

mkdirSync(values.out, { recursive: true })
const serving = values.url ? null : await serveFake({ state: values.state as FakeBackendOptions['state'], conversations: Number(values.conversations), slowMs: Number(values.slow), broken: values.broken, port: 0, interfaceFolder: built })
const start = new URL(values.url || serving?.url || '')
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] })

async function shoot(page: Page, route: string, label: string): Promise<void> {
  const address = new URL(route, start)
  const token = start.searchParams.get('token')
  if (token) address.searchParams.set('token', token)
  await page.goto(address.href, { waitUntil: 'load' })
  await page.waitForTimeout(Number(values.wait))
  if (values.click) await page.locator(values.click).first().click()
  for (const key of values.press.split(' ').filter(Boolean)) {
    await page.keyboard.press(key)
    await page.waitForTimeout(80)
  }
  if (values.hover) await page.locator(values.hover).first().hover()
  if (values.press || values.click || values.hover) await page.waitForTimeout(500)
  const file = join(values.out, `${(values.name || route.replace(/[^a-z0-9]+/gi, '-').replace(/^-|-$/g, '') || 'home')}-${label}.png`)
  await page.screenshot({ path: file })
  console.log(file)
  if (!values.axe) return
  const { violations } = await new AxeBuilder({ page }).analyze()
  for (const { id, help, nodes } of violations) for (const node of nodes.slice(0, 4)) console.log(`  axe ${id}: ${help}\n    ${node.target.join(' ')} ${node.any[0]?.message ?? node.all[0]?.message ?? node.none[0]?.message ?? ''}`)
}

try {
  for (const theme of values.themes.split(',')) {
    for (const size of values.sizes.split(',')) {
      const [width = 1440, height = 900] = size.split('x').map(Number)
      const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme === 'dark' ? 'dark' : 'light', reducedMotion: 'no-preference' })
      const page = await context.newPage()
      page.on('pageerror', (error) => console.log(`  page error: ${error.message}`))
      page.on('console', (message) => message.type() === 'error' && console.log(`  console: ${message.text()}`))
      for (const route of positionals.length > 0 ? positionals : ['/conversations']) await shoot(page, route, `${theme}-${size}`)
      await context.close()
    }
  }
} finally {
  await browser.close()
  await serving?.close()
}
