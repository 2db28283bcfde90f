/**
 * The decoder-only transformer that all supported families share: RMSNorm, rotary grouped-query attention,
 * SwiGLU. Families differ in `DecoderConfig` fields only. Runs on packed tokens [N, d]; see `packing.ts`.
 */
import { ATTENTION_BLOCKS, blockDims } from '../attention-blocks.ts'
import { product } from '../dims.ts'
import type { Graph, Value } from '../graph.ts'
import { InputError } from '../input-error.ts'
import { at } from '../ops/op.ts'
import type { Tensor } from '../safetensors.ts'
import { checkTensor, nameWeights } from './checkpoint.ts'

export type DecoderConfig = {
  layers: number
  hidden: number
  heads: number
  keyValueHeads: number
  headDim: number
  intermediate: number
  vocabulary: number
  epsilon: number
  /** Bias terms of the q, k and v projections, and of the o projection. */
  qkvBias: boolean
  outputBias: boolean
  /** RMSNorm over each head of q and k before rotation. */
  qkNorm: boolean
  /** The head is the transposed embedding. */
  tied: boolean
  /** Rotation of each plane in radians per position. */
  frequencies: Float32Array
  maxPositions: number
  adapter?: LowRank
}

/** Low-rank additions (LoRA) to the linear layers named: y = x·Wᵀ + scale·(x·Aᵀ)·Bᵀ, A [rank, in], B [out, rank]. */
export type LowRank = { rank: number; scale: number; modules: ReadonlySet<string> }

export type WeightSpec = { name: string; shape: number[] }

export const EMBEDDING = 'model.embed_tokens.weight'
export const LM_HEAD = 'lm_head.weight'
export const REWARD_HEAD = 'score.weight'

/** Every weight of the network without its heads, Hugging Face names and [out, in] layout. */
export function trunkWeights(config: DecoderConfig): WeightSpec[] {
  const { hidden, headDim, intermediate } = config
  const [q, kv] = [config.heads * headDim, config.keyValueHeads * headDim]
  const specs: WeightSpec[] = [{ name: EMBEDDING, shape: [config.vocabulary, hidden] }]
  for (let layer = 0; layer < config.layers; layer++) {
    const add = (name: string, ...shape: number[]): number => specs.push({ name: `model.layers.${layer}.${name}`, shape })
    add('input_layernorm.weight', hidden)
    for (const [projection, width] of [['q_proj', q], ['k_proj', kv], ['v_proj', kv]] as const) {
      add(`self_attn.${projection}.weight`, width, hidden)
      if (config.qkvBias) add(`self_attn.${projection}.bias`, width)
    }
    if (config.qkNorm) {
      add('self_attn.q_norm.weight', headDim)
      add('self_attn.k_norm.weight', headDim)
    }
    add('self_attn.o_proj.weight', hidden, q)
    if (config.outputBias) add('self_attn.o_proj.bias', hidden)
    add('post_attention_layernorm.weight', hidden)
    add('mlp.gate_proj.weight', intermediate, hidden)
    add('mlp.up_proj.weight', intermediate, hidden)
    add('mlp.down_proj.weight', hidden, intermediate)
  }
  specs.push({ name: 'model.norm.weight', shape: [hidden] })
  return specs
}

/** The linear layers of the trunk by name (`model.layers.0.mlp.up_proj`), [out, in]: what an adapter can add to. */
export function linearLayers(config: DecoderConfig): WeightSpec[] {
  return trunkWeights(config).flatMap(({ name, shape }) => (name.endsWith('_proj.weight') ? [{ name: name.slice(0, -'.weight'.length), shape }] : []))
}

/** The matrices of an adapter, in the order of the layers, A before B. */
export function adapterWeights(config: DecoderConfig): WeightSpec[] {
  const { adapter } = config
  if (!adapter) return []
  return linearLayers(config).filter(({ name }) => adapter.modules.has(name)).flatMap(({ name, shape }) => [
    { name: lowRankName(name, 'A'), shape: [adapter.rank, at(shape, 1)] },
    { name: lowRankName(name, 'B'), shape: [at(shape, 0), adapter.rank] },
  ])
}

export function lowRankName(layer: string, factor: 'A' | 'B'): string {
  return `${layer}.lora_${factor}.weight`
}

/** All weights a language model of this configuration has. */
export function expectedWeights(config: DecoderConfig): WeightSpec[] {
  return config.tied ? trunkWeights(config) : [...trunkWeights(config), { name: LM_HEAD, shape: [config.vocabulary, config.hidden] }]
}

/**
 * The weights that belong to the model, in the order of `expectedWeights`, then a reward head where there is one.
 * A reward model may lack the language-model head.
 * @throws InputError naming the tensor that is missing, of another shape or not finite.
 */
export function checkWeights(config: DecoderConfig, weights: ReadonlyMap<string, Tensor>, folder: string): Map<string, Tensor> {
  const specs = expectedWeights(config)
  weights = nameWeights(config, weights, folder)
  if (weights.has(REWARD_HEAD)) specs.push({ name: REWARD_HEAD, shape: [1, config.hidden] })
  const checked = new Map<string, Tensor>()
  for (const { name, shape } of specs) {
    const tensor = weights.get(name)
    if (!tensor) {
      if (name === LM_HEAD && weights.has(REWARD_HEAD)) continue
      throw new InputError(`${folder}: expected the tensor "${name}" of shape [${shape.join(', ')}], found none; do config.json and the weights belong together?`)
    }
    checkTensor(tensor, shape, `${folder}: tensor "${name}"`, { misshapen: 'do config.json and the weights belong together?', damaged: 'use an undamaged checkpoint' })
    checked.set(name, tensor)
  }
  return checked
}

/** Weights as graph inputs, declared when first used. */
export type WeightInputs = (name: string) => Value

export function weightInputs(graph: Graph, config: DecoderConfig): WeightInputs {
  const shapes = new Map([...expectedWeights(config), ...adapterWeights(config), { name: LM_HEAD, shape: [config.vocabulary, config.hidden] }, { name: REWARD_HEAD, shape: [1, config.hidden] }].map(({ name, shape }) => [name, shape]))
  return name => {
    const shape = shapes.get(name)
    if (!shape) throw new Error(`the model has no weight "${name}"`)
    return graph.inputs.get(name) ?? graph.input(name, shape)
  }
}

/** How q, k and v of one layer become attention's output; rotation included. */
export type Attend = (layer: number, q: Value, k: Value, v: Value) => Value

/** Rows [N, d] that the result is wanted for. */
export type Select = (x: Value) => Value

/**
 * Token ids [N] → normed hidden states of the selected rows, and the embedded tokens it began with. What the last
 * layer computes behind its attention is computed for the selected rows only: nothing else reads it.
 * @param checkpointed each layer is computed again in the backward pass.
 */
export function buildTrunk(graph: Graph, config: DecoderConfig, weight: WeightInputs, ids: Value, attend: Attend, select: Select, checkpointed = false): { embedded: Value; hidden: Value } {
  const embedded = at(graph.apply('Lookup', [weight(EMBEDDING), ids], {}), 0)
  let x = embedded
  for (let layer = 0; layer < config.layers; layer++) {
    const block = (name: string): Value => weight(`model.layers.${layer}.${name}`)
    const dense = (name: string, input: Value): Value => adapted(graph, config, weight, `model.layers.${layer}.${name}`, input)
    const build = (x: Value): Value => graph.scope(`layers.${layer}`, () => {
      const h = rmsNorm(graph, x, block('input_layernorm.weight'), config.epsilon)
      const project = (name: string, input: Value, hasBias: boolean): Value => {
        const y = dense(`self_attn.${name}`, input)
        return hasBias ? graph.add(y, block(`self_attn.${name}.bias`)) : y
      }
      const head = (name: 'q' | 'k', heads: number): Value => {
        const y = project(`${name}_proj`, h, config.qkvBias)
        if (!config.qkNorm) return y
        const perHead = graph.reshape(y, [product([at(y.shape, 0), heads]), config.headDim])
        return graph.reshape(rmsNorm(graph, perHead, block(`self_attn.${name}_norm.weight`), config.epsilon), y.shape)
      }
      const o = attend(layer, head('q', config.heads), head('k', config.keyValueHeads), project('v_proj', h, config.qkvBias))
      const keep: Select = layer === config.layers - 1 ? select : value => value
      const attended = graph.add(keep(x), project('o_proj', keep(o), config.outputBias))
      const h2 = rmsNorm(graph, attended, block('post_attention_layernorm.weight'), config.epsilon)
      const gate = at(graph.apply('Silu', [dense('mlp.gate_proj', h2)], {}), 0)
      return graph.add(attended, dense('mlp.down_proj', graph.mul(gate, dense('mlp.up_proj', h2))))
    })
    x = checkpointed ? graph.checkpoint(x, build) : build(x)
  }
  return { embedded, hidden: graph.scope('norm', () => rmsNorm(graph, x, weight('model.norm.weight'), config.epsilon)) }
}

/** The rows that predict something: declares the inputs `select` [R] and `unselect` [1, N] of `packing.ts`. */
export function predictingRows(graph: Graph): Select {
  const [select, unselect] = [graph.input('select', ['R'], 'int32'), graph.input('unselect', [1, 'N'], 'int32')]
  return x => at(graph.apply('Spread', [x, unselect, select], {}), 0)
}

/** x [N, in], weight [out, in] → [N, out]. */
export function linear(graph: Graph, x: Value, weight: Value): Value {
  return graph.matmul(x, weight, { transB: true })
}

/** A linear layer of the trunk by name, with what the adapter adds to it. */
function adapted(graph: Graph, { adapter }: DecoderConfig, weight: WeightInputs, layer: string, x: Value): Value {
  const y = linear(graph, x, weight(`${layer}.weight`))
  if (!adapter?.modules.has(layer)) return y
  // Scaled where it is smallest, [N, rank].
  const inner = graph.mul(linear(graph, x, weight(lowRankName(layer, 'A'))), graph.scalar(adapter.scale))
  return at(graph.apply('Gemm', [inner, weight(lowRankName(layer, 'B')), y], { transA: false, transB: true }), 0)
}

function rmsNorm(graph: Graph, x: Value, weight: Value, epsilon: number): Value {
  return at(graph.apply('RmsNorm', [x, weight], { epsilon }), 0)
}

/** The weight that turns hidden states into logits. */
export function headWeight(config: DecoderConfig, weight: WeightInputs): Value {
  return weight(config.tied ? EMBEDDING : LM_HEAD)
}

/** Rotates heads x [tokens, heads·D] → [tokens, 1, heads·D]. Declares `positions`, `cos` and `sin`. */
function rotation(graph: Graph, { headDim }: DecoderConfig, tokens: string): (x: Value) => Value {
  const positions = graph.input('positions', [tokens, 1], 'int64')
  const [cos, sin] = [graph.input('cos', ['P', headDim / 2]), graph.input('sin', ['P', headDim / 2])]
  return x => at(graph.apply('RotaryEmbedding', [graph.reshape(x, [at(x.shape, 0), 1, at(x.shape, 1)]), positions, cos, sin], {}), 0)
}

/**
 * Attention over packed tokens: heads spread into padded blocks of segments, queries [S, Hk, G·Q, D], keys and values
 * [S, Hk, K, D], and collected again. Declares the inputs `positions`, `cos`, `sin`, and the masks and indices that
 * `packing.ts` feeds. `lean` trades time for memory where rows are long and gradients are wanted.
 * @param onKeysValues sees rotated k and v of each layer and block.
 */
export function packedAttention(graph: Graph, config: DecoderConfig, { lean = false, onKeysValues }: { lean?: boolean; onKeysValues?: (layer: number, block: number, k: Value, v: Value) => void } = {}): Attend {
  const { heads, keyValueHeads, headDim } = config
  const groups = heads / keyValueHeads
  const [queryPlaces, keyPlaces] = [graph.input('unpad.q', [1, product(['N', heads])], 'int32'), graph.input('unpad.k', ['C', product(['N', keyValueHeads])], 'int32')]
  const blocks = Array.from({ length: ATTENTION_BLOCKS }, (_, b) => {
    const [S, Q, K] = blockDims(b)
    const mask = graph.input(`mask.${b}`, [S, 1, Q, K])
    return {
      mask: groups === 1 ? mask : at(graph.apply('Concat', new Array<Value>(groups).fill(mask), { axis: 2, sized: false }), 0),
      queries: graph.input(`pad.q.${b}`, [S, keyValueHeads, product([groups, Q])], 'int32'),
      keys: graph.input(`pad.k.${b}`, [S, keyValueHeads, K], 'int32'),
    }
  })
  const [queryIndices, keyIndices] = [blocks.map(({ queries }) => queries), blocks.map(({ keys }) => keys)]
  const rotate = rotation(graph, config, 'N')
  const spread = (x: Value, count: number, places: Value, indices: readonly Value[]): readonly Value[] =>
    graph.apply('Spread', [graph.reshape(x, [product(['N', count]), headDim]), places, ...indices], {})
  return (layer, q, k, v) => {
    const queries = spread(rotate(q), heads, queryPlaces, queryIndices)
    const [keys, values] = [spread(rotate(k), keyValueHeads, keyPlaces, keyIndices), spread(v, keyValueHeads, keyPlaces, keyIndices)]
    const parts = blocks.map(({ mask }, b) => {
      const [blockKeys, blockValues] = [at(keys, b), at(values, b)]
      onKeysValues?.(layer, b, blockKeys, blockValues)
      return at(graph.apply('Attention', [at(queries, b), blockKeys, blockValues, mask], { scale: 1 / Math.sqrt(headDim), lean }), 0)
    })
    return graph.reshape(at(graph.apply('Collect', [queryPlaces, ...queryIndices, ...parts], {}), 0), ['N', heads * headDim])
  }
}

/** Width of a head in the cache: CachedAttention wants multiples of 8, smaller heads are filled up with zeros. */
export function cacheWidth({ headDim }: DecoderConfig): number {
  return 8 * Math.ceil(headDim / 8)
}

/**
 * Attention of one new token per row against the caches `past.k.<layer>` and `past.v.<layer>` [B, Hk, S, D], which
 * the outputs `present.…` update in place. Declares `lengths`, `total`, `positions`, `cos` and `sin`.
 */
export function cachedAttention(graph: Graph, config: DecoderConfig): Attend {
  const { heads, keyValueHeads, headDim } = config
  const lengths = graph.input('lengths', ['B'], 'int32')
  const total = graph.input('total', [], 'int32')
  const rotate = rotation(graph, config, 'B')
  const width = cacheWidth(config)
  // The identity with further zero columns: heads times it are filled up, times its transpose cut again.
  const fill = width === headDim ? undefined : graph.constant(Array.from({ length: headDim * width }, (_, i) => Number(i % width === Math.floor(i / width))), [headDim, width])
  const filled = (x: Value, count: number): Value =>
    graph.reshape(fill ? graph.matmul(graph.reshape(x, [product(['B', count]), headDim]), fill) : x, ['B', 1, count * width])
  return (layer, q, k, v) => {
    const cacheShape = ['B', keyValueHeads, 'S', width]
    const past = [graph.input(`past.k.${layer}`, cacheShape), graph.input(`past.v.${layer}`, cacheShape)]
    const [o, presentK, presentV] = graph.apply('CachedAttention', [filled(rotate(q), heads), filled(rotate(k), keyValueHeads), filled(v, keyValueHeads), ...past, lengths, total], { heads, keyValueHeads, scale: 1 / Math.sqrt(headDim) })
    if (!o || !presentK || !presentV) throw new Error('CachedAttention has three outputs')
    graph.output(`present.k.${layer}`, presentK)
    graph.output(`present.v.${layer}`, presentV)
    const cut = fill ? graph.matmul(graph.reshape(o, [product(['B', heads]), width]), fill, { transB: true }) : o
    return graph.reshape(cut, ['B', heads * headDim])
  }
}
