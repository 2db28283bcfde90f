/** Where a dataset comes from, as its recipe tells: conversations, their signals, the rows made of them, its ancestors. */
import type { Dataset } from '../../../shared/types.ts'

export type LineageStep = { label: string; count: number }
type Recipe = { parent?: unknown; of?: unknown; lineage?: { conversations?: unknown; signals?: unknown; candidates?: unknown; removed?: Record<string, unknown> } }

/** The dataset it was made from by a fix, or the one it was held out of. */
export function parentOf({ recipe }: Dataset): string | null {
  const { parent, of } = recipe as Recipe
  return typeof parent === 'string' ? parent : typeof of === 'string' ? of : null
}

/** Conversations → signals → rows made of them → rows kept; steps that nobody counted are left out. */
export function lineageOf({ recipe, rows, kind, statistics }: Dataset): LineageStep[] {
  const { lineage } = recipe as Recipe
  const steps: [string, unknown][] = [
    ['conversations', lineage?.conversations ?? statistics.find(({ label, group }) => label === 'conversations' && group === undefined)?.value],
    ['signals', lineage?.signals],
    [kind === 'preference' ? 'pairs made' : 'rows made', lineage?.candidates],
    [kind === 'preference' ? 'pairs' : 'rows', rows],
  ]
  return steps.flatMap(([label, count]) => (typeof count === 'number' ? [{ label, count }] : []))
}

/** From the first ancestor that is there down to the dataset itself. */
export function ancestryOf(dataset: Dataset, datasets: readonly Dataset[]): Dataset[] {
  const line = [dataset]
  for (let above = parentOf(dataset); above !== null; ) {
    const parent = datasets.find(({ name }) => name === above)
    if (parent === undefined || line.includes(parent)) break
    line.unshift(parent)
    above = parentOf(parent)
  }
  return line
}
