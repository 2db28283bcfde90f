/**
 * An answer of the backend that follows its input: asks again when the input changes, when a noun changes and
 * when the backend is back; drops answers that come too late; shows the last known answer at once.
 */
import { computed, onScopeDispose, shallowRef, watch, type ComputedRef, type Ref, type ShallowRef } from 'vue'
import type { CallInput, CallName, CallOutput, Push } from '../../shared/contract.ts'
import { toFailure, useClient } from '../client.ts'

export type Noun = Extract<Push, { type: 'workspace.changed' }>['nouns'][number]
export type Failure = ReturnType<typeof toFailure>
export type Answer<Output> = {
  data: ShallowRef<Output | null>
  failure: ShallowRef<Failure | null>
  /** An answer is on its way. */
  pending: Ref<boolean>
  /** Nothing to show for more than 150 ms: time for a skeleton. */
  slow: ComputedRef<boolean>
  reload(): void
}

const patienceMs = 150
/** Changes come in bursts (an import tells of every batch): ask again at most this often. */
const calmMs = 700
/** `turn` is that of the asking: an earlier one may be answered later. */
const remembered = new Map<string, { turn: number; answer: unknown }>()
let turns = 0
const rememberedEntries = 60

export function useCall<Name extends CallName>(name: Name, input: () => CallInput<Name> | null, options: { reloadOn?: Noun[] } = {}): Answer<CallOutput<Name>> {
  const client = useClient()
  const data: ShallowRef<CallOutput<Name> | null> = shallowRef(null)
  const failure = shallowRef<Failure | null>(null)
  const pending = shallowRef(false)
  const waitedLong = shallowRef(false)
  let asked = 0
  let patience: ReturnType<typeof setTimeout> | undefined
  let calm: ReturnType<typeof setTimeout> | undefined
  let lastAsked = 0

  async function ask(): Promise<void> {
    const given = input()
    const own = ++asked
    clearTimeout(patience)
    waitedLong.value = false
    if (given === null) {
      data.value = null
      failure.value = null
      pending.value = false
      return
    }
    const key = `${name} ${JSON.stringify(given)}`
    const turn = ++turns
    pending.value = true
    lastAsked = Date.now()
    patience = setTimeout(() => (waitedLong.value = true), patienceMs)
    try {
      const answer = await client.call(name, given)
      remember(key, turn, answer)
      if (own !== asked) return
      data.value = answer
      failure.value = null
    } catch (error) {
      if (own === asked) failure.value = toFailure(error)
    } finally {
      if (own === asked) {
        clearTimeout(patience)
        pending.value = false
        waitedLong.value = false
      }
    }
  }

  watch(
    () => JSON.stringify(input()),
    (key) => {
      // What was stored under this name and input is this call's output.
      const known = remembered.get(`${name} ${key}`)?.answer as CallOutput<Name> | undefined
      if (known !== undefined) data.value = known
      else if (key === 'null') data.value = null
      failure.value = null
      void ask()
    },
    { immediate: true },
  )

  function askCalmly(): void {
    clearTimeout(calm)
    calm = setTimeout(() => void ask(), Math.max(0, lastAsked + calmMs - Date.now()))
  }
  const stops = [client.onOpen(() => void (failure.value && ask()))]
  const nouns = new Set<Noun>([...(options.reloadOn ?? []), 'workspace'])
  stops.push(client.on('workspace.changed', (push) => void (push.nouns.some((noun) => nouns.has(noun)) && askCalmly())))
  onScopeDispose(() => {
    asked++
    clearTimeout(patience)
    clearTimeout(calm)
    for (const stop of stops) stop()
  })

  return { data, failure, pending, slow: computed(() => waitedLong.value && data.value === null), reload: () => void ask() }
}

function remember(key: string, turn: number, answer: unknown): void {
  if ((remembered.get(key)?.turn ?? 0) > turn) return
  remembered.delete(key)
  remembered.set(key, { turn, answer })
  const oldest = remembered.keys().next().value
  if (remembered.size > rememberedEntries && oldest !== undefined) remembered.delete(oldest)
}

/** Another workspace: nothing known is true any more. */
export const forgetAnswers = (): void => remembered.clear()
