/**
 * A decoder-only language model and the preference losses once more, written apart from the engine to be compared with
 * it: plain loops over one unpacked sequence in float64, no graph, no shared prompts, no gradients. What a model adds
 * (biases, norms of q and k, a head of its own, low-rank matrices) is told by the weights that are there.
 */
export type Float64Model = {
  layers: number
  heads: number
  keyValueHeads: number
  headDim: number
  epsilon: number
  frequencies: number[]
  /** Factor of the low-rank product, where `weights` hold one. */
  loraScale: number
  /** Hugging Face's names, [out, in] row by row. */
  weights: Map<string, Float64Array>
}

export type Rope = { theta: number; type: 'default' | 'linear' | 'llama3'; factor?: number; low_freq_factor?: number; high_freq_factor?: number; original_max_position_embeddings?: number }

/** Radians per position of each plane (modeling_rope_utils.py); rounded to float32, in which Transformers keeps them. */
export function ropeFrequencies(headDim: number, { theta, type, factor = 1, low_freq_factor: low = 1, high_freq_factor: high = 4, original_max_position_embeddings: context = 8192 }: Rope): number[] {
  return Array.from({ length: headDim / 2 }, (_, i) => {
    const plain = theta ** (-2 * i / headDim)
    if (type === 'default') return Math.fround(plain)
    if (type === 'linear') return Math.fround(plain / factor)
    const turns = (context * plain) / (2 * Math.PI)
    const share = Math.min(1, Math.max(0, (turns - low) / (high - low)))
    return Math.fround(share * plain + (1 - share) * (plain / factor))
  })
}

/** Natural-log probabilities of all tokens at each position of a sequence from `from` on. */
export function nextTokenLogps(model: Float64Model, ids: readonly number[], from = 0): Float64Array[] {
  const { heads, keyValueHeads, headDim } = model
  const embedding = weight(model, 'model.embed_tokens.weight')
  const hidden = weight(model, 'model.norm.weight').length
  let x: Float64Array[] = ids.map(id => embedding.slice(id * hidden, (id + 1) * hidden))
  for (let layer = 0; layer < model.layers; layer++) {
    const prefix = `model.layers.${layer}`
    const h = x.map(row => rmsNorm(row, weight(model, `${prefix}.input_layernorm.weight`), model.epsilon))
    const q = rotated(model, h.map(row => linear(model, `${prefix}.self_attn.q_proj`, row)), heads, `${prefix}.self_attn.q_norm.weight`)
    const k = rotated(model, h.map(row => linear(model, `${prefix}.self_attn.k_proj`, row)), keyValueHeads, `${prefix}.self_attn.k_norm.weight`)
    const v = h.map(row => linear(model, `${prefix}.self_attn.v_proj`, row))
    const attended = q.map((query, t) => {
      const o = new Float64Array(heads * headDim)
      for (let head = 0; head < heads; head++) {
        const shared = Math.floor((head * keyValueHeads) / heads) * headDim
        const scores = Array.from({ length: t + 1 }, (_, s) => dot(query, head * headDim, k[s]!, shared, headDim) / Math.sqrt(headDim))
        const shift = scores.reduce((a, b) => Math.max(a, b))
        const exps = scores.map(score => Math.exp(score - shift))
        const total = exps.reduce((a, b) => a + b)
        exps.forEach((e, s) => {
          for (let d = 0; d < headDim; d++) o[head * headDim + d]! += (e / total) * v[s]![shared + d]!
        })
      }
      return o
    })
    x = x.map((row, t) => {
      const mixed = sum(row, linear(model, `${prefix}.self_attn.o_proj`, attended[t]!))
      const h2 = rmsNorm(mixed, weight(model, `${prefix}.post_attention_layernorm.weight`), model.epsilon)
      const gate = linear(model, `${prefix}.mlp.gate_proj`, h2)
      const up = linear(model, `${prefix}.mlp.up_proj`, h2)
      return sum(mixed, linear(model, `${prefix}.mlp.down_proj`, gate.map((g, i) => (g / (1 + Math.exp(-g))) * up[i]!)))
    })
  }
  const head = model.weights.get('lm_head.weight') ?? embedding
  return x.slice(from).map(row => {
    const normed = rmsNorm(row, weight(model, 'model.norm.weight'), model.epsilon)
    const logits = Float64Array.from({ length: head.length / hidden }, (_, id) => dot(head, id * hidden, normed, 0, hidden))
    const shift = logits.reduce((a, b) => Math.max(a, b))
    const norm = shift + Math.log(logits.reduce((total, logit) => total + Math.exp(logit - shift), 0))
    return logits.map(logit => logit - norm)
  })
}

/** Log-probability of each token of a completion. */
export function completionLogps(model: Float64Model, promptIds: readonly number[], completionIds: readonly number[]): number[] {
  const rows = nextTokenLogps(model, [...promptIds, ...completionIds.slice(0, -1)], promptIds.length - 1)
  return completionIds.map((id, t) => rows[t]![id]!)
}

type PairIds = { promptIds: number[]; chosenIds: number[]; rejectedIds: number[] }
type LossConfig = { beta: number; loss_type: string[]; loss_weights: number[] | null; label_smoothing: number }

/** Mean loss of pairs, from the formulas of the papers: each side a sequence of its own, its prompt computed again. */
export function preferenceLoss(model: Float64Model, pairs: readonly PairIds[], reference: { chosen: ArrayLike<number>; rejected: ArrayLike<number> }, { beta, loss_type: types, loss_weights: weights, label_smoothing: smoothing }: LossConfig): number {
  const sides = pairs.map(({ promptIds, chosenIds, rejectedIds }) => ({ chosen: completionLogps(model, promptIds, chosenIds).reduce((a, b) => a + b), rejected: completionLogps(model, promptIds, rejectedIds).reduce((a, b) => a + b) }))
  const logSigmoid = (z: number): number => -Math.log(1 + Math.exp(-z))
  const chosenTokens = pairs.reduce((total, { chosenIds }) => total + chosenIds.length, 0)
  const lossOf = (type: string): number => {
    if (type === 'sft') return -sides.reduce((total, { chosen }) => total + chosen, 0) / chosenTokens
    return sides.reduce((total, { chosen, rejected }, i) => {
      const [up, down] = [chosen - reference.chosen[i]!, rejected - reference.rejected[i]!]
      const margin = up - down
      const average = up / pairs[i]!.chosenIds.length - down / pairs[i]!.rejectedIds.length
      switch (type) {
        case 'sigmoid': return total - logSigmoid(beta * margin)
        case 'robust': return total - ((1 - smoothing) * logSigmoid(beta * margin) - smoothing * logSigmoid(-beta * margin)) / (1 - 2 * smoothing)
        case 'hinge': return total + Math.max(0, 1 - beta * margin)
        case 'ipo': return total + (average - 1 / (2 * beta)) ** 2
        case 'sigmoid_norm': return total - logSigmoid(beta * average)
        default: throw new Error(`expected a preference loss, got "${type}"`)
      }
    }, 0) / pairs.length
  }
  return types.reduce((total, type, i) => total + (weights?.[i] ?? 1) * lossOf(type), 0)
}

function weight(model: Float64Model, name: string): Float64Array {
  const values = model.weights.get(name)
  if (!values) throw new Error(`expected the weight "${name}", found none`)
  return values
}

function dot(a: Float64Array, atA: number, b: Float64Array, atB: number, length: number): number {
  let total = 0
  for (let i = 0; i < length; i++) total += a[atA + i]! * b[atB + i]!
  return total
}

function sum(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value + b[i]!)
}

function times(matrix: Float64Array, x: Float64Array): Float64Array {
  return Float64Array.from({ length: matrix.length / x.length }, (_, row) => dot(matrix, row * x.length, x, 0, x.length))
}

function linear(model: Float64Model, layer: string, x: Float64Array): Float64Array {
  const y = times(weight(model, `${layer}.weight`), x)
  const bias = model.weights.get(`${layer}.bias`)
  const [a, b] = [model.weights.get(`${layer}.lora_A.weight`), model.weights.get(`${layer}.lora_B.weight`)]
  const shifted = bias ? sum(y, bias) : y
  return a && b ? sum(shifted, times(b, times(a, x)).map(value => value * model.loraScale)) : shifted
}

function rmsNorm(x: Float64Array, gain: Float64Array, epsilon: number): Float64Array {
  const scale = 1 / Math.sqrt(dot(x, 0, x, 0, x.length) / x.length + epsilon)
  return x.map((value, i) => value * scale * gain[i]!)
}

/** Heads of all positions, normed where the model does so, turned by their position: the two halves of a head are a plane's axes. */
function rotated({ headDim, epsilon, frequencies, weights }: Float64Model, rows: Float64Array[], heads: number, norm: string): Float64Array[] {
  const gain = weights.get(norm)
  return rows.map((row, position) => {
    const result = new Float64Array(row.length)
    for (let head = 0; head < heads; head++) {
      const part = row.slice(head * headDim, (head + 1) * headDim)
      const x = gain ? rmsNorm(part, gain, epsilon) : part
      frequencies.forEach((frequency, i) => {
        const angle = Math.fround(position * frequency)
        const [even, odd] = [x[i]!, x[i + headDim / 2]!]
        result[head * headDim + i] = even * Math.cos(angle) - odd * Math.sin(angle)
        result[head * headDim + i + headDim / 2] = odd * Math.cos(angle) + even * Math.sin(angle)
      })
    }
    return result
  })
}
