/** The table of all runs: which of them it shows, in which order and groups. */
import type { RunColumns } from '../shared/run-table.ts'
import type { Run } from '../shared/types.ts'

export type TableRun = { run: Run; columns: RunColumns | undefined }
export type TableRow = { kind: 'group'; value: string; runs: number; closed: boolean } | ({ kind: 'run' } & TableRun)

export type TableFilter = { q: string; status: string | null; method: string | null; group: string | null; tag: string | null; archived: boolean }
/** `by` and `sort` name a field of a run, or a setting by its key with dots. */
export type TableOrder = { by: string | null; /** Values of groups whose runs are not shown. */ closed: readonly string[]; sort: string; descending: boolean }

/** Every word in name, id, notes or tags; archived runs alone, or the others. */
export function filterRuns(rows: readonly TableRun[], { q, status, method, group, tag, archived }: TableFilter): TableRun[] {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean)
  return rows.filter(({ run }) => {
    if (run.archived !== archived || (status !== null && run.status !== status) || (method !== null && run.method !== method) || (group !== null && run.group !== group) || (tag !== null && !run.tags.includes(tag))) return false
    if (words.length === 0) return true
    const text = `${run.name} ${run.id} ${run.notes} ${run.tags.join(' ')}`.toLowerCase()
    return words.every((word) => text.includes(word))
  })
}

/** Pinned runs first, in a group of their own where there are groups; runs of equal rank newest first. */
export function arrangeRuns(rows: readonly TableRun[], { by, closed, sort, descending }: TableOrder, compareMethods: (a: string, b: string) => number): TableRow[] {
  const sorted = sortRuns(rows, sort, descending, compareMethods)
  const asRow = (row: TableRun): TableRow => ({ kind: 'run', ...row })
  const [pinned, others] = [sorted.filter(({ run }) => run.pinned), sorted.filter(({ run }) => !run.pinned)]
  if (by === null) return [...pinned, ...others].map(asRow)
  const groups = Map.groupBy(others, (row) => groupValue(row, by))
  const named = [...groups].sort(([a], [b]) => compareGroups(by, a, b, compareMethods))
  return [...(pinned.length > 0 ? [[PINNED_GROUP, pinned] as const] : []), ...named].flatMap(([value, runs]): TableRow[] => {
    const isClosed = closed.includes(value)
    return [{ kind: 'group', value, runs: runs.length, closed: isClosed }, ...(isClosed ? [] : runs.map(asRow))]
  })
}

export const PINNED_GROUP = 'pinned'
/** Where a run has no value of what it is grouped by. */
const NONE = 'none'

/** Keys of settings of which these runs have more than one value, in the order of the recipe. */
export function differingSettings(rows: readonly TableRun[]): string[] {
  const values = new Map<string, Set<string>>()
  for (const { columns } of rows) {
    for (const [key, value] of Object.entries(columns?.settings ?? {})) {
      const known = values.get(key)
      if (known) known.add(value)
      else values.set(key, new Set([value]))
    }
  }
  return [...values].flatMap(([key, { size }]) => (size > 1 ? [key] : []))
}

/** Wall time of a run; up to `now` where it still goes, up to where it stopped where it does not. null before it started. */
export function secondsOf(run: Pick<Run, 'startedAt' | 'endedAt'>, now: number): number | null {
  if (run.startedAt === null) return null
  return Math.max(0, ((run.endedAt === null ? now : Date.parse(run.endedAt)) - Date.parse(run.startedAt)) / 1000)
}

type Key = { key: (row: TableRun) => string | number | null; /** What the first click on the column's head brings up: the most, not the least. */ mostFirst?: true }
const TEXT = new Intl.Collator('en', { numeric: true })
const FIELDS: Readonly<Record<string, Key>> = {
  created: { key: ({ run }) => run.createdAt, mostFirst: true },
  name: { key: ({ run }) => run.name },
  score: { key: ({ columns }) => columns?.score?.value.estimate ?? null, mostFirst: true },
  loss: { key: ({ columns }) => columns?.last['loss'] ?? null },
  margin: { key: ({ columns }) => columns?.last['rewards/margins'] ?? null, mostFirst: true },
  accuracy: { key: ({ columns }) => columns?.last['rewards/accuracies'] ?? null, mostFirst: true },
  seed: { key: ({ run }) => run.seed },
  seconds: { key: ({ run }) => secondsOf(run, 0) },
  status: { key: ({ run }) => run.status },
  group: { key: ({ run }) => run.group },
}

/** What a scatter of these runs can have on its axes: figures on both, settings on the horizontal one alone; `across` is a key of the training that is a number for every run, else any such setting, else any, else the time. */
export function scatterFields(rows: readonly TableRun[]): { figures: string[]; settings: string[]; across: string } {
  const metrics = new Set(rows.flatMap(({ columns }) => Object.keys(columns?.last ?? {})))
  const scored = rows.some(({ columns }) => columns?.score)
  const settings = differingSettings(rows).filter((key) => key !== 'recipe')
  const others = settings.filter((key) => key !== 'seed')
  const numbers = others.filter((key) => rows.every((row) => typeof figureOf(key)(row) !== 'string'))
  return { figures: [...(scored ? ['score'] : []), ...metrics, 'seconds'], settings, across: numbers.find((key) => key.startsWith('training.')) ?? numbers[0] ?? others[0] ?? 'seconds' }
}

/** `x` is a text where it is a setting that is not a number for every run. */
export type ScatterPoint = TableRun & { x: number | string; y: number }

/** Those that have both; `left`: how many have not, or lie where a logarithm has no place for them. */
export function scatterPoints(rows: readonly TableRun[], { x, y, logX, logY }: { x: string; y: string; logX: boolean; logY: boolean }): { points: ScatterPoint[]; left: number } {
  const [xOf, yOf] = [figureOf(x), figureOf(y)]
  const all = rows.flatMap((row) => {
    const [own, of] = [xOf(row), yOf(row)]
    return own === null || typeof of !== 'number' || !Number.isFinite(of) ? [] : [{ ...row, x: own, y: of }]
  })
  const points = all.filter((point) => (!logX || typeof point.x === 'string' || point.x > 0) && (!logY || point.y > 0))
  const isText = points.some((point) => typeof point.x === 'string')
  return { points: isText ? points.map((point) => ({ ...point, x: String(point.x) })) : points, left: rows.length - points.length }
}

/** A figure or a setting of a run by its key; null where it has none. */
export function figureOf(field: string): (row: TableRun) => string | number | null {
  if (field === 'score') return ({ columns }) => columns?.score?.value.estimate ?? null
  if (field === 'seconds') return ({ run }) => (run.endedAt === null ? null : secondsOf(run, 0))
  return (row) => row.columns?.last[field] ?? settingOf(field)(row)
}

/** Runs without a value come last, whichever way. */
function sortRuns(rows: readonly TableRun[], sort: string, descending: boolean, compareMethods: (a: string, b: string) => number): TableRun[] {
  const { key, mostFirst } = FIELDS[sort] ?? { key: sort === 'method' ? ({ run }: TableRun) => run.method : settingOf(sort) }
  const direction = descending === (mostFirst === true) ? 1 : -1
  const compare = sort === 'method' ? compareMethods : sort === 'created' ? (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0) : TEXT.compare
  const keyed = rows.map((row) => ({ row, key: key(row) }))
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) return Number(a.key === null) - Number(b.key === null) || newestFirst(a.row, b.row)
    const order = typeof a.key === 'number' && typeof b.key === 'number' ? a.key - b.key : compare(String(a.key), String(b.key))
    return order * direction || compareMethods(a.row.run.method, b.row.run.method) || a.row.run.seed - b.row.run.seed || newestFirst(a.row, b.row)
  })
  return keyed.map(({ row }) => row)
}
const newestFirst = (a: TableRun, b: TableRun): number => (a.run.createdAt < b.run.createdAt ? 1 : a.run.createdAt > b.run.createdAt ? -1 : 0)

/** Numbers as numbers, null where nothing is set, everything else as it is shown. */
const settingOf = (key: string) => ({ columns }: TableRun): string | number | null => {
  const value = columns?.settings[key]
  if (value === undefined || value === 'null') return null
  return value !== '' && Number.isFinite(Number(value)) ? Number(value) : readableSetting(value)
}

/** A text without its quotes, all else as JSON. */
export const readableSetting = (json: string): string => (json.startsWith('"') ? String(JSON.parse(json)) : json)

function groupValue({ run, columns }: TableRun, by: string): string {
  if (by === 'group') return run.group ?? NONE
  if (by === 'method') return run.method
  if (by === 'status') return run.status
  if (by === 'tag') return run.tags.join(', ') || NONE
  const setting = columns?.settings[by]
  return setting === undefined ? NONE : readableSetting(setting)
}

function compareGroups(by: string, a: string, b: string, compareMethods: (a: string, b: string) => number): number {
  if (a === NONE || b === NONE) return Number(a === NONE) - Number(b === NONE)
  return by === 'method' ? compareMethods(a, b) : TEXT.compare(a, b)
}
