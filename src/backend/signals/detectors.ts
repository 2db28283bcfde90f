/** Which detector a name stands for: the rules, the classifier of the workspace or the shipped one, or a file. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { classifierJudge } from '../../core/detector/classifier.ts'
import { judgeTurn, RULES_VERSION, type Judgement } from '../../core/signals.ts'
import type { Message } from '../../shared/types.ts'
import { readDetectorFile, type DetectorFile } from './detector-file.ts'

export const SHIPPED_CLASSIFIER = fileURLToPath(new URL('../../../resources/detector/classifier.json', import.meta.url))

/** Where a workspace keeps the classifier that was trained on its own labels. */
export const ownClassifier = (workspace: string): string => join(workspace, 'detectors', 'classifier.json')

export type Detector = {
  decider: 'rules' | 'classifier'
  version: string
  /** Judges the reply before a turn; `conversationId` finds what was learned of that turn without having seen it. */
  judge(messages: readonly Message[], turnIndex: number, conversationId?: string): Judgement
  /** What it was trained on, for a line to the user; null for the rules. */
  trainedOn: string | null
  /** What `detectorNamed` was given: in a thread of its own it makes the same one. */
  named: { name: string; workspace: string | undefined }
}

/** @param workspace folder of the workspace, whose own classifier comes before the shipped one */
export function detectorNamed(name: string, workspace?: string): Detector {
  const named = { name, workspace }
  if (name === 'rules') return { decider: 'rules', version: RULES_VERSION, judge: judgeTurn, trainedOn: null, named }
  return { ...classifierDetector(readDetectorFile(name === 'classifier' ? classifierPath(workspace) : name)), named }
}

export function classifierPath(workspace: string | undefined): string {
  const own = workspace === undefined ? null : ownClassifier(workspace)
  return own !== null && existsSync(own) ? own : SHIPPED_CLASSIFIER
}

function classifierDetector({ classifier, version, trainedOn, heldOut }: DetectorFile): Omit<Detector, 'named'> {
  const judge = classifierJudge(classifier)
  return {
    decider: 'classifier',
    version,
    trainedOn,
    judge: (messages, turnIndex, conversationId = '') => judge(messages, turnIndex, heldOut[conversationId]?.[turnIndex]),
  }
}
