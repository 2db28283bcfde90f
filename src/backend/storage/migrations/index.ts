import type { WritableDb } from '../open.ts'
import { conversationsAndDatasets } from './0001-conversations-and-datasets.ts'
import { runs } from './0002-runs.ts'
import { review } from './0005-review.ts'

export type Migration = { number: number; name: string; up: (db: WritableDb) => void }

/** Append-only, numbers rising by one. A released migration is never edited. */
export const migrations: readonly Migration[] = [
  { number: 1, name: 'conversations-and-datasets', up: conversationsAndDatasets },
  { number: 2, name: 'runs', up: runs },
  { number: 3, name: 'held-for-imports', up: () => {} },
  { number: 4, name: 'held-for-signals', up: () => {} },
  { number: 5, name: 'review', up: review },
]
