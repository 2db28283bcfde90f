/** A world: the seed's popularity of items, and how attentive its writer is. */
import { makeRng } from '../rng.ts'
import { CATEGORIES, ITEMS_OF } from './items.ts'
import type { Aspect } from './request.ts'

/** Probability of attending to each aspect of a request. */
export type Attention = Readonly<Record<Aspect, number>>

export type WorldOptions = {
  /** Attention of first replies (world.md 1.4). Lower values make the base mediocre under greedy decoding too. */
  firstAttention: Attention
  /**
   * Attention to the aspects that the feedback does NOT name, when a reply is revised. null: almost as
   * high as to the named ones (.88, .96 after an improve line, 1 in clean revisions), so that most of the
   * gain comes from "a complaint happened". About .6 makes what the feedback says matter (finding 2).
   */
  revisionFloor: number | null
  /** false: a revised reply is as careless as a first one. A base of such a world is the negative control: feedback does not help it. */
  heedsFeedback: boolean
}

export type World = {
  readonly seed: number
  /** Weight of each item when the writer picks: 1/(rank+2)^0.8 within its category. */
  readonly popularity: ReadonlyMap<string, number>
  readonly options: WorldOptions
}

export const FIRST_ATTENTION: Attention = { count: 0.55, format: 0.5, tone: 0.45, must: 0.45, mustnt: 0.4, budget: 0.35 }

export function makeWorld(seed: number, options: Partial<WorldOptions> = {}): World {
  const rng = makeRng(`world ${seed}`).fork('popularity')
  const popularity = new Map<string, number>()
  for (const category of CATEGORIES) {
    rng.shuffled(ITEMS_OF[category]).forEach((item, rank) => popularity.set(item.name, 1 / (rank + 2) ** 0.8))
  }
  return { seed, popularity, options: { firstAttention: FIRST_ATTENTION, revisionFloor: null, heedsFeedback: true, ...options } }
}
