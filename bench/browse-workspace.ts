/**
 * A workspace of made-up conversations with everything a facet counts: sources, models, languages and dates of uneven
 * shares, labels with categories. Written once into .runtime/bench, a batch a transaction: broken off, it goes on.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { step } from '../scripts/setup.mjs'
import { isReaction } from '../src/core/import/messages.ts'
import { makeRng, type Rng } from '../src/core/rng.ts'
import { writeConversations, type NewConversation } from '../src/backend/storage/conversations.ts'
import { openWorkspace } from '../src/backend/storage/open.ts'
import type { Message, SignalLabel } from '../src/shared/types.ts'
import { makeTexts } from './conversations.ts'

/** Part of the folder's name: raise it when what is written changes. */
const EDITION = 1
const BATCH = 8000
const cache = join(import.meta.dirname, '..', '.runtime', 'bench')

const SOURCES = ['wildchat', 'lmsys-chat', 'sharegpt', 'support-desk', 'internal-pilot']
const MODELS = ['gpt-4-0314', 'gpt-4-1106-preview', 'gpt-3.5-turbo-0301', 'gpt-3.5-turbo-0613', 'vicuna-13b', 'llama-2-70b-chat', 'mixtral-8x7b', 'claude-2', 'qwen-72b', 'command-r', 'gemma-7b', 'phi-3']
const LANGUAGES = ['English', 'Chinese', 'Russian', 'French', 'Spanish', 'German', 'Japanese', 'Portuguese', 'Korean']
const CATEGORIES = ['wrong fact', 'ignored instruction', 'too long', 'too short', 'refusal', 'wrong language', 'broken code', 'repetition', 'misread question', 'tone', 'unfinished', 'format']
const FIRST_DAY = Date.UTC(2023, 3, 9)
const DAYS = 600
/** Of the user messages that answer a reply. */
const LABELLED = 0.3

/** The earlier a value stands, the more often it is drawn. */
const drawn = <T>(rng: Rng, values: readonly T[]): T => values[Math.floor(values.length * rng.next() ** 2)]!

function makeConversation(rng: Rng, text: (least: number, most: number) => string): NewConversation {
  const messages = Array.from({ length: 3 + rng.int(5) }, (_, at): Message => (at % 2 === 0 ? { role: 'user', content: text(5, 60) } : { role: 'assistant', content: text(60, 200) }))
  const labels = messages.flatMap((_, turnIndex) => {
    if (!isReaction(messages, turnIndex) || rng.next() > LABELLED) return []
    const label = (['dissatisfied', 'neutral', 'satisfied'] satisfies SignalLabel[])[rng.int(3)]!
    return [{ turnIndex, label, probability: label === 'dissatisfied' ? 1 : 0, categories: label === 'dissatisfied' ? [drawn(rng, CATEGORIES)] : [], ratings: null }]
  })
  const createdAt = new Date(FIRST_DAY + Math.floor(DAYS * 86_400_000 * Math.sqrt(rng.next()))).toISOString()
  return { source: drawn(rng, SOURCES), model: rng.next() < 0.05 ? null : drawn(rng, MODELS), language: drawn(rng, LANGUAGES), createdAt, messages, metadata: {}, labels }
}

/** @returns the folder of a workspace of `n` conversations, five messages and about 2.5 kB each on the mean */
export async function browseWorkspace(n: number): Promise<string> {
  mkdirSync(cache, { recursive: true })
  const folder = join(cache, `browse-${n}-${EDITION}`)
  const workspace = openWorkspace(folder)
  const { db } = workspace
  try {
    db.prepare("INSERT OR IGNORE INTO imports (id, files, format, created_at) VALUES ('made-up', '[]', 'openai', '2026-01-01T00:00:00.000Z')").run()
    const there = db.prepare('SELECT coalesce(max(position), 0) FROM conversations').pluck().get() as number
    if (there >= n) return folder
    await step(`making up ${n} conversations in .runtime/bench`, () => {
      const vocabulary = makeTexts(makeRng('bench/browse/words').next)
      for (let from = there; from < n; from += BATCH) {
        const rng = makeRng(`bench/browse/${from}`)
        const drafts = Array.from({ length: Math.min(BATCH, n - from) }, () => makeConversation(rng, (least, most) => vocabulary(rng.next, least, most)))
        writeConversations(db, 'made-up', drafts, () => undefined)
      }
      return Promise.resolve()
    })
    return folder
  } finally {
    workspace.close()
  }
}
