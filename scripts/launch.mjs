// Every npm script comes through here: node scripts/launch.mjs <verb> [arguments].
// It sets a fresh clone up where needed, then runs the verb on Node 24 in the same process group and
// ends with its exit code. Plain JavaScript without dependencies, so that any Node from 20 on can start it.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { ALLOCATOR } from './allocator.mjs'
import { electronBinary, ensureElectron } from './electron-runtime.mjs'
import { ensureBuilt, ensurePackages, root, say, SetupError } from './setup.mjs'

const cli = 'src/cli/index.ts'
/** verb -> [script, ...leading arguments]; `inPlace` verbs read paths as the user's own folder has them. */
const verbs = {
  start: { run: [cli, 'open'], inPlace: true },
  demo: { run: [cli, 'demo'], inPlace: true },
  drift: { run: [cli], inPlace: true },
  test: { run: ['scripts/test.ts'] },
  lint: { run: ['scripts/lint.ts'] },
  typecheck: { run: ['scripts/lint.ts', '--types'] },
  bench: { run: ['bench/index.ts'] },
  study: { run: ['scripts/study.ts'] },
  'kill-race': { run: ['scripts/kill-race.ts'] },
  'build:base-model': { run: ['scripts/build-base-model.ts'] },
}

const [verb = '', ...args] = process.argv.slice(2)
const chosen = Object.hasOwn(verbs, verb) ? verbs[verb] : null
if (!chosen) {
  say(`expected one of ${Object.keys(verbs).join(', ')}, got "${verb}"`)
  process.exit(2)
}

if (!existsSync(join(root, chosen.run[0]))) {
  say(`npm run ${verb} is not in this checkout: expected ${chosen.run[0]}`)
  process.exit(1)
}

try {
  const node = await ensurePackages()
  const env = { ...process.env, PATH: dirname(node) + delimiter + (process.env.PATH ?? '') }
  const opens = verb === 'start' || (verb === 'drift' && args[0] === 'open')
  // `npm start --no-demo` without the second `--` is kept by npm for itself, as this variable.
  if (verb === 'start' && process.env.npm_config_demo === '') args.push('--no-demo')
  const asksForHelp = args.includes('--help') || args.includes('-h')
  if (!asksForHelp && (opens || (verb === 'drift' && args[0] === 'serve'))) await ensureBuilt('renderer', node)
  if (!asksForHelp && opens) {
    const headlessBecause = await ensureElectron(node)
    if (headlessBecause) env.DRIFT_HEADLESS_BECAUSE = headlessBecause
    else {
      await ensureBuilt('electron', node)
      env.DRIFT_ELECTRON = electronBinary()
    }
  }
  // Chromium has an allocator of its own.
  if (chosen.inPlace && !env.DRIFT_ELECTRON) for (const [name, value] of Object.entries(ALLOCATOR)) env[name] ??= value
  launch(node, [...chosen.run, ...args], chosen.inPlace ? userFolder() : root, env)
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  say(error.message)
  process.exit(1)
}

/** npm runs scripts in the package's folder; paths are meant from where the user stood. */
function userFolder() {
  const from = process.env.INIT_CWD
  return from && process.cwd() === root && existsSync(from) ? from : process.cwd()
}

function launch(node, [script, ...rest], cwd, env) {
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', join(root, script), ...rest], { cwd, env, stdio: 'inherit' })
  // A terminal's Ctrl-C reaches the whole group by itself; `kill` and process managers tell only us.
  // Whoever runs below takes a repeated signal within a second for one.
  const forward = (signal) => {
    if (process.platform !== 'win32') child.kill(signal)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, forward)
  // npm's shell does not pass signals on: when it is ended and leaves us behind, the work ends too.
  const parent = process.ppid
  if (process.env.npm_lifecycle_event && process.platform !== 'win32') setInterval(() => process.ppid !== parent && child.kill('SIGTERM'), 500).unref()
  child.on('error', (error) => {
    say(`${node} could not be started: ${error.message}`)
    process.exit(1)
  })
  child.on('close', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code))
}
