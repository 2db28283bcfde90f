/** The table of runs: its filters, order and groups from the URL; runs change in place as they are told. */
import { computed, onScopeDispose, shallowRef, type ComputedRef, type ShallowRef } from 'vue'
import { type Brush, readBrush, withinBrushes } from '../../../core/run-axes.ts'
import { arrangeRuns, differingSettings, filterRuns, type TableRow, type TableRun } from '../../../core/run-table.ts'
import { raceOfSweep } from '../../../shared/race.ts'
import type { Run } from '../../../shared/types.ts'
import { compareMethods } from '../../charts/methods.ts'
import { useClient } from '../../client.ts'
import { useCall, type Answer } from '../../composables/use-call.ts'
import { choice, flag, integer, list, optional, text, useParams } from '../../composables/use-params.ts'
import { newestGroup } from './groups.ts'
import type { RunChange } from './use-run-actions.ts'

export type RunListParams = {
  new: boolean
  newrace: boolean
  /** Run whose recipe a new one begins with. */
  from: string | null
  /** And the round whose policy it begins with. */
  round: number | null
  import: boolean
  view: 'list' | 'scatter' | 'parallel' | 'race'
  q: string
  status: string | null
  method: string | null
  group: string | null
  tag: string | null
  archived: boolean
  /** What the table is grouped by, and the groups that are closed. */
  by: string | null
  closed: string[]
  /** Columns of the settings that differ. */
  settings: boolean
  /** Key of a column; empty is the newest first. */
  sort: string
  descending: boolean
  /** Axes of the scatter; empty is what says most. `y` is the last of the parallel axes too. */
  x: string
  y: string
  logx: boolean
  logy: boolean
  /** Of the parallel axes but the last; empty is what differs. */
  axes: string[]
  colour: 'figure' | 'method'
  /** As `printBrush` writes them. */
  brush: string[]
}
export type RunList = {
  params: RunListParams
  answer: Answer<Run[]>
  all: ComputedRef<Run[]>
  /** Those that pass the filters. */
  passing: ComputedRef<TableRun[]>
  /** Of these, where parallel axes narrow the list, those within the brushes. */
  shown: ComputedRef<TableRun[]>
  brushes: ComputedRef<Brush[]>
  rows: ComputedRef<TableRow[]>
  /** Keys of the settings that differ among those shown. */
  settings: ComputedRef<string[]>
  groups: ComputedRef<string[]>
  methods: ComputedRef<string[]>
  statuses: ComputedRef<string[]>
  tags: ComputedRef<{ value: string; count: number }[]>
  raceGroup: ComputedRef<string | null>
  isFiltered: ComputedRef<boolean>
  /** Ids that are marked, in the table and the scatter alike; some may be filtered away. */
  marked: ShallowRef<ReadonlySet<string>>
  clearFilters: () => void
  /** Shows marks or tags as they are now, before the list is asked for again. */
  patch: (ids: readonly string[], change: RunChange) => void
}

export function useRunList(): RunList {
  const client = useClient()
  const params = useParams({
    new: flag(), newrace: flag(), from: optional(), round: integer(), import: flag(), view: choice(['list', 'scatter', 'parallel', 'race']), q: text({ quiet: true }), status: optional(), method: optional(), group: optional(), tag: optional(), archived: flag(),
    by: optional(), closed: list({ quiet: true }), settings: flag(), sort: text({ quiet: true }), descending: flag({ quiet: true }),
    x: text({ quiet: true }), y: text({ quiet: true }), logx: flag({ quiet: true }), logy: flag({ quiet: true }),
    axes: list({ quiet: true }), colour: choice(['figure', 'method'], { quiet: true }), brush: list(),
  })
  const answer = useCall('runs.list', () => ({}), { reloadOn: ['runs'] })
  const columns = useCall('runs.columns', () => ({}), { reloadOn: ['runs', 'evaluations'] })
  const stops = [
    client.on('run', ({ run }) => {
      const runs = answer.data.value
      if (!runs) return
      const at = runs.findIndex(({ id }) => id === run.id)
      answer.data.value = at < 0 ? [run, ...runs] : runs.with(at, run)
    }),
    client.on('run.stage', ({ stage }) => void (stage.status === 'done' && (stage.kind === 'evaluate' || stage.kind === 'train') && columns.reload())),
  ]
  onScopeDispose(() => stops.forEach((stop) => stop()))

  const all = computed(() => answer.data.value ?? [])
  const columnsOf = computed(() => new Map(columns.data.value?.map((one) => [one.id, one])))
  const table = computed(() => all.value.map((run): TableRun => ({ run, columns: columnsOf.value.get(run.id) })))
  const passing = computed(() => filterRuns(table.value, { q: params.q, status: params.status, method: params.method, group: params.group, tag: params.tag, archived: params.archived }))
  const brushes = computed(() => (params.view === 'parallel' ? params.brush.flatMap((text) => readBrush(text) ?? []) : []))
  const shown = computed(() => (brushes.value.length === 0 ? passing.value : withinBrushes(passing.value, brushes.value)))
  const distinct = (of: (run: Run) => string | null): string[] => [...new Set(all.value.map(of).filter((value) => value !== null))]
  return {
    params,
    answer,
    all,
    passing,
    shown,
    brushes,
    rows: computed(() => arrangeRuns(shown.value, { by: params.by, closed: params.closed, sort: params.sort || 'created', descending: params.descending }, compareMethods)),
    settings: computed(() => differingSettings(shown.value)),
    // A race is there from the first run of its sweep.
    groups: computed(() => [...new Set(distinct((run) => run.group).flatMap((group) => [raceOfSweep(group) ?? [], group].flat()))].sort()),
    methods: computed(() => distinct((run) => run.method).sort(compareMethods)),
    statuses: computed(() => distinct((run) => run.status).sort()),
    tags: computed(() => [...Map.groupBy(all.value.flatMap((run) => run.tags), (tag) => tag)].map(([value, uses]) => ({ value, count: uses.length })).sort((a, b) => b.count - a.count || a.value.localeCompare(b.value))),
    raceGroup: computed(() => params.group ?? newestGroup(all.value)),
    isFiltered: computed(() => brushes.value.length > 0 || params.q !== '' || params.archived || [params.status, params.method, params.group, params.tag].some((value) => value !== null)),
    marked: shallowRef<ReadonlySet<string>>(new Set()),
    clearFilters: () => Object.assign(params, { q: '', status: null, method: null, group: null, tag: null, archived: false, brush: [] }),
    patch(ids, change) {
      const changed = new Set(ids)
      answer.data.value = all.value.map((run) => (changed.has(run.id) ? withChange(run, change) : run))
    },
  }
}

function withChange(run: Run, change: RunChange): Run {
  if ('mark' in change) return { ...run, [change.mark]: change.on }
  return { ...run, tags: change.on ? [...run.tags, change.tag].sort() : run.tags.filter((tag) => tag !== change.tag) }
}
