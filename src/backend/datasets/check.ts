/** The contamination guard on a dataset of the workspace: reads the prompt files, looks, and stamps the snapshot. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { findContamination, type GuardedRow, type GuardPrompt, NGRAM, readGuardPrompt } from '../../core/contamination.ts'
import { NEAR } from '../../core/near-duplicates.ts'
import { originOf, requestsOf } from '../../core/row-texts.ts'
import { type ContaminationStamp, MATCHES } from '../../shared/datasets.ts'
import { UsageError } from '../../shared/errors.ts'
import type { Dataset } from '../../shared/types.ts'
import { hashFile } from '../hash-file.ts'
import { openSentenceModel } from '../sentence-model.ts'
import { findEmbedding } from '../storage/conversation-map.ts'
import { eachDatasetRow, requireDataset, stampContamination } from '../storage/datasets.ts'
import type { ReadableDb, WritableDb } from '../storage/open.ts'
import type { Tell } from '../task-thread.ts'
import { readParsedRows } from './files.ts'
import { matchMeaning, type Meaning } from './match-meaning.ts'

const EXAMPLES = 200
const EXAMPLE_CHARACTERS = 200

type PromptFile = { path: string; sha256: string; prompts: GuardPrompt[] }

/** `folder`: of a sentence-embedding model; null: by wording alone. `threshold`: cosine from which a row counts. */
export type CheckInput = { name: string; files: readonly string[]; folder: string | null; threshold: number }

/** @throws UsageError for a file that is missing, unreadable or without prompts; InputError where the folder holds no model that can be read. */
export async function checkContamination(db: WritableDb, { name, files, folder, threshold }: CheckInput, tell: Tell = () => {}): Promise<Dataset> {
  requireDataset(db, name)
  const read = await readPromptFiles(files)
  if (folder === null) return stampAgainst(db, name, read, null, tell)
  tell(0, 0, 'opening the sentence model')
  const model = await openSentenceModel(db, resolve(folder))
  try {
    return await stampAgainst(db, name, read, { ...model, threshold }, tell)
  } finally {
    await model.release()
  }
}

/** The means of an earlier check, for another snapshot: what it has vectors of is compared again, without the model's files. */
export function meaningAsBefore(db: WritableDb, stamp: ContaminationStamp): Meaning | null {
  const embedding = stamp.meaning === null ? null : findEmbedding(db, stamp.meaning.version)
  return embedding === null ? null : { embedding, encode: null, threshold: stamp.meaning!.threshold }
}

export const readPromptFiles = (files: readonly string[]): Promise<PromptFile[]> => Promise.all(files.map(readPromptFile))

/** Looks for the prompts in the rows and keeps the result with the snapshot. */
export async function stampAgainst(db: WritableDb, name: string, read: readonly PromptFile[], meaning: Meaning | null, tell: Tell): Promise<Dataset> {
  const prompts = read.flatMap((file) => file.prompts)
  const rows = guardedRows(db, name)
  const meant = meaning === null ? null : await matchMeaning(db, rows, prompts, meaning, tell)
  const found = findContamination(rows, prompts, (done) => tell(done, rows.length, 'looking for prompts'), meant?.meets)
  const stamp: ContaminationStamp = {
    checkedAt: new Date().toISOString(),
    files: read.map(({ path, sha256, prompts: { length } }) => ({ path, sha256, prompts: length })),
    ngram: NGRAM,
    similarity: NEAR,
    rows: found.map(({ row }) => row),
    counts: Object.fromEntries(MATCHES.map((match) => [match, found.filter(({ by }) => by === match).length])) as ContaminationStamp['counts'],
    examples: found.slice(0, EXAMPLES).map(({ row, by, prompt }) => ({ row, by, prompt: (prompts[prompt]?.requests.at(-1) ?? '').slice(0, EXAMPLE_CHARACTERS) })),
    meaning: meant?.stamp ?? null,
  }
  stampContamination(db, name, stamp)
  return requireDataset(db, name)
}

async function readPromptFile(file: string): Promise<PromptFile> {
  const path = resolve(file)
  if (!existsSync(path)) throw new UsageError(`prompt file: expected a file of evaluation prompts, found none at ${path}`)
  const prompts = await readParsedRows(path, readGuardPrompt, `prompt file ${path}`, 'Expected AlpacaEval or WildBench rows, or rows with a prompt')
  if (prompts.length === 0) throw new UsageError(`prompt file ${path}: expected prompts, got none`)
  return { path, sha256: await hashFile(path), prompts }
}

/** With the id that the conversation had in the data it was imported from. */
function guardedRows(db: ReadableDb, name: string): GuardedRow[] {
  const ids = db.prepare("SELECT metadata ->> '$.id' FROM conversations WHERE id = ?").pluck()
  const known = new Map<string, string[]>()
  const idsOf = (conversation: string | null): string[] => {
    if (conversation === null || conversation === '') return []
    const present = known.get(conversation)
    if (present !== undefined) return present
    const own = ids.get(conversation) as string | number | null | undefined
    const found = own === null || own === undefined ? [conversation] : [conversation, String(own)]
    known.set(conversation, found)
    return found
  }
  return Array.from(eachDatasetRow(db, name), (row) => ({ requests: requestsOf(row), ids: idsOf(originOf(row).conversationId) }))
}
