/**
 * Runs a graph in onnxruntime. Weights are inputs and gradients pre-allocated outputs: the arrays handed in are
 * read and written in place. `run` occupies the calling thread; put it in a process of its own.
 */
import ort from 'onnxruntime-node'
import type { Device } from './device.ts'
import { showShape } from './dims.ts'
import { UNREADABLE_OUTPUT } from './graph.ts'
import type { Graph } from './graph.ts'

export type Array32 = { data: Float32Array; dims: readonly number[] } | { data: Int32Array; dims: readonly number[] } | { data: BigInt64Array; dims: readonly number[] }
/** An array in the memory of the device (`device-memory.ts`); its numbers are only seen by graphs. */
export type DeviceArray = { tensor: ort.Tensor; dims: readonly number[] }
export type Feeds = Readonly<Record<string, Array32>>
export type DeviceFeeds = Readonly<Record<string, Array32 | DeviceArray>>

/**
 * When a run has ended, the Node binding copies every output into a new array, also those that were handed in and
 * are written already: 10 times the cost of writing them (40 MB: 12 ms against 120 ms), at each step for all gradients
 * or the whole cache. It converts outputs in order and stops at the first it cannot convert; so each graph's first
 * output is a list of tensors, and this error means that the run is done. A binding that converts lists would only be slower.
 */
const UNREADABLE_MESSAGE = 'Non tensor type is temporarily not supported.'

/** Arrays of these dimensions to hold a run's results. */
export function emptyArrays<K extends string>(dims: Readonly<Record<K, readonly number[]>>): Record<K, { data: Float32Array; dims: readonly number[] }> {
  const arrays = Object.entries<readonly number[]>(dims).map(([name, shape]) => [name, { data: new Float32Array(shape.reduce((a, b) => a * b, 1)), dims: shape }])
  return Object.fromEntries(arrays) as Record<K, { data: Float32Array; dims: readonly number[] }>
}

export type SessionOptions = { device?: Device; frozen?: ReadonlyMap<string, Float32Array | Uint8Array>; fewRows?: boolean; spinUs?: number }

export class GraphSession {
  private readonly session: ort.InferenceSession

  private constructor(session: ort.InferenceSession) {
    this.session = session
  }

  /**
   * @param device what runs the graph; nothing else takes its place.
   * @param frozen data of inputs that never change; copied. `run` must not be given them.
   * @param fewRows weights meet few rows (`Emitter`).
   * @param spinUs how long a thread without work looks for more before it sleeps. 0 unless operations follow each other
   *   within microseconds and waking is what takes the time: spinning threads cost more than they bring where others work too.
   */
  static async create(graph: Graph, threads: number, { device = 'cpu', frozen = new Map(), fewRows = false, spinUs = 0 }: SessionOptions = {}): Promise<GraphSession> {
    const session = await ort.InferenceSession.create(graph.encode({ device, fewRows, frozen: new Set(frozen.keys()) }), {
      executionProviders: [device],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      // The memory of the pattern's first run is never given back: it doubles the peak.
      enableMemPattern: false,
      // Errors are thrown with what was fed; printing them too would only soil stderr.
      logSeverityLevel: 4,
      ...(frozen.size > 0 && { externalData: [...frozen].map(([path, data]) => ({ path, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) })) }),
      extra: { session: { intra_op: spinUs > 0 ? { allow_spinning: '1', spin_duration_us: String(spinUs) } : { allow_spinning: '0' } } },
    })
    return new GraphSession(session)
  }

  /**
   * @param feeds by input name; names the graph does not know are ignored.
   * @param results by output name; written in place. On the CPU an array may be fed and written in one run where its
   *   operation allows; on a device a device array may not.
   * @throws with the shapes of all small inputs where onnxruntime fails.
   */
  async run(feeds: DeviceFeeds, results: DeviceFeeds): Promise<void> {
    const inputs: Record<string, ort.Tensor> = {}
    for (const name of this.session.inputNames) {
      const feed = feeds[name]
      if (!feed) throw new Error(`graph input "${name}" is missing`)
      inputs[name] = tensor(feed)
    }
    const outputs: Record<string, ort.Tensor | null> = { [UNREADABLE_OUTPUT]: null }
    for (const [name, result] of Object.entries(results)) outputs[name] = tensor(result)
    try {
      await this.session.run(inputs, outputs)
    } catch (error) {
      if ((error as Error).message === UNREADABLE_MESSAGE) return
      const shapes = Object.entries(inputs).filter(([name]) => !name.includes('.weight')).map(([name, { dims }]) => `${name} ${showShape(dims)}`)
      throw new Error(`${(error as Error).message}; inputs ${shapes.join(', ')}`, { cause: error })
    }
  }

  async release(): Promise<void> {
    await this.session.release()
  }
}

/** A feed handed in again keeps its tensor: making some hundred of them is felt in a step of ten milliseconds. */
const tensors = new WeakMap<Array32, { tensor: ort.Tensor; data: Array32['data']; dims: readonly number[] }>()

function tensor(feed: Array32 | DeviceArray): ort.Tensor {
  if ('tensor' in feed) return feed.tensor
  const known = tensors.get(feed)
  if (known && known.data === feed.data && known.dims === feed.dims) return known.tensor
  const { data, dims } = feed
  const made = data instanceof Float32Array ? new ort.Tensor('float32', data, dims) : data instanceof Int32Array ? new ort.Tensor('int32', data, dims) : new ort.Tensor('int64', data, dims)
  tensors.set(feed, { tensor: made, data, dims })
  return made
}
