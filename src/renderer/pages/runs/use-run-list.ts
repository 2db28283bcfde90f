/** The list of runs with its filters from the URL; runs change in place as they are told. */
import { computed, onScopeDispose, type ComputedRef } from 'vue'
import type { Run } from '../../../shared/types.ts'
import { useClient } from '../../client.ts'
import { useCall, type Answer } from '../../composables/use-call.ts'
import { choice, flag, optional, text, useParams } from '../../composables/use-params.ts'
import { compareMethods } from '../../charts/methods.ts'
import { newestGroup } from './groups.ts'

export const SORTS = ['created', 'name', 'method', 'score', 'seed', 'seconds', 'status'] as const
export type RunSort = (typeof SORTS)[number]
export type RunListParams = { new: boolean; newrace: boolean; view: 'list' | 'race'; q: string; status: string | null; method: string | null; group: string | null; sort: RunSort; descending: boolean }

export function useRunList(): {
  params: RunListParams
  answer: Answer<Run[]>
  all: ComputedRef<Run[]>
  shown: ComputedRef<Run[]>
  groups: ComputedRef<string[]>
  methods: ComputedRef<string[]>
  statuses: ComputedRef<string[]>
  raceGroup: ComputedRef<string | null>
} {
  const client = useClient()
  const params = useParams({ new: flag(), newrace: flag(), view: choice(['list', 'race']), q: text({ quiet: true }), status: optional(), method: optional(), group: optional(), sort: choice(SORTS, { quiet: true }), descending: flag({ quiet: true }) })
  const answer = useCall('runs.list', () => ({}), { reloadOn: ['runs'] })
  onScopeDispose(
    client.on('run', ({ run }) => {
      const runs = answer.data.value
      if (!runs) return
      const at = runs.findIndex(({ id }) => id === run.id)
      answer.data.value = at < 0 ? [...runs, run] : runs.with(at, run)
    }),
  )
  const all = computed(() => answer.data.value ?? [])
  const distinct = (of: (run: Run) => string | null): string[] => [...new Set(all.value.map(of).filter((value) => value !== null))]
  return {
    params,
    answer,
    all,
    shown: computed(() => all.value.filter((run) => matches(run, params))),
    groups: computed(() => distinct((run) => run.group).sort()),
    methods: computed(() => distinct((run) => run.method).sort(compareMethods)),
    statuses: computed(() => distinct((run) => run.status).sort()),
    raceGroup: computed(() => params.group ?? newestGroup(all.value)),
  }
}

function matches(run: Run, { q, status, method, group }: Pick<RunListParams, 'q' | 'status' | 'method' | 'group'>): boolean {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean)
  const haystack = `${run.name} ${run.id} ${run.notes}`.toLowerCase()
  return words.every((word) => haystack.includes(word)) && (status === null || run.status === status) && (method === null || run.method === method) && (group === null || run.group === group)
}
