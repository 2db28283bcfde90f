/** Does onnxruntime work here: builds the smallest model there is (c = a + b), runs it and checks the sum. */
import { createRequire } from 'node:module'
import { InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node'
import { encodeModel, type OnnxValueInfo } from './onnx-proto.ts'

/** Resolves with version and the execution providers built in; rejects where a session cannot be run. */
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
