import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { torchPython } from '../../engine/torch/interpreter.ts'
import { installTorch, planTorch } from './environment.ts'
import { adoptPython, removeTorch, torchState } from './interpreter-state.ts'
import { readLock } from './lock.ts'

/**
 * A Python in JavaScript, as far as an installation asks it: it makes environments that hold copies of it, "installs"
 * packages into a JSON file beside them, and breaks where FAKE_FAULT says.
 */
const FAKE_PYTHON = `#!${process.execPath}
const fs = require('fs'), path = require('path')
const [, self, ...args] = process.argv
const store = path.join(path.dirname(self), 'packages.json')
const read = () => fs.existsSync(store) ? JSON.parse(fs.readFileSync(store, 'utf8')) : {}
const fault = process.env.FAKE_FAULT ?? ''
const fail = (text) => { process.stderr.write(text + '\\n'); process.exit(1) }
const versions = () => ({ python: '3.12.1', ...Object.fromEntries(['torch', 'transformers', 'peft', 'accelerate', 'safetensors', 'vllm', 'bitsandbytes', 'flash_attn', 'deepspeed'].map((name) => [name, read()[name]?.version ?? null])) })
if (args[0] === '-c') console.log(process.env.FAKE_VERSION ?? '3.12')
else if (args[1] === 'venv') {
  if (fault === 'venv') fail('/usr/bin/python3: No module named venv')
  fs.mkdirSync(path.join(args[2], 'bin'), { recursive: true })
  fs.copyFileSync(self, path.join(args[2], 'bin', 'python'))
} else if (args[0].endsWith('installed.py')) console.log(JSON.stringify(read()))
else if (args[1] === 'drift_torch.capabilities') {
  console.log('a library says hello')
  if (args[2] === '--versions') console.log(JSON.stringify({ versions: versions() }))
  else console.log(JSON.stringify({ versions: versions(), devices: [{ name: 'cpu', kind: 'cpu', label: 'fake', total_bytes: 8e9, free_bytes: 4e9, other_processes: [], dtypes: ['float32'], computes: fault !== 'computes' }], error: fault === 'import' ? 'OSError: libtorch.so is damaged' : null }))
} else if (args[1] === 'pip') {
  const [, name, version] = /^([^=]+)==(\\S+)/.exec(fs.readFileSync(args.at(-1), 'utf8'))
  fs.appendFileSync(process.env.FAKE_LOG, name + '\\n')
  if (name === 'regex' && fault === 'network') fail('WARNING: Retrying\\nERROR: Could not find a version that satisfies the requirement regex (from versions: none)')
  if (name === 'regex' && fault === 'disk') fail('ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device')
  if (name === 'regex' && fault === 'hash') fail('ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.')
  if (name === 'regex' && fault === 'slow') setTimeout(() => {}, 60000)
  else fs.writeFileSync(store, JSON.stringify({ ...read(), [name]: { version, complete: true, folder: path.join(path.dirname(self), name) } }))
} else fail('unexpected: ' + args.join(' '))
`

// A shebang starts the fake; detection of the platform is Linux's.
describe.runIf(process.platform === 'linux' && process.arch === 'x64')("the torch engine's environment", () => {
  const lock = readLock('linux-cpu')
  let home: string
  let env: NodeJS.ProcessEnv
  const installed = (): string[] => readFileSync(env['FAKE_LOG']!, 'utf8').trim().split('\n')
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'drift-torch-'))
    const bin = join(home, 'bin')
    mkdirSync(bin)
    writeFileSync(join(bin, 'python3'), FAKE_PYTHON)
    chmodSync(join(bin, 'python3'), 0o755)
    env = { DRIFT_HOME: join(home, 'data'), PATH: bin, FAKE_LOG: join(home, 'log') }
  })
  afterEach(() => rmSync(home, { recursive: true, force: true }))

  it('is told before anything is done: packages, bytes, disk, place', async () => {
    const plan = await planTorch(env)
    expect(plan).toMatchObject({ platform: 'linux-cpu', tool: 'pip', python: join(home, 'bin', 'python3'), downloadBytes: lock.packages.reduce((sum, { bytes }) => sum + bytes, 0) })
    expect(plan.diskBytes).toBeGreaterThan(plan.downloadBytes)
    expect(plan.freeBytes).toBeGreaterThan(0)
    expect(existsSync(plan.folder)).toBe(false)
  })

  it('is made, verified and found; a second installation has nothing to do; removed, it is gone', async () => {
    const told: number[] = []
    await installTorch({ env, onProgress: ({ done }) => told.push(done) })
    expect(installed()).toEqual(lock.packages.map(({ name }) => name))
    expect(told).toEqual([...told].sort((a, b) => a - b))
    const python = join(home, 'data', 'torch', 'environment', 'bin', 'python')
    expect(torchPython(env)).toBe(python)
    expect(await torchState(env)).toMatchObject({ from: 'own', python, problem: null, capabilities: { versions: { torch: '2.13.0+cpu' } } })
    await installTorch({ env })
    expect(installed()).toHaveLength(lock.packages.length)
    expect(await removeTorch(env)).toMatchObject({ removed: python })
    expect(() => torchPython(env)).toThrow('drift engine install torch')
  })

  it('goes on where it was interrupted, and leads nobody to the half of it', async () => {
    const stop = new AbortController()
    const interrupted = installTorch({ env: { ...env, FAKE_FAULT: 'slow' }, signal: stop.signal, onProgress: ({ stage }) => stage.startsWith('regex') && setTimeout(() => stop.abort(new Error('stopped')), 200) })
    await expect(interrupted).rejects.toThrow('stopped')
    expect(() => torchPython(env)).toThrow('none is set up')
    const before = installed().length
    expect((await torchState(env)).problem).toContain('interrupted')
    await installTorch({ env })
    // The one it was stopped in is done again.
    expect(installed()).toHaveLength(lock.packages.length + 1)
    expect(before).toBeLessThan(lock.packages.length)
  })

  it('is repaired where a package lacks files', async () => {
    await installTorch({ env })
    const store = join(home, 'data', 'torch', 'environment', 'bin', 'packages.json')
    const packages = JSON.parse(readFileSync(store, 'utf8')) as Record<string, { complete: boolean }>
    packages['numpy']!.complete = false
    writeFileSync(store, JSON.stringify(packages))
    await installTorch({ env })
    expect(installed().slice(lock.packages.length)).toEqual(['numpy'])
  })

  it('is repaired where its record is damaged, whole or in pieces', async () => {
    await installTorch({ env })
    const record = join(home, 'data', 'torch', 'interpreter.json')
    writeFileSync(record, '{')
    expect((await torchState(env)).problem).toContain('drift engine repair torch')
    rmSync(join(home, 'data', 'torch', 'environment', 'bin', 'packages.json'))
    await installTorch({ env })
    expect((await torchState(env)).problem).toBeNull()
  })

  it.each([
    ['network', 'could not be fetched'],
    ['disk', 'the disk is full'],
    ['hash', 'not the one that the lock names'],
    ['venv', 'no venv module'],
    ['import', 'libtorch.so is damaged'],
    ['computes', 'no device multiplies'],
  ])('says what is wrong and records nothing: %s', async (fault, message) => {
    await expect(installTorch({ env: { ...env, FAKE_FAULT: fault } })).rejects.toThrow(message)
    expect(() => torchPython(env)).toThrow('none is set up')
  })

  it('refuses a Python of another version, and none at all', async () => {
    await expect(planTorch({ ...env, FAKE_VERSION: '3.9' })).rejects.toThrow('expected Python 3.11 to 3.14 on PATH, found')
    await expect(planTorch({ ...env, PATH: home })).rejects.toThrow('found none')
  })

  it('takes an interpreter that is here, or says which line installs what it lacks', async () => {
    const python = join(home, 'bin', 'python3')
    const store = join(home, 'bin', 'packages.json')
    const versions = { torch: '2.7.1', transformers: '4.50.0', accelerate: '1.0.0', safetensors: '0.5.0' }
    writeFileSync(store, JSON.stringify(Object.fromEntries(Object.entries(versions).map(([name, version]) => [name, { version }]))))
    await expect(adoptPython(python, env)).rejects.toThrow(/found transformers 4\.50\.0, peft missing\. Install them: .*python3 -m pip install "transformers==5\.24\.0" "peft==0\.21\.2"/)
    writeFileSync(store, JSON.stringify(Object.fromEntries(Object.entries({ ...versions, transformers: '5.1.0', peft: '0.18.0' }).map(([name, version]) => [name, { version }]))))
    await adoptPython(python, env)
    expect(torchPython(env)).toBe(python)
    await removeTorch(env)
    expect(existsSync(python)).toBe(true)
  })

  it('lets DRIFT_PYTHON name another one, which has to be there', () => {
    expect(torchPython({ ...env, DRIFT_PYTHON: join(home, 'bin', 'python3') })).toBe(join(home, 'bin', 'python3'))
    expect(() => torchPython({ ...env, DRIFT_PYTHON: '/nowhere/python' })).toThrow('found nothing at /nowhere/python')
  })
})
