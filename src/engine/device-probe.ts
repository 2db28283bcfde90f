/**
 * A process of its own (`device-check.ts` starts it) in which a WebGPU device is tried: drivers may end a process.
 * `node device-probe.ts adapter | self-test`, one JSON line on stdout, errors too.
 */
import { Graph } from './graph.ts'
import { runSelfTest } from './self-test.ts'
import type { SelfTestResult } from './self-test.ts'
import { GraphSession } from './session.ts'

export type ProbeRequest = 'adapter' | 'self-test'
export type ProbeAnswer = { found: true; selfTest?: SelfTestResult } | { found: false; reason: string }

async function answer(request: string | undefined): Promise<ProbeAnswer> {
  try {
    await addOnDevice()
  } catch (error) {
    return { found: false, reason: (error as Error).message }
  }
  return request === 'self-test' ? { found: true, selfTest: await runSelfTest() } : { found: true }
}

/** Session creation looks for an adapter; only a run shows that it computes. */
async function addOnDevice(): Promise<void> {
  const graph = new Graph()
  const x = graph.input('x', ['N'])
  graph.output('y', graph.add(x, x))
  const session = await GraphSession.create(graph, 1, { device: 'webgpu' })
  const y = new Float32Array(2)
  await session.run({ x: { data: Float32Array.of(1.5, -4), dims: [2] } }, { y: { data: y, dims: [2] } })
  await session.release()
  if (y[0] !== 3 || y[1] !== -8) throw new Error(`expected [1.5, -4] doubled to be [3, -8], got [${y.join(', ')}]`)
}

const line = JSON.stringify(await answer(process.argv[2]))
process.stdout.write(`${line}\n`, () => process.exit(0))
