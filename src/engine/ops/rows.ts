/** Rows by index. Indices are int32; nothing here checks their range but onnxruntime. */
import { at, notDifferentiable } from './op.ts'
import type { Ops, Result } from './op.ts'
import type { Value } from '../graph.ts'

function gatheredRows(x: Value, index: Value): Result[] {
  return [{ shape: [...index.shape, at(x.shape, x.shape.length - 1)], type: x.type }]
}

/** The second half of what follows Collect's places: as many parts as indices. */
function partsOf(inputs: readonly Value[]): readonly Value[] {
  return inputs.slice(1 + (inputs.length - 1) / 2)
}

export const rows: Ops<'Lookup' | 'Spread' | 'Collect' | 'ScatterAdd'> = {
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
   * x [rows, d], places [copies, rows], indices.. → x's rows as each index lists them. `places` says the same the other way
   * round, counted over all indices: where each row lies, the number of all places standing for nowhere. Places that
   * it does not name hold copies whose gradient is zero.
   */
  Spread: {
    results: inputs => {
      const [x, places, ...indices] = inputs as [Value, Value, ...Value[]]
      if (x.shape.length !== 2 || places.shape.length !== 2 || places.shape[1] !== x.shape[0]) throw new Error('expected x [rows, d] and places [copies, rows]')
      return indices.flatMap(index => gatheredRows(x, index))
    },
    emit: ({ inputs, outputs }, to) => outputs.forEach((output, i) => to.node('Gather', [to.name(at(inputs, 0)), to.name(at(inputs, i + 2))], [to.name(output)], { axis: { int: 0 } })),
    gradient: (g, { inputs }, parts) => {
      const [, places, ...indices] = inputs
      const present = parts.map(part => {
        if (!part) throw new Error('Spread: every part must be used, or none')
        return part
      })
      return g.apply('Collect', [places as Value, ...indices, ...present], {}).slice()
    },
  },
  /** The adjoint of Spread: places [copies, rows], indices.., parts.. [..index, d] → [rows, d], copies summed. */
  Collect: {
    results: inputs => {
      const [places, first] = [at(inputs, 0), at(partsOf(inputs), 0)]
      return [{ shape: [at(places.shape, 1), at(first.shape, first.shape.length - 1)], type: first.type }]
    },
    emit: ({ inputs, outputs }, to) => {
      const [places, parts] = [at(inputs, 0), partsOf(inputs)]
      const width = Number(at(parts, 0).shape.at(-1))
      const flat = parts.map(part => {
        const rows = to.temporary()
        to.node('Reshape', [to.name(part), to.int64([-1, width])], [rows])
        return rows
      })
      const [all, gathered] = [to.temporary(), to.temporary()]
      to.node('Concat', [...flat, to.zeros([1, width])], [all], { axis: { int: 0 } })
      to.node('Gather', [all, to.name(places)], [gathered], { axis: { int: 0 } })
      if (places.shape[0] === 1) to.node('Reshape', [gathered, to.int64([-1, width])], outputs.map(to.name))
      else to.node('ReduceSum', [gathered, to.int64([0])], outputs.map(to.name), { keepdims: { int: 0 } })
    },
    gradient: (g, { inputs }, [d]) => {
      if (!d) return []
      const [places, indices] = [at(inputs, 0), inputs.slice(1, inputs.length - partsOf(inputs).length)]
      return [undefined, ...indices.map(() => undefined), ...g.apply('Spread', [d, places, ...indices], {})]
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
