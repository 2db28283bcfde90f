import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import type { ConversationSelection } from '../../shared/browse.ts'
import { count } from '../charts/format.ts'
import { useClient } from '../client.ts'
import { useToasts } from './toasts.ts'

/** Tags put on conversations, taken off, taken back. The dialog stands on the conversations page. */
export const useTagging = defineStore('tagging', () => {
  const client = useClient()
  const toasts = useToasts()
  /** What the dialog asks a tag for, and whether to put it on; null while it is shut. */
  const asked = shallowRef<{ selection: ConversationSelection; on: boolean } | null>(null)

  const ask = (selection: ConversationSelection, on = true): void => void (asked.value = { selection, on })
  const close = (): void => void (asked.value = null)
  async function set(selection: ConversationSelection, tag: string, on: boolean): Promise<boolean> {
    try {
      const { changed, change } = await client.call('conversations.tag', { selection, tag, on })
      if (changed === 0) toasts.done(on ? `All have the tag “${tag}” already` : `None has the tag “${tag}”`)
      else toasts.done(`“${tag}” ${on ? 'put on' : 'taken off'} ${conversations(changed)}`, { action: { label: 'Undo', run: () => void undo(tag, change) } })
      return true
    } catch (error) {
      toasts.failed('No tag was changed', error)
      return false
    }
  }
  async function undo(tag: string, change: number): Promise<void> {
    try {
      const { changed } = await client.call('conversations.undoTag', { change })
      toasts.done(`“${tag}” as before on ${conversations(changed)}`)
    } catch (error) {
      toasts.failed('The tags were not taken back', error)
    }
  }
  return { asked, ask, close, set }
})

const conversations = (n: number): string => `${count(n)} ${n === 1 ? 'conversation' : 'conversations'}`
