/** Queues of turns to label: drawn once, kept, and read from where their annotator was. */
import { setImmediate } from 'node:timers/promises'
import { drawIndices, orderCandidates, resolve, type Candidate } from '../../core/review.ts'
import { makeRng } from '../../core/rng.ts'
import { countedCategories } from '../../core/rubric.ts'
import type { ParsedInput } from '../../shared/contract.ts'
import { DETECTORS, type Detector } from '../../shared/datasets.ts'
import type { ReviewItem, ReviewOrder, ReviewPass, ReviewQueue } from '../../shared/review.ts'
import type { Message, SignalLabel } from '../../shared/types.ts'
import type { ReadableDb, WritableDb } from './open.ts'
import { labelledTurns, labelsOfTurn, pace, type LabelledTurn } from './review.ts'
import { countedCategoriesOf, detectorSignal } from './signals.ts'

export type QueueRequest = Omit<ParsedInput<'review.queue'>, 'fresh'>

type Turn = { conversation: number; turnIndex: number }
type TurnCandidate = Turn & Candidate

/** The annotator's queue of this request: the one they were in, or, where there is none, it was empty, or `fresh` is set, a new one. */
export async function openQueue(db: WritableDb, request: QueueRequest, fresh: boolean, now: Date): Promise<number> {
  const { annotator, pass, ...settings } = request
  const key = JSON.stringify({ pass, ...settings })
  const known = db
    .prepare('SELECT max(id) FROM review_queues q WHERE annotator = ? AND settings = ? AND EXISTS (SELECT 1 FROM review_queue_items i WHERE i.queue = q.id)')
    .pluck()
    .get(annotator, key) as number | null
  if (known !== null && !fresh) return known
  const items = await drawItems(db, request)
  const write = db.transaction(() => {
    const { lastInsertRowid } = db
      .prepare('INSERT INTO review_queues (annotator, pass, settings, after_entry, created_at) SELECT ?, ?, ?, coalesce(max(id), 0), ? FROM annotations')
      .run(annotator, pass, key, now.toISOString())
    const insert = db.prepare('INSERT INTO review_queue_items (queue, position, conversation, turn_index) VALUES (?, ?, ?, ?)')
    items.forEach(({ conversation, turnIndex }, position) => insert.run(lastInsertRowid, position, conversation, turnIndex))
    return Number(lastInsertRowid)
  })
  return write.immediate()
}

async function drawItems(db: ReadableDb, request: QueueRequest): Promise<Turn[]> {
  const { pass, order, category, cutoff, seed, target } = request
  const rng = makeRng(seed)
  if (order === 'skipped') return rng.shuffled(skippedTurns(db, request)).slice(0, target)
  if (pass === 'adjudication') return orderCandidates(disputedTurns(db, request), { order: 'disagreement', category: null, cutoff, rng }).slice(0, target)
  if (pass === 'second') {
    const turns = secondPassTurns(db, request)
    // The other orders read what the detectors say, which takes a query a turn.
    return (order === 'random' ? rng.shuffled(turns) : orderCandidates(turns.map((turn) => withDetector(db, turn)), { order, category, cutoff, rng })).slice(0, target)
  }
  if (order === 'random') return drawTurns(db, request, { unscoredOnly: false, wanted: target })
  const candidates = order === 'disagreement' ? await unlikeTurns(db, request) : turnsNearCutoff(db, request)
  const drawn: Turn[] = orderCandidates(candidates, { order, category, cutoff, rng }).slice(0, target)
  return order === 'uncertain' && drawn.length < target ? [...drawn, ...drawTurns(db, request, { unscoredOnly: true, wanted: target - drawn.length })] : drawn
}

/** Not undone, and a label of anybody or an entry of the annotator: such turns are no first pass's any more. */
const TAKEN = (turn: string): string => `EXISTS (SELECT 1 FROM annotations a WHERE a.conversation = ${turn}.conversation AND a.turn_index = ${turn}.turn_index
  AND (a.action = 'label' OR (a.action = 'skip' AND a.annotator = @annotator)) AND NOT EXISTS (SELECT 1 FROM annotations u WHERE u.undoes = a.id))`

const sqlList = (names: readonly Detector[]): string => names.map((name) => `'${name}'`).join(', ')

/** Ties at the edge fall in import order unless there are some more to choose from. */
const SPARE = 3

/** Unlabelled turns nearest to the cut-off by the detector that wins on each, of a category where one is named. */
function turnsNearCutoff(db: ReadableDb, { annotator, order, category, cutoff, target }: QueueRequest): TurnCandidate[] {
  const found: TurnCandidate[] = []
  DETECTORS.forEach((decider, rank) => {
    const stronger = sqlList(DETECTORS.slice(0, rank))
    for (const [side, direction] of [['>= @cutoff', 'ASC'], ['< @cutoff', 'DESC']] as const) {
      const rows = db
        .prepare(
          `SELECT s.conversation, s.turn_index AS turnIndex, s.probability, s.categories, s.label FROM signals s
           WHERE s.decider = @decider AND s.probability ${side} AND (@category IS NULL OR EXISTS (SELECT 1 FROM json_each(${countedCategoriesOf('s')}) WHERE value = @category))
             AND NOT EXISTS (SELECT 1 FROM signals o WHERE o.conversation = s.conversation AND o.turn_index = s.turn_index AND o.decider IN (${stronger}))
             AND NOT ${TAKEN('s')}
           ORDER BY s.probability ${direction} LIMIT @limit`,
        )
        .all({ decider, cutoff, annotator, category: order === 'category' ? category : null, limit: SPARE * target }) as (Turn & { probability: number; categories: string; label: SignalLabel })[]
      for (const { conversation, turnIndex, probability, categories, label } of rows) found.push({ conversation, turnIndex, probability, categories: countedCategories(label, JSON.parse(categories) as string[]), labels: [label] })
    }
  })
  return found
}

const CONVERSATIONS_AT_ONCE = 20_000

/** Unlabelled turns on which detectors or the data's own labels differ; in pieces, so that other calls are answered in between. */
async function unlikeTurns(db: ReadableDb, { annotator }: QueueRequest): Promise<TurnCandidate[]> {
  const last = (db.prepare('SELECT max(position) FROM conversations').pluck().get() as number | null) ?? 0
  const piece = db.prepare(
    `SELECT conversation, turn_index AS turnIndex, json_group_array(label) AS labels FROM signals s
     WHERE conversation BETWEEN @from AND @to GROUP BY conversation, turn_index HAVING min(label) <> max(label) AND NOT ${TAKEN('s')}`,
  )
  const found: TurnCandidate[] = []
  for (let from = 0; from <= last; from += CONVERSATIONS_AT_ONCE) {
    const rows = piece.all({ annotator, from, to: from + CONVERSATIONS_AT_ONCE - 1 }) as (Turn & { labels: string })[]
    for (const { conversation, turnIndex, labels } of rows) found.push({ conversation, turnIndex, probability: null, categories: [], labels: JSON.parse(labels) as SignalLabel[] })
    await setImmediate()
  }
  return found
}

/** Where nearly all turns are taken or judged, looking for the rest ends here: messages looked at per turn wanted. */
const LOOKS_PER_TURN = 1000

/** Unlabelled turns, each as likely as any other; those alone that no detector has judged where told. */
function drawTurns(db: ReadableDb, { annotator, seed }: QueueRequest, { unscoredOnly, wanted }: { unscoredOnly: boolean; wanted: number }): Turn[] {
  const { first, last } = db.prepare('SELECT min(id) AS first, max(id) AS last FROM messages').get() as { first: number | null; last: number | null }
  if (first === null || last === null) return []
  const look = db.prepare(
    `SELECT m.conversation, m.turn_index AS turnIndex FROM messages m
     WHERE m.id = @id AND m.role = 'user' AND EXISTS (SELECT 1 FROM messages r WHERE r.conversation = m.conversation AND r.turn_index = m.turn_index - 1 AND r.role = 'assistant')
       ${unscoredOnly ? `AND NOT EXISTS (SELECT 1 FROM signals s WHERE s.conversation = m.conversation AND s.turn_index = m.turn_index AND s.decider IN (${sqlList(DETECTORS)}))` : ''}
       AND NOT ${TAKEN('m')}`,
  )
  const drawn: Turn[] = []
  let looks = 0
  for (const index of drawIndices(last - first + 1, makeRng(seed).fork('turns'))) {
    const turn = look.get({ id: first + index, annotator }) as Turn | undefined
    if (turn !== undefined && drawn.push(turn) === wanted) break
    if (++looks === LOOKS_PER_TURN * wanted) break
  }
  return drawn
}

/** Labelled turns for a blind second look: others' (of one person where told), or the annotator's own where they are named. */
function secondPassTurns(db: ReadableDb, { annotator, of }: QueueRequest): LabelledTurn[] {
  const own = of === annotator
  const skipped = turnSet(skippedTurns(db, { annotator, pass: 'second' }))
  return labelledTurns(db).filter((turn) => {
    const votes = turn.votes.filter(({ pass }) => pass !== 'adjudication')
    const mine = votes.filter((vote) => vote.annotator === annotator)
    const wanted = of === null ? votes.some((vote) => vote.annotator !== annotator) : votes.some((vote) => vote.annotator === of)
    return wanted && (own ? !mine.some(({ pass }) => pass === 'second') : mine.length === 0) && !skipped.has(turnKey(turn))
  })
}

/** Turns that people label differently and nobody has decided. */
function disputedTurns(db: ReadableDb, { annotator }: QueueRequest): TurnCandidate[] {
  const skipped = turnSet(skippedTurns(db, { annotator, pass: 'adjudication' }))
  return labelledTurns(db)
    .filter((turn) => resolve(turn.votes)?.resolution === 'disputed' && !skipped.has(turnKey(turn)))
    .map(({ conversation, turnIndex, votes }) => ({ conversation, turnIndex, probability: null, categories: [], labels: votes.map(({ label }) => label) }))
}

function withDetector(db: ReadableDb, { conversation, turnIndex, votes }: LabelledTurn): TurnCandidate {
  const signal = detectorSignal(db, conversation, turnIndex)
  return { conversation, turnIndex, probability: signal?.probability ?? null, categories: signal === null ? [] : countedCategories(signal.label, signal.categories), labels: [...votes.map(({ label }) => label), ...(signal ? [signal.label] : [])] }
}

function skippedTurns(db: ReadableDb, { annotator, pass }: Pick<QueueRequest, 'annotator' | 'pass'>): Turn[] {
  return db.prepare("SELECT conversation, turn_index AS turnIndex FROM current_annotations WHERE annotator = ? AND pass = ? AND action = 'skip'").all(annotator, pass) as Turn[]
}

const turnKey = ({ conversation, turnIndex }: Turn): string => `${conversation} ${turnIndex}`
const turnSet = (turns: readonly Turn[]): Set<string> => new Set(turns.map(turnKey))

type StoredQueue = { id: number; annotator: string; pass: ReviewPass; settings: string; after_entry: number }

export function readQueue(db: ReadableDb, id: number): StoredQueue | null {
  return (db.prepare('SELECT id, annotator, pass, settings, after_entry FROM review_queues WHERE id = ?').get(id) as StoredQueue | undefined) ?? null
}

/** The entry by which the queue's annotator is done with an item, if any: made after the queue was drawn, not taken back. */
const DONE = `SELECT a.action FROM annotations a WHERE a.conversation = i.conversation AND a.turn_index = i.turn_index AND a.annotator = @annotator AND a.pass = @pass
  AND a.id > @after_entry AND a.action <> 'undo' AND NOT EXISTS (SELECT 1 FROM annotations u WHERE u.undoes = a.id) ORDER BY a.id DESC LIMIT 1`

/** Where the queue stands. */
export function describeQueue(db: ReadableDb, { id, annotator, pass, settings, after_entry }: StoredQueue): ReviewQueue {
  const counts = db
    .prepare(`SELECT count(*) AS size, total(done = 'label') AS labelled, total(done = 'skip') AS skipped FROM (SELECT (${DONE}) AS done FROM review_queue_items i WHERE i.queue = @id)`)
    .get({ id, annotator, pass, after_entry }) as Pick<ReviewQueue, 'size' | 'labelled' | 'skipped'>
  const { order } = JSON.parse(settings) as { order: ReviewOrder }
  return { id, annotator, pass, order, ...counts, perMinute: pace(db, annotator) }
}

/** The next turns of a queue that its annotator has not decided, in order. */
export function nextItems(db: ReadableDb, { id, annotator, pass, after_entry }: StoredQueue, limit: number): ReviewItem[] {
  const turns = db
    .prepare(`SELECT i.conversation, i.turn_index AS turnIndex FROM review_queue_items i WHERE i.queue = @id AND NOT EXISTS (${DONE}) ORDER BY i.position LIMIT @limit`)
    .all({ id, annotator, pass, after_entry, limit }) as Turn[]
  return turns.map((turn) => readItem(db, turn, pass))
}

const CONTEXT_MESSAGES = 9
const SHOWN_CHARACTERS = 20_000

/** A turn as an annotator of this pass may see it: nothing after it, others' labels for adjudicators alone. */
export function readItem(db: ReadableDb, { conversation, turnIndex }: Turn, pass: ReviewPass): ReviewItem {
  const { id, source, model } = db.prepare('SELECT id, source, model FROM conversations WHERE position = ?').get(conversation) as { id: string; source: string; model: string | null }
  const earlier = Math.max(0, turnIndex - CONTEXT_MESSAGES)
  const messages = db
    .prepare(`SELECT role, substr(content, 1, ${SHOWN_CHARACTERS}) AS content, length(content) > ${SHOWN_CHARACTERS} AS cut FROM messages WHERE conversation = ? AND turn_index BETWEEN ? AND ? ORDER BY turn_index`)
    .all(conversation, earlier, turnIndex) as (Message & { cut: number })[]
  return {
    conversationId: id,
    turnIndex,
    source,
    model,
    earlier,
    messages: messages.map((message) => ({ ...message, cut: message.cut === 1 })),
    suggestion: detectorSignal(db, conversation, turnIndex),
    annotations: pass === 'adjudication' ? labelsOfTurn(db, conversation, turnIndex).filter((entry) => entry.pass !== 'adjudication') : [],
  }
}
