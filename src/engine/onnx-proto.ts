/**
 * Writes ONNX models as protobuf bytes, the part of onnx.proto (IR version 10) that our graphs need.
 * Knows the wire format, not what the operators mean. Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
export type DataType = 'float32' | 'int32' | 'int64' | 'uint8'
export type OnnxAttribute = { int: number } | { float: number } | { string: string } | { ints: readonly number[] }
export type OnnxNode = {
  op: string
  domain?: string
  name: string
  inputs: readonly string[]
  outputs: readonly string[]
  attributes?: Readonly<Record<string, OnnxAttribute>>
}
/** `sequence`: a list of tensors of that type and any shape. */
export type OnnxValueInfo = { name: string; type: DataType; shape: readonly (number | string)[] | 'sequence' }
/** `external`: the bytes are handed over beside the model, under the initializer's name; `ort.InferenceSession.create` finds them in `externalData`. */
export type OnnxInitializer = { name: string; type: DataType; shape: readonly number[]; data: Float32Array | Int32Array | BigInt64Array | Uint8Array | { external: number } }
export type OnnxModel = { nodes: readonly OnnxNode[]; inputs: readonly OnnxValueInfo[]; outputs: readonly OnnxValueInfo[]; initializers: readonly OnnxInitializer[] }

const IR_VERSION = 10
const OPSET = 21
const ELEMENT_TYPE: Record<DataType, number> = { float32: 1, int32: 6, int64: 7, uint8: 2 }

/** ModelProto bytes for `ort.InferenceSession.create`. */
export function encodeModel(model: OnnxModel): Uint8Array {
  const graph = new Message()
  for (const node of model.nodes) graph.message(1, encodeNode(node))
  graph.string(2, 'graph')
  for (const tensor of model.initializers) graph.message(5, encodeTensor(tensor))
  for (const input of model.inputs) graph.message(11, encodeValueInfo(input))
  for (const output of model.outputs) graph.message(12, encodeValueInfo(output))
  return new Message()
    .int(1, IR_VERSION)
    .string(2, 'drift-workbench')
    .message(7, graph)
    .message(8, new Message().string(1, '').int(2, OPSET))
    .message(8, new Message().string(1, 'com.microsoft').int(2, 1))
    .bytes()
}

function encodeNode(node: OnnxNode): Message {
  const message = new Message()
  for (const input of node.inputs) message.string(1, input)
  for (const output of node.outputs) message.string(2, output)
  message.string(3, node.name).string(4, node.op)
  for (const [name, value] of Object.entries(node.attributes ?? {})) message.message(5, encodeAttribute(name, value))
  return node.domain ? message.string(7, node.domain) : message
}

function encodeAttribute(name: string, value: OnnxAttribute): Message {
  const message = new Message().string(1, name)
  if ('float' in value) return message.float(2, value.float).int(20, 1)
  if ('int' in value) return message.int(3, value.int).int(20, 2)
  if ('string' in value) return message.string(4, value.string).int(20, 3)
  for (const item of value.ints) message.int(8, item)
  return message.int(20, 7)
}

function encodeTensor({ name, type, shape, data }: OnnxInitializer): Message {
  const message = new Message()
  for (const dim of shape) message.int(1, dim)
  message.int(2, ELEMENT_TYPE[type]).string(8, name)
  if (!('external' in data)) return message.raw(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  const entry = (key: string, value: string): Message => new Message().string(1, key).string(2, value)
  return message.message(13, entry('location', name)).message(13, entry('offset', '0')).message(13, entry('length', String(data.external))).int(14, 1)
}

function encodeValueInfo({ name, type, shape }: OnnxValueInfo): Message {
  if (shape === 'sequence') {
    const element = new Message().message(1, new Message().int(1, ELEMENT_TYPE[type]))
    return new Message().string(1, name).message(2, new Message().message(4, new Message().message(1, element)))
  }
  const dims = new Message()
  for (const dim of shape) dims.message(1, typeof dim === 'string' ? new Message().string(2, dim) : new Message().int(1, dim))
  const tensorType = new Message().int(1, ELEMENT_TYPE[type]).message(2, dims)
  return new Message().string(1, name).message(2, new Message().message(1, tensorType))
}

const utf8 = new TextEncoder()

/** One protobuf message under construction; nested messages are spliced in without copying until `bytes()`. */
class Message {
  private readonly parts: Uint8Array[] = []
  private length = 0

  int(field: number, value: number): this {
    return this.push(varint(field * 8)).push(varint(value))
  }

  float(field: number, value: number): this {
    const buffer = new Uint8Array(4)
    new DataView(buffer.buffer).setFloat32(0, value, true)
    return this.push(varint(field * 8 + 5)).push(buffer)
  }

  string(field: number, value: string): this {
    return this.raw(field, utf8.encode(value))
  }

  raw(field: number, value: Uint8Array): this {
    return this.push(varint(field * 8 + 2)).push(varint(value.length)).push(value)
  }

  message(field: number, value: Message): this {
    this.push(varint(field * 8 + 2)).push(varint(value.length))
    for (const part of value.parts) this.push(part)
    return this
  }

  bytes(): Uint8Array {
    const out = new Uint8Array(this.length)
    let offset = 0
    for (const part of this.parts) {
      out.set(part, offset)
      offset += part.length
    }
    return out
  }

  private push(part: Uint8Array): this {
    this.parts.push(part)
    this.length += part.length
    return this
  }
}

/** Base-128, least significant group first; negative numbers as 64-bit two's complement. */
function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return Uint8Array.from(bytes)
}
