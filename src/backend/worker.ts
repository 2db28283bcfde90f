/**
 * The process of one run (or of the built-in experiment's preparation, the token view, the map of conversations, the contamination guard, the answers to a benchmark or how fast they come): under Node a child with an IPC channel, under Electron a utility process. A native crash
 * ends this process alone.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import type { ToWorker, WorkerArgs } from './jobs/messages.ts'
import { type Channel, runWorker } from './jobs/run-worker.ts'

/** Electron's port to the parent (its types belong to the Electron host). */
type ParentPort = { postMessage(message: unknown): void; on(event: 'message', listener: (event: { data: unknown }) => void): void; on(event: 'close', listener: () => void): void }

stepBack()

const port = (process as unknown as { parentPort?: ParentPort }).parentPort
const args = JSON.parse(process.argv.at(-1) ?? '') as WorkerArgs
const channel = port ? portChannel(port) : processChannel()
if ('prepare' in args) {
  const { prepareWorker } = await import('./demo/prepare-worker.ts')
  await prepareWorker(args, channel)
} else if ('inspect' in args) {
  const { inspectWorker } = await import('./inspect/inspect-worker.ts')
  const { embeddedEngine } = await import('../engine/embedded.ts')
  await inspectWorker(args, channel, embeddedEngine)
} else if ('map' in args) {
  const { mapWorker } = await import('./conversations/map-worker.ts')
  await mapWorker(args, channel)
} else if ('check' in args) {
  const { checkWorker } = await import('./datasets/check-worker.ts')
  await checkWorker(args, channel)
} else if ('answer' in args) {
  const { answerWorker } = await import('./answers/answer-worker.ts')
  await answerWorker(args, channel)
} else if ('measure' in args) {
  const { measureWorker } = await import('./answers/answer-speed.ts')
  await measureWorker(args, channel)
} else {
  const { openEngine } = await import('../engine/open-engine.ts')
  await runWorker(args, channel, ({ engine, torch }) => openEngine(engine, torch))
}
// Native threads must not keep a finished process alive.
process.exit()

/** Training takes every core it gets; whoever looks at it must not have to wait for one. */
function stepBack(): void {
  setPriority(constants.priority.PRIORITY_LOW)
  if (process.platform !== 'linux') return
  try {
    // Where Linux shares cores among sessions, the session has a niceness too; only one of our own is ours to set.
    const session = Number(readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)?.split(' ')[3])
    if (session === process.pid) writeFileSync('/proc/self/autogroup', String(constants.priority.PRIORITY_LOW))
  } catch {
    // A system without it shares cores among processes.
  }
}

function processChannel(): Channel {
  if (!process.connected) process.exit(1)
  return {
    send: (message) => new Promise((resolve) => (process.connected ? process.send?.(message, () => resolve()) : resolve())),
    onMessage: (listener) => void process.on('message', (message) => listener(message as ToWorker)),
    onClose: (listener) => void process.on('disconnect', listener),
  }
}

function portChannel(parent: ParentPort): Channel {
  return {
    send: (message) => Promise.resolve(parent.postMessage(message)),
    onMessage: (listener) => parent.on('message', ({ data }) => listener(data as ToWorker)),
    onClose: (listener) => parent.on('close', listener),
  }
}
