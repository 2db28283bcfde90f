/** Marking rows of the list one by one and in ranges, also over rows that were never in sight. */
import { watch } from 'vue'
import { count } from '../charts/format.ts'
import { MOST_NAMED } from '../stores/selection.ts'
import { useToasts } from '../stores/toasts.ts'

type Row = { id: string }
/** What marks rows. Where everything that passes a filter is marked, `filter` is it. */
export type Marked = { readonly ids: ReadonlySet<string>; readonly filter: unknown; readonly isEmpty: boolean; mark(ids: ReadonlySet<string>): void; named(): Promise<string[]> }
type Rows = {
  selection: Marked
  /** undefined where it is not here. */
  row(index: number): Row | undefined
  fetch(page: { offset: number; limit: number }): Promise<{ rows: Row[] }>
  /** Row that a range begins at where none was marked before. */
  cursor(): number | null
}
const PAGE_ROWS = 500

export function useRowMarks({ selection, row, fetch, cursor }: Rows) {
  const toasts = useToasts()
  /** The range goes from the row marked last to `head`; it stands beside what was marked before it. */
  let anchor: number | null = null
  let head: number | null = null
  let before: ReadonlySet<string> = new Set()
  /** Answers to all but the newest request come too late. */
  let asked = 0

  /** Rows have other places now. */
  function forgetPlaces(): void {
    asked++
    anchor = head = null
  }
  watch(() => selection.isEmpty, (empty) => empty && forgetPlaces(), { flush: 'sync' })

  async function change(work: () => Promise<ReadonlySet<string>>): Promise<void> {
    const own = ++asked
    try {
      const ids = await work()
      if (own === asked) selection.mark(ids)
    } catch (error) {
      if (own === asked) toasts.failed('The selection stays as it is', error)
    }
  }
  async function toggle(index: number): Promise<void> {
    const id = row(index)?.id
    if (id === undefined) return
    await change(async () => {
      const ids = new Set(await selection.named())
      if (!ids.delete(id)) ids.add(id)
      if (ids.size > MOST_NAMED) throw tooMany(ids.size)
      before = ids
      return ids
    })
    anchor = head = index
  }
  /** Marks from the row marked last to this one, in place of the range before. */
  function extendTo(index: number): void {
    if (selection.filter !== null) return
    if (anchor === null) {
      anchor = cursor() ?? index
      before = selection.ids
    }
    head = index
    const [first, last] = [Math.min(anchor, head), Math.max(anchor, head)]
    void change(async () => {
      const ids = new Set([...before, ...(await idsBetween(first, last))])
      if (ids.size > MOST_NAMED) throw tooMany(ids.size)
      return ids
    })
  }
  async function idsBetween(first: number, last: number): Promise<string[]> {
    const here = Array.from({ length: last - first + 1 }, (_, i) => row(first + i)?.id)
    if (here.every((id) => id !== undefined)) return here
    if (here.length > MOST_NAMED) throw tooMany(here.length)
    const ids: string[] = []
    for (let offset = first; offset <= last; offset += PAGE_ROWS) {
      const { rows } = await fetch({ offset, limit: Math.min(PAGE_ROWS, last - offset + 1) })
      ids.push(...rows.map(({ id }) => id))
    }
    return ids
  }
  return { toggle, extendTo, forgetPlaces, /** Where the range ends. */ head: (): number | null => head ?? cursor() }
}

const tooMany = (n: number): Error => new Error(`Expected at most ${count(MOST_NAMED)} rows marked one by one, got ${count(n)}. Select all that match and narrow the filters instead`)
