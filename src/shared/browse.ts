/** What crosses the contract about browsing conversations: filters, sorts, what is counted, a selection, a saved view. */
import { z } from 'zod'

/** A day, a month or a year. */
const date = z.string().regex(/^\d{4}(-\d{2}(-\d{2})?)?$/, 'expected a date such as 2024, 2024-03 or 2024-03-09')

/** Everything given must hold. Texts match a whole value, `gpt-4*` those that begin so. */
export const conversationFilter = {
  /** Words of one turn, as `drift search` reads them. */
  query: z.string().optional(),
  source: z.string().optional(),
  model: z.string().optional(),
  language: z.string().optional(),
  /** At least one turn whose winning signal has this label. */
  signal: z.enum(['dissatisfied', 'satisfied', 'neutral']).optional(),
  category: z.string().optional(),
  tag: z.string().optional(),
  /** `yes`: those with a near-duplicate. */
  near: z.string().optional(),
  /** Those that hold personal data of this kind. */
  personal: z.string().optional(),
  minTurns: z.int().optional(),
  maxTurns: z.int().optional(),
  minCharacters: z.int().optional(),
  maxCharacters: z.int().optional(),
  /** First and last day; a month or a year counts whole. */
  from: date.optional(),
  to: date.optional(),
}
const filterSchema = z.object(conversationFilter)
export type ConversationFilter = z.output<typeof filterSchema>

const named = z.array(z.string()).max(10_000)
/**
 * Conversations to do something with: those named, or all that pass a filter but those left out. `until`: how far the
 * workspace reached when they were counted; what came in later is not meant.
 */
export const conversationSelection = z.union([z.object({ ids: named.min(1) }), z.object({ filter: filterSchema, except: named.optional(), until: z.int().optional() })])
export type ConversationSelection = z.output<typeof conversationSelection>

export const tagName = z.string().trim().min(1).max(60)

/** The page's filter, sort and columns under a name; `address` is the page's query string. */
export type SavedView = { id: number; name: string; address: string }
