/** Trains the workspace's own classifier on its reviewed labels, runs it, and says how it did on turns it had not seen. */
import { trainDetector } from '../../core/detector/train.ts'
import type { ReadableDb } from '../storage/open.ts'
import { writeDetectorFile } from './detector-file.ts'
import { ownClassifier } from './detectors.ts'
import { reviewedTurns } from './labelled-turns.ts'

export type RetrainReport = { version: string; turns: number; dissatisfied: number; flagged: number; hits: number }

/** @param workspace its folder */
export function trainOnLabels(db: ReadableDb, workspace: string, options: { onProgress?: (done: number, total: number) => void } = {}): RetrainReport {
  const turns = reviewedTurns(db)
  const model = trainDetector(turns, options)
  const heldOut: Record<string, Record<string, number>> = {}
  turns.forEach(({ conversationId, turnIndex }, i) => ((heldOut[conversationId] ??= {})[turnIndex] = Number(model.heldOut[i]!.toFixed(4))))
  const people = turns.filter(({ decider }) => decider === 'human').length
  const { version } = writeDetectorFile(ownClassifier(workspace), model, { trainedOn: `${people} labels of people and ${turns.length - people} imported ones of this workspace`, heldOut })
  const { n, positives, flagged, hits } = model.crossValidation
  return { version, turns: n, dissatisfied: positives, flagged, hits }
}
