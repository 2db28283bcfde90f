/** Starting detectors and training, and knowing whether one runs. */
import { computed, type ComputedRef } from 'vue'
import type { CallOutput } from '../../../shared/contract.ts'
import type { Detector } from '../../../shared/datasets.ts'
import { useClient } from '../../client.ts'
import { isActive, useJobs } from '../../stores/jobs.ts'
import { useToasts } from '../../stores/toasts.ts'

export function useDetectors(): { run: (detector: Detector, limit?: number | null) => void; retrain: () => void; running: ComputedRef<boolean> } {
  const client = useClient()
  const jobs = useJobs()
  const toasts = useToasts()
  const attempt = (what: string, work: Promise<CallOutput<'signals.run'>>): void => void work.catch((error: unknown) => toasts.failed(what, error))
  return {
    running: computed(() => jobs.jobs.some((job) => job.kind === 'signals' && isActive(job))),
    run: (detector, limit = null) => attempt(`The ${detector} did not start`, client.call('signals.run', { detector, limit })),
    retrain: () => attempt('Training did not start', client.call('signals.retrain', {})),
  }
}
