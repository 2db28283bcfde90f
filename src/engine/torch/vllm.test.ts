/** Copies that sample: how requests are dealt out and what comes back, with processes that answer in vLLM's place. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it, onTestFinished } from 'vitest'
import { collect } from '../../../tests/support/collect.ts'
import type { SampleRequest, ServedCompletion, ServeSettings } from '../engine.ts'
import { vllmLaunches, VllmCopies } from './vllm.ts'
import type { WorkerLaunch } from './worker.ts'

const BASE = 'resources/base-model'
const SETTINGS: ServeSettings = { temperature: 0.7, top_p: 0.9, max_new_tokens: 8, greedy: false, eosIds: [3] }
const scratch = mkdtempSync(join(tmpdir(), 'drift-vllm-'))
afterAll(() => rmSync(scratch, { recursive: true }))

/**
 * Ends at each poll the next three of what it was given, the last first: [seed, 3], of log-probability -1 for each token.
 * What it was asked stands in `<name>.log`, and `more` runs before each answer.
 */
function copy(name: string, more = ''): WorkerLaunch {
  const script = `
    const { appendFileSync } = require('node:fs')
    const waiting = []
    require('node:readline').createInterface({ input: process.stdin }).on('line', line => {
      const { id, method, params } = JSON.parse(line)
      appendFileSync(${JSON.stringify(join(scratch, `${name}.log`))}, line + '\\n')
      const say = result => console.log(JSON.stringify({ id, result }))
      ${more}
      if (method === 'hello') return say({ protocol: 3, torch: 'x', transformers: 'y', vllm: 'z', deepspeed: null, processes: 1 })
      if (method === 'add') waiting.push(...params.requests)
      if (method !== 'poll') return say({})
      const ended = waiting.splice(0, 3).reverse()
      const logps = new Float32Array(2 * ended.length).fill(-1)
      say({ indices: ended.map(({ index }) => index), ids: ended.map(({ seed }) => [seed, 3]), logps: Buffer.from(logps.buffer).toString('base64'), stopped: ended.map(() => true) })
    })`
  return { command: process.execPath, args: ['-e', script], env: process.env }
}
const asked = (name: string, method: string): Record<string, unknown>[] => readFileSync(join(scratch, `${name}.log`), 'utf8').trim().split('\n').map(line => JSON.parse(line) as { method: string; params: Record<string, unknown> }).filter(request => request.method === method).map(({ params }) => params)
const requests = (count: number): SampleRequest[] => Array.from({ length: count }, (_, i) => ({ promptIds: [1, 5 + (i % 7)], seed: 100 + i }))
function copiesOf(...launches: WorkerLaunch[]): VllmCopies {
  const copies = new VllmCopies({ launches, folder: BASE, device: 'cpu', dtype: 'float32', parallel: 1 })
  onTestFinished(() => copies.close())
  return copies
}
it('deals requests out to all copies and gives completions in the order of the requests', async () => {
  const copies = copiesOf(copy('left'), copy('right'))
  const all = await collect(copies.serve(requests(500), SETTINGS))
  expect(all).toEqual(requests(500).map(({ seed }, index) => ({ index, completionIds: [seed, 3], finishReason: 'stop', logp: -2 })))
  const counts = ['left', 'right'].map(name => asked(name, 'add').reduce((sum, { requests: given }) => sum + (given as unknown[]).length, 0))
  expect(counts[0]! + counts[1]!).toBe(500)
  expect(Math.min(...counts)).toBeGreaterThan(150)
  expect(asked('left', 'open')).toMatchObject([{ adapter: null, dtype: 'float32', parallel: 1, context: 10 }])
  expect(asked('left', 'add')[0]).toMatchObject({ settings: { temperature: 0.7, top_p: 0.9, top_k: 0, min_p: 0, repetition_penalty: 1, greedy: false, max_new_tokens: 8, eosIds: [3] } })
})

it('keeps its copies between calls, and starts them again for longer sequences', async () => {
  const copies = copiesOf(copy('kept'))
  await collect(copies.serve(requests(2), SETTINGS))
  await collect(copies.serve(requests(1), SETTINGS))
  expect(asked('kept', 'open')).toHaveLength(1)
  await collect(copies.serve(requests(1), { ...SETTINGS, max_new_tokens: 20 }))
  expect(asked('kept', 'open').map(({ context }) => context)).toEqual([10, 22])
})

it('cuts a completion where a stop is met, with the log-probability of what is left', async () => {
  const [first] = await collect(copiesOf(copy('stopped')).serve(requests(1), { ...SETTINGS, stop: ids => ids.at(-1) === 100 }))
  expect(first).toEqual({ index: 0, completionIds: [100], finishReason: 'stop', logp: -1 })
})

it('says which copy\'s process died, gives what was whole before, and ends the others', async () => {
  const pidFile = join(scratch, 'lives.pid')
  const copies = copiesOf(copy('dies', "if (method === 'poll' && waiting.length < 190) { console.error('CUDA error: out of memory'); process.exit(9) }"), copy('lives', `if (method === 'hello') require('node:fs').writeFileSync(${JSON.stringify(pidFile)}, String(process.pid))`))
  const got: ServedCompletion[] = []
  await expect((async () => {
    for await (const batch of copies.serve(requests(800), SETTINGS)) got.push(...batch)
  })()).rejects.toThrow('the worker ended with code 9 during poll; its last lines: CUDA error: out of memory')
  expect(got.map(({ index }) => index)).toEqual(got.map((_, i) => i))
  expect(existsSync(join('/proc', readFileSync(pidFile, 'utf8')))).toBe(false)
})

it('ends its copies where nobody wants the rest', async () => {
  const copies = copiesOf(copy('left-alone'))
  const stop = new AbortController()
  await expect((async () => {
    for await (const _ of copies.serve(requests(300), SETTINGS, stop.signal)) stop.abort(new Error('cancelled'))
  })()).rejects.toThrow('cancelled')
  expect(await collect(copies.serve(requests(1), SETTINGS))).toHaveLength(1)
  expect(asked('left-alone', 'open')).toHaveLength(2)
})

it('is told what does not fit before anything starts', async () => {
  const copies = copiesOf(copy('never'))
  await expect(collect(copies.serve([{ promptIds: [1], seed: 1 }], { ...SETTINGS, max_new_tokens: 4096 }))).rejects.toThrow('expected prompt and max_new_tokens within 512 tokens')
  expect(existsSync(join(scratch, 'never.log'))).toBe(false)
})

it('gives each copy GPUs of its own, among those that this process sees', () => {
  const launch = { command: 'python', args: [], env: { CUDA_VISIBLE_DEVICES: '4, 5,6,7' } }
  const seen = (one: WorkerLaunch[]): unknown[] => one.map(({ env }) => env['CUDA_VISIBLE_DEVICES'])
  expect(seen(vllmLaunches(launch, { processes: 4, parallel: 2, device: 'cuda' }))).toEqual(['4,5', '6,7'])
  expect(seen(vllmLaunches({ ...launch, env: {} }, { processes: 2, parallel: 1, device: 'cuda' }))).toEqual(['0', '1'])
  expect(seen(vllmLaunches({ ...launch, env: {} }, { processes: 2, parallel: 1, device: 'cpu' }))).toEqual([undefined, undefined])
  expect(() => vllmLaunches(launch, { processes: 4, parallel: 3, device: 'cuda' })).toThrow('vllm_tensor_parallel_size: expected a divisor of the 4 processes')
})
