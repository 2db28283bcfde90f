/** What crosses the contract about what reading every conversation once finds. */

export const PERSONAL_DATA_KINDS = ['email', 'phone', 'card', 'ip', 'key', 'address'] as const
export type PersonalDataKind = (typeof PERSONAL_DATA_KINDS)[number]

export type Analysis = {
  /** Conversations that nobody has read yet, or not compared with the others: what is shown is without them. */
  waiting: number
  /** Groups of near-duplicates found. */
  groups: number
}

/** Another conversation of the same group; `similarity` is the exact Jaccard similarity of word shingles with the one asked for. */
export type GroupMember = { id: string; source: string; model: string | null; createdAt: string | null; turns: number; opening: string; similarity: number }
