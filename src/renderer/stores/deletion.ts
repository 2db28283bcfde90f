import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import type { ConversationSelection } from '../../shared/browse.ts'
import { count } from '../charts/format.ts'
import { useClient } from '../client.ts'
import { useToasts } from './toasts.ts'

/** Conversations somebody wants deleted: asked about, deleted, taken back. The dialog stands on the conversations page. */
export const useDeletion = defineStore('deletion', () => {
  const client = useClient()
  const toasts = useToasts()
  /** What the dialog asks about; null while it is shut. */
  const asked = shallowRef<ConversationSelection | null>(null)

  const ask = (selection: ConversationSelection | null): void => void (asked.value = selection)
  /** A million take minutes: their job is in the strip, and what was done stays where it is cancelled. @param selection as it was counted */
  async function remove(selection: ConversationSelection): Promise<boolean> {
    asked.value = null
    try {
      const { deletion, conversations, stopped } = await client.call('conversations.delete', { selection })
      toasts.done(`${stopped ? 'Stopped: ' : ''}${named(conversations)} deleted`, { action: { label: 'Undo', run: () => void restore({ deletion }) } })
      return true
    } catch (error) {
      toasts.failed('Nothing was deleted', error)
      return false
    }
  }
  async function restore(which: { deletion: number } | { ids: string[] }): Promise<void> {
    try {
      const { conversations, importable, stopped } = await client.call('conversations.restore', { which })
      toasts.done(conversations > 0 ? `${stopped ? 'Stopped: ' : ''}${named(conversations)} restored` : `${count(importable)} can be imported again`)
    } catch (error) {
      toasts.failed('Nothing was restored', error)
    }
  }
  return { asked, ask, remove, restore }
})

const named = (n: number): string => `${count(n)} ${n === 1 ? 'conversation' : 'conversations'}`
