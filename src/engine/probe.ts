/** What this machine can do: whether onnxruntime works, and how fast one core multiplies. */
import { createRequire } from 'node:module'
import { InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node'
import { encodeModel, type OnnxValueInfo } from './onnx-proto.ts'

/** Builds the smallest model there is (c = a + b), runs it and checks the sum. Resolves with version and the execution providers built in; rejects where a session cannot be run. */
export async function probeOnnx(): Promise<{ version: string; backends: string[] }> {
  const [a, b, c] = ['a', 'b', 'c'].map((name): OnnxValueInfo => ({ name, type: 'float32', shape: [2] })) as [OnnxValueInfo, OnnxValueInfo, OnnxValueInfo]
  const session = await InferenceSession.create(encodeModel({ nodes: [{ op: 'Add', name: 'sum', inputs: ['a', 'b'], outputs: ['c'] }], inputs: [a, b], outputs: [c], initializers: [] }))
  const result = await session.run({ a: vector([1, 2]), b: vector([3, 4]) })
  const got = Array.from((result['c']?.data ?? []) as Float32Array)
  if (got[0] !== 4 || got[1] !== 6) throw new Error(`expected [1, 2] + [3, 4] = [4, 6], got [${got.join(', ')}]`)
  await session.release()
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }
  return { version, backends: listSupportedBackends().map((backend) => backend.name) }
}

const vector = (values: number[]) => new Tensor('float32', Float32Array.from(values), [values.length])

const PROBE = { rows: 512, inner: 256, columns: 512, runs: 24 }

/** Billions of multiply-adds per second of one core, float32, on matrices of a small model: the fastest of some runs, about 20 ms. */
export async function measureMultiplySpeed(): Promise<number> {
  const { rows, inner, columns, runs } = PROBE
  const value = (name: string, shape: number[]): OnnxValueInfo => ({ name, type: 'float32', shape })
  const model = encodeModel({ nodes: [{ op: 'MatMul', name: 'product', inputs: ['a', 'b'], outputs: ['c'] }], inputs: [value('a', [rows, inner]), value('b', [inner, columns])], outputs: [value('c', [rows, columns])], initializers: [] })
  const session = await InferenceSession.create(model, { executionProviders: ['cpu'], intraOpNumThreads: 1 })
  const matrix = (height: number, width: number): Tensor => new Tensor('float32', new Float32Array(height * width).fill(0.5), [height, width])
  const feeds = { a: matrix(rows, inner), b: matrix(inner, columns) }
  let fastestMs = Infinity
  for (let i = 0; i < runs; i++) {
    const started = performance.now()
    await session.run(feeds)
    fastestMs = Math.min(fastestMs, performance.now() - started)
  }
  await session.release()
  return (rows * inner * columns) / fastestMs / 1e6
}
