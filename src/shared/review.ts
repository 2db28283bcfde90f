/** What people say of turns: annotations, the queue that brings them, and how far people agree. As they cross the contract. */
import type { Interval, Message, Signal, SignalLabel } from './types.ts'

/** `second` looks again at turns that have a label already, which stays hidden; `adjudication` decides where people disagree. */
export const REVIEW_PASSES = ['first', 'second', 'adjudication'] as const
export type ReviewPass = (typeof REVIEW_PASSES)[number]
export const REVIEW_ORDERS = ['uncertain', 'random', 'category', 'disagreement', 'skipped'] as const
export type ReviewOrder = (typeof REVIEW_ORDERS)[number]
/** A label, a turn set aside (`skip`), or an entry taken back (`undo`). */
export const LOG_ACTIONS = ['label', 'skip', 'undo'] as const
export type LogAction = (typeof LOG_ACTIONS)[number]
/** Whether the annotator saw a detector's suggestion when they decided. */
export type SuggestionView = 'shown' | 'hidden'

/** How sure people's label of a turn is; `disputed`: they disagree and nobody has decided, so no label of theirs counts. */
export type Resolution = 'single' | 'agreed' | 'adjudicated' | 'disputed'

/** One entry of the log, which only grows. */
export type LogEntry = {
  id: number
  conversationId: string
  turnIndex: number
  annotator: string
  pass: ReviewPass
  action: LogAction
  /** null unless a label was given. */
  label: SignalLabel | null
  categories: string[]
  /** Characters of the user's message that decided. */
  evidence: Signal['evidence']
  note: string
  suggestion: SuggestionView
  /** From seeing the turn to deciding; null where it was not measured. */
  seconds: number | null
  createdAt: string
  /** The entry that an `undo` takes back. */
  undoes: number | null
  undone: boolean
}

export type LogRow = LogEntry & { userText: string }

/** A turn to decide on. */
export type ReviewItem = {
  conversationId: string
  turnIndex: number
  source: string
  model: string | null
  /** Messages left out before the first of `messages`. */
  earlier: number
  /** The context; the reply in question is the last but one, the user's reaction the last. */
  messages: (Message & { cut: boolean })[]
  /** The word of the detector that wins among detectors; null where none has judged the turn. */
  suggestion: Signal | null
  /** Others' labels, for an adjudicator alone. */
  annotations: LogEntry[]
}

export type ReviewQueue = {
  id: number
  annotator: string
  pass: ReviewPass
  order: ReviewOrder
  /** Items: the target count, or fewer where there are no more. */
  size: number
  labelled: number
  skipped: number
  /** Labels a minute over the annotator's last 20; null before the first. */
  perMinute: number | null
}

/** Two raters on the turns that both labelled. */
export type PairAgreement = {
  first: string
  second: string
  n: number
  /** Share of equal labels, Wilson's interval. */
  raw: Interval
  /** Cohen's kappa, analytic interval (Fleiss, Cohen and Everitt 1969); null where chance alone explains all (one label only). */
  kappa: Interval | null
}

export type ReviewAgreement = {
  annotators: { name: string; labels: number }[]
  /** Turns by how sure people's label of them is. */
  resolutions: { resolution: Resolution; turns: number }[]
  pairs: PairAgreement[]
  /** All raters at once, where there are more than two: Fleiss' kappa with a bootstrap interval over turns. */
  fleiss: { raters: number; n: number; kappa: Interval | null } | null
}
