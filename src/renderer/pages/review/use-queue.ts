/**
 * The turn being decided and those after it. A decision is on disk before the next turn shows; the turns after it are
 * here already, so that showing one takes no call.
 */
import { onScopeDispose, ref, shallowRef, watch } from 'vue'
import type { CallInput } from '../../../shared/contract.ts'
import type { LogEntry, ReviewItem, ReviewQueue } from '../../../shared/review.ts'
import type { SignalLabel } from '../../../shared/types.ts'
import { toFailure, useClient } from '../../client.ts'
import type { Failure } from '../../composables/use-call.ts'
import { useToasts } from '../../stores/toasts.ts'

export type Decision = Pick<LogEntry, 'categories' | 'evidence' | 'note' | 'suggestion'>

/** The turn shown and those fetched ahead of it. */
const ahead = 4
/** Somebody who left the desk did not take that long to decide. */
const longestSeconds = 300

/** Names a turn. */
export const keyOf = ({ conversationId, turnIndex }: Pick<ReviewItem, 'conversationId' | 'turnIndex'>): string => `${conversationId} ${turnIndex}`

export function useQueue(request: () => CallInput<'review.queue'> | null) {
  const client = useClient()
  const toasts = useToasts()
  const queue = shallowRef<ReviewQueue | null>(null)
  const items = shallowRef<ReviewItem[]>([])
  /** What was taken back and stands here again. */
  const earlier = shallowRef<LogEntry | null>(null)
  const failure = shallowRef<Failure | null>(null)
  const busy = ref(false)
  /** Decided here since the queue was opened: an answer from before that may still name them. */
  const decided = new Set<string>()
  let opened = 0
  let asked = 0
  let shownAt = 0

  function show(next: ReviewItem[], taken: LogEntry | null = null): void {
    if (next[0] !== items.value[0]) {
      shownAt = performance.now()
      earlier.value = taken
    }
    items.value = next
  }

  async function open(fresh = false): Promise<void> {
    const own = ++opened
    const given = request()
    decided.clear()
    if (given === null) {
      busy.value = false
      queue.value = null
      return show([])
    }
    busy.value = true
    try {
      const found = await client.call('review.queue', { ...given, fresh })
      const answer = await client.call('review.next', { queue: found.id, limit: ahead })
      if (own !== opened) return
      queue.value = answer.queue
      failure.value = null
      show(answer.items)
    } catch (error) {
      if (own === opened) failure.value = toFailure(error)
    } finally {
      if (own === opened) busy.value = false
    }
  }

  /** Brings the turns after the one shown, and the counts. */
  async function refill(): Promise<void> {
    const [own, order] = [opened, ++asked]
    if (queue.value === null) return
    try {
      const answer = await client.call('review.next', { queue: queue.value.id, limit: ahead })
      if (own !== opened || order !== asked) return
      queue.value = answer.queue
      const current = items.value[0]
      show([...(current ? [current] : []), ...answer.items.filter((item) => !decided.has(keyOf(item)) && (!current || keyOf(item) !== keyOf(current)))])
    } catch (error) {
      if (own === opened && items.value.length === 0) failure.value = toFailure(error)
    }
  }

  /** Writes a label, or with null that the turn is set aside; the next turn shows when it is on disk. */
  async function decide(label: SignalLabel | null, decision: Decision): Promise<void> {
    const [current, now] = [items.value[0], queue.value]
    if (!current || !now || busy.value) return
    busy.value = true
    try {
      const seconds = Math.min(longestSeconds, (performance.now() - shownAt) / 1000)
      await client.call('review.label', { conversationId: current.conversationId, turnIndex: current.turnIndex, annotator: now.annotator, pass: now.pass, label, ...decision, seconds: Math.round(seconds * 100) / 100 })
      decided.add(keyOf(current))
      if (items.value[0] === current) show(items.value.slice(1))
      const left = refill()
      if (items.value.length === 0) await left
    } catch (error) {
      toasts.failed(label === null ? 'The turn was not skipped' : 'The label was not saved', error)
    } finally {
      busy.value = false
    }
  }

  /** Takes back the annotator's last entry of this pass, made today or last year, and shows its turn again. */
  async function undo(): Promise<void> {
    const now = queue.value
    if (!now || busy.value) return
    busy.value = true
    try {
      const { undone, item } = await client.call('review.undo', { annotator: now.annotator, pass: now.pass })
      if (!undone || !item) return toasts.done('Nothing to take back', { message: `${now.annotator} has no entry in this pass.` })
      decided.delete(keyOf(item))
      show([item, ...items.value.filter((other) => keyOf(other) !== keyOf(item))], undone)
      void refill()
    } catch (error) {
      toasts.failed('Nothing was taken back', error)
    } finally {
      busy.value = false
    }
  }

  watch(() => JSON.stringify(request()), () => void open(), { immediate: true })
  const stops = [client.onOpen(() => void (failure.value && open())), client.on('workspace.changed', ({ nouns }) => void (nouns.includes('workspace') && open()))]
  onScopeDispose(() => {
    opened++
    for (const stop of stops) stop()
  })

  return { queue, items, earlier, failure, busy, decide, undo, open }
}
