/**
 * The process of a run with the fake engine, for tests of the supervisor. What is to happen comes in the environment:
 * `DRIFT_FAKE_TICK_MS` makes every unit of work take its time, `DRIFT_FAKE_END=SIGSEGV@20` ends it at a tick.
 */
import type { RunArgs, ToWorker } from '../../src/backend/jobs/messages.ts'
import { runWorker } from '../../src/backend/jobs/run-worker.ts'
import { fakeEngine, fakeText } from './fake-engine.ts'

const tickMs = Number(process.env['DRIFT_FAKE_TICK_MS'] ?? 0)
const [end, at] = (process.env['DRIFT_FAKE_END'] ?? '').split('@')
const pause = new Int32Array(new SharedArrayBuffer(4))
let ticks = 0

const engine = fakeEngine({
  replies: ['yes', 'no', 'perhaps', 'a much longer reply'],
  tick() {
    if (tickMs > 0) Atomics.wait(pause, 0, 0, tickMs)
    if (++ticks !== Number(at)) return
    if (end === 'throw') setImmediate(() => { throw new Error('the fake engine broke') })
    else process.kill(process.pid, end as NodeJS.Signals)
  },
})

await runWorker(
  JSON.parse(process.argv.at(-1) ?? '') as RunArgs,
  {
    send: (message) => new Promise((resolve) => (process.connected ? process.send?.(message, () => resolve()) : resolve())),
    onMessage: (listener) => void process.on('message', (message) => listener(message as ToWorker)),
    onClose: (listener) => void process.on('disconnect', listener),
  },
  async () => engine,
  () => fakeText,
)
process.exit(0)
