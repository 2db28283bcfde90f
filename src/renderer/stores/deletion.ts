import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import { useClient } from '../client.ts'
import { useToasts } from './toasts.ts'

/** Conversations somebody wants deleted: asked about, deleted, taken back. The dialog stands on the conversations page. */
export const useDeletion = defineStore('deletion', () => {
  const client = useClient()
  const toasts = useToasts()
  /** Ids the dialog asks about; empty while it is shut. */
  const asked = shallowRef<readonly string[]>([])

  const ask = (ids: readonly string[]): void => void (asked.value = ids)
  async function remove(): Promise<boolean> {
    try {
      const { deletion, conversations } = await client.call('conversations.delete', { ids: [...asked.value] })
      asked.value = []
      toasts.done(`${conversations} ${conversations === 1 ? 'conversation' : 'conversations'} deleted`, { action: { label: 'Undo', run: () => void restore({ deletion }) } })
      return true
    } catch (error) {
      toasts.failed('Nothing was deleted', error)
      return false
    }
  }
  async function restore(which: { deletion: number } | { ids: string[] }): Promise<void> {
    try {
      const { conversations, importable } = await client.call('conversations.restore', { which })
      toasts.done(conversations > 0 ? `${conversations} ${conversations === 1 ? 'conversation' : 'conversations'} restored` : `${importable} can be imported again`)
    } catch (error) {
      toasts.failed('Nothing was restored', error)
    }
  }
  return { asked, ask, remove, restore }
})
