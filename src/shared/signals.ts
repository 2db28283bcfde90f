/** The rubric, the classifier and the threshold workbench, as they cross the contract. */
import type { Interval } from './types.ts'

/** Categories of each side, as the workspace's people want them told apart. */
export type Rubric = { dissatisfied: string[]; satisfied: string[] }

export type ClassifierInfo = {
  version: string
  /** The workspace's own; false for the shipped one. */
  own: boolean
  trainedOn: string
  turns: number
  dissatisfied: number
  cutoff: number
  /** At the cut-off, on turns the judging model had not seen. */
  precision: Interval | null
  recall: Interval | null
  /** Labels of the workspace to learn from now: people's, and imported ones where no person has said anything. */
  labels: { people: number; imported: number; dissatisfied: number }
  fewestOfEach: number
}

export type CutoffFigures = {
  cutoff: number
  /** Reviewed turns at or above the cut-off, and those of them that are dissatisfied. */
  flagged: number
  hits: number
  /** null where there is nothing to divide by. */
  precision: Interval | null
  recall: Interval | null
  f1: Interval | null
}

export type ReliabilityBin = { from: number; to: number; n: number; meanProbability: number; observed: Interval }
export type Reliability = {
  bins: ReliabilityBin[]
  /** Mean squared difference of probability and label (Brier 1950). */
  brier: number
  /** Mean distance of bin mean and share observed, weighted by the bins' size (Naeini et al. 2015). */
  expectedCalibrationError: number
}

/** How all judged turns would be labelled: people's and imported labels stand, a detector's depend on the cut-off. */
export type LabelMix = { dissatisfied: number; satisfied: number; neutral: number }

export type ThresholdBench = {
  /** Turns that the decider judged and a person or the data labelled. */
  reviewed: { people: number; imported: number; dissatisfied: number }
  /** One entry per cut-off, 0 to 1 by hundredths. */
  curve: CutoffFigures[]
  mix: LabelMix[]
  reliability: Reliability | null
}
