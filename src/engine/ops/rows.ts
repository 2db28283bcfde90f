/** Rows by index. Indices are int32; nothing here checks their range but onnxruntime. */
import { product } from '../dims.ts'
import { at, notDifferentiable } from './op.ts'
import type { Ops, Result } from './op.ts'
import type { Value } from '../graph.ts'

function gatheredRows(x: Value, index: Value): Result[] {
  if (x.shape.length !== 2) throw new Error('expected rows [M, d]')
  return [{ shape: [...index.shape, at(x.shape, 1)], type: x.type }]
}

export const rows: Ops<'Lookup' | 'GatherRows' | 'ScatterAdd'> = {
  Lookup: {
    results: inputs => gatheredRows(at(inputs, 0), at(inputs, 1)),
    emit: ({ inputs, outputs }, to) => to.node('Gather', inputs.map(to.name), outputs.map(to.name), { axis: { int: 0 } }),
    // The table's gradient is a sum over equal ids. onnxruntime's ScatterND adds duplicates in parallel without a lock,
    // so the trainer asks for the gradient of the looked-up rows and adds them up itself, in order.
    gradient: notDifferentiable,
  },
  /**
   * Each row of x lies at exactly one place of the result (`inverse`), other places hold copies whose gradient is
   * zero: so the gradient is a gather too. With `zeroRow` a row may also lie nowhere: its inverse is index.length.
   */
  GatherRows: {
    results: inputs => {
      const [x, index, inverse] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)]
      if (product(inverse.shape) !== at(x.shape, 0)) throw new Error('expected one inverse index for each row')
      return gatheredRows(x, index)
    },
    emit: ({ inputs, outputs }, to) => to.node('Gather', inputs.slice(0, 2).map(to.name), outputs.map(to.name), { axis: { int: 0 } }),
    gradient: (g, { inputs, attributes: { zeroRow } }, [d]) => {
      if (!d) return []
      const [x, index, inverse] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)]
      const width = at(x.shape, 1)
      const flat = g.reshape(d, [product(index.shape), width])
      const source = zeroRow ? at(g.apply('Concat', [flat, g.constant(new Array<number>(Number(width)).fill(0), [1, Number(width)])], { axis: 0, sized: false }), 0) : flat
      const back = zeroRow ? at(g.apply('Lookup', [source, inverse], {}), 0) : at(g.apply('GatherRows', [source, inverse, index], { zeroRow: false }), 0)
      return [g.reshape(back, x.shape)]
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
