import type { Message } from '../../shared/types.ts'
import { describe, isRow, RowProblem, type ConversationDraft, type ImportFormat, type Row } from './format.ts'
import { optionalText, readRole, readTime, readUser } from './messages.ts'

/** A message of the tree with the one it answers. */
type Node = { row: Row; parent: Node | null; siblings: readonly Row[]; /** It or one above it. */ deleted: boolean; /** From 1 at the root. */ depth: number }

/** Dialogues share their beginnings: a deep tree with many leaves is larger by its square. */
const MAX_MESSAGES = 200_000

/**
 * OASST1 and 2: trees ({message_tree_id, prompt: {…, replies}}) and flat messages, whose trees stand together. Every
 * way from the root to a leaf is a conversation. Where the reply at its end was ranked below a sibling, the best
 * sibling is `metadata.chosen`. What was deleted is left out with everything below it.
 */
export const oasst: ImportFormat = {
  name: 'oasst',
  columns: ['message_id', 'parent_id', 'message_tree_id', 'text', 'role', 'lang', 'created_date', 'user_id', 'rank', 'deleted', 'model_name'],
  recognizes: (row) => 'message_tree_id' in row && (isRow(row['prompt']) || ('message_id' in row && 'text' in row)),
  startsNew: (row, first) => isRow(row['prompt']) || row['message_tree_id'] !== first['message_tree_id'],
  read(rows) {
    const { root, repliesOf, size } = isRow(rows[0]['prompt']) ? nestedTree(rows[0]['prompt']) : flatTree(rows)
    const drafts: ConversationDraft[] = []
    let [seen, written] = [0, 0]
    // A stack of our own: a tree may be deeper than the program's.
    const open: Node[] = [{ row: root, parent: null, siblings: [], deleted: root['deleted'] === true, depth: 1 }]
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      seen += 1
      const parent = node
      const replies = repliesOf(node.row)
      const siblings = replies.filter((reply) => reply['deleted'] !== true)
      if (siblings.length === 0 && !node.deleted) {
        written += node.depth
        if (written > MAX_MESSAGES) throw new RowProblem(`replies: expected at most ${MAX_MESSAGES} messages in the dialogues of a tree, got more`)
        drafts.push(dialogueTo(node, rows[0]))
      }
      for (const row of replies.toReversed()) open.push({ row, parent, siblings, deleted: parent.deleted || row['deleted'] === true, depth: parent.depth + 1 })
    }
    if (size !== null && seen < size) throw new RowProblem(`parent_id: expected every message below the root of its tree, got ${size - seen} that are not`)
    const [first, ...rest] = drafts
    if (first === undefined) throw new RowProblem('prompt: expected a message, got a deleted one')
    return [first, ...rest]
  },
}

type Tree = { root: Row; repliesOf: (row: Row) => readonly Row[]; /** Messages, where they are known before the walk. */ size: number | null }

function nestedTree(root: Row): Tree {
  return {
    root,
    size: null,
    repliesOf(row) {
      const replies = row['replies'] ?? []
      if (!Array.isArray(replies) || !replies.every(isRow)) throw new RowProblem(`replies: expected a list of messages, got ${describe(replies)}`)
      return replies
    },
  }
}

function flatTree(rows: readonly Row[]): Tree {
  const replies = new Map<unknown, Row[]>()
  const ids = new Set<unknown>()
  for (const row of rows) {
    // Twice the same id would make a circle of the tree.
    const id = row['message_id']
    if (typeof id !== 'string' || ids.has(id)) throw new RowProblem(`message_id: expected an id of its own for every message, got ${describe(id)}`)
    ids.add(id)
    const parent = row['parent_id'] ?? null
    const siblings = replies.get(parent)
    if (siblings === undefined) replies.set(parent, [row])
    else siblings.push(row)
  }
  const roots = replies.get(null) ?? []
  const [root] = roots
  if (root === undefined || roots.length > 1) throw new RowProblem(`parent_id: expected one message without a parent in the tree, got ${roots.length}`)
  return { root, size: rows.length, repliesOf: (row) => replies.get(row['message_id']) ?? [] }
}

function dialogueTo(leaf: Node, tree: Row): ConversationDraft {
  const path: Row[] = []
  for (let node: Node | null = leaf; node !== null; node = node.parent) path.push(node.row)
  path.reverse()
  const messages = path.map((row, i): Message => {
    const content = row['text']
    if (typeof content !== 'string') throw new RowProblem(`message ${i} of a dialogue, text: expected text, got ${describe(content)}`)
    return { role: readRole(row['role'], `message ${i} of a dialogue, role`), content }
  })
  const better = messages.at(-1)?.role === 'assistant' ? betterSibling(leaf) : null
  const [root] = path
  return {
    source: null,
    model: optionalText(leaf.row['model_name']),
    language: optionalText(root?.['lang']),
    createdAt: readTime(root?.['created_date']),
    messages,
    metadata: {
      id: leaf.row['message_id'] ?? null,
      tree: tree['message_tree_id'] ?? null,
      ...readUser(root?.['user_id']),
      ranks: path.map((row) => rankOf(row)),
      ...(better === null ? {} : { chosen: better }),
    },
    labels: [],
  }
}

/** The best-ranked sibling's text, where it differs and was ranked better. */
function betterSibling({ row, siblings }: Node): string | null {
  const own = rankOf(row)
  if (own === null) return null
  const best = siblings.reduce((a, b) => ((rankOf(b) ?? Infinity) < (rankOf(a) ?? Infinity) ? b : a), row)
  const text = best['text']
  return (rankOf(best) ?? Infinity) < own && typeof text === 'string' && text !== row['text'] ? text : null
}

const rankOf = (row: Row): number | null => (typeof row['rank'] === 'number' ? row['rank'] : null)
