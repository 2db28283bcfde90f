/** What the list is sorted by: names, and which way round comes first. */
import { FIGURE_SORTS, type ConversationSort } from '../../../shared/facets.ts'
import { count, fixed, percent } from '../../charts/format.ts'

type Words = { label: string; ascending: string; descending: string; hint?: string }
const letters = { ascending: 'A to Z', descending: 'Z to A' }
const amounts = { ascending: 'Least first', descending: 'Most first' }
const heights = { ascending: 'Lowest first', descending: 'Highest first' }
const times = { ascending: 'Oldest first', descending: 'Newest first' }

export const SORTS: Readonly<Record<ConversationSort, Words>> = {
  imported: { label: 'Imported', ...times },
  opening: { label: 'First message', ...letters },
  turns: { label: 'Turns', ...amounts },
  length: { label: 'Characters', ...amounts },
  date: { label: 'Date', ...times },
  source: { label: 'Source', ...letters },
  model: { label: 'Model', ...letters },
  language: { label: 'Language', ...letters },
  dissatisfied: { label: 'Dissatisfied turns', ...amounts },
  satisfied: { label: 'Satisfied turns', ...amounts },
  neutral: { label: 'Neutral turns', ...amounts },
  share: { label: 'Dissatisfied share', ...heights, hint: 'Dissatisfied of the judged turns' },
  probability: { label: 'DSAT probability', ...heights, hint: 'The highest probability of dissatisfaction among the turns' },
  category: { label: 'Categories', ...amounts, hint: 'How many kinds of dissatisfaction or praise its turns have' },
  reviewed: { label: 'Reviewed turns', ...amounts, hint: 'Turns that a person labelled' },
  tag: { label: 'Tag', ...letters, hint: 'The first of its tags by name' },
  near: { label: 'Near-duplicates', ...amounts, hint: 'Conversations of its near-duplicate group, itself among them' },
  personal: { label: 'Personal data', ...amounts, hint: 'How many kinds of personal data it holds' },
  relevance: { label: 'Relevance', ascending: 'Worst match first', descending: 'Best match first', hint: 'How well its best turn fits the words searched for (bm25)' },
}
/** In the order of the menu. */
export const SORT_NAMES = Object.keys(SORTS) as ConversationSort[]

export type Order = { sort: ConversationSort; desc: boolean }
const startsAscending = (sort: ConversationSort): boolean => sort === 'imported' || SORTS[sort].ascending === letters.ascending

/** As it is first chosen: names from A, all else from the most. */
export const firstOrder = (sort: ConversationSort): Order => ({ sort, desc: !startsAscending(sort) })

/** At another click of a column's head: that way round, the other, then as imported. */
export function nextOrder(now: Order, sort: ConversationSort): Order {
  const first = firstOrder(sort)
  if (now.sort !== sort) return first
  return now.desc === first.desc ? { sort, desc: !first.desc } : firstOrder('imported')
}

/** Whether the rows have a column of their own for it while they are sorted by it. */
export const hasOwnColumn = (sort: ConversationSort): boolean => sort !== 'dissatisfied' && (FIGURE_SORTS as readonly ConversationSort[]).includes(sort)

/** The figure of that column, as text. */
export function figureText(sort: ConversationSort, figure: number | null | undefined): string {
  if (figure === null || figure === undefined) return ''
  if (sort === 'share') return percent(figure)
  return sort === 'probability' || sort === 'relevance' ? fixed(figure, 2) : count(figure)
}
