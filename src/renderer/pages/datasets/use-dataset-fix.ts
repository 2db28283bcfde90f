import { ref } from 'vue'
import type { CallInput } from '../../../shared/contract.ts'
import { useClient } from '../../client.ts'
import { count } from '../../charts/format.ts'
import { useToasts } from '../../stores/toasts.ts'
import { openDataset, useDatasetParams } from './use-dataset-params.ts'

/** Makes the snapshot that a fix leaves and opens it; the one before stays, so going back is one step in the list. */
export function useDatasetFix() {
  const client = useClient()
  const toasts = useToasts()
  const params = useDatasetParams()
  const busy = ref(false)
  return {
    busy,
    async fix(input: CallInput<'datasets.fix'>, before: { rows: number }): Promise<void> {
      if (busy.value) return
      busy.value = true
      try {
        const made = await client.call('datasets.fix', input)
        const left = before.rows - made.rows
        openDataset(params, made.name)
        toasts.done(`${made.name} is made`, { message: left > 0 ? `${count(left)} of ${count(before.rows)} rows are out` : `${count(made.rows)} rows, text masked`, action: { label: 'Compare', run: () => (params.tab = 'diff') } })
      } catch (error) {
        toasts.failed('Not fixed', error)
      } finally {
        busy.value = false
      }
    },
  }
}
