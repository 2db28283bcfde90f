import { describe, expect, it } from 'vitest'
import { Graph } from './graph.ts'
import { GraphSession } from './session.ts'

describe('a run', () => {
  it('writes into the arrays it is given and makes no others', async () => {
    const graph = new Graph()
    const x = graph.input('x', ['N'])
    graph.output('y', graph.add(x, x))
    const session = await GraphSession.create(graph, 1)
    const size = 4_000_000
    const [feed, result] = [new Float32Array(size).fill(1.5), new Float32Array(size)]
    await session.run({ x: { data: feed, dims: [size] } }, { y: { data: result, dims: [size] } })
    const before = process.memoryUsage().arrayBuffers
    await session.run({ x: { data: feed, dims: [size] } }, { y: { data: result, dims: [size] } })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(size)
    expect([result[0], result[size - 1]]).toEqual([3, 3])
    await session.release()
  })

  it('says what was fed when it fails', async () => {
    const graph = new Graph()
    graph.output('y', graph.add(graph.input('a', ['N']), graph.input('b', ['N'])))
    const session = await GraphSession.create(graph, 1)
    const feed = (length: number): { data: Float32Array; dims: number[] } => ({ data: new Float32Array(length), dims: [length] })
    await expect(session.run({ a: feed(2), b: feed(3) }, { y: feed(3) })).rejects.toThrow('inputs a [2], b [3]')
    await expect(session.run({ a: feed(2) }, { y: feed(2) })).rejects.toThrow('graph input "b" is missing')
    await session.release()
  })
})
