import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import type { ConversationFilter, ConversationSelection } from '../../shared/browse.ts'
import { count } from '../charts/format.ts'
import { useClient } from '../client.ts'

/** Conversations that are named one by one, at most: what one call takes. */
export const MOST_NAMED = 10_000

/** Conversations selected to do something with: those marked, or all that pass a filter but those taken out again. */
export const useSelection = defineStore('selection', () => {
  const client = useClient()
  const ids = shallowRef<ReadonlySet<string>>(new Set())
  /** All that pass it are selected; null while they are marked one by one. */
  const filter = shallowRef<ConversationFilter | null>(null)
  /** Of all that pass, those that are not selected. */
  const except = shallowRef<ReadonlySet<string>>(new Set())
  const isEmpty = computed(() => filter.value === null && ids.value.size === 0)
  const target = computed<ConversationSelection>(() => (filter.value === null ? { ids: [...ids.value] } : { filter: filter.value, ...(except.value.size > 0 && { except: [...except.value] }) }))

  function mark(these: ReadonlySet<string>): void {
    ids.value = these
    filter.value = null
    except.value = new Set()
  }
  function markAll(passing: ConversationFilter): void {
    mark(new Set())
    filter.value = passing
  }
  /** Takes one of all that pass out, or in again. @throws Error where more are out than can be named */
  function toggleExcept(id: string): void {
    const out = new Set(except.value)
    if (!out.delete(id)) out.add(id)
    if (out.size > MOST_NAMED) throw new Error(`Expected at most ${count(MOST_NAMED)} rows taken out one by one, got ${count(out.size)}. Narrow the filters instead`)
    except.value = out
  }
  /** @throws Error where more are selected than can be named */
  async function named(): Promise<string[]> {
    if (filter.value === null) return [...ids.value]
    const { ids: found, total } = await client.call('conversations.ids', { selection: target.value })
    if (total > MOST_NAMED) throw new Error(`Expected at most ${count(MOST_NAMED)} conversations by their ids, got ${count(total)} selected. Export them instead, or narrow the filters`)
    return found
  }
  return {
    ids,
    filter,
    isEmpty,
    target,
    mark,
    markAll,
    toggleExcept,
    named,
    /** @param passing how many pass the filter */
    size: (passing: number): number => (filter.value === null ? ids.value.size : Math.max(0, passing - except.value.size)),
    has: (id: string): boolean => (filter.value === null ? ids.value.has(id) : !except.value.has(id)),
    /** These are gone: none of them is marked, or left out, any more. */
    drop(gone: ReadonlySet<string>): void {
      if (filter.value === null) mark(new Set([...ids.value].filter((id) => !gone.has(id))))
      else except.value = new Set([...except.value].filter((id) => !gone.has(id)))
    },
    clear: (): void => mark(new Set()),
  }
})
