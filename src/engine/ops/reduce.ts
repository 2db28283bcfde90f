import { at, notDifferentiable } from './op.ts'
import type { Op, Ops } from './op.ts'

type Reduction = 'ReduceSum' | 'ReduceMean' | 'ReduceMax'

/** Sums stand in backward passes, means and maxima in metrics: none is differentiated. */
function reduction<K extends Reduction>(op: K): Op<K> {
  return {
    results: (inputs, { axes, keepDims }) => {
      const x = at(inputs, 0)
      if (axes.some(axis => axis < 0 || axis >= x.shape.length)) throw new Error(`axes ${axes.join(', ')} are not all dimensions of the input`)
      return [{ shape: keepDims ? x.shape.map((dim, i) => (axes.includes(i) ? 1 : dim)) : x.shape.filter((_, i) => !axes.includes(i)), type: x.type }]
    },
    emit: ({ inputs, outputs, attributes: { axes, keepDims } }, to) =>
      to.node(op, [to.name(at(inputs, 0)), to.int64(axes)], outputs.map(to.name), { keepdims: { int: Number(keepDims) } }),
    gradient: notDifferentiable,
  }
}

export const reductions: Ops<Reduction> = { ReduceSum: reduction('ReduceSum'), ReduceMean: reduction('ReduceMean'), ReduceMax: reduction('ReduceMax') }
