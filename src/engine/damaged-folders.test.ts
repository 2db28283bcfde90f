/** Model folders damaged at random, loaded and scored as `drift score` does: every one is scored or refused. */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { goldenSets } from '../../tests/support/golden-sets.ts'
import type { Scored } from '../../tests/support/score-folders.ts'
import { readModelFolder, writeModelFolder } from './model-folder.ts'

const HANG_MS = 30_000
/** The tiny model takes about 200 MB with Node and onnxruntime. */
const MOST_BYTES = 1.5e9

let root: string
let data: string
let whole: string
let sharded: string
let child: ChildProcess

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'damaged-'))
  const golden = goldenSets()[0]!
  data = join(root, 'pairs.jsonl')
  writeFileSync(data, readFileSync(join(golden.folder, 'golden', 'pairs.jsonl'), 'utf8').split('\n').slice(0, 2).join('\n'))
  whole = join(root, 'whole')
  sharded = join(root, 'sharded')
  const { weights } = readModelFolder(golden.folder)
  writeModelFolder(whole, golden.folder, weights)
  writeModelFolder(sharded, golden.folder, weights, {}, 60_000)
  child = fork(join(import.meta.dirname, '..', '..', 'tests', 'support', 'score-folders.ts'), { execArgv: ['--disable-warning=ExperimentalWarning'], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
})
afterAll(() => {
  child.kill('SIGKILL')
  rmSync(root, { recursive: true, force: true })
})

/** Waits for the answer, the end of the process, or too long. */
async function score(model: string): Promise<Scored> {
  const controller = new AbortController()
  const ended = once(child, 'exit', { signal: controller.signal }).then(([code, signal]) => Promise.reject(new Error(`the process ended (${String(code)}, ${String(signal)})`)))
  const late = AbortSignal.timeout(HANG_MS)
  const tooLate = new Promise<never>((_, reject) => late.addEventListener('abort', () => reject(new Error(`no answer within ${HANG_MS} ms`))))
  child.send({ model, data })
  try {
    const [answer] = (await Promise.race([once(child, 'message', { signal: controller.signal }), ended, tooLate])) as [Scored]
    return answer
  } finally {
    ended.catch(() => {})
    controller.abort()
  }
}

type Damage = { model: 'whole' | 'sharded'; file: number } & (
  | { kind: 'bytes'; changes: { at: number; byte: number }[] }
  | { kind: 'cut'; at: number }
  | { kind: 'json'; path: number[]; value: unknown; remove: boolean }
  | { kind: 'folder' | 'loop' | 'empty' | 'absent' | 'nowhere' }
)

const hostile = fc.constantFrom<unknown>(
  null, true, false, -1, 0, 1, 3, 0.5, 1e308, 2 ** 31, 2 ** 53, -(2 ** 53), '', 'x', '</s>', '(a+)+$', '[', '../x', [], {}, [[]], [null], { type: 'Sequence' }, { a: { b: 1 } }, 'F16', 'I64', [2 ** 40, 2 ** 40], '\u0000', '𝟘',
  '{% for i in range(99999) %}{% for j in range(99999) %}{{ j }}{% endfor %}{% endfor %}', "{{ raise_exception('no') }}", '{{ messages | tojson }}', '{% if %}',
)
/** Positions are shares of the file, so that heads, which hold the structure, are hit as often as the rest. */
const position = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 0.02, noNaN: true }))
const damage: fc.Arbitrary<Damage> = fc.tuple(
  fc.record({ model: fc.constantFrom('whole' as const, 'sharded' as const), file: fc.nat(30) }),
  fc.oneof(
    fc.record({ kind: fc.constant('bytes' as const), changes: fc.array(fc.record({ at: position, byte: fc.nat(255) }), { minLength: 1, maxLength: 4 }) }),
    fc.record({ kind: fc.constant('cut' as const), at: position }),
    { arbitrary: fc.record({ kind: fc.constant('json' as const), path: fc.array(fc.nat(1000), { minLength: 1, maxLength: 5 }), value: hostile, remove: fc.boolean() }), weight: 5 },
    fc.record({ kind: fc.constantFrom('folder' as const, 'loop' as const, 'empty' as const, 'absent' as const, 'nowhere' as const) }),
  ),
).map(([place, how]) => ({ ...place, ...how }))

/** The folder with one file damaged. JSON damage goes to JSON, the safetensors header included. */
function apply(how: Damage): string {
  const source = how.model === 'whole' ? whole : sharded
  const folder = join(root, 'model')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  const names = readdirSync(source).sort()
  for (const name of names) copyFileSync(join(source, name), join(folder, name))
  const name = names[how.file % names.length]!
  const file = join(folder, name)
  const bytes = readFileSync(file)
  switch (how.kind) {
    case 'bytes':
      for (const { at, byte } of how.changes) bytes[Math.floor(at * (bytes.length - 1))] = byte
      writeFileSync(file, bytes)
      break
    case 'cut':
      writeFileSync(file, bytes.subarray(0, Math.floor(how.at * bytes.length)))
      break
    case 'json':
      writeFileSync(file, changeJson(name, bytes, how))
      break
    default:
      rmSync(file)
      if (how.kind === 'folder') mkdirSync(file)
      if (how.kind === 'loop') symlinkSync(name, file)
      if (how.kind === 'nowhere') symlinkSync('nowhere', file)
      if (how.kind === 'empty') writeFileSync(file, '')
  }
  return folder
}

function changeJson(name: string, bytes: Buffer, how: { path: number[]; value: unknown; remove: boolean }): string | Buffer {
  if (name.endsWith('.jinja')) return typeof how.value === 'string' ? how.value : JSON.stringify(how.value)
  if (name.endsWith('.json')) return JSON.stringify(changed(JSON.parse(bytes.toString()), how.path, how))
  const length = Number(bytes.readBigUInt64LE())
  const header = Buffer.from(JSON.stringify(changed(JSON.parse(bytes.subarray(8, 8 + length).toString()), how.path, how)))
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(header.length))
  return Buffer.concat([prefix, header, bytes.subarray(8 + length)])
}

/** The value at the end of `path` replaced or removed; a path that is too long ends at the first leaf. */
function changed(json: unknown, [step, ...rest]: number[], how: { value: unknown; remove: boolean }): unknown {
  if (step === undefined || typeof json !== 'object' || json === null || Object.keys(json).length === 0) return how.value
  const keys = Object.keys(json)
  const key = keys[step % keys.length]!
  const copy = (Array.isArray(json) ? [...(json as unknown[])] : { ...json }) as Record<string, unknown>
  if (rest.length === 0 && how.remove && !Array.isArray(json)) delete copy[key]
  else copy[key] = changed(copy[key], rest, how)
  return copy
}

test('what is whole is scored', async () => {
  for (const folder of [whole, sharded]) expect(await score(folder)).toMatchObject({ outcome: 'scored' })
})

test('anything else is scored or refused: no crash, no hang, no memory without bound', { timeout: 120_000 }, async () => {
  const outcomes = { scored: 0, refused: 0, failed: 0 }
  for (const how of fc.sample(damage, { seed: 20251004, numRuns: 240 })) {
    const { outcome, message, rss } = await score(apply(how))
    outcomes[outcome]++
    expect(outcome, `${JSON.stringify(how)}: ${message}`).not.toBe('failed')
    // One line that says something.
    expect(message, JSON.stringify(how)).not.toMatch(/\n|undefined is not (a|iter)|Cannot read prop|not a function|not iterable/)
    expect(rss, JSON.stringify(how)).toBeLessThan(MOST_BYTES)
  }
  // Both ends are reached: damage is neither always fatal nor always overlooked.
  expect(outcomes.refused).toBeGreaterThan(100)
  expect(outcomes.scored).toBeGreaterThan(30)
})
