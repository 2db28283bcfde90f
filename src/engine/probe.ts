/** Does onnxruntime work here: builds the smallest model there is (c = a + b), runs it and checks the sum. */
import { createRequire } from 'node:module'
import { InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node'

/** Resolves with version and execution providers; rejects where a session cannot be run. */
export async function probeOnnx(): Promise<{ version: string; backends: string[] }> {
  const session = await InferenceSession.create(addition())
  const { c } = await session.run({ a: vector([1, 2]), b: vector([3, 4]) })
  const got = Array.from((c?.data ?? []) as Float32Array)
  if (got[0] !== 4 || got[1] !== 6) throw new Error(`expected 1 + 3, 2 + 4 = 4, 6, got ${got.join(', ')}`)
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }
  return { version, backends: listSupportedBackends().map((backend) => backend.name) }
}

const vector = (values: number[]) => new Tensor('float32', Float32Array.from(values), [values.length])

// Field numbers of onnx.proto3.
function addition(): Uint8Array {
  const shape = message(field(1, message(varint(1, 2))))
  const value = (name: string) => message(text(1, name), field(2, message(field(1, message(varint(1, 1), field(2, shape))))))
  const node = message(text(1, 'a'), text(1, 'b'), text(2, 'c'), text(4, 'Add'))
  const graph = message(field(1, node), text(2, 'addition'), field(11, value('a')), field(11, value('b')), field(12, value('c')))
  const opset = message(text(1, ''), varint(2, 17))
  return message(varint(1, 8), field(7, graph), field(8, opset))
}

// Protobuf for payloads below 128 bytes: a length is one byte.
const message = (...fields: Uint8Array[]) => Uint8Array.from(fields.flatMap((bytes) => [...bytes]))
const varint = (number: number, value: number) => Uint8Array.of(number << 3, value)
const field = (number: number, payload: Uint8Array) => Uint8Array.of((number << 3) | 2, payload.length, ...payload)
const text = (number: number, value: string) => field(number, new TextEncoder().encode(value))
