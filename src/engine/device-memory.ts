/**
 * Arrays that stay in the WebGPU device's memory between runs. onnxruntime-node has no call to copy from or to the
 * device (`getData()` ends the process): arrays go up and come down through graphs that do nothing else.
 */
import ort from 'onnxruntime-node'
import { showShape } from './dims.ts'
import { Graph } from './graph.ts'
import { encodeModel } from './onnx-proto.ts'
import { GraphSession } from './session.ts'
import type { DeviceArray } from './session.ts'

type HostArray = { data: Float32Array; dims: readonly number[] }

export class DeviceMemory {
  private readonly uploads = new Map<number, Promise<ort.InferenceSession>>()
  private readonly copies = new Map<number, Promise<GraphSession>>()
  private readonly spares = new Map<string, DeviceArray[]>()
  private readonly live = new Set<DeviceArray>()

  /** A new array on the device with these numbers. */
  async upload({ data, dims }: HostArray): Promise<DeviceArray> {
    const session = await remembered(this.uploads, dims.length, () => uploadSession(dims.length))
    const { y } = await session.run({ x: new ort.Tensor('float32', data, dims) })
    if (y?.location !== 'gpu-buffer') throw new Error(`expected an array ${showShape(dims)} in the device's memory, onnxruntime left it on ${y?.location ?? 'nothing'}`)
    const array = { tensor: y, dims }
    this.live.add(array)
    return array
  }

  /** Puts other numbers into an array of the device. */
  async write(array: DeviceArray, data: Float32Array): Promise<void> {
    await this.copy({ data, dims: array.dims }, array)
  }

  /** Fetches an array of the device into one of ours. */
  async read(array: DeviceArray, into: Float32Array): Promise<void> {
    await this.copy(array, { data: into, dims: array.dims })
  }

  /**
   * An array whose numbers are of no use, to be written by a graph: the device refuses to read and write one array in
   * one step, so results go into a spare, and what they replace is the next spare.
   */
  async borrow(dims: readonly number[]): Promise<DeviceArray> {
    return this.spares.get(String(dims))?.pop() ?? (await this.upload({ data: new Float32Array(dims.reduce((a, b) => a * b, 1)), dims }))
  }

  giveBack(array: DeviceArray): void {
    const key = String(array.dims)
    this.spares.set(key, [...(this.spares.get(key) ?? []), array])
  }

  /** Frees every array and session. */
  async release(): Promise<void> {
    for (const { tensor } of this.live) tensor.dispose()
    this.live.clear()
    this.spares.clear()
    const sessions = await Promise.all([...this.uploads.values(), ...this.copies.values()])
    this.uploads.clear()
    this.copies.clear()
    for (const session of sessions) await session.release()
  }

  private async copy(from: HostArray | DeviceArray, to: HostArray | DeviceArray): Promise<void> {
    const session = await remembered(this.copies, from.dims.length, () => GraphSession.create(copyGraph(from.dims.length), 1, { device: 'webgpu' }))
    await session.run({ x: from }, { y: to })
  }
}

function remembered<K, V>(known: Map<K, Promise<V>>, key: K, make: () => Promise<V>): Promise<V> {
  const existing = known.get(key)
  if (existing) return existing
  const made = make()
  known.set(key, made)
  return made
}

/** Named sizes of an array of this rank, for graphs that take any. */
export function dimNames(rank: number): string[] {
  return Array.from({ length: rank }, (_, i) => `D${i}`)
}

function copyGraph(rank: number): Graph {
  const graph = new Graph()
  graph.output('y', graph.input('x', dimNames(rank)))
  return graph
}

/** Results that were not handed in are left on the device only by a session made for it. */
async function uploadSession(rank: number): Promise<ort.InferenceSession> {
  const value = (name: string) => ({ name, type: 'float32' as const, shape: dimNames(rank) })
  const model = encodeModel({ nodes: [{ op: 'Identity', name: 'upload', inputs: ['x'], outputs: ['y'] }], inputs: [value('x')], outputs: [value('y')], initializers: [] })
  return ort.InferenceSession.create(model, { executionProviders: ['webgpu'], preferredOutputLocation: 'gpu-buffer', logSeverityLevel: 4 })
}
