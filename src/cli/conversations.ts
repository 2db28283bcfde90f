/** What the verbs of conversations do. Results go to stdout, in words or with --json as one object. */
import { analyseConversations } from '../backend/analyse-conversations.ts'
import { conversationTasks } from '../backend/conversations/tasks.ts'
import { turnsLearnedFrom } from '../backend/signals/describe-classifier.ts'
import { describeAnalysis } from '../backend/storage/analysis.ts'
import { conversationBrowser } from '../backend/storage/browse.ts'
import { deleteConversations, descentOf, KEPT_DAYS, pageOfDeleted, purgeConversations, restoreConversations } from '../backend/storage/deletion.ts'
import { filterOf, parseSearch } from '../core/search-fields.ts'
import type { FacetName } from '../shared/facets.ts'
import type { Descent } from '../shared/deletion.ts'
import type { Output } from './conversation-verbs.ts'
import { print, withWorkspace } from './data-verbs.ts'
import { interruption } from './interruption.ts'

export async function runDelete(ids: string[], { workspace, json, dryRun, purge }: Output & { dryRun?: true; purge?: true }): Promise<void> {
  await withWorkspace(workspace, false, async ({ db, path }) => {
    const descent: Descent = { ...descentOf(db, ids), classifierTurns: turnsLearnedFrom(path, ids) }
    const { conversations } = dryRun ? { conversations: 0 } : await deleteConversations(db, ids, new Date())
    const purged = purge && !dryRun ? await purgeConversations(db, { ids }) : 0
    if (json) return print({ deleted: conversations, purged, descent })
    for (const line of inWords(descent)) console.log(line)
    if (dryRun) return
    console.log(purged > 0 ? `${purged} deleted, their text overwritten` : `${conversations} deleted; \`drift conversations restore\` brings them back within ${KEPT_DAYS} days`)
  })
}

export async function runRestore(ids: string[], { workspace, json }: Output): Promise<void> {
  await withWorkspace(workspace, false, async ({ db }) => {
    const { conversations, importable } = await restoreConversations(db, { ids })
    if (json) return print({ restored: conversations, importable })
    console.log(`${conversations} restored${importable > 0 ? `; the text of ${importable} is gone: import them again` : ''}`)
  })
}

export async function runDeleted({ workspace, json, limit }: Output & { limit: number }): Promise<void> {
  await withWorkspace(workspace, false, ({ db }) => {
    const { total, rows } = pageOfDeleted(db, { offset: 0, limit })
    if (json) return print({ total, conversations: rows })
    for (const { id, source, turns, deletedAt, opening } of rows) console.log(`${id}  ${deletedAt.slice(0, 10)}  ${source}, ${turns} messages  ${opening ?? 'purged'}`)
    console.log(`${total} deleted${total > rows.length ? `, ${rows.length} shown` : ''}`)
  })
}

export async function runAnalyse({ workspace, json }: Output): Promise<void> {
  await withWorkspace(workspace, false, async ({ db }) => {
    const report = await analyseConversations(db, { signal: interruption() })
    const { groups } = describeAnalysis(db)
    const facets = conversationBrowser(db).facets({})
    const valuesOf = (name: FacetName) => facets.find((facet) => facet.name === name)?.values ?? []
    const nearDuplicates = { conversations: valuesOf('near')[0]?.count ?? 0, groups }
    const personalData = valuesOf('personal')
    if (json) return print({ ...report, nearDuplicates, personalData })
    console.log(`${report.read} conversations read in ${report.seconds.toFixed(1)} s: ${nearDuplicates.conversations} in ${nearDuplicates.groups} groups of near-duplicates`)
    for (const { value, count } of personalData) console.log(`  ${value.padEnd(8)} in ${count} conversations`)
  })
}

export async function runExport(query: string, { workspace, json, output, mask }: Output & { output: string; mask: boolean }): Promise<void> {
  await withWorkspace(workspace, false, async ({ db }) => {
    const { words, fields } = parseSearch(query)
    const written = await conversationTasks(db).export({ selection: { filter: filterOf(fields, words) }, path: output, mask })
    if (json) return print(written)
    console.log(`${written.rows} conversations written: ${written.path}`)
  })
}

function inWords({ conversations, turns, signals, labelledTurns, datasets, runs, samples, classifierTurns }: Descent): string[] {
  return [
    `${conversations} conversations of ${turns} messages, with ${signals} signals and ${labelledTurns} turns labelled by people`,
    ...datasets.map(({ name, rows, of }) => `  dataset ${name}: ${rows} of ${of} rows stay, and are said to come from deleted conversations`),
    ...runs.map(({ id, status, dataset }) => `  run ${id} (${status}) trained on ${dataset}`),
    ...(samples > 0 ? [`  ${samples} replies that runs sampled for them stay`] : []),
    ...(classifierTurns > 0 ? [`  the workspace's classifier learned from ${classifierTurns} of their turns: retrain it to forget them`] : []),
  ]
}
