/**
 * Model folders of known shapes with random weights, and texts to go with them: everything follows from a seed, so
 * every run and both sides of a comparison see the same. Kept in .runtime/bench once made.
 */
import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { step } from '../scripts/setup.mjs'
import { createRandom } from '../src/engine/rng.ts'
import { makeTokenizer } from '../src/engine/tokenizer/tokenizer.ts'
import { trainBpe } from '../src/engine/tokenizer/train-bpe.ts'
import type { TokenizerJson } from '../src/engine/tokenizer/train-bpe.ts'

type Shape = { type: 'llama' | 'qwen2'; vocabulary: number; hidden: number; layers: number; heads: number; keyValueHeads: number; intermediate: number; positions: number; ropeTheta: number; dtype: 'F32' | 'BF16' }

/** As their config.json files have them; the smaller in float32 as the comparisons compute, the larger in bfloat16 as it is published. */
const SHAPES = {
  'smollm2-135m': { type: 'llama', vocabulary: 49152, hidden: 576, layers: 30, heads: 9, keyValueHeads: 3, intermediate: 1536, positions: 2048, ropeTheta: 100_000, dtype: 'F32' },
  'qwen2.5-0.5b': { type: 'qwen2', vocabulary: 151_936, hidden: 896, layers: 24, heads: 14, keyValueHeads: 2, intermediate: 4864, positions: 32_768, ropeTheta: 1_000_000, dtype: 'BF16' },
} satisfies Record<string, Shape>

export type ShapeName = keyof typeof SHAPES
export type Message = { role: 'user' | 'assistant'; content: string }
export type PairRow = { prompt: Message[]; chosen: Message[]; rejected: Message[] }

const cache = join(import.meta.dirname, '..', '.runtime', 'bench')
/** Part of the folder's name: raise it when what is written changes. */
const EDITION = 1
const SPECIAL_TOKENS = ['<|endoftext|>', '<|im_start|>', '<|im_end|>']
const [PAD, , EOS] = [0, 1, 2]
const CHAT_TEMPLATE = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
/** As many merges as fill the smaller vocabulary, so that what a random model samples is text. */
const TOKENIZER_SIZE = 49_152
const WORDS = 60_000

/** The folder, made now where it is missing. */
export async function modelFolder(name: ShapeName): Promise<string> {
  const folder = join(cache, `${name}-${EDITION}`)
  if (existsSync(folder)) return folder
  await step(`writing a random ${name} into .runtime/bench`, async () => {
    const unfinished = `${folder}.tmp-${process.pid}`
    mkdirSync(unfinished, { recursive: true })
    try {
      writeModel(unfinished, SHAPES[name])
      renameSync(unfinished, folder)
    } catch (error) {
      rmSync(unfinished, { recursive: true, force: true })
      throw error
    }
  })
  return folder
}

/** Writes rows as JSON lines beside the models. @returns the file. */
export function writeRows(name: string, rows: readonly object[]): string {
  mkdirSync(cache, { recursive: true })
  const file = join(cache, name)
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  return file
}

export class Texts {
  private readonly random: () => number
  private readonly words = drawWords()
  private readonly encode: (text: string) => number[]

  constructor(seed: number) {
    this.random = createRandom(seed)
    this.encode = makeTokenizer(tokenizerJson()).encode
  }

  /** Random words of this many tokens (or one or two more). */
  text(tokens: number): string {
    let text = ''
    for (let length = 0; length < tokens; ) {
      const word = ` ${this.words[Math.floor(this.random() * this.words.length)]}`
      length += this.encode(word).length
      text += word
    }
    return text.trim()
  }

  /** A whole number between the two, both included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.random() * (most - least + 1))
  }

  /** @param prompt tokens, the template's about 8 not counted. */
  pairs(count: number, prompt: number, completion: [least: number, most: number]): PairRow[] {
    const side = (): Message[] => [{ role: 'assistant', content: this.text(this.between(...completion)) }]
    return Array.from({ length: count }, () => ({ prompt: [{ role: 'user', content: this.text(prompt) }], chosen: side(), rejected: side() }))
  }
}

function writeModel(folder: string, shape: Shape): void {
  const { vocabulary, hidden, layers, heads, keyValueHeads, intermediate, positions, ropeTheta } = shape
  const files: Record<string, unknown> = {
    'config.json': {
      architectures: [shape.type === 'llama' ? 'LlamaForCausalLM' : 'Qwen2ForCausalLM'], model_type: shape.type,
      vocab_size: vocabulary, hidden_size: hidden, num_hidden_layers: layers, num_attention_heads: heads, num_key_value_heads: keyValueHeads, intermediate_size: intermediate,
      max_position_embeddings: positions, rope_theta: ropeTheta, tie_word_embeddings: true, hidden_act: 'silu', rms_norm_eps: 1e-5, initializer_range: 0.02, attention_dropout: 0,
      ...(shape.type === 'llama' ? { head_dim: hidden / heads, attention_bias: false, mlp_bias: false } : { use_sliding_window: false }),
      bos_token_id: null, eos_token_id: EOS, pad_token_id: PAD, torch_dtype: shape.dtype === 'F32' ? 'float32' : 'bfloat16',
    },
    'generation_config.json': { eos_token_id: EOS, pad_token_id: PAD },
    'tokenizer.json': tokenizerJson(),
    'tokenizer_config.json': { tokenizer_class: 'PreTrainedTokenizerFast', eos_token: SPECIAL_TOKENS[EOS], pad_token: SPECIAL_TOKENS[PAD], model_max_length: positions, clean_up_tokenization_spaces: false },
  }
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), `${JSON.stringify(content)}\n`)
  writeFileSync(join(folder, 'chat_template.jinja'), CHAT_TEMPLATE)
  writeRandomWeights(join(folder, 'model.safetensors'), tensorsOf(shape), shape.dtype)
}

type TensorShape = { name: string; shape: number[]; kind: 'matrix' | 'norm' | 'bias' }

function tensorsOf({ type, vocabulary, hidden, layers, heads, keyValueHeads, intermediate }: Shape): TensorShape[] {
  const headDim = hidden / heads
  const linear = (name: string, rows: number, columns: number, bias = false): TensorShape[] => [
    { name: `${name}.weight`, shape: [rows, columns], kind: 'matrix' },
    ...(bias ? [{ name: `${name}.bias`, shape: [rows], kind: 'bias' } satisfies TensorShape] : []),
  ]
  const norm = (name: string): TensorShape => ({ name: `${name}.weight`, shape: [hidden], kind: 'norm' })
  const biased = type === 'qwen2'
  return [
    ...linear('model.embed_tokens', vocabulary, hidden),
    ...Array.from({ length: layers }, (_, layer) => {
      const at = `model.layers.${layer}.`
      return [
        norm(`${at}input_layernorm`),
        ...linear(`${at}mlp.down_proj`, hidden, intermediate), ...linear(`${at}mlp.gate_proj`, intermediate, hidden), ...linear(`${at}mlp.up_proj`, intermediate, hidden),
        norm(`${at}post_attention_layernorm`),
        ...linear(`${at}self_attn.k_proj`, keyValueHeads * headDim, hidden, biased), ...linear(`${at}self_attn.o_proj`, hidden, heads * headDim),
        ...linear(`${at}self_attn.q_proj`, heads * headDim, hidden, biased), ...linear(`${at}self_attn.v_proj`, keyValueHeads * headDim, hidden, biased),
      ]
    }).flat(),
    norm('model.norm'),
  ]
}

/** Tensor by tensor, so that half a billion weights need no memory. Matrices are uniform with Transformers' deviation of 0.02. */
function writeRandomWeights(file: string, tensors: readonly TensorShape[], dtype: Shape['dtype']): void {
  const size = dtype === 'F32' ? 4 : 2
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } }
  let offset = 0
  const lengths = tensors.map(({ name, shape }) => {
    const length = shape.reduce((product, n) => product * n, 1)
    header[name] = { dtype, shape, data_offsets: [offset, (offset += length * size)] }
    return length
  })
  const json = Buffer.from(JSON.stringify(header))
  const padded = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ')
  padded.writeBigUInt64LE(BigInt(padded.length - 8))
  json.copy(padded, 8)
  const descriptor = openSync(file, 'w')
  try {
    writeFully(descriptor, padded)
    tensors.forEach(({ kind }, i) => {
      const data = new Float32Array(lengths[i] ?? 0)
      if (kind === 'norm') data.fill(1)
      else if (kind === 'matrix') fillRandom(data, i + 1)
      writeFully(descriptor, dtype === 'F32' ? new Uint8Array(data.buffer) : new Uint8Array(toBfloat16(data).buffer))
    })
  } finally {
    closeSync(descriptor)
  }
}

/** xorshift32: half a billion numbers in seconds. */
function fillRandom(data: Float32Array, seed: number): void {
  const scale = (0.02 * Math.sqrt(3)) / 2 ** 31
  let state = Math.imul(seed, 0x9e3779b1) | 1
  for (let i = 0; i < data.length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    data[i] = state * scale
  }
}

/** The upper half of each float32, rounded towards zero. */
function toBfloat16(data: Float32Array): Uint16Array {
  const words = new Uint32Array(data.buffer)
  const halves = new Uint16Array(words.length)
  for (let i = 0; i < words.length; i++) halves[i] = (words[i] ?? 0) >>> 16
  return halves
}

function writeFully(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done, Math.min(2 ** 28, bytes.length - done))
}

let tokenizer: TokenizerJson | undefined

function tokenizerJson(): TokenizerJson {
  return (tokenizer ??= trainBpe([drawWords().map((word) => ` ${word}`).join('')], { vocabSize: TOKENIZER_SIZE, specialTokens: SPECIAL_TOKENS }))
}

function drawWords(): string[] {
  const random = createRandom(1)
  const letters = 'aeioulnrstdmkpg'
  return Array.from({ length: WORDS }, () => Array.from({ length: 2 + Math.floor(random() * 7) }, () => letters[Math.floor(random() * letters.length)]).join(''))
}
