/** The logs and evaluation data a recipe names, from datasets of the workspace or from files. */
import { isAbsolute, join } from 'node:path'
import type { Logs } from '../../recipes/lab.ts'
import type { Recipe } from '../../shared/recipe.ts'
import type { DatasetKind, FeedbackRow, Message } from '../../shared/types.ts'
import { readDatasetFile } from '../datasets/files.ts'
import { hasDataset, readDataset, type RowOf } from '../storage/datasets.ts'
import type { LabWorkspace } from './context.ts'
import type { EvaluationData } from './evaluating.ts'

export async function readLogs(workspace: LabWorkspace, recipe: Recipe): Promise<Logs> {
  if (recipe.recipe === 'dpo') return { dissatisfied: [], satisfied: [], requests: [], seedPairs: await readRows(workspace, recipe.dataset, 'preference') }
  const rows = await readRows(workspace, recipe.dataset, 'feedback')
  return {
    dissatisfied: rows.filter(({ label }) => label === 'dissatisfied'),
    satisfied: rows.filter(({ label }) => label === 'satisfied'),
    requests: firstRequests(rows),
    seedPairs: recipe.warm_start === null ? [] : await readRows(workspace, recipe.warm_start.dataset, 'preference'),
  }
}

export async function readEvaluationData(workspace: LabWorkspace, recipe: Recipe): Promise<EvaluationData[]> {
  const data: EvaluationData[] = []
  for (const config of recipe.evaluation) {
    data.push({ config, prompts: await readRows(workspace, config.dataset, 'prompts'), heldout: config.heldout_pairs === null ? [] : await readRows(workspace, config.heldout_pairs, 'preference'), scorer: config.scorer_dataset === null ? [] : await readRows(workspace, config.scorer_dataset, 'feedback') })
  }
  return data
}

async function readRows<Kind extends DatasetKind>(workspace: LabWorkspace, name: string, kind: Kind): Promise<RowOf[Kind][]> {
  if (hasDataset(workspace.db, name)) return readDataset(workspace.db, name, kind)
  return readDatasetFile(isAbsolute(name) ? name : join(workspace.path, name), kind)
}

/**
 * Every logged request once. A user message that only says what was wrong with the reply before it is no request
 * of its own: it would show the policy the feedback that unguided methods must not see.
 */
export function firstRequests(rows: readonly FeedbackRow[]): FeedbackRow[] {
  const exchange = (conversationId: string, messages: readonly Message[]): string => JSON.stringify([conversationId, messages.map(({ role, content }) => [role, content])])
  const disliked = new Set(rows.filter(({ label }) => label === 'dissatisfied').map((row) => exchange(row.conversationId, [...row.prompt, { role: 'assistant', content: row.reply }])))
  const seen = new Set<string>()
  return rows.filter((row) => {
    if (disliked.has(exchange(row.conversationId, row.prompt.slice(0, -1)))) return false
    const request = JSON.stringify(row.prompt)
    return !seen.has(request) && seen.add(request)
  })
}
