import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import { useRouter } from 'vue-router'
import type { CallOutput } from '../../shared/contract.ts'
import { useClient } from '../client.ts'
import { forgetAnswers, useCall } from '../composables/use-call.ts'
import { useToasts } from './toasts.ts'

/** The open workspace, its counts, and the way to another one. */
export const useWorkspace = defineStore('workspace', () => {
  const client = useClient()
  const toasts = useToasts()
  const router = useRouter()
  const { data: info, failure, reload } = useCall('workspace.info', () => ({}), { reloadOn: ['imports', 'conversations', 'signals', 'datasets', 'runs'] })
  /** Why nothing can be started or changed here; null where it can. */
  const locked = computed(() => (info.value?.capsule ? `“${info.value.capsule.title}” is a read-only capsule: nothing in it can be started or changed. Open a workspace of your own for that.` : null))
  const recent = shallowRef<CallOutput<'workspace.recent'>>([])

  async function loadRecent(): Promise<void> {
    recent.value = await client.call('workspace.recent', {}).catch(() => [])
  }
  async function open(path: string): Promise<boolean> {
    try {
      info.value = await client.call(path.endsWith('.drift') ? 'capsules.open' : 'workspace.open', { path })
      forgetAnswers()
      await router.push(info.value.capsule ? '/compare' : '/')
      void loadRecent()
      return true
    } catch (error) {
      toasts.failed('The workspace was not opened', error)
      return false
    }
  }
  /** Starts the built-in experiment and shows its job. */
  async function runExperiment(options: { quick?: boolean; seed?: number; seeds?: number } = {}): Promise<void> {
    try {
      await client.call('demo.start', options)
      toasts.done('The built-in experiment has started', { message: 'Its progress stands at the bottom of the window.' })
    } catch (error) {
      toasts.failed('The built-in experiment was not started', error)
    }
  }

  return { info, locked, failure, reload, recent, loadRecent, open, runExperiment }
})
