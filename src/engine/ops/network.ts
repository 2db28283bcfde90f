import { product } from '../dims.ts'
import { emitProduct } from './matmul.ts'
import { at, notDifferentiable } from './op.ts'
import type { Ops, Result } from './op.ts'
import type { Shape } from '../dims.ts'
import type { Value } from '../graph.ts'

function float32(...shapes: Shape[]): Result[] {
  return shapes.map(shape => ({ shape, type: 'float32' }))
}

export const network: Ops<'RmsNorm' | 'RotaryEmbedding' | 'Attention' | 'CachedAttention'> = {
  /** x [.., d], weight [d] → y = x·r·weight and r = 1/sqrt(mean(x²) + epsilon) [.., 1]. */
  RmsNorm: {
    results: inputs => {
      const [x, weight] = [at(inputs, 0), at(inputs, 1)]
      if (weight.shape.length !== 1 || weight.shape[0] !== x.shape.at(-1)) throw new Error('weight and last dimension differ')
      return float32(x.shape, x.shape.with(-1, 1))
    },
    emit: ({ inputs, outputs, attributes: { epsilon } }, to) => {
      const [x, y, r] = [at(inputs, 0), at(outputs, 0), at(outputs, 1)]
      // WebGPU's operator declares the second result and never writes it: there it is computed apart, where wanted.
      const own = to.device === 'cpu' ? outputs : [y]
      to.node('SimplifiedLayerNormalization', inputs.map(to.name), own.map(to.name), { axis: { int: -1 }, epsilon: { float: epsilon }, stash_type: { int: 1 } })
      if (own.includes(r) || !to.isRead(r)) return
      const [squares, mean, shifted, root] = [to.temporary(), to.temporary(), to.temporary(), to.temporary()]
      to.node('Mul', [to.name(x), to.name(x)], [squares])
      to.node('ReduceMean', [squares, to.int64([x.shape.length - 1])], [mean], { keepdims: { int: 1 } })
      to.node('Add', [mean, to.scalar(epsilon)], [shifted])
      to.node('Sqrt', [shifted], [root])
      to.node('Reciprocal', [root], [to.name(r)])
    },
    // n = x·r: dw = Σ d·n, dx = r·(d·w - n·mean(d·w·n))
    gradient: (g, { inputs, outputs }, [d]) => {
      if (!d) return []
      const [x, weight, r] = [at(inputs, 0), at(inputs, 1), at(outputs, 1)]
      const width = at(weight.shape, 0)
      const normed = g.mul(x, r)
      const t = g.mul(d, normed)
      const mean = g.matmul(g.reshape(t, [product(t.shape.slice(0, -1)), width]), g.reshape(g.mul(weight, g.scalar(1 / Number(width))), [width, 1]))
      const dx = g.mul(g.sub(g.mul(d, weight), g.mul(normed, g.reshape(mean, r.shape))), r)
      return [dx, g.sum(t, Array.from({ length: t.shape.length - 1 }, (_, i) => i), false)]
    },
    recompute: (g, { inputs, outputs }) => g.mul(g.mul(at(inputs, 0), at(outputs, 1)), at(inputs, 1)),
  },
  /**
   * x [N, 1, heads·D], positions int64 [N, 1], cos and sin [positions, D/2]: rotates the halves of each head
   * (Hugging Face's layout). Tokens are the batch dimension, so N may exceed the table's length.
   */
  RotaryEmbedding: {
    results: inputs => {
      const [x, positions, cos] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)]
      if (x.shape.length !== 3 || x.shape[1] !== 1 || positions.shape[0] !== x.shape[0]) throw new Error('expected x [N, 1, width] and positions [N, 1]')
      if (Number(x.shape[2]) % (2 * Number(cos.shape[1])) !== 0) throw new Error('width is no multiple of the head size')
      return float32(x.shape)
    },
    emit: (node, to) => to.node('RotaryEmbedding', node.inputs.map(to.name), node.outputs.map(to.name), { interleaved: { int: 0 } }, 'com.microsoft'),
    // The transpose of a rotation rotates back.
    gradient: (g, { inputs: [, positions, cos, sin] }, [d]) => {
      if (!d || !positions || !cos || !sin) return []
      return [at(g.apply('RotaryEmbedding', [d, positions, cos, at(g.apply('Neg', [sin], {}), 0)], {}), 0)]
    },
  },
  /**
   * q [B, Hk, G·Q, D], k and v [B, Hk, K, D], mask [B, 1, G·Q, K] (added) → o like q, and the probabilities.
   * The G query heads of a key-value head lie one after the other.
   */
  Attention: {
    results: inputs => {
      const [q, k, v, mask] = [at(inputs, 0), at(inputs, 1), at(inputs, 2), at(inputs, 3)]
      const [batch, heads, queries, width] = q.shape
      const keys = at(k.shape, 2)
      if (q.shape.length !== 4 || k.shape[0] !== batch || k.shape[1] !== heads || k.shape[3] !== width || v.shape.some((dim, i) => dim !== k.shape[i])) throw new Error('q, k and v do not fit')
      if (mask.shape[0] !== batch || mask.shape[1] !== 1 || mask.shape[2] !== queries || mask.shape[3] !== keys) throw new Error('the mask does not fit queries and keys')
      return float32(q.shape, q.shape.with(3, keys))
    },
    emit: ({ inputs, outputs, attributes: { scale } }, to) => {
      const input = (i: number): string => to.name(at(inputs, i))
      const [o, probabilities] = [to.name(at(outputs, 0)), to.name(at(outputs, 1))]
      const [scores, masked] = [to.temporary(), to.temporary()]
      emitProduct(to, [input(0), input(1)], scores, 4, { transA: false, transB: true, alpha: scale })
      to.node('Add', [scores, input(3)], [masked])
      to.node('Softmax', [masked], [probabilities], { axis: { int: -1 } })
      to.node('MatMul', [probabilities, input(2)], [o])
    },
    // With P the probabilities: dS = P·(dP - rowsum(do·o)), rowsum(do·o) being rowsum(dP·P) in a cheaper form.
    gradient: (g, { inputs, outputs, attributes: { scale, lean } }, [d]) => {
      if (!d) return []
      const [q, k, v, mask] = [at(inputs, 0), at(inputs, 1), at(inputs, 2), at(inputs, 3)]
      const o = at(outputs, 0)
      // Scaled before the product, not in it: the forward pass's own node would be merged with this one and kept.
      const again = (): Value => g.add(g.matmul(g.mul(q, g.scalar(scale)), k, { transB: true }), mask)
      const p = lean ? at(g.apply('Softmax', [again()], {}), 0) : at(outputs, 1)
      const dp = g.matmul(d, v, { transB: true })
      const ds = g.mul(g.sub(dp, g.sum(g.mul(d, o), [3], true)), p)
      return [g.matmul(ds, k, { alpha: scale }), g.matmul(ds, q, { transA: true, alpha: scale }), g.matmul(p, d, { transA: true })]
    },
  },
  /**
   * One new token per row against a cache that is updated in place (bind the present outputs to the past inputs'
   * memory). q [B, 1, H·D], k and v [B, 1, Hk·D], past k and v [B, Hk, S, D], lengths int32 [B] (tokens in the
   * cache), total int32 [] (the longest row with its new token) → o [B, 1, H·D], present k, present v. q, k and the
   * cache are rotated already: the operator's own rotation wants head sizes that are multiples of 16.
   */
  CachedAttention: {
    results: inputs => {
      const [q, pastK, pastV] = [at(inputs, 0), at(inputs, 3), at(inputs, 4)]
      return float32(q.shape, pastK.shape, pastV.shape)
    },
    emit: ({ inputs, outputs, attributes: { heads, keyValueHeads, scale } }, to) =>
      to.node('GroupQueryAttention', inputs.map(to.name), outputs.map(to.name), { num_heads: { int: heads }, kv_num_heads: { int: keyValueHeads }, scale: { float: scale }, do_rotary: { int: 0 } }, 'com.microsoft'),
    gradient: notDifferentiable,
  },
}
