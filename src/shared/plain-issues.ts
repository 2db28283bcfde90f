/** What zod says of a wrong value, in our words: expected, got. Loaded with the recipe and the contract, it holds for every schema. */
import { z } from 'zod'

z.config({
  customError: (issue) => {
    if (issue.code === 'too_small') return `expected ${amount(issue.origin, issue.minimum, issue.inclusive === false ? 'above' : 'from')}`
    if (issue.code === 'too_big') return `expected ${amount(issue.origin, issue.maximum, issue.inclusive === false ? 'below' : 'up to')}`
    if (issue.code === 'invalid_type' && issue.expected === 'int') return 'expected a whole number'
    return undefined
  },
})

function amount(origin: string, limit: number | bigint, word: 'above' | 'from' | 'below' | 'up to'): string {
  if (origin === 'number' || origin === 'int' || origin === 'bigint') return `a number ${word} ${limit}`
  const unit = origin === 'string' ? (limit === 1 ? 'character' : 'characters') : limit === 1 ? 'entry' : 'entries'
  const size = `${word === 'from' ? 'at least' : word === 'up to' ? 'at most' : word === 'above' ? 'more than' : 'fewer than'} ${limit}`
  return origin === 'string' ? `text of ${size} ${unit}` : `a list of ${size} ${unit}`
}

/** One issue with what was found there, as it follows the name of the place. @param given the whole that was read */
export function issueWords({ message, path }: Pick<z.core.$ZodIssue, 'message' | 'path'>, given: unknown): string {
  const value = path.reduce<unknown>((at, step) => (typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[step] : undefined), given)
  const expected = message.replace(/^Invalid (input|option): /, '').replace(/, received \w+$/, '')
  return expected.startsWith('expected') ? `${expected}, got ${written(value)}` : message
}

/** All that is wrong with what was read. @param root what the places are named from */
export const allIssues = (root: string, issues: readonly z.core.$ZodIssue[], given: unknown): string => issues.map((issue) => `${[root, ...issue.path].map(String).join('.')}: ${issueWords(issue, given)}`).join('; ')

const LONGEST = 80
function written(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value)
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text
}
