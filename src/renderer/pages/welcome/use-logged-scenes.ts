/** While nothing samples yet: conversations of the log in which a user was not satisfied, as they are imported. */
import { onScopeDispose, watch } from 'vue'
import { useClient } from '../../client.ts'
import type { Scene } from './use-theatre.ts'

const wanted = 16
const againMs = 2_500

export function useLoggedScenes(isWanted: () => boolean, offer: (scenes: Scene[]) => void): void {
  const client = useClient()
  let timer: ReturnType<typeof setTimeout> | undefined
  let told = false

  async function look(): Promise<void> {
    if (!isWanted() || told) return
    try {
      const { rows } = await client.call('conversations.list', { signal: 'dissatisfied', limit: wanted })
      const found = await Promise.all(rows.map(({ id }) => client.call('conversations.get', { id }).then(({ conversation: { messages } }) => sceneOf(id, messages), () => null)))
      const scenes = found.filter((scene) => scene !== null)
      told = scenes.length > 0
      if (told && isWanted()) return offer(scenes)
    } catch {
      // No log yet: asked again below.
    }
    timer = setTimeout(() => void look(), againMs)
  }
  watch(isWanted, (now) => {
    clearTimeout(timer)
    if (now) void look()
  }, { immediate: true })
  onScopeDispose(() => clearTimeout(timer))
}

/** Request, reply, and the words that followed; null where the conversation is not of that shape. */
export function sceneOf(id: string, messages: readonly { role: string; content: string }[]): Scene | null {
  const [request, reply, words] = messages
  if (request?.role !== 'user' || reply?.role !== 'assistant' || words?.role !== 'user') return null
  return { kind: 'log', key: id, method: 'base', stage: 'log', request: request.content, reply: reply.content.trim(), words: null, written: words.content, reward: null }
}
