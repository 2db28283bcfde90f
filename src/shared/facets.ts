/** What conversations are counted and sorted by. Apart from the schemas of `browse.ts`: the page's first rows do not wait for them. */

export const FACETS = ['signal', 'category', 'tag', 'source', 'model', 'language', 'turns', 'length', 'date', 'near', 'personal'] as const
export type FacetName = (typeof FACETS)[number]
/** A value is written as the search field takes it: ranges as `3..4` and `17..`. */
export type Facet = { name: FacetName; values: { value: string; count: number }[] }

export const CONVERSATION_SORTS = ['imported', 'turns', 'length', 'dissatisfied', 'date', 'source', 'model', 'language'] as const
export type ConversationSort = (typeof CONVERSATION_SORTS)[number]
