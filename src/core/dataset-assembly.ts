/** From candidate rows to a dataset: duplicates out, sources capped, a held-out part set aside. Order is kept. Pure and seeded. */
import type { BuildOptions } from '../shared/datasets.ts'
import { Clusters } from './clusters.ts'
import { nearDuplicates, normalized } from './near-duplicates.ts'
import { makeRng } from './rng.ts'

export type Candidate = {
  /** All a row says: what duplicates are told by. */
  text: string
  /** What is asked: what a split keeps together. */
  prompt: string
  source: string
  conversation: string
  /** Where the data names one. */
  user: string | null
}
export type Assembly = {
  /** Indices of candidates, ascending. */
  train: number[]
  heldOut: number[]
  /** Why candidates are in neither. */
  removed: { exact: number; near: number; capped: number }
}

/** @param onCompared told how many rows were compared with the others, over and over: may throw to stop */
export function assemble(candidates: readonly Candidate[], { dedup, maxPerSource, heldOut, splitBy, seed }: Pick<BuildOptions, 'dedup' | 'maxPerSource' | 'heldOut' | 'splitBy' | 'seed'>, onCompared?: (done: number) => void): Assembly {
  const all = candidates.map((_, i) => i)
  const exact = dedup === 'none' ? all : firstOfEach(all, all.map((i) => normalized(candidates[i]!.text)))
  const near = dedup === 'near' ? firstOfEach(exact, nearDuplicates(exact.map((i) => candidates[i]!.text), { seed, onText: onCompared })) : exact
  const kept = maxPerSource === undefined ? near : capped(near, (i) => candidates[i]!.source, maxPerSource, seed)
  const aside = heldOut === 0 ? new Set<number>() : setAside(kept.map((i) => candidates[i]!), kept, { heldOut, splitBy, seed }, onCompared)
  return {
    train: kept.filter((i) => !aside.has(i)),
    heldOut: kept.filter((i) => aside.has(i)),
    removed: { exact: all.length - exact.length, near: exact.length - near.length, capped: near.length - kept.length },
  }
}

function firstOfEach(indices: readonly number[], keys: readonly (string | number)[]): number[] {
  const seen = new Set<string | number>()
  return indices.filter((_, place) => !seen.has(keys[place]!) && seen.add(keys[place]!))
}

/** A seeded sample of each source that has too many. */
function capped(indices: readonly number[], sourceOf: (index: number) => string, most: number, seed: number): number[] {
  const bySource = Map.groupBy(indices, sourceOf)
  const kept = new Set<number>()
  for (const [source, own] of bySource) for (const index of makeRng(`cap ${seed} ${source}`).shuffled(own).slice(0, most)) kept.add(index)
  return indices.filter((index) => kept.has(index))
}

/** Whole groups in seeded order, as many as fit into the share asked for. */
function setAside(rows: readonly Candidate[], indices: readonly number[], { heldOut, splitBy, seed }: Pick<BuildOptions, 'heldOut' | 'splitBy' | 'seed'>, onCompared?: (done: number) => void): Set<number> {
  const groups = new Clusters(rows.length)
  const together = (keyOf: (row: Candidate) => string | null): void => {
    const first = new Map<string, number>()
    rows.forEach((row, i) => {
      const key = keyOf(row)
      if (key === null) return
      const present = first.get(key)
      if (present === undefined) first.set(key, i)
      else groups.join(present, i)
    })
  }
  together(({ conversation }) => conversation)
  if (splitBy !== 'conversation') together(({ user, source }) => (user === null ? null : `${source} ${user}`))
  if (splitBy === 'cluster') nearDuplicates(rows.map(({ prompt }) => prompt), { seed, onText: onCompared }).forEach((first, i) => groups.join(first, i))

  const members = [...Map.groupBy(rows.keys(), (i) => groups.find(i)).values()]
  const most = Math.round(heldOut * rows.length)
  const aside = new Set<number>()
  for (const group of makeRng(`held out ${seed}`).shuffled(members)) if (aside.size + group.length <= most) for (const i of group) aside.add(indices[i]!)
  return aside
}
