/** Rows of a dataset from conversations and their signals: which turns count, what is kept, what is set aside. */
import { assemble, type Candidate } from '../../core/dataset-assembly.ts'
import { type Attribution, feedbackRows, importedPairs, promptRows, seedPairs, type SignalsByTurn } from '../../core/datasets.ts'
import { countedCategories } from '../../core/rubric.ts'
import { originOf, promptText, wholeText } from '../../core/row-texts.ts'
import type { ConversationSelection } from '../../shared/browse.ts'
import { type AnyOf, type BuildOptions, type DatasetRow, DECIDERS } from '../../shared/datasets.ts'
import type { Conversation, Dataset, DatasetKind, FeedbackRow, Pair, Signal } from '../../shared/types.ts'
import { BackendError } from '../errors.ts'
import type { Tell } from '../task-thread.ts'
import { conversationBrowser } from './browse.ts'
import { eachConversation, readConversationAt } from './conversations.ts'
import { createDatasets, type DatasetDraft } from './datasets.ts'
import type { ReadableDb, WritableDb } from './open.ts'
import { tagReader } from './tags.ts'

const FACETS = ['source', 'model', 'language', 'tag', 'category'] as const
type Facet = (typeof FACETS)[number]
type RowFilter = Partial<Pick<BuildOptions, 'conversations' | Facet | 'minTurns' | 'maxTurns' | 'threshold' | 'deciders'>>
/** Of each facet the values that will do; absent where any will. */
type Wanted = Partial<Record<Facet, ReadonlySet<string>>>
type BuildFilter = RowFilter & { attribution?: Attribution | undefined }

/** Every reply that answers a user, with its winning signal. */
export function buildFeedback(db: ReadableDb, filter: BuildFilter = {}): FeedbackRow[] {
  return buildRows(db, filter, (conversation, signals) => feedbackRows(conversation, signals, filter.threshold, filter.attribution)).rows
}

/** Pairs of a disliked reply and the reply that then satisfied, within one conversation: the warm start's data. */
export function buildSeedPairs(db: ReadableDb, filter: BuildFilter = {}): Pair[] {
  return buildRows(db, filter, (conversation, signals) => seedPairs(conversation, signals, filter.threshold)).rows
}

/** Builds the rows of a kind and freezes them; a held-out part becomes a dataset of its own, NAME-heldout. */
export function buildDataset(db: WritableDb, { name, kind, ...options }: { name: string; kind: DatasetKind } & BuildOptions, tell: Tell = () => {}): Dataset {
  const found = buildRows<DatasetRow>(db, options, ROWS_OF[kind](options.threshold), (done, total) => tell(done, total, 'reading conversations'))
  const assembly = assemble(found.candidates, options, (done) => tell(done, found.candidates.length, 'comparing rows'))
  if (options.heldOut > 0 && assembly.heldOut.length === 0 && found.rows.length > 0) {
    throw new BackendError('bad-input', `dataset ${name}: expected rows to set aside, but no group fits into ${options.heldOut} of ${found.rows.length} rows (split by ${options.splitBy}). Split by conversation, or set more aside`)
  }
  const rowsAt = (indices: readonly number[]): DatasetRow[] => indices.map((i) => found.rows[i]!)
  const recipe = recipeOf(kind, options)
  const lineage = { conversations: found.conversations, signals: found.signals, candidates: found.rows.length, removed: assembly.removed }
  const aside = `${name}-heldout`
  const split = options.heldOut === 0 ? {} : { split: 'train', heldOut: { dataset: aside, rows: assembly.heldOut.length } }
  const drafts: DatasetDraft[] = [{ name, kind, rows: rowsAt(assembly.train) as never, recipe: { ...recipe, ...split, lineage } }]
  if (options.heldOut > 0) drafts.push({ name: aside, kind, rows: rowsAt(assembly.heldOut) as never, recipe: { ...recipe, split: 'held out', of: name, lineage } })
  return createDatasets(db, drafts, tell)[0]!
}

const ROWS_OF: { [Kind in DatasetKind]: (threshold: number) => RowMaker<DatasetRow> } = {
  feedback: (threshold) => (conversation, signals) => feedbackRows(conversation, signals, threshold),
  // Seed pairs, and the pairs that were imported as such.
  preference: (threshold) => (conversation, signals) => [...seedPairs(conversation, signals, threshold), ...importedPairs(conversation)],
  // Each wording once.
  prompts: () => {
    const seen = new Set<string>()
    return (conversation) =>
      promptRows(conversation).filter((row) => {
        const key = JSON.stringify(row.prompt)
        return !seen.has(key) && seen.add(key)
      })
  },
}

/** What was asked for, defaults that change nothing left out. */
function recipeOf(kind: DatasetKind, { threshold, dedup, heldOut, splitBy, seed, source, ...filter }: BuildOptions): Record<string, unknown> {
  const seeded = dedup === 'near' || heldOut > 0 || filter.maxPerSource !== undefined
  return {
    from: 'signals',
    source: source === undefined ? null : asWritten(source),
    ...(kind === 'prompts' ? {} : { threshold }),
    ...Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)),
    ...Object.fromEntries(FACETS.flatMap((facet) => (facet === 'source' || filter[facet] === undefined ? [] : [[facet, asWritten(filter[facet])]]))),
    ...(dedup === 'none' ? {} : { dedup }),
    ...(heldOut === 0 ? {} : { heldOutShare: heldOut, splitBy }),
    ...(seeded ? { seed } : {}),
  }
}

/** One value as itself; several each once, in one order: the same choice is the same recipe. */
function asWritten(wanted: AnyOf): AnyOf {
  const values = [...new Set([wanted].flat())].sort()
  return values.length === 1 ? values[0]! : values
}

type RowMaker<Row> = (conversation: Conversation, signals: SignalsByTurn) => Row[]
type Found<Row> = { rows: Row[]; candidates: Candidate[]; conversations: number; signals: number }
type JudgedTurn = Pick<Signal, 'label' | 'probability' | 'decider'> & { turn_index: number; categories: string }

function buildRows<Row extends DatasetRow>(db: ReadableDb, filter: BuildFilter, rowsOf: RowMaker<Row>, onConversation: (read: number, total: number) => void = () => {}): Found<Row> {
  const signalsOf = signalReader(db, filter.deciders)
  const tagsAt = tagReader(db)
  const wanted: Wanted = Object.fromEntries(FACETS.flatMap((facet) => (filter[facet] === undefined ? [] : [[facet, new Set([filter[facet]].flat())]])))
  const readRows = db.transaction((): Found<Row> => {
    const { total, conversations } = chosenConversations(db, filter.conversations, wanted.source)
    let read = 0
    const found: Found<Row> = { rows: [], candidates: [], conversations: 0, signals: 0 }
    for (const { position, conversation } of conversations) {
      onConversation(++read, total)
      if (!passes(conversation, wanted, filter)) continue
      if (wanted.tag !== undefined && !tagsAt([position]).get(position)?.some((tag) => wanted.tag!.has(tag))) continue
      const judged = signalsOf(position)
      const inCategory = wanted.category === undefined ? null : new Set(judged.filter(({ label, categories }) => countedCategories(label, JSON.parse(categories) as string[]).some((category) => wanted.category!.has(category))).map(({ turn_index }) => turn_index))
      if (inCategory?.size === 0) continue
      found.conversations += 1
      found.signals += judged.length
      const user = userOf(conversation.metadata)
      for (const row of rowsOf(conversation, new Map(judged.map(({ turn_index, ...signal }) => [turn_index, signal])))) {
        const { turnIndex } = originOf(row)
        if (inCategory !== null && turnIndex !== null && !inCategory.has(turnIndex)) continue
        found.rows.push(row)
        found.candidates.push(candidateOf(row, conversation, user))
      }
    }
    return found
  })
  return readRows()
}

/** Read one after the other, in the order of their import: all, those of some sources, or those of a selection. */
function chosenConversations(db: ReadableDb, selection: ConversationSelection | undefined, sources: ReadonlySet<string> | undefined): { total: number; conversations: Iterable<{ position: number; conversation: Conversation }> } {
  if (selection === undefined) {
    const named = sources === undefined ? null : [...sources]
    const total = db.prepare('SELECT count(*) FROM conversations WHERE @sources IS NULL OR source IN (SELECT value FROM json_each(@sources))').pluck().get({ sources: named && JSON.stringify(named) }) as number
    return { total, conversations: eachConversation(db, { sources: named }) }
  }
  const positions = conversationBrowser(db).select(selection)
  return { total: positions.length, conversations: readThose(db, positions) }
}

function* readThose(db: ReadableDb, positions: Iterable<number>): Generator<{ position: number; conversation: Conversation }> {
  const read = readConversationAt(db)
  for (const position of positions) yield { position, conversation: read(position)! }
}

/** Texts are made when asked for: only finding duplicates and keeping like prompts together asks, and all of them would double what is held. */
function candidateOf(row: DatasetRow, { source, id }: Conversation, user: string | null): Candidate {
  return {
    get text() {
      return wholeText(row)
    },
    get prompt() {
      return promptText(row)
    },
    source,
    conversation: id,
    user,
  }
}

function passes({ source, model, language, messages }: Conversation, wanted: Wanted, { minTurns = 0, maxTurns = Infinity }: RowFilter): boolean {
  const holds = (facet: Facet, value: string | null): boolean => wanted[facet] === undefined || (value !== null && wanted[facet].has(value))
  return holds('source', source) && holds('model', model) && holds('language', language) && messages.length >= minTurns && messages.length <= maxTurns
}

/** The signal that counts on each turn of a conversation: the winning one, or the strongest of the deciders named. */
function signalReader(db: ReadableDb, deciders: BuildOptions['deciders']): (position: number) => JudgedTurn[] {
  if (deciders === undefined) {
    const winning = db.prepare('SELECT turn_index, label, probability, decider, categories FROM winning_signals WHERE conversation = ?')
    return (position) => winning.all(position) as JudgedTurn[]
  }
  const all = db.prepare('SELECT turn_index, label, probability, decider, categories FROM signals WHERE conversation = ? ORDER BY turn_index')
  const order = DECIDERS.filter((decider) => deciders.includes(decider))
  return (position) => {
    const byTurn = Map.groupBy(all.all(position) as JudgedTurn[], ({ turn_index }) => turn_index)
    return [...byTurn.values()].flatMap((judged) => {
      const decider = order.find((name) => judged.some((signal) => signal.decider === name))
      return judged.filter((signal) => signal.decider === decider)
    })
  }
}

/** The importers' own key, and what else metadata of others may call it. */
const USER_KEYS = ['user', 'user_id', 'user_hash', 'hashed_ip']

/** Who asked, where the imported row says so. */
function userOf(metadata: Conversation['metadata']): string | null {
  const value = USER_KEYS.map((key) => metadata[key]).find((one) => typeof one === 'string' || typeof one === 'number')
  return value === undefined || value === '' ? null : String(value)
}
