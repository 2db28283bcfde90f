/** What is compared, from the URL: a group, or runs one by one; the newest group where nothing is chosen. */
import { computed, type ComputedRef } from 'vue'
import type { Run } from '../../../shared/types.ts'
import { useCall, type Answer } from '../../composables/use-call.ts'
import { choice, list, optional, useParams } from '../../composables/use-params.ts'
import type { CallOutput } from '../../../shared/contract.ts'
import { newestGroup } from '../runs/groups.ts'

export const TABS = [
  { value: 'scores', label: 'Scores' },
  { value: 'curves', label: 'Curves' },
  { value: 'prompts', label: 'Prompts' },
  { value: 'exploration', label: 'Exploration' },
  { value: 'gradients', label: 'Gradient health' },
  { value: 'settings', label: 'Settings and ledger' },
] as const
export type Tab = (typeof TABS)[number]['value']
export type Selection = { group: string; runs?: undefined } | { group?: undefined; runs: string[] }

export function useComparison(): {
  params: { tab: Tab; group: string | null; run: string[] }
  runs: Answer<Run[]>
  selection: ComputedRef<Selection | null>
  comparison: Answer<CallOutput<'comparisons.get'>>
  choose: (selection: Selection) => void
} {
  const params = useParams({ group: optional(), run: list(), tab: choice(['scores', 'curves', 'prompts', 'exploration', 'gradients', 'settings']) })
  const runs = useCall('runs.list', () => ({}), { reloadOn: ['runs'] })
  const selection = computed<Selection | null>(() => {
    if (params.run.length > 0) return { runs: params.run }
    const group = params.group ?? newestGroup(runs.data.value ?? [])
    return group ? { group } : null
  })
  const comparison = useCall('comparisons.get', () => selection.value, { reloadOn: ['runs', 'evaluations'] })
  return {
    params,
    runs,
    selection,
    comparison,
    choose(next) {
      params.group = next.group ?? null
      params.run = next.runs ?? []
    },
  }
}
