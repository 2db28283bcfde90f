import { DECIDERS, type Detector } from '../../../shared/datasets.ts'
import { choice, flag, integer, optional, optionalChoice, useParams } from '../../composables/use-params.ts'

export const signalLabels = ['dissatisfied', 'satisfied', 'neutral'] as const
/** In the workbench's order: the trained one first, the one that costs last. */
export const detectors = ['classifier', 'rules', 'judge'] as const satisfies readonly Detector[]

/** The page's filters and the workbench's state, in its URL; `cut` in hundredths. */
export const useSignalParams = () =>
  useParams({
    view: choice(['cases', 'threshold']),
    label: optionalChoice(signalLabels),
    category: optional(),
    decider: optionalChoice(DECIDERS),
    detector: optionalChoice(detectors),
    cut: integer({ quiet: true }),
    judge: flag(),
  })
