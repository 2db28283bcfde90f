import { product, sum } from '../dims.ts'
import type { Shape } from '../dims.ts'
import { at } from './op.ts'
import type { Ops } from './op.ts'

/**
 * ONNX Reshape's target: 0 keeps the dimension at that place, -1 stands for the one that follows from the rest.
 * @throws where more than one named dimension would have to be guessed.
 */
function reshapeTarget(from: Shape, to: Shape): number[] {
  let guessed = 0
  const target = to.map((dim, i) => {
    if (typeof dim === 'number') return dim
    if (from[i] === dim) return 0
    guessed++
    return -1
  })
  if (guessed > 1) throw new Error(`cannot reshape to [${to.join(', ')}]: more than one named dimension moves`)
  return target
}

export const layout: Ops<'Reshape' | 'Concat' | 'Split'> = {
  Reshape: {
    results: (inputs, { shape }) => {
      const x = at(inputs, 0)
      if (product(x.shape) !== product(shape)) throw new Error(`cannot reshape to [${shape.join(', ')}]`)
      reshapeTarget(x.shape, shape)
      return [{ shape, type: x.type }]
    },
    emit: ({ inputs, outputs, attributes: { shape } }, to) =>
      to.node('Reshape', [to.name(at(inputs, 0)), to.int64(reshapeTarget(at(inputs, 0).shape, shape))], outputs.map(to.name)),
    gradient: (g, { inputs }, [d]) => [d && g.reshape(d, at(inputs, 0).shape)],
  },
  Concat: {
    results: (inputs, { axis, sized, dim: named }) => {
      const parts = sized ? inputs.slice(0, -1) : inputs
      const first = at(parts, 0)
      for (const part of parts) {
        if (part.shape.length !== first.shape.length || part.shape.some((dim, i) => i !== axis && dim !== first.shape[i])) throw new Error(`parts differ outside axis ${axis}`)
      }
      return [{ shape: first.shape.map((dim, i) => (i === axis ? (named ?? sum(parts.map(part => at(part.shape, axis)))) : dim)), type: first.type }]
    },
    emit: ({ inputs, outputs, attributes: { axis, sized } }, to) =>
      to.node('Concat', (sized ? inputs.slice(0, -1) : inputs).map(to.name), outputs.map(to.name), { axis: { int: axis } }),
    gradient: (g, { inputs, attributes: { axis, sized } }, [d]) => {
      if (!sized || axis !== 0) throw new Error('Concat: to be differentiated it must run along axis 0 and know its sizes')
      const parts = inputs.slice(0, -1)
      return d ? [...g.apply('Split', [d, at(inputs, inputs.length - 1)], { sizes: parts.map(part => at(part.shape, 0)) })] : []
    },
  },
  Split: {
    results: (inputs, { sizes: names }) => {
      const [x, sizes] = [at(inputs, 0), at(inputs, 1)]
      if (sizes.type !== 'int64' || sizes.shape[0] !== names.length) throw new Error(`expected ${names.length} sizes of type int64`)
      return names.map(name => ({ shape: x.shape.with(0, name), type: x.type }))
    },
    emit: ({ inputs, outputs }, to) => to.node('Split', inputs.map(to.name), outputs.map(to.name), { axis: { int: 0 } }),
    gradient: (g, { inputs }, pieces) => {
      const present = pieces.map(piece => {
        if (!piece) throw new Error('Split: every part must be used, or none')
        return piece
      })
      return [at(g.apply('Concat', [...present, at(inputs, 1)], { axis: 0, sized: true, dim: at(at(inputs, 0).shape, 0) }), 0)]
    },
  },
}
