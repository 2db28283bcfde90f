/** Marking rows of the list one by one and in ranges, also over rows that were never in sight. */
import { watch } from 'vue'
import { count } from '../charts/format.ts'
import { MOST_NAMED } from '../stores/selection.ts'
import { useToasts } from '../stores/toasts.ts'

type Row = { id: string }
/** What marks rows. Where everything that passes a filter is marked, `filter` is it, and rows are taken out of it one by one. */
export type Marked = { readonly ids: ReadonlySet<string>; readonly filter: unknown; toggleExcept?(id: string): void; readonly isEmpty: boolean; mark(ids: ReadonlySet<string>): void }
type Rows = {
  selection: Marked
  /** undefined where it is not here. */
  row(index: number): Row | undefined
  /** Where a row is now, among those that are here. */
  indexOf(id: string): number | null
  /** From one row to another, as they were shown, where some in between are not here. */
  between(from: string, to: string): Promise<string[]>
  /** Row that a range begins at where none was marked before. */
  cursor(): number | null
}

export function useRowMarks({ selection, row, indexOf, between, cursor }: Rows) {
  const toasts = useToasts()
  /** The range goes from the row marked last to `head`, both by id: rows that come in meanwhile move them. It stands beside what was marked before it. */
  let anchor: string | null = null
  let head: { id: string | undefined; index: number } | null = null
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
    if (selection.filter !== null) {
      try {
        selection.toggleExcept?.(id)
      } catch (error) {
        toasts.failed('The selection stays as it is', error)
      }
      return
    }
    await change(async () => {
      const ids = new Set(selection.ids)
      if (!ids.delete(id)) ids.add(id)
      if (ids.size > MOST_NAMED) throw tooMany(ids.size)
      before = ids
      return ids
    })
    anchor = id
    head = { id, index }
  }
  /** Marks from the row marked last to this one, in place of the range before. */
  function extendTo(index: number): void {
    const id = row(index)?.id
    if (selection.filter !== null) return
    head = { id, index }
    // A group's line is passed over; a row that is on its way is marked with the next one.
    if (id === undefined) return
    if (anchor === null) {
      anchor = row(cursor() ?? index)?.id ?? id
      before = selection.ids
    }
    const from = anchor
    void change(async () => {
      const ids = new Set([...before, ...(hereBetween(from, index) ?? (await between(from, id)))])
      if (ids.size > MOST_NAMED) throw tooMany(ids.size)
      return ids
    })
  }
  /** Null where some of them are not here. */
  function hereBetween(from: string, to: number): string[] | null {
    const start = indexOf(from)
    if (start === null) return null
    const ids = Array.from({ length: Math.abs(to - start) + 1 }, (_, i) => row(Math.min(start, to) + i)?.id)
    return ids.every((id) => id !== undefined) ? ids : null
  }
  /** Index of the range's end. */
  const headIndex = (): number | null => (head === null ? cursor() : ((head.id === undefined ? null : indexOf(head.id)) ?? head.index))
  return { toggle, extendTo, forgetPlaces, head: headIndex }
}

const tooMany = (n: number): Error => new Error(`Expected at most ${count(MOST_NAMED)} rows marked one by one, got ${count(n)}. Select all that match and narrow the filters instead`)
