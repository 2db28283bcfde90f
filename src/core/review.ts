/** What people's labels of a turn come to, and in which order turns are asked for. */
import type { Resolution, ReviewOrder, ReviewPass } from '../shared/review.ts'
import type { SignalLabel } from '../shared/types.ts'
import type { Rng } from './rng.ts'

/** One annotator's present label in one pass; `id` rises with time. */
export type Vote = { id: number; annotator: string; pass: ReviewPass; label: SignalLabel }

/**
 * Adjudicated over agreeing over single: the last adjudication decides; without one, labels count where all are
 * equal. Where they are not, nobody's label counts until somebody adjudicates (`vote` is null).
 */
export function resolve<Given extends Vote>(votes: readonly Given[]): { resolution: Resolution; vote: Given | null } | null {
  const last = (those: readonly Given[]): Given | null => those.reduce<Given | null>((best, vote) => (best === null || vote.id > best.id ? vote : best), null)
  const adjudicated = last(votes.filter(({ pass }) => pass === 'adjudication'))
  if (adjudicated) return { resolution: 'adjudicated', vote: adjudicated }
  const newest = last(votes)
  if (newest === null) return null
  if (new Set(votes.map(({ label }) => label)).size > 1) return { resolution: 'disputed', vote: null }
  return { resolution: votes.length > 1 ? 'agreed' : 'single', vote: newest }
}

/** Who a label counts as in agreement: a person's second look at their own label is a rater of its own. */
export function raterNames(votes: readonly Vote[]): string[] {
  return votes.map(({ annotator, pass }) => (pass === 'second' && votes.some((other) => other.annotator === annotator && other.pass === 'first') ? `${annotator}, again` : annotator))
}

/** A turn that may be asked for: what detectors and people said of it. */
export type Candidate = {
  /** That its user was dissatisfied, by the winning detector; null where none has judged it. */
  probability: number | null
  categories: readonly string[]
  /** Labels given by detectors and people. */
  labels: readonly SignalLabel[]
}

/**
 * Candidates as a queue asks for them, ties and turns that no detector has judged in seeded order, the latter last.
 * `disagreement` keeps turns with unlike labels, those farthest apart first; `category` keeps those of the category.
 */
export function orderCandidates<Given extends Candidate>(candidates: readonly Given[], { order, category, cutoff, rng }: { order: ReviewOrder; category: string | null; cutoff: number; rng: Rng }): Given[] {
  const shuffled = rng.shuffled(candidates)
  if (order === 'random' || order === 'skipped') return shuffled
  const distance = ({ probability }: Given): number => (probability === null ? Infinity : Math.abs(probability - cutoff))
  if (order === 'disagreement') return shuffled.filter(({ labels }) => new Set(labels).size > 1).sort((a, b) => spread(b.labels) - spread(a.labels))
  const kept = order === 'category' ? shuffled.filter(({ categories }) => category !== null && categories.includes(category)) : shuffled
  return kept.sort((a, b) => (distance(a) === distance(b) ? 0 : distance(a) - distance(b)))
}

const PLACE: Record<SignalLabel, number> = { dissatisfied: 0, neutral: 1, satisfied: 2 }
/** 2 where dissatisfied meets satisfied, 1 where one of them meets neutral. */
function spread(labels: readonly SignalLabel[]): number {
  const places = labels.map((label) => PLACE[label])
  return Math.max(...places) - Math.min(...places)
}

/** 0 … n - 1 in random order, one at a time: a Fisher-Yates shuffle that remembers only what it moved. */
export function* drawIndices(n: number, rng: Rng): Generator<number> {
  const moved = new Map<number, number>()
  for (let i = 0; i < n; i++) {
    const j = i + rng.int(n - i)
    const drawn = moved.get(j) ?? j
    moved.set(j, moved.get(i) ?? i)
    moved.delete(i)
    yield drawn
  }
}

export const DEFAULT_GUIDELINES = `What did the user think of the framed reply? Judge by the user's message alone; you may read what came before, never what comes after.

1 dissatisfied: the message shows that the reply did not do what was asked: a correction, the same request again, a complaint, giving up.
2 neutral: it shows neither. A new task, an answer to a question, a follow-up that takes the reply as given.
3 satisfied: it shows that the reply did what was asked: thanks, praise, building on it.

When in doubt between two, take neutral. Courtesy ("thanks, but ...") does not outweigh a correction. Mark the words that decided it, and leave a note where another person might decide otherwise.`
