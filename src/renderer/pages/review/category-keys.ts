/** The rubric's categories by letter: dissatisfied ones on the top row of a keyboard, satisfied ones below it. */
import { DISSATISFIED_SIGNS, SATISFIED_SIGNS } from '../../../core/signal-rules.ts'

export type CategoryKey = { key: string; category: string; side: 'dissatisfied' | 'satisfied' }

/** Left out: g (first of the page keys), j and k (next and back everywhere), v, n, b (evidence, note, blind). */
const topRow = 'qwertyuio'
const belowIt = 'asdfhlzxc'

export const categoryKeys: readonly CategoryKey[] = [
  ...DISSATISFIED_SIGNS.map((category, i): CategoryKey => ({ key: topRow[i]!, category, side: 'dissatisfied' })),
  ...SATISFIED_SIGNS.map((category, i): CategoryKey => ({ key: belowIt[i]!, category, side: 'satisfied' })),
]
