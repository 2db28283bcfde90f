/**
 * Sentence vectors from an ONNX model folder as sentence-transformers makes them: last hidden states, their mean under
 * the attention mask, scaled to length 1 (https://sbert.net, Pooling and Normalize). Occupies the calling thread.
 */
import ort from 'onnxruntime-node'
import { InputError } from './input-error.ts'
import { readSentenceFolder, type SentenceFolder } from './sentence-folder.ts'

export type SentenceEncoder = {
  readonly dimensions: number
  readonly maxTokens: number
  /** Row i: `dimensions` values of unit length for text i. */
  encode(texts: readonly string[]): Promise<Float32Array[]>
  release(): Promise<void>
}

/** Texts in one run of the model, of about the same length. */
const BATCH = 32
const KNOWN_INPUTS = ['input_ids', 'attention_mask', 'token_type_ids']

/** @throws InputError where the folder holds no model that can be read so. */
export async function openSentenceEncoder(folder: string, threads: number): Promise<SentenceEncoder> {
  const { modelFile, tokenizer, maxTokens } = readSentenceFolder(folder)
  const session = await ort.InferenceSession.create(modelFile, { executionProviders: ['cpu'], intraOpNumThreads: threads, interOpNumThreads: 1, graphOptimizationLevel: 'all', enableMemPattern: false, logSeverityLevel: 4, extra: { session: { intra_op: { allow_spinning: '0' } } } })
    .catch((error: unknown) => { throw new InputError(`expected an ONNX model in ${modelFile}: ${firstLine(error)}. Export or download it again`) })
  const unknown = session.inputNames.filter((name) => !KNOWN_INPUTS.includes(name))
  if (unknown.length > 0 || !session.inputNames.includes('input_ids')) throw new InputError(`${modelFile}: expected the inputs ${KNOWN_INPUTS.join(', ')}, got ${session.inputNames.join(', ')}. Choose a BERT-like model, exported for feature extraction`)
  const cut = makeCutter(tokenizer, maxTokens)

  const encodeBatch = async (rows: readonly number[][]): Promise<Float32Array[]> => {
    const width = Math.max(...rows.map(({ length }) => length))
    const int64 = (): BigInt64Array => new BigInt64Array(rows.length * width)
    const feeds: Record<string, BigInt64Array> = { input_ids: int64(), attention_mask: int64(), token_type_ids: int64() }
    rows.forEach((ids, i) => ids.forEach((id, t) => {
      feeds['input_ids']![i * width + t] = BigInt(id)
      feeds['attention_mask']![i * width + t] = 1n
    }))
    const inputs = Object.fromEntries(session.inputNames.map((name) => [name, new ort.Tensor('int64', feeds[name]!, [rows.length, width])]))
    const outputs = await session.run(inputs).catch((error: unknown) => { throw new InputError(`${modelFile} cannot compute ${rows.length} texts of ${width} tokens: ${firstLine(error)}. Choose another model`) })
    const hidden = session.outputNames.map((name) => outputs[name]).find((output) => output?.dims.length === 3)
    if (!hidden || hidden.type !== 'float32') throw new InputError(`${modelFile}: expected an output of token vectors (texts x tokens x dimensions) in float32, got ${session.outputNames.map((name) => `${name} ${outputs[name]?.type} [${outputs[name]?.dims.join(', ')}]`).join('; ')}. Export it for feature extraction in float32`)
    const dimensions = hidden.dims[2]!
    return rows.map(({ length }, i) => meanOf(hidden.data as Float32Array, i * width * dimensions, length, dimensions))
  }

  const [probe] = await encodeBatch([cut('a')])
  return {
    dimensions: probe!.length,
    maxTokens,
    async encode(texts) {
      const rows = texts.map(cut)
      const order = rows.map((_, i) => i).sort((a, b) => rows[a]!.length - rows[b]!.length)
      const vectors = new Array<Float32Array>(texts.length)
      for (let from = 0; from < order.length; from += BATCH) {
        const own = order.slice(from, from + BATCH)
        const found = await encodeBatch(own.map((i) => rows[i]!))
        own.forEach((i, k) => (vectors[i] = found[k]!))
      }
      return vectors
    },
    release: () => session.release(),
  }
}

/** A text's ids, the middle cut so that they fit; what stands before and behind every text stays. */
function makeCutter(tokenizer: SentenceFolder['tokenizer'], maxTokens: number): (text: string) => number[] {
  return (text) => {
    const whole = tokenizer.encodeWithSpecialTokens(text)
    if (whole.length <= maxTokens) return whole
    const bare = tokenizer.encode(text)
    const added = whole.length - bare.length
    const before = Array.from({ length: added + 1 }, (_, at) => at).find((at) => bare.every((id, i) => whole[at + i] === id)) ?? 0
    const kept = Math.max(0, maxTokens - added)
    return [...whole.slice(0, before + kept), ...whole.slice(before + bare.length)]
  }
}

/** Mean of the first `tokens` vectors from `start` on, scaled to length 1. */
function meanOf(hidden: Float32Array, start: number, tokens: number, dimensions: number): Float32Array {
  const sum = new Float64Array(dimensions)
  for (let t = 0; t < tokens; t++) for (let d = 0; d < dimensions; d++) sum[d]! += hidden[start + t * dimensions + d]!
  const length = Math.hypot(...sum)
  return Float32Array.from(sum, (value) => (length === 0 ? 0 : value / length))
}

const firstLine = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n')[0]!
