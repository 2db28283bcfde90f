/** ESLint (with the import directions), tsc and vue-tsc side by side; `--types` leaves ESLint out. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fingerprint } from './setup.mjs'

const root = join(import.meta.dirname, '..')
const bin = (...path: string[]) => join(root, 'node_modules', ...path)

// ESLint's cache knows the configuration but not the code of our own rule.
const eslintCache = `.runtime/eslint-${fingerprint(['eslint.config.js', 'scripts/import-directions.mjs', 'package-lock.json']).slice(0, 12)}.cache`

const tasks: { name: string; args: string[]; needs?: string }[] = [
  { name: 'eslint', args: [bin('eslint', 'bin', 'eslint.js'), '.', '--max-warnings', '0', '--cache', '--cache-strategy', 'content', '--cache-location', eslintCache] },
  { name: 'tsc', args: [bin('typescript', 'bin', 'tsc'), '-p', '.', '--pretty', '--incremental', '--tsBuildInfoFile', '.runtime/tsc.tsbuildinfo'] },
  { name: 'vue-tsc', args: [bin('vue-tsc', 'bin', 'vue-tsc.js'), '-p', 'src/renderer', '--noEmit', '--pretty'], needs: 'src/renderer/tsconfig.json' },
]

type Result = { name: string; code: number; output: string; seconds: number }

function run({ name, args }: { name: string; args: string[] }): Promise<Result> {
  const started = performance.now()
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.on('error', reject)
    child.on('close', (code) => resolve({ name, code: code ?? 1, output, seconds: (performance.now() - started) / 1000 }))
  })
}

const onlyTypes = process.argv.includes('--types')
const chosen = tasks.filter((task) => (!onlyTypes || task.name !== 'eslint') && (!task.needs || existsSync(join(root, task.needs))))
const results = await Promise.all(chosen.map(run))
for (const { code, output } of results) if (code !== 0) process.stdout.write(output)
console.log(results.map(({ name, code, seconds }) => `${name} ${code === 0 ? 'passes' : 'FAILS'} (${seconds.toFixed(1)} s)`).join(', '))
process.exit(results.some(({ code }) => code !== 0) ? 1 : 0)
