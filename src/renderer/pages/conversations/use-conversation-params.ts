/** The page's state in its URL, as filter for the calls and as chips for the reader of the URL. */
import { computed, type ComputedRef } from 'vue'
import { filterOf, parseSearch, tidyValue, type SearchFields } from '../../../core/search-fields.ts'
import type { ConversationFilter } from '../../../shared/browse.ts'
import { MAP_COLOURS } from '../../../shared/conversation-map.ts'
import { CONVERSATION_SORTS, FACETS, type FacetName } from '../../../shared/facets.ts'
import { choice, flag, integer, optional, optionalChoice, text, useParams } from '../../composables/use-params.ts'

const PERSONAL_DATA_NAMES: Readonly<Record<string, string>> = { email: 'e-mail address', phone: 'phone number', card: 'card number', ip: 'IP address', key: 'key or token', address: 'street address' }

export const signalLabels = ['dissatisfied', 'satisfied', 'neutral'] as const

export function useConversationParams() {
  const params = useParams({
    q: text({ quiet: true }),
    source: optional(),
    model: optional(),
    language: optional(),
    signal: optionalChoice(signalLabels),
    category: optional(),
    tag: optional(),
    turns: optional(),
    length: optional(),
    date: optional(),
    near: optional(),
    personal: optional(),
    /** The list, or the map in its place. */
    as: choice(['list', 'map']),
    colour: choice(MAP_COLOURS, { quiet: true }),
    sort: choice(CONVERSATION_SORTS, { quiet: true }),
    desc: flag({ quiet: true }),
    /** The saved view that was opened. */
    saved: integer(),
    id: optional({ quiet: 'stepping' }),
    turn: integer({ quiet: true }),
    view: choice(['read', 'raw'], { quiet: true }),
    deleted: flag({ quiet: 'stepping' }),
    import: optionalChoice(['files', 'past', 'quarantine'], { quiet: 'stepping' }),
    /** Which rows of the quarantine: of an import, a file, a kind of reason, or the dismissed ones. */
    batch: optional({ quiet: true }),
    file: optional({ quiet: true }),
    reason: optional({ quiet: true }),
    dismissed: flag({ quiet: true }),
  })

  /** Fields in force; one that an edited address writes wrongly is not. */
  const fields: ComputedRef<SearchFields> = computed(() => Object.fromEntries(FACETS.flatMap((name) => {
    const value = params[name]
    return value === null || !isValid(name, value) ? [] : [[name, value]]
  })))
  const filter: ComputedRef<ConversationFilter> = computed(() => filterOf(fields.value, params.q))
  const chips = computed(() => FACETS.flatMap((name): [FacetName, string][] => {
    const value = fields.value[name]
    return value === undefined ? [] : [[name, value]]
  }))

  function set(field: FacetName, value: string | null): void {
    if (field === 'signal') params.signal = signalLabels.find((label) => label === value) ?? null
    else params[field] = value
  }
  const holds = (field: FacetName, value: string): boolean => fields.value[field] === value
  /** Sets a filter, or takes it back where it holds already. */
  const toggle = (field: FacetName, value: string): void => set(field, holds(field, value) ? null : value)
  const clear = (field: FacetName): void => set(field, null)
  function clearAll(): void {
    for (const [field] of chips.value) clear(field)
    params.q = ''
  }
  /** Takes what was typed apart into fields and words. @returns the words, which the address has only later @throws UsageError */
  function search(typed: string): string {
    const parsed = parseSearch(typed)
    for (const name of FACETS) if (parsed.fields[name] !== undefined) set(name, parsed.fields[name])
    params.q = parsed.words
    return parsed.words
  }

  /** Filter and sort as the URL has them: what a saved view keeps. */
  const address = computed(() => {
    const query = new URLSearchParams(chips.value)
    if (params.q !== '') query.set('q', params.q)
    if (params.sort !== 'imported') query.set('sort', params.sort)
    if (params.desc) query.set('desc', '1')
    return `?${query}`
  })
  function show(saved: { id: number | null; address: string }): void {
    const query = new URLSearchParams(saved.address)
    for (const name of FACETS) set(name, query.get(name))
    params.q = query.get('q') ?? ''
    params.sort = CONVERSATION_SORTS.find((sort) => sort === query.get('sort')) ?? 'imported'
    params.desc = query.get('desc') === '1'
    params.saved = saved.id
  }

  return { params, filter, chips, toggle, clear, clearAll, holds, search, address, show }
}

function isValid(field: FacetName, value: string): boolean {
  try {
    return tidyValue(field, value) === value
  } catch {
    return false
  }
}

/** Ranges as people read them: `3..4` as 3–4, `17..` as 17+, `..6` as up to 6. */
export function readableValue(field: FacetName, value: string): string {
  if (field === 'near') return 'has a near-duplicate'
  if (field === 'personal') return PERSONAL_DATA_NAMES[value] ?? value
  if (field !== 'turns' && field !== 'length' && field !== 'date') return value
  const [first = '', last] = value.split('..').map((bound) => (field === 'length' && bound !== '' ? Number(bound).toLocaleString('en-US') : bound))
  if (last === undefined) return first
  if (last === '') return field === 'date' ? `from ${first}` : `${first}+`
  return first === '' ? `up to ${last}` : `${first}–${last}`
}
