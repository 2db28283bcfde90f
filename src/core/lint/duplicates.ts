import { NEAR, nearDuplicates, normalized } from '../near-duplicates.ts'
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
  const firsts = nearDuplicates(texts, { seed: 1 })
  // Equal rows share a cluster: those that stand alone need no key.
  const leaders = new Set(firsts.filter((first, at) => first !== at))
  const seen = new Set<string>()
  const found: Found = []
  firsts.forEach((first, at) => {
    if (first === at && !leaders.has(at)) return
    const key = normalized(texts[at]!)
    if (first !== at && !seen.has(key)) found.push({ row: at, found: `nearly the same as row ${first + 1}` })
    seen.add(key)
  })
  return finding('near-duplicate', 'note', 'keep-one', found, `${countOf(found.length, 'row')} that nearly repeat an earlier one (${100 * NEAR} % of their word runs)`)
}
