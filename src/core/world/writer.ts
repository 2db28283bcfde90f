/**
 * The writer: author of the replies the base model is pretrained on. Each aspect of a request is attended
 * to independently with some probability, which makes first replies mediocre and revised ones good.
 */
import type { Rng } from '../rng.ts'
import { ITEMS, type Item } from './items.ts'
import { renderReply } from './reply.ts'
import { ASPECTS, FORMATS, ITEM_ASPECTS, TONES, validItems, type Aspect, type Request } from './request.ts'
import type { Attention, World } from './world.ts'

export type WriterOptions = {
  /** Probability that one entry is replaced: by any item (60 %) or by a repeat (40 %). */
  slip: number
  /** Entries of the reply being revised; kept w.p. .3 as far as they fit. */
  previous?: readonly string[]
}

const KEEP_PREVIOUS = 0.3

/** Attention where everything is attended to. */
export const FULL_ATTENTION: Attention = { count: 1, format: 1, tone: 1, must: 1, mustnt: 1, budget: 1 }

/** `base` raised to at least `floor`; named aspects get `namedAttention`. */
export function attentionOf(base: Attention, floor = 0, named: readonly string[] = [], namedAttention = 0.96): Attention {
  return Object.fromEntries(ASPECTS.map((aspect) => [aspect, named.includes(aspect) ? namedAttention : Math.max(base[aspect], floor)])) as Record<Aspect, number>
}

/** Draws up to `n` items without replacement, by popularity. */
function pickItems(world: World, pool: readonly Item[], n: number, rng: Rng): string[] {
  const left = pool.slice()
  const picked: string[] = []
  while (picked.length < n && left.length > 0) {
    const index = rng.weighted(left.map((item) => world.popularity.get(item.name) ?? 0))
    picked.push(...left.splice(index, 1).map((item) => item.name))
  }
  return picked
}

/** A count that is not the requested one: n-1, n+1 or a random 2..4, within 1..5. */
function wrongCount(n: number, rng: Rng): number {
  return rng.pick([n - 1, n + 1, 2 + rng.int(3)].filter((count) => count >= 1 && count <= 5 && count !== n))
}

export function writeReply(world: World, request: Request, attention: Attention, rng: Rng, options: WriterOptions): string {
  const attended = Object.fromEntries(ASPECTS.map((aspect) => [aspect, rng.next() < attention[aspect]])) as Record<Aspect, boolean>
  const n = attended.count ? request.n : wrongCount(request.n, rng)
  const format = request.format !== undefined && attended.format ? request.format : (FORMATS[rng.weighted([0.6, 0.2, 0.2])] ?? 'bullets')
  const tone = request.tone !== undefined && attended.tone ? request.tone : (TONES[rng.weighted([0.5, 0.2, 0.3])] ?? 'friendly')

  const pool = validItems(request, ITEM_ASPECTS.filter((aspect) => attended[aspect]))
  let entries: string[] = []
  if (options.previous !== undefined && rng.next() < KEEP_PREVIOUS) {
    entries = [...new Set(options.previous)].filter((name) => pool.some((item) => item.name === name)).slice(0, n)
  }
  const kept = entries
  entries = [...kept, ...pickItems(world, pool.filter((item) => !kept.includes(item.name)), n - kept.length, rng)]
  if (rng.next() < options.slip) {
    entries[rng.int(entries.length)] = rng.next() < 0.6 ? rng.pick(ITEMS).name : rng.pick(entries)
  }
  return renderReply(entries.sort(), format, tone, rng)
}

export const FIRST_SLIP = 0.06
export const REVISED_SLIP = 0.03
const CAREFUL_SHARE = 0.1
const CAREFUL_FLOOR = 0.95

/** A first reply: mediocre, w.p. .10 (where `mayBeCareful`) by a careful writer. */
export function writeFirstReply(world: World, request: Request, rng: Rng, mayBeCareful = true): string {
  const careful = mayBeCareful && rng.next() < CAREFUL_SHARE
  return writeReply(world, request, attentionOf(world.options.firstAttention, careful ? CAREFUL_FLOOR : 0), rng, { slip: FIRST_SLIP })
}
