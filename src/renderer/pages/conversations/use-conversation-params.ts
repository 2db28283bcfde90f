/** The page's state in its URL, as filter for the calls and as chips for the reader of the URL. */
import { computed, type ComputedRef } from 'vue'
import { PERSONAL_DATA_KINDS } from '../../../shared/analysis.ts'
import type { CallInput } from '../../../shared/contract.ts'
import { choice, flag, integer, optional, optionalChoice, text, useParams } from '../../composables/use-params.ts'

export const signalLabels = ['dissatisfied', 'satisfied', 'neutral'] as const
export type ConversationFilter = CallInput<'conversations.facets'>
export type FilterField = 'source' | 'model' | 'signal' | 'category' | 'turns' | 'near' | 'personal'
/** The one value of the filter `near`. */
export const NEAR = 'in a group'

export function useConversationParams() {
  const params = useParams({
    q: text({ quiet: true }),
    source: optional(),
    model: optional(),
    signal: optionalChoice(signalLabels),
    category: optional(),
    min: integer(),
    max: integer(),
    near: flag(),
    personal: optionalChoice(PERSONAL_DATA_KINDS),
    sort: choice(['imported', 'turns', 'length', 'dissatisfied'], { quiet: true }),
    desc: flag({ quiet: true }),
    id: optional({ quiet: 'stepping' }),
    turn: integer({ quiet: true }),
    view: choice(['read', 'raw'], { quiet: true }),
    deleted: flag({ quiet: 'stepping' }),
    import: optionalChoice(['files', 'past', 'quarantine'], { quiet: 'stepping' }),
  })

  const filter: ComputedRef<ConversationFilter> = computed(() => ({
    ...(params.q.trim() && { query: params.q.trim() }),
    ...(params.source !== null && { source: params.source }),
    ...(params.model !== null && { model: params.model }),
    ...(params.signal !== null && { signal: params.signal }),
    ...(params.category !== null && { category: params.category }),
    ...(params.min !== null && { minTurns: params.min }),
    ...(params.max !== null && { maxTurns: params.max }),
    ...(params.near && { near: true }),
    ...(params.personal !== null && { personal: params.personal }),
  }))
  const turns = computed(() => (params.min === null && params.max === null ? null : params.min === params.max ? String(params.min) : params.max === null ? `${params.min}+` : params.min === null ? `up to ${params.max}` : `${params.min}–${params.max}`))
  const chips = computed(() =>
    ([['source', params.source], ['model', params.model], ['signal', params.signal], ['category', params.category], ['turns', turns.value], ['near', params.near ? NEAR : null], ['personal', params.personal]] as [FilterField, string | null][]).filter((chip): chip is [FilterField, string] => chip[1] !== null),
  )

  /** Sets a filter, or takes it back where it holds already. */
  function toggle(field: FilterField, value: string): void {
    if (field === 'turns') {
      const range = parseTurns(value)
      const same = range !== null && range[0] === params.min && range[1] === params.max
      params.min = same ? null : (range?.[0] ?? null)
      params.max = same ? null : (range?.[1] ?? null)
    } else if (field === 'signal') params.signal = params.signal === value ? null : (signalLabels.find((label) => label === value) ?? null)
    else if (field === 'near') params.near = !params.near
    else if (field === 'personal') params.personal = params.personal === value ? null : (PERSONAL_DATA_KINDS.find((kind) => kind === value) ?? null)
    else params[field] = params[field] === value ? null : value
  }
  function clear(field: FilterField): void {
    if (field === 'turns') params.min = params.max = null
    else if (field === 'near') params.near = false
    else params[field] = null
  }
  function clearAll(): void {
    for (const [field] of chips.value) clear(field)
    params.q = ''
  }
  const holds = (field: FilterField, value: string): boolean => chips.value.some(([name, chosen]) => name === field && (chosen === value || (field === 'turns' && String(parseTurns(value)) === String([params.min, params.max]))))

  return { params, filter, chips, toggle, clear, clearAll, holds }
}

/** `4`, `2–3`, `10+` (or `10-`) as least and most turns. */
export function parseTurns(value: string): [number | null, number | null] | null {
  const [, least, range, plus] = /^(\d+)(?:\s*[–-]\s*(\d+)|([+–-]))?$/.exec(value.trim()) ?? []
  if (least === undefined) return null
  return [Number(least), plus ? null : Number(range ?? least)]
}

/** `signal:dissatisfied model:gpt-4 turns:4+ words` as filters and what is left to search for. */
export function parseSearch(typed: string): { fields: [FilterField, string][]; words: string } {
  const fields: [FilterField, string][] = []
  const words = typed.replace(/(?:^|\s)(source|model|signal|category|turns|personal):(?:"([^"]*)"|(\S+))/g, (_, field: FilterField, quoted: string | undefined, bare: string | undefined) => {
    fields.push([field, quoted ?? bare ?? ''])
    return ' '
  })
  return { fields, words: words.replace(/\s+/g, ' ').trim() }
}
