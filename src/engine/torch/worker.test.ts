import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { expect, it, onTestFinished } from 'vitest'
import { writeRandomModel } from '../../../tests/reference/random-model.ts'
import { DPO } from '../../../tests/reference/train-config.ts'
import { createTorchEngine } from './engine.ts'
import { PLAIN_TORCH } from './options.ts'
import { results } from './protocol.ts'
import { TorchWorker } from './worker.ts'

/** A worker that answers each request with what the script says; `n` counts them from 1. */
const fake = (answer: string): { command: string; args: string[]; env: NodeJS.ProcessEnv } => ({
  command: process.execPath,
  args: ['-e', `let n = 0; require('readline').createInterface({ input: process.stdin }).on('line', line => { n++; const { id } = JSON.parse(line); const say = result => console.log(JSON.stringify({ id, result })); ${answer} })`],
  env: process.env,
})
const HELLO = "say({ protocol: 3, torch: 'x', transformers: 'y', vllm: null, deepspeed: null, processes: 1 })"

it('refuses a worker of another version', async () => {
  await expect(TorchWorker.start(fake("say({ protocol: 99, torch: 'x', transformers: 'y', vllm: null, deepspeed: null, processes: 1 })"))).rejects.toThrow('expected a worker of protocol 3, got 99')
})

it('says what stands on stdout where a reply should', async () => {
  await expect(TorchWorker.start(fake("console.log('Welcome to this Python')"))).rejects.toThrow('expected the reply to hello on the worker\'s stdout, got "Welcome to this Python"')
})

it('gives the last lines of a worker that dies, to the request under way and to all later ones', async () => {
  const { worker } = await TorchWorker.start(fake(`if (n === 1) ${HELLO}; else { console.error('rank 1 is gone'); process.exit(3) }`))
  const message = 'the worker ended with code 3 during trainNorm; its last lines: rank 1 is gone'
  await expect(worker.request('trainNorm', {}, results.norm)).rejects.toThrow(message)
  await expect(worker.request('trainNorm', {}, results.norm)).rejects.toThrow(message)
  expect(worker.isAlive).toBe(false)
})

it('says that a worker was killed, and what was under way', async () => {
  const { worker } = await TorchWorker.start(fake(`if (n === 1) ${HELLO}; else process.kill(process.pid, 'SIGKILL')`))
  await expect(worker.request('trainBatch', {}, results.norm)).rejects.toThrow('the worker was ended by SIGKILL (often: the system was out of memory) during trainBatch')
})

it('gives no half of a reply as a reply', async () => {
  const { worker } = await TorchWorker.start(fake(`if (n === 1) ${HELLO}; else process.stdout.write('{"id":2,"result":{"norm":2}', () => process.exit(9))`))
  await expect(worker.request('trainNorm', {}, results.norm)).rejects.toThrow('expected the reply to trainNorm on the worker\'s stdout')
})

it('names the process that ended first, with its own last lines, whatever torchrun and the others say', async () => {
  const lines = [
    '[rank 1] Traceback (most recent call last):', '[rank 1] RuntimeError: CUDA error: an illegal memory access was encountered', '[rank 0] RuntimeError: Connection closed by peer',
    'E1127 14:00:00.000 7 torch/distributed/elastic/multiprocessing/api.py:1000] failed (exitcode: 1) local_rank: 1 (pid: 9) of binary: /usr/bin/python', ...Array.from({ length: 60 }, (_, i) => `torchrun, line ${i}`),
  ]
  const { worker } = await TorchWorker.start(fake(`if (n === 1) ${HELLO}; else { console.error(${JSON.stringify(lines.join('\n'))}); process.exitCode = 1; process.stdin.destroy() }`))
  await expect(worker.request('trainBatch', {}, results.norm)).rejects.toThrow(/^engine torch: process 1 of the run ended with code 1 during trainBatch; its last lines: Traceback \(most recent call last\): \| RuntimeError: CUDA error: an illegal memory access was encountered$/)
})

it.each([
  ['SafetensorError: IoError(Os { code: 28, kind: StorageFull, message: "No space left on device" })', 'the disk is full: free some space and resume the run'],
  ['DistBackendError: NCCL error in: ProcessGroupNCCL.cpp:77, unhandled cuda error', 'the GPUs could not talk to each other (NCCL)'],
])('says what %s means', async (message, meaning) => {
  const { worker } = await TorchWorker.start(fake(`if (n === 1) ${HELLO}; else console.log(JSON.stringify({ id, error: { kind: 'internal', message: ${JSON.stringify(message)} } }))`))
  await expect(worker.request('trainState', {}, results.nothing)).rejects.toThrow(meaning)
  worker.stop()
})

it('ends a worker whose reply does not fit', async () => {
  const { worker } = await TorchWorker.start(fake(`if (n === 1) ${HELLO}; else say({ norm: 'large' })`))
  await expect(worker.request('trainNorm', {}, results.norm)).rejects.toThrow('expected a reply to trainNorm that fits the protocol, got {"norm":"large"}')
  expect(worker.isAlive).toBe(false)
})

it('tells apart wrong input, want of memory and faults, and goes on', async () => {
  const kinds = ['input', 'memory', 'internal']
  const { worker } = await TorchWorker.start(fake(`if (n === 1) ${HELLO}; else if (n < 5) console.log(JSON.stringify({ id, error: { kind: ${JSON.stringify(kinds)}[n - 2], message: 'why' } })); else say({ norm: 2 })`))
  const ask = (): Promise<unknown> => worker.request('trainNorm', {}, results.norm)
  await expect(ask()).rejects.toMatchObject({ name: 'InputError', message: 'why' })
  await expect(ask()).rejects.toThrow('out of memory during trainNorm (why); choose a smaller per_device_train_batch_size')
  await expect(ask()).rejects.toThrow('trainNorm failed: why')
  expect(await ask()).toEqual({ norm: 2 })
  worker.stop()
})

it('refuses, with numbers, a training for which the device has no room left, before it begins', async () => {
  const folder = writeRandomModel()
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const engine = createTorchEngine(PLAIN_TORCH, () => fake(`if (n === 1) ${HELLO}; else if (n === 2) say({ model: 1 }); else if (n === 3) say({ bytes: 2e6 }); else say({})`))
  const model = await engine.load(folder, { device: 'cuda' })
  const pair = { promptIds: [3, 4], chosenIds: [5], rejectedIds: [6] }
  await expect(model.trainDpo([pair, pair], { chosen: new Float64Array(2), rejected: new Float64Array(2) }, DPO)).rejects.toThrow(/^training: expected to need at most 0\.0020 GB of memory, which is what is free, got an estimate of [\d.]+ GB \(weights .*\); choose a smaller per_device_train_batch_size/)
  await engine.close?.()
})

it('names an interpreter that cannot be started', async () => {
  await expect(TorchWorker.start({ command: 'no-such-python', args: [], env: process.env })).rejects.toThrow('expected to start no-such-python, got spawn no-such-python ENOENT')
})

it.skipIf(process.platform === 'win32')('outlives a Ctrl-C of the process that asks it', async () => {
  const { command, args } = fake(`if (n === 1) ${HELLO}; else say({ norm: 2 })`)
  const asker = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', `
    import { results } from ${JSON.stringify(new URL('./protocol.ts', import.meta.url).href)}
    import { TorchWorker } from ${JSON.stringify(new URL('./worker.ts', import.meta.url).href)}
    const { worker } = await TorchWorker.start({ command: ${JSON.stringify(command)}, args: ${JSON.stringify(args)}, env: process.env })
    process.on('SIGINT', async () => {
      await new Promise((resolve) => setTimeout(resolve, 200))
      console.log(JSON.stringify(await worker.request('trainNorm', {}, results.norm).catch((error) => error.message)))
      process.exit()
    })
    console.log('ready')
    setInterval(() => {}, 1000)`], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  for await (const line of createInterface({ input: asker.stdout })) {
    lines.push(line)
    // As a terminal does: to the whole group.
    if (line === 'ready') process.kill(-asker.pid!, 'SIGINT')
  }
  expect(lines).toEqual(['ready', '{"norm":2}'])
})

it('keeps what the worker last told of its memory', async () => {
  const { worker } = await TorchWorker.start(fake(`if (n === 1) ${HELLO}; else console.log(JSON.stringify({ id, result: { norm: 1 }, memory: { held: 7, peak: 9, since: 2 } }))`))
  expect(worker.memory).toBeNull()
  await worker.request('trainNorm', {}, results.norm)
  expect(worker.memory).toEqual({ held: 7, peak: 9, since: 2 })
})
