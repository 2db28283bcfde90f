import type { Answering } from '../../src/backend/connection.ts'
import type { CallName, Push } from '../../src/shared/contract.ts'

/** Answers what it is told to; for tests of what lies between page and backend. */
export type ScriptedBackend = Answering & {
  answers: Partial<Record<CallName, (input: unknown) => Promise<unknown>>>
  calls: { name: CallName; input: unknown }[]
  listeners: Set<(push: Push) => void>
  push(push: Push): void
}

export function scriptedBackend(): ScriptedBackend {
  const listeners = new Set<(push: Push) => void>()
  return {
    answers: {},
    calls: [],
    listeners,
    async call(name, input) {
      this.calls.push({ name, input })
      return await this.answers[name]?.(input)
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    push(push) {
      for (const listener of listeners) listener(push)
    },
  }
}
