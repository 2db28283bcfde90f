/**
 * Every operation of the table: its ONNX nodes against a plain float64 implementation, its gradient against central
 * differences of that implementation. Tolerance: 2e-5 of the largest entry (float32 arithmetic).
 */
import { describe, expect, it } from 'vitest'
import { computeGradients, computeValues, GRADIENT_CASES, OP_CASES, worstError } from '../../../tests/reference/op-examples.ts'
import type { Comparison } from '../../../tests/reference/op-examples.ts'
import { differentiate } from '../autodiff.ts'
import { Graph } from '../graph.ts'
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
