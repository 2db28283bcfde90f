/** What a judge's reply says. Null where it says nothing that can be read: prose, a refusal, broken JSON. */
import { FIRST, SECOND } from './judge-prompts.ts'
import { scoreOf } from './wildbench-files.ts'

export type Alternative = { token: string; logprob: number }

/**
 * AlpacaEval's preference from the alternatives of the first token: 2 minus the probability that the answer shown
 * first is better, turned round where the model's answer was shown first. Only the exact tokens count; the sampled
 * one does not matter. Null where neither is among the alternatives.
 */
export function preferenceFromLogprobs(alternatives: readonly Alternative[], switched: boolean): number | null {
  const logprobOf = (token: string): number => alternatives.find((alternative) => alternative.token === token)?.logprob ?? -Infinity
  const first = logprobOf(FIRST)
  const second = logprobOf(SECOND)
  if (first === -Infinity && second === -Infinity) return null
  const preference = 2 - 1 / (1 + Math.exp(second - first))
  return switched ? 3 - preference : preference
}

/** The same from the text alone, where there are no log-probabilities: 1 or 2. */
export function preferenceFromText(text: string, switched: boolean): number | null {
  const named = text.trim()
  if (named !== FIRST && named !== SECOND) return null
  return (named === FIRST) === switched ? 2 : 1
}

/** WildBench's score, 1 to 10. */
export function scoreFromReply(text: string): number | null {
  return scoreOf(fieldOf(text, 'score'))
}

export type Choice = { winner: 'A' | 'B' | 'tie'; extent: 0 | 1 | 2 }

const CHOICES: Readonly<Record<string, Choice>> = {
  'A++': { winner: 'A', extent: 2 },
  'A+': { winner: 'A', extent: 1 },
  'A=B': { winner: 'tie', extent: 0 },
  'B+': { winner: 'B', extent: 1 },
  'B++': { winner: 'B', extent: 2 },
}

export function choiceFromReply(text: string): Choice | null {
  const choice = fieldOf(text, 'choice')
  return typeof choice === 'string' && Object.hasOwn(CHOICES, choice.trim()) ? CHOICES[choice.trim()]! : null
}

function fieldOf(text: string, key: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined
  } catch {
    return undefined
  }
}
