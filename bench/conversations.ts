/** Made-up conversations of a size, as JSON lines and as Parquet in WildChat's layout; written once into .runtime/bench. */
import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { parquetWriteFile } from 'hyparquet-writer'
import { step } from '../scripts/setup.mjs'
import { writeLines } from '../src/backend/write-lines.ts'
import { makeRng } from '../src/core/rng.ts'

const cache = join(import.meta.dirname, '..', '.runtime', 'bench')
/** Part of the files' names: raise it when what is written changes. */
const EDITION = 2
const WORDS = 50_000
/** As many rows as WildChat's shards hold, about. */
const ROWS_PER_SHARD = 50_000

type Row = { conversation_hash: string; model: string; timestamp: Date; conversation: { content: string; country: string; hashed_ip: string; language: string; role: string; toxic: boolean }[]; turn: bigint; language: string; toxic: boolean; redacted: boolean; hashed_ip: string }

/** Texts of made-up words, drawn as unevenly as in a language. */
export function makeTexts(draw: () => number): (draw: () => number, least: number, most: number) => string {
  const syllables = Array.from({ length: 98 }, (_, i) => `${'bcdfghklmnprst'[i % 14]}${'aeiouyw'[Math.floor(i / 14)]}`)
  const words = Array.from({ length: WORDS }, () => Array.from({ length: 1 + Math.floor(draw() * 4) }, () => syllables[Math.floor(draw() * 98)]).join(''))
  return (next, least, most) => Array.from({ length: least + Math.floor(next() * (most - least)) }, () => words[Math.floor(WORDS * next() ** 3)]).join(' ')
}

/** Five messages and about 2.5 kB a conversation on the mean. */
function* makeRows(n: number): Generator<Row> {
  const { next: draw } = makeRng('bench/conversations')
  const texts = makeTexts(draw)
  const text = (least: number, most: number): string => texts(draw, least, most)
  for (let i = 0; i < n; i++) {
    const length = [3, 4, 5, 6, 7][Math.floor(draw() * 5)]!
    const conversation = Array.from({ length }, (_, at) => ({ content: at % 2 === 0 ? text(5, 60) : text(60, 200), country: 'Nowhere', hashed_ip: 'a'.repeat(64), language: 'English', role: at % 2 === 0 ? 'user' : 'assistant', toxic: false }))
    yield { conversation_hash: i.toString(16).padStart(32, '0'), model: `model-${i % 7}`, timestamp: new Date(1.7e12 + i * 1000), conversation, turn: BigInt(Math.ceil(length / 2)), language: 'English', toxic: false, redacted: false, hashed_ip: 'a'.repeat(64) }
  }
}

export async function conversationLines(n: number): Promise<string> {
  const file = join(cache, `conversations-${n}-${EDITION}.jsonl`)
  if (existsSync(file)) return file
  await step(`writing ${n} conversations into .runtime/bench`, async () => void (await writeLines(file, lines(n))))
  return file
}

function* lines(n: number): Generator<string> {
  for (const { conversation_hash: id, model, timestamp, conversation, language } of makeRows(n)) {
    yield `${JSON.stringify({ id, model, language, created_at: timestamp, messages: conversation.map(({ role, content }) => ({ role, content })) })}\n`
  }
}

/** A folder of shards, snappy, in row groups of 1,000 as the `datasets` library writes them. */
export async function conversationShards(n: number): Promise<string> {
  const folder = join(cache, `conversations-${n}-${EDITION}`)
  if (existsSync(folder)) return folder
  await step(`writing ${n} conversations as Parquet into .runtime/bench`, async () => {
    mkdirSync(`${folder}.tmp`, { recursive: true })
    const shards = Math.ceil(n / ROWS_PER_SHARD)
    const rows = makeRows(n)
    for (let shard = 0; shard < shards; shard++) {
      const part: Row[] = []
      while (part.length < ROWS_PER_SHARD) {
        const next = rows.next()
        if (next.done === true) break
        part.push(next.value)
      }
      const pad = (number: number): string => String(number).padStart(5, '0')
      await writeShard(join(`${folder}.tmp`, `train-${pad(shard)}-of-${pad(shards)}.parquet`), part)
    }
    renameSync(`${folder}.tmp`, folder)
  })
  return folder
}

async function writeShard(filename: string, rows: readonly Row[]): Promise<void> {
  const text = { type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' } as const
  const truth = { type: 'BOOLEAN', repetition_type: 'OPTIONAL' } as const
  const columns = ['conversation_hash', 'model', 'timestamp', 'conversation', 'turn', 'language', 'toxic', 'redacted', 'hashed_ip'] as const
  await parquetWriteFile({
    filename,
    rowGroupSize: 1000,
    columnData: columns.map((name) => ({ name, data: rows.map((row) => row[name]) })),
    schema: [
      { name: 'root', num_children: columns.length },
      { name: 'conversation_hash', ...text }, { name: 'model', ...text },
      { name: 'timestamp', type: 'INT64', converted_type: 'TIMESTAMP_MILLIS', repetition_type: 'OPTIONAL' },
      { name: 'conversation', converted_type: 'LIST', repetition_type: 'OPTIONAL', num_children: 1 },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { name: 'element', repetition_type: 'OPTIONAL', num_children: 6 },
      { name: 'content', ...text }, { name: 'country', ...text }, { name: 'hashed_ip', ...text }, { name: 'language', ...text }, { name: 'role', ...text }, { name: 'toxic', ...truth },
      { name: 'turn', type: 'INT64', repetition_type: 'OPTIONAL' }, { name: 'language', ...text }, { name: 'toxic', ...truth }, { name: 'redacted', ...truth }, { name: 'hashed_ip', ...text },
    ],
  })
}
