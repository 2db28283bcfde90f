/** Rows for a VirtualTable: any number, known or fetched page by page as they come into sight. */
import { computed, onScopeDispose, shallowReactive, shallowRef, toValue, watch, type ComputedRef, type MaybeRefOrGetter, type ShallowRef } from 'vue'
import { toFailure, useClient } from '../client.ts'
import type { Failure, Noun } from './use-call.ts'

export type RowSource<Row> = {
  readonly total: number
  /** undefined while it is on its way. */
  row(index: number): Row | undefined
  /** The rows in sight are wanted. */
  want(start: number, end: number): void
}

/** Rows that are all here. */
export function useArrayRows<Row>(rows: MaybeRefOrGetter<readonly Row[]>): ComputedRef<RowSource<Row>> {
  return computed(() => {
    const given = toValue(rows)
    return { total: given.length, row: (index) => given[index], want: () => undefined }
  })
}

export type PagedRows<Row> = {
  source: RowSource<Row>
  /** null until the first page is here. */
  total: ShallowRef<number | null>
  failure: ShallowRef<Failure | null>
  /** Nothing to show for more than 150 ms. */
  slow: ShallowRef<boolean>
  reload(): void
  /** What the newest answer said of where its rows end; null before. */
  until(): number | null
  /** Index of a row among those that are here; null where it is not. */
  find(matches: (row: Row) => boolean): number | null
}

const pageSize = 100
const keptPages = 60

/**
 * @param fetch one page; called again from the start whenever `input` changes or a noun does. `until` of the first page
 *   is given to those that follow, so that rows that come in meanwhile put none of them out of place.
 * @param input what the pages depend on; null fetches nothing
 */
export function usePagedRows<Input, Row>(
  input: () => Input | null,
  fetch: (input: Input, page: { offset: number; limit: number; until?: number }) => Promise<{ total: number; rows: Row[]; until?: number }>,
  options: { reloadOn?: Noun[] } = {},
): PagedRows<Row> {
  const client = useClient()
  const pages = shallowReactive(new Map<number, Row[]>())
  const asked = new Set<number>()
  const total = shallowRef<number | null>(null)
  const failure = shallowRef<Failure | null>(null)
  const slow = shallowRef(false)
  let generation = 0
  let until: number | undefined
  /** The first answer of this generation is here: the others are of the same list. */
  let begun = false
  let inSight: [number, number] = [0, 0]
  /** The way one scrolled last: 1 down, -1 up; 0 before. */
  let way = 0
  let calm: ReturnType<typeof setTimeout> | undefined
  let patience: ReturnType<typeof setTimeout> | undefined

  async function load(page: number, { replacing = false } = {}): Promise<void> {
    const given = input()
    if (given === null || asked.has(page) || (!replacing && !begun)) return
    const own = generation
    asked.add(page)
    try {
      const answer = await fetch(given, { offset: page * pageSize, limit: pageSize, ...(until !== undefined && !replacing && { until }) })
      if (own !== generation) return
      // The first page of a new answer takes the place of all that was known before.
      if (replacing) {
        pages.clear()
        until = answer.until
        begun = true
      }
      pages.set(page, answer.rows)
      total.value = answer.total
      failure.value = null
      forgetFarPages(page)
      if (replacing) want(...inSight)
    } catch (error) {
      if (own !== generation) return
      asked.delete(page)
      failure.value = toFailure(error)
      begun = true
    } finally {
      if (own === generation) settle()
    }
  }

  function settle(): void {
    clearTimeout(patience)
    slow.value = false
  }

  function forgetFarPages(near: number): void {
    if (pages.size <= keptPages) return
    const far = [...pages.keys()].sort((a, b) => Math.abs(b - near) - Math.abs(a - near)).slice(0, pages.size - keptPages)
    for (const page of far) {
      pages.delete(page)
      asked.delete(page)
    }
  }

  /** Once all in sight is here, the page that follows the way one scrolls. */
  function want(start: number, end: number): void {
    if (start !== inSight[0]) way = Math.sign(start - inSight[0])
    inSight = [start, end]
    const lastPage = Math.floor(Math.max(0, (total.value ?? 1) - 1) / pageSize)
    const [first, last] = [Math.floor(start / pageSize), Math.min(Math.floor(end / pageSize), lastPage)]
    let here = total.value !== null
    for (let page = first; page <= last; page++) {
      here &&= pages.has(page)
      void load(page)
    }
    const next = way > 0 ? last + 1 : first - 1
    if (here && way !== 0 && next >= 0 && next <= lastPage) void load(next)
  }

  /** Rows in sight stay until their successors are here: no flicker. */
  function restart(keep: boolean): void {
    generation++
    begun = false
    asked.clear()
    settle()
    if (!keep) {
      pages.clear()
      total.value = null
      inSight = [0, 0]
    }
    failure.value = null
    patience = setTimeout(() => (slow.value = total.value === null), 150)
    void load(Math.floor(inSight[0] / pageSize), { replacing: true })
  }

  watch(
    () => JSON.stringify(input()),
    () => {
      inSight = [0, 0]
      restart(total.value !== null)
    },
    { immediate: true },
  )

  const nouns = new Set<Noun>(options.reloadOn ?? [])
  const stops = [
    client.onOpen(() => void (failure.value && restart(true))),
    client.on('workspace.changed', ({ nouns: changed }) => {
      clearTimeout(calm)
      if (changed.includes('workspace')) restart(false)
      else if (changed.some((noun) => nouns.has(noun))) calm = setTimeout(() => restart(true), 700)
    }),
  ]
  onScopeDispose(() => {
    generation++
    clearTimeout(calm)
    clearTimeout(patience)
    for (const stop of stops) stop()
  })

  return {
    source: {
      get total() {
        return total.value ?? 0
      },
      row: (index) => pages.get(Math.floor(index / pageSize))?.[index % pageSize],
      want,
    },
    total,
    failure,
    slow,
    reload: () => restart(true),
    until: () => until ?? null,
    find(matches) {
      for (const [page, rows] of pages) {
        const index = rows.findIndex(matches)
        if (index >= 0) return page * pageSize + index
      }
      return null
    },
  }
}
