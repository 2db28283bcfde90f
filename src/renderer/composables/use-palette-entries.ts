/** What the palette lists for a query: actions of page and frame, and the workspace's runs and datasets. */
import { computed, type ComputedRef, type Ref } from 'vue'
import { useRouter } from 'vue-router'
import { methodStyle } from '../charts/methods.ts'
import { useActionStore } from '../stores/actions.ts'
import { useCall } from './use-call.ts'

export type PaletteEntry = { id: string; title: string; group: string; keys: string; hint: string; run(): void }
export type PaletteGroup = { title: string; entries: PaletteEntry[] }

const groupOrder = ['This page', 'Go to', 'Run', 'Runs', 'Datasets', 'Appearance', 'Workspace', 'Help']
const fewRuns = 5

export function usePaletteEntries(open: Ref<boolean>, query: Ref<string>): ComputedRef<PaletteGroup[]> {
  const router = useRouter()
  const store = useActionStore()
  const { data: runs } = useCall('runs.list', () => (open.value ? {} : null))
  const { data: datasets } = useCall('datasets.list', () => (open.value ? {} : null))

  const entries = computed<PaletteEntry[]>(() => [
    ...store.all
      .filter((action) => action.palette !== false && action.enabled !== false)
      .map(({ id, title, group, keys, hint, run }) => ({ id, title, group: group ?? 'This page', keys: keys ?? '', hint: hint ?? '', run })),
    ...(runs.value ?? []).map((run) => ({ id: `run ${run.id}`, title: run.name, group: 'Runs', keys: '', hint: `${methodStyle(run.method).label}, seed ${run.seed}, ${run.status}`, run: () => void router.push(`/runs/${encodeURIComponent(run.id)}`) })),
    ...(datasets.value ?? []).map(({ name, kind, rows }) => ({ id: `dataset ${name}`, title: name, group: 'Datasets', keys: '', hint: `${kind}, ${rows} rows`, run: () => void router.push({ path: '/datasets', query: { name } }) })),
  ])

  return computed(() => {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean)
    const found = entries.value
      .map((entry) => ({ entry, score: scoreOf(entry, words) }))
      .filter(({ score }) => score > 0)
      .sort((a, b) => b.score - a.score)
      .map(({ entry }) => entry)
    return groupOrder
      .map((title) => ({ title, entries: found.filter((entry) => entry.group === title).slice(0, words.length > 0 ? 20 : title === 'Runs' || title === 'Datasets' ? fewRuns : 40) }))
      .filter((group) => group.entries.length > 0)
  })
}

/** Every word must occur; starts of words count more, the title more than the hint. 0: not found. */
function scoreOf({ title, hint, group }: PaletteEntry, words: string[]): number {
  if (words.length === 0) return 1
  const name = title.toLowerCase()
  const rest = `${hint} ${group}`.toLowerCase()
  let score = 0
  for (const word of words) {
    if (name.startsWith(word)) score += 4
    else if (name.includes(` ${word}`)) score += 3
    else if (name.includes(word)) score += 2
    else if (rest.includes(word)) score += 1
    else return 0
  }
  return score
}
