import { nearDuplicates, normalized } from '../near-duplicates.ts'
import { wholeText } from '../row-texts.ts'
import { type Check, countOf, finding, type Found } from './finding.ts'

/** Rows that say the same as an earlier one, which stays. */
export const duplicates: Check = (rows) => {
  const first = new Map<string, number>()
  const found: Found = []
  rows.forEach((row, at) => {
    const key = normalized(wholeText(row))
    const before = first.get(key)
    if (before === undefined) first.set(key, at)
    else found.push({ row: at, found: `the same as row ${before + 1}` })
  })
  return finding('duplicate', 'warning', 'keep-one', found, `${countOf(found.length, 'row')} that repeat an earlier one`)
}

/** Rows that nearly say the same as an earlier one, equal ones left to `duplicates`. */
export const nearlyDuplicates: Check = (rows) => {
  const texts = rows.map(wholeText)
  const keys = texts.map(normalized)
  const seen = new Set<string>()
  const found: Found = []
  nearDuplicates(texts, { seed: 1 }).forEach((first, at) => {
    if (first !== at && !seen.has(keys[at]!)) found.push({ row: at, found: `nearly the same as row ${first + 1}` })
    seen.add(keys[at]!)
  })
  return finding('near-duplicate', 'note', 'keep-one', found, `${countOf(found.length, 'row')} that nearly repeat an earlier one (80 % of their word runs)`)
}
