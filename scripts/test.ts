/**
 * npm test [unit|golden|e2e|webgpu …] [name filter …]: the chosen suites (default all) one after the other, then one
 * plain line over everything. A suite that cannot run counts as a failure.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { ensureBrowser } from './browser.ts'
import { electronBinary, whyNoDisplay } from './electron-runtime.mjs'
import { ensureBuilt } from './setup.mjs'

const root = join(import.meta.dirname, '..')
const suites = ['unit', 'golden', 'e2e', 'webgpu'] as const
type Suite = (typeof suites)[number]
type Counts = { passed: number; failed: number; skipped: number }
/** What is read of Vitest's JSON report. */
type Report = {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  numTodoTests: number
  testResults: { name: string; status: string; message: string; assertionResults: { fullName: string; status: string; failureMessages: string[] }[] }[]
}

const isSuite = (text: string): text is Suite => (suites as readonly string[]).includes(text)
const args = process.argv.slice(2)
const named = args.filter(isSuite)
const filters = args.filter((arg) => !isSuite(arg))
const chosen = named.length > 0 ? suites.filter((suite) => named.includes(suite)) : suites

const total: Counts = { passed: 0, failed: 0, skipped: 0 }
const failures: string[] = []
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
// Again at the end, where they are read without scrolling through every suite.
for (const failure of failures) console.log(failure)
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
      failures.push(`FAILED ${suite}: not run\n  ${error instanceof Error ? error.message : String(error)}`)
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
  const { failed, ...counts } = readReport(suite, report)
  if (code === 0 || failed > 0) return { ...counts, failed }
  // A crash, an unhandled error or a file that does not load fails without a failed test.
  failures.push(`FAILED ${suite}: Vitest ended with code ${code} and no failed test: a crash or an unhandled error, printed above`)
  return { ...counts, failed: 1 }
}

function run(command: string, commandArgs: string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    running = spawn(command, commandArgs, { cwd: root, env, stdio: 'inherit' })
    running.on('error', reject)
    running.on('close', (code) => resolve(code ?? 1))
  })
}

function readReport(suite: Suite, path: string): Counts {
  if (!existsSync(path)) return { passed: 0, failed: 0, skipped: 0 }
  const report = JSON.parse(readFileSync(path, 'utf8')) as Report
  for (const file of report.testResults) {
    const where = `FAILED ${suite} ${relative(root, file.name)}`
    const tests = file.assertionResults.filter((test) => test.status === 'failed')
    for (const test of tests) failures.push(`${where} › ${test.fullName}\n  ${firstLine(test.failureMessages[0])}`)
    if (file.status === 'failed' && tests.length === 0) failures.push(`${where}\n  ${firstLine(file.message)}`)
  }
  return { passed: report.numPassedTests, failed: report.numFailedTests, skipped: report.numPendingTests + report.numTodoTests }
}

function firstLine(message = ''): string {
  return stripVTControlCharacters(message).split('\n', 1)[0] ?? ''
}
