import { choice, flag, integer, optional, optionalChoice, useParams } from '../../composables/use-params.ts'

export const signalLabels = ['dissatisfied', 'satisfied', 'neutral'] as const
export const deciders = ['human', 'imported', 'judge', 'classifier', 'rules'] as const
export const detectors = ['classifier', 'rules', 'judge'] as const

/** The page's filters and the workbench's state, in its URL; `cut` in hundredths. */
export const useSignalParams = () =>
  useParams({
    view: choice(['cases', 'threshold']),
    label: optionalChoice(signalLabels),
    category: optional(),
    decider: optionalChoice(deciders),
    detector: optionalChoice(detectors),
    cut: integer({ quiet: true }),
    judge: flag(),
  })
