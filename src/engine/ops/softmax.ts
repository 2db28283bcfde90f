import { at } from './op.ts'
import type { Emitter, Op, Ops } from './op.ts'

/** Nodes for the log-softmax over the last of that many dimensions. WebGPU has no LogSoftmax. */
function emitLogSoftmax(to: Emitter, x: string, y: string, rank: number): void {
  if (to.device === 'cpu') return to.node('LogSoftmax', [x], [y], { axis: { int: -1 } })
  const [axes, keep] = [to.int64([rank - 1]), { keepdims: { int: 1 } }]
  const [top, shifted, exps, sum, normaliser] = [to.temporary(), to.temporary(), to.temporary(), to.temporary(), to.temporary()]
  to.node('ReduceMax', [x, axes], [top], keep)
  to.node('Sub', [x, top], [shifted])
  to.node('Exp', [shifted], [exps])
  to.node('ReduceSum', [exps, axes], [sum], keep)
  to.node('Log', [sum], [normaliser])
  to.node('Sub', [shifted, normaliser], [y])
}

/** Over the last dimension. */
function overLast<K extends 'Softmax' | 'LogSoftmax'>(op: K, gradient: Op<K>['gradient']): Op<K> {
  return {
    results: inputs => [{ shape: at(inputs, 0).shape, type: 'float32' }],
    emit: ({ inputs, outputs }, to) => {
      const [x, y] = [at(inputs, 0), to.name(at(outputs, 0))]
      if (op === 'LogSoftmax') emitLogSoftmax(to, to.name(x), y, x.shape.length)
      else to.node('Softmax', [to.name(x)], [y], { axis: { int: -1 } })
    },
    gradient,
  }
}

export const softmaxes: Ops<'Softmax' | 'LogSoftmax' | 'LabelLogProbs'> = {
  // dx = y·(d - Σ d·y)
  Softmax: overLast('Softmax', (g, { outputs }, [d]) => {
    if (!d) return []
    const y = at(outputs, 0)
    const dy = g.mul(d, y)
    return [g.sub(dy, g.mul(y, g.sum(dy, [d.shape.length - 1], true)))]
  }),
  // dx = d - exp(y)·Σ d
  LogSoftmax: overLast('LogSoftmax', (g, { outputs }, [d]) =>
    d ? [g.sub(d, g.mul(at(g.apply('Exp', outputs, {}), 0), g.sum(d, [d.shape.length - 1], true)))] : []),
  LabelLogProbs: {
    results: inputs => {
      const [logits, labels] = [at(inputs, 0), at(inputs, 1)]
      if (logits.shape.length !== 2 || labels.shape.length !== 2 || labels.shape[0] !== logits.shape[0]) throw new Error('expected logits [R, V] and labels [R, K]')
      return [{ shape: labels.shape, type: 'float32' }, { shape: logits.shape, type: 'float32' }]
    },
    emit: ({ inputs, outputs }, to) => {
      const [labelled, all] = [to.name(at(outputs, 0)), to.name(at(outputs, 1))]
      emitLogSoftmax(to, to.name(at(inputs, 0)), all, 2)
      to.node('GatherElements', [all, to.name(at(inputs, 1))], [labelled], { axis: { int: 1 } })
    },
    // dx = onehot(labels)·d - exp(y)·Σ d, without a dense d
    gradient: (g, { inputs, outputs }, [d, dense]) => {
      if (dense) throw new Error('only the labels’ log-probabilities can be differentiated')
      if (!d) return []
      const [labels, all] = [at(inputs, 1), at(outputs, 1)]
      const spread = g.mul(at(g.apply('Exp', [all], {}), 0), at(g.apply('Neg', [labels.shape[1] === 1 ? d : g.sum(d, [1], true)], {}), 0))
      return [at(g.apply('ScatterAdd', [spread, labels, d], { axis: 1 }), 0)]
    },
  },
}
