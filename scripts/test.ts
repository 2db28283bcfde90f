/**
 * npm test [unit|golden|e2e|webgpu …] [name filter …]: the chosen suites (default all) one after the other, then one
 * plain line over everything. A suite that cannot run counts as a failure.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureBrowser } from './browser.ts'
import { electronBinary, whyNoDisplay } from './electron-runtime.mjs'
import { ensureBuilt } from './setup.mjs'

const root = join(import.meta.dirname, '..')
const suites = ['unit', 'golden', 'e2e', 'webgpu'] as const
type Suite = (typeof suites)[number]
type Counts = { passed: number; failed: number; skipped: number }

const isSuite = (text: string): text is Suite => (suites as readonly string[]).includes(text)
const args = process.argv.slice(2)
const named = args.filter(isSuite)
const filters = args.filter((arg) => !isSuite(arg))
const chosen = named.length > 0 ? suites.filter((suite) => named.includes(suite)) : suites

const total: Counts = { passed: 0, failed: 0, skipped: 0 }
const scratch = mkdtempSync(join(tmpdir(), 'drift-test-'))
let running: ReturnType<typeof spawn> | null = null
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    running?.kill(signal)
    rmSync(scratch, { recursive: true, force: true })
    process.exit(130)
  })
}

for (const suite of chosen) {
  const counts = await runSuite(suite)
  for (const key of ['passed', 'failed', 'skipped'] as const) total[key] += counts[key]
}
rmSync(scratch, { recursive: true, force: true })
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exit(total.failed > 0 ? 1 : 0)

async function runSuite(suite: Suite): Promise<Counts> {
  console.log(`\n── ${suite} ──`)
  const env = { ...process.env }
  if (suite === 'e2e') {
    try {
      for (const build of ['renderer', 'electron'] as const) await ensureBuilt(build, process.execPath)
      env['DRIFT_CHROMIUM'] = await ensureBrowser()
      const noElectron = whyNoDisplay() ?? (electronBinary() ? null : 'its runtime is not here')
      if (noElectron) console.log(`Page specs on the Electron host are left out: ${noElectron}.`)
    } catch (error) {
      console.log(error instanceof Error ? error.message : String(error))
      return { passed: 0, failed: 1, skipped: 0 }
    }
  }
  if (suite === 'webgpu') {
    // Chromium brings the software adapter; where none can be had the tests say so and are skipped.
    const browser = await ensureBrowser().catch((error: unknown) => void console.log(error instanceof Error ? error.message : String(error)))
    if (browser) env['DRIFT_CHROMIUM'] = browser
  }
  const report = join(scratch, `${suite}.json`)
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--project', suite, '--passWithNoTests', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...filters]
  const code = await run(process.execPath, vitest, env)
  const counts = readCounts(report)
  // A crash, an unhandled error or a file that does not load fails without a failed test.
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts
}

function run(command: string, commandArgs: string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    running = spawn(command, commandArgs, { cwd: root, env, stdio: 'inherit' })
    running.on('error', reject)
    running.on('close', (code) => resolve(code ?? 1))
  })
}

function readCounts(report: string): Counts {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(readFileSync(report, 'utf8')) as Record<string, number>
    return { passed: numPassedTests ?? 0, failed: numFailedTests ?? 0, skipped: (numPendingTests ?? 0) + (numTodoTests ?? 0) }
  } catch {
    return { passed: 0, failed: 0, skipped: 0 }
  }
}
