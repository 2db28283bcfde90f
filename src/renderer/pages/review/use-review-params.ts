import { REVIEW_ORDERS, REVIEW_PASSES } from '../../../shared/review.ts'
import { choice, flag, integer, optional, useParams } from '../../composables/use-params.ts'

/** Which queue is worked on, and how it is looked at, in the page's URL. */
export const useReviewParams = () =>
  useParams({
    view: choice(['label', 'log']),
    pass: choice(REVIEW_PASSES),
    order: choice(REVIEW_ORDERS),
    category: optional(),
    of: optional(),
    target: integer(),
    seed: integer(),
    /** The detector's cut-off in hundredths, as the signals page has it. */
    cut: integer(),
    blind: flag({ quiet: true }),
    dialog: optional({ quiet: true }),
  })

/** A name, or none, as the value of a list's entry: a list knows no empty value, and a person may be called anything. */
export const choiceOf = (name: string | null): string => `=${name ?? ''}`
export const nameOf = (choice: string): string | null => choice.slice(1) || null
