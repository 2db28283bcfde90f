import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import type { ConversationFilter, ConversationSelection } from '../../shared/browse.ts'
import { count } from '../charts/format.ts'
import { useClient } from '../client.ts'

/** Conversations that are named one by one, at most: what one call takes. */
export const MOST_NAMED = 10_000

/** Conversations selected to do something with: those marked, or all that pass a filter. */
export const useSelection = defineStore('selection', () => {
  const client = useClient()
  const ids = shallowRef<ReadonlySet<string>>(new Set())
  /** All that pass it are selected; null while they are marked one by one. */
  const filter = shallowRef<ConversationFilter | null>(null)
  const isEmpty = computed(() => filter.value === null && ids.value.size === 0)
  const target = computed<ConversationSelection>(() => (filter.value === null ? { ids: [...ids.value] } : { filter: filter.value }))

  function mark(these: ReadonlySet<string>): void {
    ids.value = these
    filter.value = null
  }
  function markAll(passing: ConversationFilter): void {
    ids.value = new Set()
    filter.value = passing
  }
  /** @throws Error where more are selected than can be named */
  async function named(): Promise<string[]> {
    if (filter.value === null) return [...ids.value]
    const { ids: found, total } = await client.call('conversations.ids', { selection: target.value })
    if (total > MOST_NAMED) throw new Error(`Expected at most ${count(MOST_NAMED)} conversations, got ${count(total)} selected. Narrow the filters`)
    return found
  }
  return {
    ids,
    filter,
    isEmpty,
    target,
    mark,
    markAll,
    named,
    has: (id: string): boolean => filter.value !== null || ids.value.has(id),
    /** These are gone. */
    drop: (gone: ReadonlySet<string>): void => mark(new Set([...ids.value].filter((id) => !gone.has(id)))),
    clear: (): void => mark(new Set()),
  }
})
