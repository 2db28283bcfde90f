/** Details of several runs, each asked for once; ones that fail stay absent. */
import { onScopeDispose, shallowRef, watch, type ShallowRef } from 'vue'
import type { RunDetail } from '../../../shared/contract.ts'
import { useClient } from '../../client.ts'

export function useRunDetails(ids: () => string[]): Readonly<ShallowRef<Map<string, RunDetail>>> {
  const client = useClient()
  const details = shallowRef(new Map<string, RunDetail>())
  let open = true
  watch(() => ids().join('\n'), () => {
    for (const id of ids()) {
      if (details.value.has(id)) continue
      client.call('runs.get', { id }).then(
        (detail) => {
          if (open) details.value = new Map(details.value).set(id, detail)
        },
        () => undefined,
      )
    }
  }, { immediate: true })
  onScopeDispose(() => (open = false))
  return details
}
