/**
 * Runs a graph in onnxruntime. Weights are inputs and gradients pre-allocated outputs: the arrays handed in are
 * read and written in place. `run` occupies the calling thread; put it in a process of its own.
 */
import ort from 'onnxruntime-node'
import { showShape } from './dims.ts'
import type { Graph } from './graph.ts'

export type Array32 = { data: Float32Array; dims: readonly number[] } | { data: Int32Array; dims: readonly number[] } | { data: BigInt64Array; dims: readonly number[] }
export type Feeds = Readonly<Record<string, Array32>>

export class GraphSession {
  private readonly session: ort.InferenceSession

  private constructor(session: ort.InferenceSession) {
    this.session = session
  }

  static async create(graph: Graph, threads: number): Promise<GraphSession> {
    const session = await ort.InferenceSession.create(graph.encode(), {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      // The memory of the pattern's first run is never given back: it doubles the peak.
      enableMemPattern: false,
      logSeverityLevel: 3,
      // Spinning threads cost more than they bring as soon as the machine is shared.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    })
    return new GraphSession(session)
  }

  /**
   * @param feeds by input name; names the graph does not know are ignored.
   * @param into results written in place.
   * @param fetch names of further outputs, returned in new arrays.
   * @throws with the shapes of all small inputs where onnxruntime fails.
   */
  async run(feeds: Feeds, into: Feeds, fetch: readonly string[]): Promise<Map<string, Float32Array>> {
    const inputs: Record<string, ort.Tensor> = {}
    for (const name of this.session.inputNames) {
      const feed = feeds[name]
      if (!feed) throw new Error(`graph input "${name}" is missing`)
      inputs[name] = tensor(feed)
    }
    const outputs: Record<string, ort.Tensor | null> = {}
    for (const [name, target] of Object.entries(into)) outputs[name] = tensor(target)
    for (const name of fetch) outputs[name] = null
    let results
    try {
      results = await this.session.run(inputs, outputs)
    } catch (error) {
      const shapes = Object.entries(inputs).filter(([name]) => !name.includes('.weight')).map(([name, { dims }]) => `${name} ${showShape(dims)}`)
      throw new Error(`${(error as Error).message}; inputs ${shapes.join(', ')}`, { cause: error })
    }
    return new Map(fetch.map(name => [name, results[name]?.data as Float32Array]))
  }

  async release(): Promise<void> {
    await this.session.release()
  }
}

function tensor({ data, dims }: Array32): ort.Tensor {
  if (data instanceof Float32Array) return new ort.Tensor('float32', data, dims)
  return data instanceof Int32Array ? new ort.Tensor('int32', data, dims) : new ort.Tensor('int64', data, dims)
}
