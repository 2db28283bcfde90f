/** The graphs of a training step: trunk, head on the predicted rows, objective, gradients of every weight. */
import { differentiate } from './autodiff.ts'
import { product } from './dims.ts'
import { Graph } from './graph.ts'
import type { Value } from './graph.ts'
import { adapterWeights, buildTrunk, EMBEDDING, headWeight, linear, packedAttention, predictingRows, REWARD_HEAD, weightInputs } from './models/decoder.ts'
import type { DecoderConfig, WeightInputs } from './models/decoder.ts'
import { at } from './ops/op.ts'

export type Objective = 'dpo' | 'language-model' | 'reward'

/** Gradient of the looked-up embedding rows [N, d]; the trainer adds them into the embedding's gradient. */
export const EMBEDDED_GRADIENT = 'gradient embedded'

export function gradientName(weight: string): string {
  return `gradient ${weight}`
}

/** Per prediction: log-probabilities of its labels, entropy, mean logit, largest log-probability. */
export type PredictionOutputs = { logps: Value; entropy: Value; meanLogit: Value; maxLogp: Value }

function packedTrunk(graph: Graph, config: DecoderConfig, weight: WeightInputs, { lean, checkpointed }: Omit<MemoryPlan, 'chunks'> = { lean: false, checkpointed: false }): { embedded: Value; hidden: Value } {
  return buildTrunk(graph, config, weight, graph.input('ids', ['N'], 'int32'), packedAttention(graph, config, { lean }), predictingRows(graph), checkpointed)
}

/**
 * Logits exist only for chunks of the predicted rows: a chunk's [rows, vocabulary] is freed or rebuilt before the
 * next. With more than one chunk their sizes are fed as `chunks`.
 */
function predict(graph: Graph, head: Value, hidden: Value, labels: Value, chunks: number): PredictionOutputs {
  const names = chunks === 1 ? ['R'] : Array.from({ length: chunks }, (_, i) => `R${i}`)
  const sizes = chunks === 1 ? undefined : graph.input('chunks', [chunks], 'int64')
  const split = (value: Value): readonly Value[] => (sizes ? graph.apply('Split', [value, sizes], { sizes: names }) : [value])
  const join = (values: Value[]): Value => (sizes ? at(graph.apply('Concat', [...values, sizes], { axis: 0, sized: true, dim: 'R' }), 0) : at(values, 0))
  const [hiddenParts, labelParts] = [split(hidden), split(labels)]
  const parts = hiddenParts.map((part, i) => {
    const logits = linear(graph, part, head)
    const [logps, all] = graph.apply('LabelLogProbs', [logits, at(labelParts, i)], {})
    if (!logps || !all) throw new Error('LabelLogProbs has two outputs')
    const spread = graph.mul(at(graph.apply('Exp', [all], {}), 0), all)
    return {
      logps,
      entropy: at(graph.apply('Neg', [graph.sum(spread, [1], true)], {}), 0),
      meanLogit: at(graph.apply('ReduceMean', [logits], { axes: [1], keepDims: true }), 0),
      maxLogp: at(graph.apply('ReduceMax', [all], { axes: [1], keepDims: true }), 0),
    }
  })
  const joined = (key: keyof PredictionOutputs): Value => join(parts.map(part => part[key]))
  return { logps: joined('logps'), entropy: joined('entropy'), meanLogit: joined('meanLogit'), maxLogp: joined('maxLogp') }
}

/** Columns of `labels` in each objective: a DPO prompt's last token predicts two first tokens. */
export const LABEL_COLUMNS: Record<Exclude<Objective, 'reward'>, number> = { dpo: 2, 'language-model': 1 }

/** How a training graph saves memory: pieces of the head; attention probabilities, or whole layers, computed again instead of kept. */
export type MemoryPlan = { chunks: number; lean: boolean; checkpointed: boolean }

export function buildTrainingGraph(config: DecoderConfig, objective: Objective, { chunks, ...saving }: MemoryPlan): Graph {
  const graph = new Graph()
  const weight = weightInputs(graph, config)
  const { embedded, hidden } = packedTrunk(graph, config, weight, saving)
  const seeds = objective === 'reward' ? rewardSeed(graph, hidden, weight) : predictionSeed(graph, config, weight, hidden, objective, chunks)
  const trained = trainedInputs(graph, config, objective)
  // An adapter leaves the model as it is: no path leads to the model's own weights, and none below the lowest adapter.
  const wanted = config.adapter ? [] : [embedded]
  const gradients = differentiate(graph, seeds, [...wanted, ...trained.map(([, value]) => value)])
  for (const value of wanted) graph.output(EMBEDDED_GRADIENT, gradients.get(value) as Value)
  for (const [name, value] of trained) graph.output(gradientName(name), gradients.get(value) as Value)
  return graph
}

/** The inputs that are trained: those of the adapter if there is one, else all weights. */
function trainedInputs(graph: Graph, config: DecoderConfig, objective: Objective): [string, Value][] {
  if (config.adapter) {
    const names = new Set(adapterWeights(config).map(({ name }) => name))
    return [...graph.inputs].filter(([name]) => names.has(name))
  }
  return [...graph.inputs].filter(([name]) => name.endsWith('.weight') || name.endsWith('.bias')).filter(([name]) => name !== EMBEDDING || (config.tied && objective !== 'reward'))
}

function predictionSeed(graph: Graph, config: DecoderConfig, weight: WeightInputs, hidden: Value, objective: 'dpo' | 'language-model', chunks: number): Map<Value, Value> {
  const columns = LABEL_COLUMNS[objective]
  const outputs = predict(graph, headWeight(config, weight), hidden, graph.input('labels', ['R', columns], 'int32'), chunks)
  for (const [name, value] of Object.entries(outputs)) graph.output(name, value)
  const direct = graph.input('seed', ['R', columns])
  if (objective === 'language-model') return new Map([[outputs.logps, direct]])
  return new Map([[outputs.logps, graph.scope('dpo', () => graph.add(direct, graph.reshape(dpoSeed(graph, outputs.logps), ['R', columns])))]])
}

/**
 * Gradient of the preference losses on each label's log-probability [2·R, 1], in closed form. A loss depends on a pair
 * through its margin δ, the difference of the sides' log-ratios to the reference, or through its average margin, each
 * side divided by its tokens. `signs` [pairs, 2·R] is +1 on chosen labels, -1 on rejected ones, 0 on fillers;
 * `averageSigns` the same over the side's tokens. With s = sigmoid(-beta·margin) the derivatives are
 * - sigmoid (Rafailov et al. 2023, eq. 7) and robust: sigmoidScale·s + constantScale
 * - hinge: hingeScale where beta·margin < 1
 * - ipo: ipoScale·(average margin - target)
 * - sigmoid_norm: normScale·s of the average margin
 * What is not used has scale 0; `dpoFeeds` computes the scales.
 */
function dpoSeed(graph: Graph, logps: Value): Value {
  const flat = graph.reshape(logps, [product(logps.shape), 1])
  const scalar = (name: string): Value => graph.input(name, [1])
  const marginOf = (signs: Value, reference: string): Value => graph.sub(graph.matmul(signs, flat), graph.input(reference, ['B', 1]))
  const sigmoid = (x: Value): Value => preciseSigmoid(graph, x)
  const signs = graph.input('signs', ['B', product(logps.shape)])
  const averageSigns = graph.input('averageSigns', ['B', product(logps.shape)])
  const negativeBeta = scalar('negativeBeta')
  const falling = graph.mul(marginOf(signs, 'referenceMargin'), negativeBeta)
  const isBelowHinge = at(graph.apply('Step', [graph.add(falling, graph.scalar(1))], {}), 0)
  const ofMargin = graph.add(graph.add(graph.mul(sigmoid(falling), scalar('sigmoidScale')), scalar('constantScale')), graph.mul(isBelowHinge, scalar('hingeScale')))
  const average = marginOf(averageSigns, 'referenceAverageMargin')
  const ofAverage = graph.add(graph.mul(graph.sub(average, scalar('ipoTarget')), scalar('ipoScale')), graph.mul(sigmoid(graph.mul(average, negativeBeta)), scalar('normScale')))
  return graph.add(graph.matmul(signs, ofMargin, { transA: true }), graph.matmul(averageSigns, ofAverage, { transA: true }))
}

/**
 * sigmoid(x) of x [B, 1], to float32's relative precision: the softmax of (x, 0). onnxruntime's own Sigmoid on the CPU is
 * off by 6e-8 whatever its size, which is 2e-4 of it at -8 and all of it from -18 on: the gradients of pairs that are
 * learned already, which an adaptive optimizer enlarges.
 */
function preciseSigmoid(graph: Graph, x: Value): Value {
  const both = at(graph.apply('Softmax', [graph.mul(x, graph.constant([1, 0], [1, 2]))], {}), 0)
  return graph.matmul(both, graph.constant([1, 0], [2, 1]))
}

/** Binary cross-entropy on the scalar of each row's last token: gradient (sigmoid(s) - label)·scale. */
function rewardSeed(graph: Graph, hidden: Value, weight: WeightInputs): Map<Value, Value> {
  const reward = linear(graph, hidden, weight(REWARD_HEAD))
  graph.output('rewards', reward)
  const difference = graph.sub(preciseSigmoid(graph, reward), graph.input('targets', ['R', 1]))
  return new Map([[reward, graph.mul(difference, graph.input('rowScale', [1]))]])
}

/** Log-probabilities alone, for scoring: labels may have any number of columns. */
export function buildScoringGraph(config: DecoderConfig): Graph {
  const graph = new Graph()
  const weight = weightInputs(graph, config)
  const { hidden } = packedTrunk(graph, config, weight)
  const logits = linear(graph, hidden, headWeight(config, weight))
  graph.output('logps', at(graph.apply('LabelLogProbs', [logits, graph.input('labels', ['R', 'K'], 'int32')], {}), 0))
  return graph
}

export function buildRewardGraph(config: DecoderConfig): Graph {
  const graph = new Graph()
  const weight = weightInputs(graph, config)
  const { hidden } = packedTrunk(graph, config, weight)
  graph.output('rewards', linear(graph, hidden, weight(REWARD_HEAD)))
  return graph
}
