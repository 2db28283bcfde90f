/** Starting the rules detector and knowing whether it runs. */
import { computed, type ComputedRef } from 'vue'
import { useClient } from '../../client.ts'
import { isActive, useJobs } from '../../stores/jobs.ts'
import { useToasts } from '../../stores/toasts.ts'

export function useRunRules(): { start: () => void; running: ComputedRef<boolean> } {
  const client = useClient()
  const jobs = useJobs()
  const toasts = useToasts()
  return {
    running: computed(() => jobs.jobs.some((job) => job.kind === 'signals' && isActive(job))),
    start: () => void client.call('signals.run', { detector: 'rules' }).catch((error: unknown) => toasts.failed('The rules were not started', error)),
  }
}
