/** What crosses the contract about deleting conversations. */
import type { RunStatus } from './types.ts'

/** Everything that comes from some conversations. */
export type Descent = {
  conversations: number
  turns: number
  signals: number
  /** Turns that people have labelled. */
  labelledTurns: number
  /** Stay as they are, and say which of their conversations are gone. */
  datasets: { name: string; rows: number; of: number }[]
  /** Trained on these datasets. */
  runs: { id: string; status: RunStatus; dataset: string }[]
  /** Replies that runs sampled for turns of these conversations. */
  samples: number
  /** Labelled turns that the workspace's own classifier has learned from. */
  classifierTurns: number
}

/** Deleted together, under a number that brings them back; `stopped`: it was cancelled, and so many of them are gone. */
export type Deletion = { deletion: number; conversations: number; stopped: boolean }

export type DeletedConversation = {
  id: string
  source: string
  turns: number
  deletedAt: string
  /** First words; null once it is purged. */
  opening: string | null
}

/** A dataset's conversations that were deleted since it was made. */
export type GoneConversations = { conversations: number; rows: number; /** Of these, so many are purged. */ purged: number; lastDeletedAt: string }
