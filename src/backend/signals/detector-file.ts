/**
 * A trained classifier as a file: JSON with its weights, what it was trained on and how it did on turns it had not
 * seen. The content's hash stands in it and is the decider's version.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'
import { BUCKETS, FEATURES_VERSION, MEASURES } from '../../core/detector/features.ts'
import { packWeights, unpackWeights } from '../../core/detector/pack-weights.ts'
import { ODDS_STEP } from '../../core/detector/word-odds.ts'
import type { TrainedModel } from '../../core/detector/train.ts'
import type { Classifier } from '../../core/detector/classifier.ts'
import { UsageError } from '../../shared/errors.ts'
import { writeWhole } from '../write-lines.ts'

const treesSchema = z.object({ roots: z.array(z.int().min(0)), feature: z.array(z.int().min(-1).max(MEASURES - 1)), split: z.array(z.number()), left: z.array(z.int().min(0)) })
  .refine(({ roots, feature, split, left }) => split.length === feature.length && left.length === feature.length && roots.every((root) => root < feature.length) && left.every((child, node) => feature[node]! < 0 || (child > node && child + 1 < feature.length)), 'expected trees whose children follow their parents')
const figure = z.number().nullable()
const contentSchema = z.object({
  format: z.literal('drift-detector'),
  formatVersion: z.literal(3),
  featuresVersion: z.literal(FEATURES_VERSION),
  /** In words, for whoever asks where its judgement comes from. */
  trainedOn: z.string(),
  turns: z.int(),
  dissatisfied: z.int(),
  crossValidation: z.object({ n: z.int(), positives: z.int(), average_precision: figure, roc_auc: figure, f1: figure, flagged: z.int(), hits: z.int() }),
  cutoff: z.number(),
  intercept: z.number(),
  scale: z.number(),
  weights: z.string(),
  wordOdds: z.object({ scale: z.number(), packed: z.string() }),
  trees: treesSchema,
  /**
   * Of turns it learned from in a workspace: conversation id, turn, and the probability by a model that had not seen
   * the conversation. These are its word on them, so that figures against their labels stay honest.
   */
  heldOut: z.record(z.string(), z.record(z.string(), z.number())),
})
type Content = z.infer<typeof contentSchema>

export type DetectorFile = Omit<Content, 'format' | 'formatVersion' | 'featuresVersion' | 'scale' | 'weights' | 'wordOdds' | 'trees'> & { version: string; classifier: Classifier }

/** Writes a detector whole or not at all; returns its absolute path and version. */
export function writeDetectorFile(path: string, model: TrainedModel, about: Pick<Content, 'trainedOn' | 'heldOut'>): { path: string; version: string; bytes: number } {
  const { scale, packed } = packWeights(model.weights)
  const { n, positives } = model.crossValidation
  const content: Content = { format: 'drift-detector', formatVersion: 3, featuresVersion: FEATURES_VERSION, trainedOn: about.trainedOn, turns: n, dissatisfied: positives, crossValidation: model.crossValidation, cutoff: model.cutoff, intercept: model.intercept, scale, weights: packed, wordOdds: packWeights(model.wordOdds, ODDS_STEP), trees: model.trees, heldOut: about.heldOut }
  const version = versionOf(content)
  const file = resolve(path)
  const text = `${JSON.stringify({ ...content, version })}\n`
  try {
    writeWhole(file, text)
  } catch (error) {
    throw new UsageError(`${file} cannot be written: ${error instanceof Error ? error.message : String(error)}. Name another file`, { cause: error })
  }
  return { path: file, version, bytes: Buffer.byteLength(text) }
}

/** Reads a detector. A file that is none, is damaged or is of another version is refused with what to do. */
export function readDetectorFile(path: string): DetectorFile {
  const file = resolve(path)
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) throw new UsageError(`detector ${file}: expected the JSON that drift detector train writes, got something else. Train it again`, { cause: error })
    throw new UsageError(`detector: expected rules, classifier, judge or a file of drift detector train, got "${path}", which cannot be read (${error instanceof Error ? error.message : String(error)})`, { cause: error })
  }
  if (typeof value !== 'object' || value === null || !('format' in value) || value.format !== 'drift-detector') throw new UsageError(`detector ${file}: expected "format": "drift-detector", got another kind of file. Make one with drift detector train`)
  const parsed = contentSchema.safeParse(value)
  if (!parsed.success) {
    const { path: where, message } = parsed.error.issues[0]!
    const foreign = where[0] === 'formatVersion' || where[0] === 'featuresVersion'
    throw new UsageError(`detector ${file}: ${where.join('.')}: ${message}. ${foreign ? 'It was made by another version of the app: train it again' : 'The file is damaged: train it again'}`)
  }
  const content = parsed.data
  const version = versionOf(content)
  const stated = 'version' in value ? value.version : undefined
  if (stated !== version) throw new UsageError(`detector ${file}: expected content with the hash ${String(stated)}, got ${version}. The file is damaged or was changed: train it again`)
  return { ...content, version, classifier: { intercept: content.intercept, trees: content.trees, cutoff: content.cutoff, weights: unpackWeights({ scale: content.scale, packed: content.weights }, BUCKETS), wordOdds: unpackWeights(content.wordOdds, BUCKETS) } }
}

const versionOf = (content: Content): string => createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 12)
