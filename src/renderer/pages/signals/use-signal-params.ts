import { optional, optionalChoice, useParams } from '../../composables/use-params.ts'

export const signalLabels = ['dissatisfied', 'satisfied', 'neutral'] as const
export const deciders = ['human', 'imported', 'judge', 'classifier', 'rules'] as const

/** The page's filters, in its URL. */
export const useSignalParams = () => useParams({ label: optionalChoice(signalLabels), category: optional(), decider: optionalChoice(deciders) })
