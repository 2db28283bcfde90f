/** The workspace's rubric: why users are content or not, in categories that people, judge, queues and duels share. */
import { UsageError } from '../shared/errors.ts'
import type { Rubric } from '../shared/signals.ts'
import type { SignalLabel } from '../shared/types.ts'

/** One category a line under its side; users edit this text, since rubrics do not transfer between domains. */
export const DEFAULT_RUBRIC = `Dissatisfied:
- negative feedback: complains, is annoyed, says the reply is no good
- revision asked: asks for a redo or a change of the reply
- factual error: points out that something is wrong
- unrealistic expectation: asks for what the assistant cannot do
- no engagement: does not take up what the assistant asked or offered
- instruction ignored: says that an instruction was not followed, or repeats it
- low quality: says the reply is poor, generic or makes no sense
- too little detail: says it is too short or too thin
- style or format: says tone, length or layout is wrong

Satisfied:
- gratitude: thanks
- learned something: says they learned or understood something
- followed the suggestion: takes or has tried what was suggested
- praise: says the reply is good
- personal detail: opens up about themselves
- humour: jokes, is amused
- acknowledgment: confirms, agrees
- positive closing: ends in a friendly way
- getting there: visibly comes closer to what they want`

/** Stands in for the categories of a dissatisfied turn whose decider named none: the classifier often hears displeasure in words that no rule knows. */
export const UNSPECIFIED = 'unspecified'

/** A signal's categories as they are counted and filtered. */
export const countedCategories = (label: SignalLabel, categories: readonly string[]): readonly string[] => (label === 'dissatisfied' && categories.length === 0 ? [UNSPECIFIED] : categories)

/** What a label may name, and a key or a button can show. */
const MOST_CATEGORIES = 40
const LONGEST_NAME = 60

/** The categories of each side, in the text's order and in lower case. Throws a UsageError naming the line that cannot be read. */
export function readRubric(text: string): Rubric {
  const sides: Rubric = { dissatisfied: [], satisfied: [] }
  const lines = new Map<string, number>()
  let side: keyof Rubric | null = null
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line === '') continue
    const head = /^(dissatisfied|satisfied):?$/i.exec(line)
    const entry = /^[-*]\s*([^:]+?)\s*(?::.*)?$/.exec(line)
    const wrong = (expected: string): UsageError => new UsageError(`rubric, line ${i + 1}: expected ${expected}, got "${line.slice(0, 80)}"`)
    if (head) side = head[1]!.toLowerCase() as keyof Rubric
    else if (entry && side) {
      const name = entry[1]!.toLowerCase()
      if (name.length > LONGEST_NAME) throw wrong(`a category of at most ${LONGEST_NAME} characters before its colon`)
      if (name === UNSPECIFIED) throw wrong(`another name than "${UNSPECIFIED}", which counts turns whose decider named no category`)
      if (lines.has(name)) throw wrong(`each category once, "${name}" stands in line ${lines.get(name)} already`)
      lines.set(name, i + 1)
      sides[side].push(name)
    } else throw wrong('"Dissatisfied:", "Satisfied:" or "- category: what it means"')
  }
  if (sides.dissatisfied.length === 0) throw new UsageError('rubric: expected at least one category under "Dissatisfied:", got none')
  if (lines.size > MOST_CATEGORIES) throw new UsageError(`rubric: expected at most ${MOST_CATEGORIES} categories, got ${lines.size}. Merge those that are rarely told apart`)
  return sides
}
