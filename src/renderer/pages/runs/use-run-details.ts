/** Details of several runs: asked for once, and again when one of their stages ends. Ones that fail stay absent. */
import { onScopeDispose, shallowRef, watch, type ShallowRef } from 'vue'
import type { RunDetail } from '../../../shared/contract.ts'
import { useClient } from '../../client.ts'

export function useRunDetails(ids: () => string[]): Readonly<ShallowRef<Map<string, RunDetail>>> {
  const client = useClient()
  const details = shallowRef(new Map<string, RunDetail>())
  const asked = new Set<string>()
  let open = true

  async function ask(id: string): Promise<void> {
    asked.add(id)
    const detail = await client.call('runs.get', { id }).catch(() => null)
    if (open && detail) details.value = new Map(details.value).set(id, detail)
  }
  watch(() => ids().join('\n'), () => {
    for (const id of ids()) if (!asked.has(id)) void ask(id)
  }, { immediate: true })
  const stop = client.on('run.stage', ({ runId, stage }) => {
    if (stage.status === 'done' && stage.kind === 'evaluate' && asked.has(runId)) void ask(runId)
  })
  onScopeDispose(() => {
    open = false
    stop()
  })
  return details
}
