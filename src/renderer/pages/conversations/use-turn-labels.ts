/** The signals of the conversation being read: which turns have one, jumping between them, labelling by hand. */
import { computed, type ComputedRef, type ShallowRef } from 'vue'
import type { CallOutput } from '../../../shared/contract.ts'
import type { Signal, SignalLabel } from '../../../shared/types.ts'
import { useClient } from '../../client.ts'
import { useRemembered } from '../../composables/use-remembered.ts'
import { useToasts } from '../../stores/toasts.ts'

type Answer = CallOutput<'conversations.get'> | null

export function useTurnLabels(data: ShallowRef<Answer>, shown: ComputedRef<Answer>, params: { turn: number | null }) {
  const client = useClient()
  const toasts = useToasts()
  /** Who labels, as the review page knows them. */
  const annotator = useRemembered('review.annotator', '')
  const byTurn = computed(() => new Map((shown.value?.signals ?? []).map((signal) => [signal.turnIndex, signal])))
  const signalAt = (turnIndex: number): Signal | null => byTurn.value.get(turnIndex) ?? null

  /** Indices of the user messages that answer a reply: what can carry a signal. */
  const answered = computed(() => {
    const messages = shown.value?.conversation.messages ?? []
    return new Set(messages.flatMap((message, index) => (message.role === 'user' && messages[index - 1]?.role === 'assistant' ? [index] : [])))
  })
  const reactions = computed(() => [...byTurn.value.values()].filter((signal) => signal.label !== 'neutral').map((signal) => signal.turnIndex))
  const turns = computed(() => [...answered.value].sort((a, b) => a - b))

  /** To the next signal that is not neutral; where there is none, or with `any`, to the next answered reply. */
  function jump(by: 1 | -1, { any = false } = {}): void {
    const stops = any || reactions.value.length === 0 ? turns.value : reactions.value.toSorted((a, b) => a - b)
    const here = params.turn
    const next = by > 0 ? stops.find((turn) => here === null || turn > here) : stops.findLast((turn) => here === null || turn < here)
    if (next !== undefined) params.turn = next
  }

  /** Labels the chosen turn, or the first one; says so, with the way back. */
  async function label(value: SignalLabel | null, turn = params.turn ?? reactions.value[0] ?? turns.value[0]): Promise<void> {
    const conversationId = shown.value?.conversation.id
    if (conversationId === undefined || turn === undefined || !answered.value.has(turn)) return
    const before = signalAt(turn)
    params.turn = turn
    const answer = await send(conversationId, turn, value)
    if (!answer) return
    // Only one's own label can be taken back: where others' stand, or there is none, nothing has changed.
    if (value === null && JSON.stringify(answer.signal) === JSON.stringify(before)) return toasts.done(`Turn ${turn} stays as it was`, { message: 'No label of yours decides it.' })
    const earlier = before?.decider === 'human' ? before.label : null
    toasts.done(value === null ? `Your label of turn ${turn} is taken back` : `Turn ${turn} labelled ${value}`, { action: { label: 'Undo', run: () => void send(conversationId, turn, value === null ? earlier : null) } })
  }

  async function send(conversationId: string, turnIndex: number, value: SignalLabel | null): Promise<CallOutput<'signals.label'> | null> {
    try {
      const answer = await client.call('signals.label', { conversationId, turnIndex, label: value, annotator: annotator.value || undefined })
      if (shown.value?.conversation.id === conversationId) replace(turnIndex, answer.signal)
      return answer
    } catch (error) {
      toasts.failed('The label was not saved', error)
      return null
    }
  }
  function replace(turnIndex: number, signal: Signal | null): void {
    const now = shown.value
    if (now) data.value = { ...now, signals: [...now.signals.filter((other) => other.turnIndex !== turnIndex), ...(signal ? [signal] : [])] }
  }

  return { signalAt, answered, jump, label }
}
