/**
 * Whether a dataset's prompts are those of an evaluation: by the conversation they were taken from, word for word, by a
 * shared run of words, by likeness, by meaning. WildBench and WildFeedback both stem from WildChat, so the id comes first. Pure.
 */
import type { ContaminationStamp, Match } from '../shared/datasets.ts'
import { RowProblem, type Row } from './import/format.ts'
import { readMessages } from './import/messages.ts'
import { normalized, SimilarityIndex, wordsOf } from './near-duplicates.ts'

/** Words of a run that both must hold (Brown et al. 2020, appendix C). */
export const NGRAM = 13
/** A single message counts as equal from so many words on: "please continue" stands everywhere. A whole prompt always counts. */
const FEWEST_WORDS = 6

export type GuardPrompt = { requests: string[]; ids: string[] }
/** What a dataset row asks, and the ids of the conversation it stems from. */
export type GuardedRow = { requests: readonly string[]; ids: readonly string[] }
export type Contamination = { row: number; by: Match; prompt: number }

const ID_KEYS = ['conversation_hash', 'conversation_id', 'session_id', 'id']
const TEXT_KEYS = ['instruction', 'prompt', 'question']
const LIST_KEYS = ['conversation_input', 'conversation', 'messages', 'prompt']

/** A row of a prompt file: AlpacaEval's `instruction`, WildBench's `conversation_input`, or prompt, conversation, messages. Throws `RowProblem`. */
export function readGuardPrompt(row: Row): GuardPrompt {
  const ids = ID_KEYS.flatMap((key) => (typeof row[key] === 'string' && row[key] !== '' ? [row[key]] : []))
  const list = LIST_KEYS.find((key) => Array.isArray(row[key]))
  if (list !== undefined) return { ids, requests: readMessages(row[list], list).filter(({ role }) => role === 'user').map(({ content }) => content) }
  const text = TEXT_KEYS.map((key) => row[key]).find((value) => typeof value === 'string')
  if (typeof text !== 'string') throw new RowProblem(`expected ${[...new Set([...TEXT_KEYS, ...LIST_KEYS])].join(', ')}, got the keys ${Object.keys(row).join(', ')}`)
  return { ids, requests: [text] }
}

/** "1 prompt", "805 prompts": those of a stamp's files together, in words. @param noun of one */
export function promptsInWords(stamp: Pick<ContaminationStamp, 'files'>, noun = 'prompt'): string {
  const count = promptsOf(stamp)
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** How many prompts the files of a stamp hold together. */
export const promptsOf = ({ files }: Pick<ContaminationStamp, 'files'>): number => files.reduce((sum, { prompts }) => sum + prompts, 0)

/**
 * The rows that meet a prompt, each with its strongest match, in order.
 * @param onRow told before each row @param byMeaning the prompt a row meets in meaning, by its index
 */
export function findContamination(rows: readonly GuardedRow[], prompts: readonly GuardPrompt[], onRow?: (index: number) => void, byMeaning: ReadonlyMap<number, number> = new Map()): Contamination[] {
  const byId = new Map<string, number>()
  const byText = new Map<string, number>()
  const byRun = new Map<string, number>()
  const byLikeness = new SimilarityIndex({ seed: 1 })
  prompts.forEach(({ ids, requests }, prompt) => {
    for (const id of ids) byId.set(id, prompt)
    for (const key of exactKeys(requests)) byText.set(key, prompt)
    for (const run of runsOf(requests)) byRun.set(run, prompt)
    // Blank ones too: the index numbers texts as prompts are numbered.
    byLikeness.match(requests.join('\n'), { add: true })
  })
  const firstIn = (known: ReadonlyMap<string, number>, keys: Iterable<string>): number | undefined => {
    for (const key of keys) if (known.has(key)) return known.get(key)
    return undefined
  }
  const looks: readonly [Match, (row: GuardedRow, at: number) => number | undefined][] = [
    ['source-id', ({ ids }) => firstIn(byId, ids)],
    ['exact', ({ requests }) => firstIn(byText, exactKeys(requests))],
    ['ngram', ({ requests }) => firstIn(byRun, runsOf(requests))],
    ['similar', ({ requests }) => (isBlank(requests) ? undefined : byLikeness.match(requests.join('\n'), { add: false })[0])],
    ['meaning', (_, at) => byMeaning.get(at)],
  ]
  return rows.flatMap((row, at): Contamination[] => {
    onRow?.(at)
    for (const [by, look] of looks) {
      const prompt = look(row, at)
      if (prompt !== undefined) return [{ row: at, by, prompt }]
    }
    return []
  })
}

/** Nothing is asked: no user speaks, or says nothing. Two of these have nothing in common. */
export const isBlank = (requests: readonly string[]): boolean => requests.every((request) => request.trim() === '')

/** The prompt as a whole, and each message that is long enough to be one's own. */
function exactKeys(requests: readonly string[]): string[] {
  if (isBlank(requests)) return []
  const long = requests.map(wordsOf).filter((words) => words.length >= FEWEST_WORDS)
  return [normalized(requests.join('\n')), ...long.map((words) => words.join(' '))]
}

/** Runs of words within a message, one at a time: a look ends at the first that is known. */
function* runsOf(requests: readonly string[]): Generator<string> {
  for (const words of requests.map(wordsOf)) for (let i = 0; i + NGRAM <= words.length; i++) yield words.slice(i, i + NGRAM).join(' ')
}
