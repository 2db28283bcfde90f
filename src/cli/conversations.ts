/** What the verbs of conversations do. Results go to stdout, in words or with --json as one object. */
import { analyseConversations } from '../backend/analyse-conversations.ts'
import { conversationTasks } from '../backend/conversations/tasks.ts'
import { turnsLearnedFrom } from '../backend/signals/describe-classifier.ts'
import { describeAnalysis } from '../backend/storage/analysis.ts'
import { conversationBrowser } from '../backend/storage/browse.ts'
import { conversationIds } from '../backend/storage/conversations.ts'
import { deleteConversations, descentOf, KEPT_DAYS, pageOfDeleted, positionsOf, purgeConversations, restoreConversations } from '../backend/storage/deletion.ts'
import { filterOf, parseSearch } from '../core/search-fields.ts'
import type { ConversationFilter } from '../shared/browse.ts'
import { UsageError } from '../shared/errors.ts'
import type { ConversationSort, FacetName } from '../shared/facets.ts'
import type { Descent } from '../shared/deletion.ts'
import type { Output } from './conversation-verbs.ts'
import { print, progressLine, terminalMarks, withoutMarks, withWorkspace } from './data-verbs.ts'
import { interruption } from './interruption.ts'

export async function runList(query: string, { workspace, json, sort, ...page }: Output & { sort: ConversationSort; descending: boolean; offset: number; limit: number }): Promise<void> {
  const filter = searchFilter(query)
  if (sort === 'relevance' && filter.query === undefined) throw new UsageError('conversations list: expected words to search for with --sort relevance, got none. Say what to look for, or choose another order')
  await withWorkspace(workspace, false, ({ db }) => {
    const browser = conversationBrowser(db)
    const { total, rows } = browser.list({ ...filter, ...page, sort })
    browser.keep(db)
    if (json) return print({ total, conversations: rows.map((row) => ({ ...row, snippet: withoutMarks(row.snippet) })) })
    for (const { id, turns, signals, source, snippet, figure } of rows) console.log(`${id.slice(0, 12)}  ${String(turns).padStart(3)} turns  ${String(signals.filter(({ label }) => label === 'dissatisfied').length).padStart(2)} dissatisfied  ${source}  ${figure === undefined ? '' : `${sort} ${figure === null ? 'none' : Number(figure.toFixed(3))}  `}${terminalMarks(snippet)}`)
    console.log(`${total} conversations${total > rows.length ? `, ${rows.length} shown` : ''}`)
  })
}

export async function runDelete(ids: string[], { workspace, json, dryRun, purge, matching }: Output & { dryRun?: true; purge?: true; matching?: string }): Promise<void> {
  if ((ids.length > 0) === (matching !== undefined)) throw new UsageError(`conversations delete: expected ids, or --matching with a search, got ${ids.length > 0 ? 'both' : 'neither'}`)
  const signal = interruption()
  const line = progressLine()
  await withWorkspace(workspace, false, async ({ db, path }) => {
    const positions = matching === undefined ? positionsOf(db, ids) : conversationBrowser(db).select({ filter: searchFilter(matching) })
    const descent = descentOf(db, positions, turnsLearnedFrom(path))
    if (!json) for (const said of inWords(descent)) console.log(said)
    const gone = purge === true ? conversationIds(db, positions) : []
    const { conversations, stopped } = dryRun ? { conversations: 0, stopped: false } : await deleteConversations(db, positions, new Date(), (done, total) => {
      line.show(`${done}/${total} deleted`)
      signal.throwIfAborted()
    })
    line.end()
    const purged = purge && !dryRun && !stopped ? await purgeConversations(db, { ids: gone }) : 0
    if (json) print({ deleted: conversations, purged, descent })
    else if (!dryRun) console.log(purged > 0 ? `${purged} deleted, their text overwritten` : `${conversations} deleted; \`drift conversations restore\` brings them back within ${KEPT_DAYS} days`)
    if (stopped) signal.throwIfAborted()
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
    const written = await conversationTasks(db).export({ selection: { filter: searchFilter(query) }, path: output, mask })
    if (json) return print(written)
    console.log(`${written.rows} conversations written: ${written.path}`)
  })
}

function searchFilter(query: string): ConversationFilter {
  const { words, fields } = parseSearch(query)
  return filterOf(fields, words)
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
