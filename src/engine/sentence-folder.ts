/** What a folder of a sentence-embedding model holds, checked before anything native opens it. */
import { join } from 'node:path'
import { isPresent, statPlainFile } from './entries.ts'
import { InputError } from './input-error.ts'
import { describeJson, readJsonObject } from './json-file.ts'
import { loadTokenizer } from './tokenizer/tokenizer.ts'
import { makeWordPiece, type SentenceTokenizer } from './tokenizer/word-piece.ts'

export type SentenceFolder = {
  modelFile: string
  tokenizer: SentenceTokenizer
  /** Longer texts are cut, special tokens counted in. */
  maxTokens: number
  /** Every file that decides what a text's vector is. */
  files: string[]
}

/** Where neither the model nor its tokenizer says: what sentence-transformers' small models are trained with. */
const DEFAULT_MAX_TOKENS = 256
/** Position embeddings of these begin behind the padding id. */
const OFFSET_POSITIONS: Record<string, number> = { roberta: 2, 'xlm-roberta': 2, mpnet: 2, camembert: 2 }

/** @throws InputError that says what was expected in the folder, what was found, and what to do. */
export function readSentenceFolder(folder: string): SentenceFolder {
  if (!isPresent(folder)) throw new InputError(`expected a folder of a sentence-embedding model, found nothing at ${folder}. Name the folder that holds tokenizer.json and model.onnx`)
  const present = (name: string): string | null => (isPresent(join(folder, name)) ? join(folder, name) : null)
  const modelFile = present('model.onnx') ?? present('onnx/model.onnx')
  if (modelFile === null) throw new InputError(`expected model.onnx (or onnx/model.onnx) in ${folder}, found none. Export the model there: optimum-cli export onnx --model NAME --task feature-extraction ${folder}`)
  statPlainFile(modelFile, 'an ONNX model')
  const tokenizerFile = present('tokenizer.json')
  if (tokenizerFile === null) throw new InputError(`expected tokenizer.json in ${folder}, found none. Save the tokenizer there with AutoTokenizer.from_pretrained(NAME).save_pretrained("${folder}")`)
  const [tokenizerConfig, sentenceConfig, modelConfig, poolingConfig] = ['tokenizer_config.json', 'sentence_bert_config.json', 'config.json', '1_Pooling/config.json'].map(present)
  const read = (file: string | null | undefined): Record<string, unknown> => (file ? readJsonObject(file) : {})
  requireMeanPooling(read(poolingConfig), poolingConfig ?? '')

  const json = readJsonObject(tokenizerFile)
  const isWordPiece = (json.model as { type?: unknown } | undefined)?.type === 'WordPiece'
  const tokenizer = isWordPiece ? makeWordPiece(json, read(tokenizerConfig), tokenizerFile) : loadTokenizer(folder)
  const config = read(modelConfig)
  const positions = Number(config.max_position_embeddings) - (OFFSET_POSITIONS[String(config.model_type)] ?? 0)
  const limits = [read(sentenceConfig).max_seq_length, read(tokenizerConfig).model_max_length, positions].map(Number).filter((limit) => Number.isSafeInteger(limit) && limit > 2 && limit < 1_000_000)
  const besides = ['model.onnx_data', 'model.onnx.data', 'onnx/model.onnx_data', 'onnx/model.onnx.data'].map(present)
  return {
    modelFile,
    tokenizer,
    maxTokens: limits.length === 0 ? DEFAULT_MAX_TOKENS : Math.min(...limits),
    files: [modelFile, ...besides, tokenizerFile, tokenizerConfig, sentenceConfig, modelConfig].filter((file) => typeof file === 'string'),
  }
}

/** Vectors pooled otherwise than the model was trained for look right and mean nothing. */
function requireMeanPooling(config: Record<string, unknown>, file: string): void {
  const others = Object.entries(config).filter(([key, on]) => key.startsWith('pooling_mode_') && key !== 'pooling_mode_mean_tokens' && on === true).map(([key]) => key)
  const isOther = config.pooling_mode_mean_tokens === false || (config.pooling_mode !== undefined && config.pooling_mode !== 'mean')
  if (others.length > 0 || isOther) throw new InputError(`${file}: expected mean pooling, got ${others[0] ?? describeJson(config.pooling_mode ?? 'none')}. Choose a model that pools by the mean (all-MiniLM-L6-v2, for example)`)
}
