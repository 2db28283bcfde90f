/** The rubric's categories by letter: dissatisfied ones on the top row of a keyboard, satisfied ones below it. */
import type { Rubric } from '../../../shared/signals.ts'

/** `key`: null where letters ran out; the button is still there. */
export type CategoryKey = { key: string | null; category: string; side: keyof Rubric }

/** Left out: g (first of the page keys), j and k (next and back everywhere), v, n, b (evidence, note, blind). */
const ROWS = { dissatisfied: 'qwertyuiop', satisfied: 'asdfhlzxcm' } as const

/** Each side takes its own row of letters, and what the other leaves. */
export function categoryKeys(rubric: Rubric): CategoryKey[] {
  const own = (side: keyof Rubric): string[] => [...ROWS[side]]
  const spare = (side: keyof Rubric): string[] => own(side).slice(rubric[side].length)
  const keysOf = (side: keyof Rubric, other: keyof Rubric): CategoryKey[] => {
    const letters = [...own(side), ...spare(other)]
    return rubric[side].map((category, i) => ({ key: letters[i] ?? null, category, side }))
  }
  return [...keysOf('dissatisfied', 'satisfied'), ...keysOf('satisfied', 'dissatisfied')]
}
