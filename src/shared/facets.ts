/** What conversations are counted and sorted by. Apart from the schemas of `browse.ts`: the page's first rows do not wait for them. */

export const FACETS = ['signal', 'category', 'tag', 'source', 'model', 'language', 'turns', 'length', 'date', 'near', 'personal'] as const
export type FacetName = (typeof FACETS)[number]
/** A value is written as the search field takes it: ranges as `3..4` and `17..`. */
export type Facet = { name: FacetName; values: { value: string; count: number }[] }

/**
 * `opening`: first words; `share`: dissatisfied of the judged turns; `probability`: the highest of dissatisfaction;
 * `reviewed`: turns that a person labelled; `category`, `personal`: how many kinds; `tag`: the first by name;
 * `near`: members of the near-duplicate group; `relevance`: of the turn that fits the words searched for best.
 */
export const CONVERSATION_SORTS = ['imported', 'opening', 'turns', 'length', 'dissatisfied', 'satisfied', 'neutral', 'share', 'probability', 'reviewed', 'category', 'date', 'source', 'model', 'language', 'tag', 'near', 'personal', 'relevance'] as const
/** Shares and probabilities from 0 to 1; the rest are counts, and bm25 turned round. */
export const FIGURE_SORTS = ['satisfied', 'neutral', 'dissatisfied', 'share', 'probability', 'reviewed', 'category', 'near', 'personal', 'relevance'] as const satisfies readonly ConversationSort[]
export type ConversationSort = (typeof CONVERSATION_SORTS)[number]
