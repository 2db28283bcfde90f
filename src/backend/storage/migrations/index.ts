import type { WritableDb } from '../open.ts'
import { conversationsAndDatasets } from './0001-conversations-and-datasets.ts'
import { runs } from './0002-runs.ts'
import { datasets } from './0006-datasets.ts'

export type Migration = { number: number; name: string; up: (db: WritableDb) => void }

/** Append-only, numbers rising by one. A released migration is never edited. */
export const migrations: readonly Migration[] = [
  { number: 1, name: 'conversations-and-datasets', up: conversationsAndDatasets },
  { number: 2, name: 'runs', up: runs },
  ...[3, 4, 5].map((number) => ({ number, name: 'reserved', up: () => {} })),
  { number: 6, name: 'datasets', up: datasets },
]
