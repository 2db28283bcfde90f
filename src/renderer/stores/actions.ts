/**
 * Every action there is right now, with its keys: the palette lists them, `?` shows them, one listener runs them.
 * A page contributes while it is mounted: `useActions(() => [{ id, title, keys: 'x', run }])`.
 */
import { defineStore } from 'pinia'
import type { CallName } from '../../shared/contract.ts'
import { useWorkspace } from './workspace.ts'
import { computed, onActivated, onBeforeUnmount, onDeactivated, shallowReactive } from 'vue'

export type ActionGroup = 'This page' | 'Go to' | 'Run' | 'Appearance' | 'Workspace' | 'Help'
export type Action = {
  id: string
  title: string
  group?: ActionGroup
  /** `j`, `Enter`, `g c` (one after the other), `mod+k` (⌘ or Ctrl); several with ` | `. */
  keys?: string
  /** Quiet text at the end of its line in the palette. */
  hint?: string
  /** Listed in the palette (default true); movement keys are not. */
  palette?: boolean
  enabled?: boolean
  /** The call by which it changes the workspace: not there in a capsule. */
  writes?: CallName
  run(): void
}

export const useActionStore = defineStore('actions', () => {
  const sources = shallowReactive(new Map<symbol, () => Action[]>())
  /** Later sources win where keys collide: the page before the frame. */
  const workspace = useWorkspace()
  const all = computed(() => [...sources.values()].flatMap((source) => source()).map((action) => (action.writes !== undefined && workspace.locked !== null ? { ...action, enabled: false } : action)))
  return {
    all,
    add(source: () => Action[]): () => void {
      const key = Symbol('actions')
      sources.set(key, source)
      return () => void sources.delete(key)
    },
  }
})

/** The calling component's actions, for as long as it is there. `group` is `This page` unless told. */
export function useActions(source: () => Action[]): void {
  const store = useActionStore()
  let remove: (() => void) | null = store.add(source)
  const drop = (): void => {
    remove?.()
    remove = null
  }
  onActivated(() => (remove ??= store.add(source)))
  onDeactivated(drop)
  onBeforeUnmount(drop)
}
