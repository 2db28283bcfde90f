/** What needs every conversation at hand: lists, facets, and what is done to many at once. In a thread (`thread.ts`), since a million take seconds to read. */
import { setImmediate as letOthersIn } from 'node:timers/promises'
import type { ConversationFilter, ConversationSelection } from '../../shared/browse.ts'
import type { CallOutput, ParsedInput } from '../../shared/contract.ts'
import type { ConversationMap, MapColouring, MapPoints } from '../../shared/conversation-map.ts'
import type { Deletion } from '../../shared/deletion.ts'
import type { Facet } from '../../shared/facets.ts'
import { BackendError } from '../errors.ts'
import { conversationBrowser, type ConversationBrowser, type ConversationPage } from '../storage/browse.ts'
import { describeMap } from '../storage/conversation-map.ts'
import { conversationIds } from '../storage/conversations.ts'
import { deleteConversations, descentOf, positionsOf, restoreConversations } from '../storage/deletion.ts'
import type { WritableDb } from '../storage/open.ts'
import { setTag } from '../storage/tags.ts'
import type { Tell } from '../task-thread.ts'
import { exportConversations } from './export-conversations.ts'
import { mapTasks } from './map-tasks.ts'

export type Tasks = {
  list: { input: ParsedInput<'conversations.list'>; output: ConversationPage }
  between: { input: ParsedInput<'conversations.between'>; output: { ids: string[] } }
  facets: { input: ConversationFilter; output: Facet[] }
  tag: { input: ParsedInput<'conversations.tag'>; output: CallOutput<'conversations.tag'> }
  undoTag: { input: { change: number }; output: { changed: number } }
  export: { input: ParsedInput<'conversations.export'>; output: { path: string; rows: number } }
  map: { input: Record<string, never>; output: ConversationMap }
  mapPoints: { input: { key: string }; output: MapPoints }
  mapColours: { input: ParsedInput<'conversations.mapColours'>; output: MapColouring }
  /** `learned`: turns that the classifier has learned from, by conversation id. */
  descent: { input: ParsedInput<'conversations.descent'> & { learned: Record<string, number> }; output: CallOutput<'conversations.descent'> }
  delete: { input: ParsedInput<'conversations.delete'> & { now: Date }; output: Deletion }
  restore: { input: ParsedInput<'conversations.restore'>; output: CallOutput<'conversations.restore'> }
  ids: { input: { selection: ConversationSelection }; output: { ids: string[]; total: number } }
}

/** Ids that one answer holds. */
const MOST_IDS = 10_000
/** Changes of tags that can be taken back, the newest. */
const KEPT_CHANGES = 20

export function conversationTasks(db: WritableDb, browser: ConversationBrowser = conversationBrowser(db)): { [Name in keyof Tasks]: (input: Tasks[Name]['input'], tell?: Tell) => Tasks[Name]['output'] | Promise<Tasks[Name]['output']> } {
  const changes = new Map<number, { tag: string; on: boolean; positions: Uint32Array }>()
  let lastChange = 0
  /** Those that are named may have been deleted, which is said. */
  const chosen = (selection: ConversationSelection): ArrayLike<number> => ('ids' in selection ? positionsOf(db, selection.ids) : browser.select(selection))
  return {
    async list(input) {
      for (const _ of browser.prepare(input.sort)) await letOthersIn()
      return browser.list(input)
    },
    between: (input) => ({ ids: browser.between(input) }),
    facets: browser.facets,
    async tag({ selection, tag, on }, tell) {
      const positions = await setTag(db, tag, browser.select(selection), on, tell && ((done, total) => tell(done, total, on ? 'tagging' : 'taking tags off')))
      changes.set(++lastChange, { tag, on, positions })
      changes.delete(lastChange - KEPT_CHANGES)
      return { changed: positions.length, change: lastChange }
    },
    async undoTag({ change: id }, tell) {
      const made = changes.get(id)
      if (made === undefined) throw new BackendError('not-found', `conversations.undoTag: expected one of the newest ${KEPT_CHANGES} changes since the workspace was opened, got ${id}. Put the tag on or take it off instead`)
      const { length: changed } = await setTag(db, made.tag, made.positions, !made.on, tell && ((done, total) => tell(done, total, 'taking back')))
      changes.delete(id)
      return { changed }
    },
    export: ({ selection, ...options }, tell = () => {}) => exportConversations(db, browser.select(selection), options, tell),
    map: () => describeMap(db),
    ...mapTasks(db, browser),
    descent({ selection, learned }) {
      const until = db.prepare('SELECT coalesce(max(position), 0) FROM conversations').pluck().get() as number
      return { ...descentOf(db, chosen('filter' in selection ? { ...selection, until } : selection), learned), until }
    },
    delete: ({ selection, now }, tell) => deleteConversations(db, chosen(selection), now, tell),
    restore: ({ which }, tell) => restoreConversations(db, which, tell),
    ids({ selection }) {
      const positions = browser.select(selection)
      return { ids: conversationIds(db, positions.subarray(0, MOST_IDS)), total: positions.length }
    },
  }
}
