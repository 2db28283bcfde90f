/** Rows by index. Indices are int32; nothing here checks their range but onnxruntime. */
import { isSameShape, product } from '../dims.ts'
import { at, notDifferentiable } from './op.ts'
import type { Ops, Result } from './op.ts'
import type { Value } from '../graph.ts'

function gatheredRows(x: Value, index: Value): Result[] {
  return [{ shape: [...index.shape, at(x.shape, x.shape.length - 1)], type: x.type }]
}

export const rows: Ops<'Lookup' | 'GatherRows' | 'ScatterAdd'> = {
  Lookup: {
    results: inputs => {
      if (at(inputs, 0).shape.length !== 2) throw new Error('expected a table [V, d]')
      return gatheredRows(at(inputs, 0), at(inputs, 1))
    },
    emit: ({ inputs, outputs }, to) => to.node('Gather', inputs.map(to.name), outputs.map(to.name), { axis: { int: 0 } }),
    // The table's gradient is a sum over equal ids. onnxruntime's ScatterND adds duplicates in parallel without a lock,
    // so the trainer asks for the gradient of the looked-up rows and adds them up itself, in order.
    gradient: notDifferentiable,
  },
  /**
   * Each row of x lies at exactly one place of the result (`inverse`), other places hold copies whose gradient is
   * zero: so the gradient is a gather too. With `zeroRow` a row may also lie nowhere: its inverse is the count of
   * indices.
   */
  GatherRows: {
    results: inputs => {
      const [x, index, inverse] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)]
      if (!isSameShape(inverse.shape, x.shape.slice(0, -1))) throw new Error('expected one inverse index for each row')
      return gatheredRows(x, index)
    },
    emit: ({ inputs, outputs }, to) => {
      const x = at(inputs, 0)
      const flat = x.shape.length === 2 ? to.name(x) : to.temporary()
      if (x.shape.length > 2) to.node('Reshape', [to.name(x), to.int64([-1, Number(x.shape.at(-1))])], [flat])
      to.node('Gather', [flat, to.name(at(inputs, 1))], outputs.map(to.name), { axis: { int: 0 } })
    },
    gradient: (g, { inputs, attributes: { zeroRow } }, [d]) => {
      if (!d) return []
      const [x, index, inverse] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)]
      if (!zeroRow) return g.apply('GatherRows', [d, inverse, index], { zeroRow: false }).slice()
      const width = Number(x.shape.at(-1))
      const zero = g.constant(new Array<number>(width).fill(0), [1, width])
      const extended = at(g.apply('Concat', [g.reshape(d, [product(index.shape), width]), zero], { axis: 0, sized: false }), 0)
      return g.apply('Lookup', [extended, inverse], {}).slice()
    },
  },
  /** data with updates added at indices along `axis`; indices int32 of the updates' shape. */
  ScatterAdd: {
    results: inputs => [{ shape: at(inputs, 0).shape, type: at(inputs, 0).type }],
    emit: ({ inputs, outputs, attributes: { axis } }, to) =>
      to.node('ScatterElements', inputs.map(to.name), outputs.map(to.name), { axis: { int: axis }, reduction: { string: 'add' } }),
    // Stands in backward passes only.
    gradient: notDifferentiable,
  },
}
