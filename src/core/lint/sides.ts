/** The two sides of a pair held against each other: equal, nearly equal, empty, said the other way round elsewhere. */
import type { Pair } from '../../shared/types.ts'
import { normalized, jaccard, NEAR, shingles } from '../near-duplicates.ts'
import { promptText, repliesOf } from '../row-texts.ts'
import { type Check, countOf, excerpt, finding, findRows } from './finding.ts'

const sayTheSame = ({ chosen, rejected }: Pair): boolean => normalized(chosen) === normalized(rejected)

/** Sides that differ in case, punctuation or white space at most: the loss has nothing to tell apart. */
export const identicalSides: Check = (rows) => {
  const found = findRows(rows, (row) => ('chosen' in row && sayTheSame(row) ? excerpt(row.chosen) : null))
  return finding('identical-sides', 'error', 'drop', found, `${countOf(found.length, 'pair')} whose sides say the same`)
}

/** Sides that share most of their words: a pair that teaches a detail, or a copy. */
export const nearIdenticalSides: Check = (rows) => {
  const found = findRows(rows, (row) => {
    if (!('chosen' in row)) return null
    const similarity = jaccard(shingles(row.chosen), shingles(row.rejected))
    return similarity < NEAR || sayTheSame(row) ? null : `${Math.round(100 * similarity)} % of the word runs are shared`
  })
  return finding('near-identical-sides', 'warning', 'drop', found, `${countOf(found.length, 'pair')} whose sides share at least ${100 * NEAR} % of their word runs`)
}

/** A reply without a word. */
export const emptyReply: Check = (rows) => {
  const found = findRows(rows, (row) => repliesOf(row).find(({ text }) => text.trim() === '')?.side ?? null)
  return finding('empty-reply', 'error', 'drop', found, `${countOf(found.length, 'row')} with an empty reply`)
}

/** A reply chosen in one pair and rejected in another, to the same prompt. */
export const contradictions: Check = (rows) => {
  const key = (prompt: string, reply: string): string => JSON.stringify([prompt, normalized(reply)])
  const rejected = new Map<string, number>()
  rows.forEach((row, at) => 'chosen' in row && rejected.set(key(promptText(row), row.rejected), at))
  const found = findRows(rows, (row, at) => {
    const other = 'chosen' in row ? rejected.get(key(promptText(row), row.chosen)) : undefined
    return other === undefined || other === at ? null : `row ${other + 1} rejects what this one chooses`
  })
  return finding('contradiction', 'error', 'drop', found, `${countOf(found.length, 'pair')} that choose what another pair rejects, for the same prompt`)
}
