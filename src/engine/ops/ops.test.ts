/**
 * Every operation of the table: its ONNX nodes against a plain float64 implementation, its gradient against central
 * differences of that implementation. Tolerance: 2e-5 of the largest entry (float32 arithmetic).
 */
import { describe, expect, it } from 'vitest'
import { computeGradients, computeValues, GRADIENT_CASES, OP_CASES, worstError } from '../../../tests/reference/op-examples.ts'
import type { Comparison } from '../../../tests/reference/op-examples.ts'
import { differentiate } from '../autodiff.ts'
import { Graph } from '../graph.ts'
import { QUANTIZED_BLOCK, quantize } from '../quantize.ts'
import { createRandom } from '../rng.ts'
import { emptyArrays, GraphSession } from '../session.ts'
import { at } from './op.ts'

const TOLERANCE = 2e-5

function expectClose(comparisons: Comparison[]): void {
  expect(comparisons.length).toBeGreaterThan(0)
  for (const comparison of comparisons) {
    const { what, shape, wanted, got } = comparison
    expect(shape, 'shape rule').toEqual(wanted.shape)
    expect(worstError(comparison), `${what}: expected ${wanted.data.join(' ')}, got ${got.join(' ')}`).toBeLessThan(TOLERANCE)
  }
}

describe('every operation', () => {
  it.each(OP_CASES)('$op ($i) computes what its definition says', async opCase => expectClose(await computeValues(opCase, 'cpu')))

  it.each(GRADIENT_CASES)('$op ($i) has the gradient of its definition', async opCase => expectClose(await computeGradients(opCase, 'cpu')))

  it('multiplies with a weight in 8 bits as its codes and scales say, to the rounding of the activations', async () => {
    const random = createRandom(5)
    const [rows, out, width] = [3, 7, 2 * QUANTIZED_BLOCK]
    const normal = (count: number): Float32Array => Float32Array.from({ length: count }, () => random() * 2 - 1)
    const [x, weight] = [normal(rows * width), normal(out * width)]
    const { codes, scales } = quantize('w', weight, width)
    const restored = weight.map((_, i) => ((codes[i] ?? NaN) - 128) * (scales[Math.floor(i / QUANTIZED_BLOCK)] ?? NaN))
    restored.forEach((w, i) => expect(Math.abs(w - (weight[i] ?? NaN))).toBeLessThanOrEqual((scales[Math.floor(i / QUANTIZED_BLOCK)] ?? NaN) * 0.5001))
    const graph = new Graph()
    const quantized = at(graph.apply('QuantizedWeight', [graph.input('codes', [out, 2, QUANTIZED_BLOCK], 'uint8'), graph.input('scales', [out * 2])], { block: QUANTIZED_BLOCK }), 0)
    graph.output('y', graph.matmul(graph.input('x', [rows, width]), quantized, { transB: true }))
    const session = await GraphSession.create(graph, 1, { frozen: new Map<string, Float32Array | Uint8Array>([['codes', codes], ['scales', scales]]) })
    const { y } = emptyArrays({ y: [rows, out] })
    await session.run({ x: { data: x, dims: [rows, width] } }, { y })
    await session.release()
    y.data.forEach((got, i) => {
      const [row, column] = [Math.floor(i / out), i % out]
      let [wanted, bound] = [0, 0]
      for (let block = 0; block < width; block += QUANTIZED_BLOCK) {
        let largest = 0
        let magnitude = 0
        for (let k = block; k < block + QUANTIZED_BLOCK; k++) {
          const w = restored[column * width + k] ?? NaN
          wanted += (x[row * width + k] ?? NaN) * w
          largest = Math.max(largest, Math.abs(x[row * width + k] ?? NaN))
          magnitude += Math.abs(w)
        }
        bound += (magnitude * largest) / 254
      }
      expect(Math.abs(got - wanted)).toBeLessThan(bound * 1.01 + 1e-5)
    })
  })

  it('says which node and which shapes do not fit', () => {
    const graph = new Graph()
    expect(() => graph.scope('layers.0', () => graph.matmul(graph.input('a', [2, 512]), graph.input('b', [768, 3])))).toThrow('MatMul: inner dims 512 and 768 differ; inputs float32[2, 512], float32[768, 3] (node "layers.0/MatMul.0")')
  })

  it('refuses to differentiate through what has no gradient', () => {
    const graph = new Graph()
    const x = graph.input('x', [2, 2])
    const y = at(graph.apply('Sigmoid', [x], {}), 0)
    expect(() => differentiate(graph, new Map([[y, graph.input('seed', [2, 2])]]), [x])).toThrow('Sigmoid is not differentiable')
  })
})
