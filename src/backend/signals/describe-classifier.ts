/** What the interface says of the classifier in use, and of the labels it could learn from. */
import { FEWEST_OF_EACH } from '../../core/detector/train.ts'
import { wilson } from '../../core/statistics.ts'
import type { ClassifierInfo } from '../../shared/signals.ts'
import { readDetectorFile } from './detector-file.ts'
import { classifierPath, SHIPPED_CLASSIFIER } from './detectors.ts'

/** @param workspace its folder @param labels those that stand in it */
export function describeClassifier(workspace: string, labels: ClassifierInfo['labels']): ClassifierInfo {
  const path = classifierPath(workspace)
  const { version, trainedOn, turns, dissatisfied, cutoff, crossValidation } = readDetectorFile(path)
  const { hits, flagged, positives } = crossValidation
  return { version, own: path !== SHIPPED_CLASSIFIER, trainedOn, turns, dissatisfied, cutoff, precision: wilson(hits, flagged), recall: wilson(hits, positives), labels, fewestOfEach: FEWEST_OF_EACH }
}

/** How many turns of which conversations, by their ids, the workspace's own classifier has learned from. */
export function turnsLearnedFrom(workspace: string): Record<string, number> {
  const path = classifierPath(workspace)
  if (path === SHIPPED_CLASSIFIER) return {}
  return Object.fromEntries(Object.entries(readDetectorFile(path).heldOut).map(([id, turns]) => [id, Object.keys(turns).length]))
}
