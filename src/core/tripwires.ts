/** Which tripwires a series of figures trips. Pure. */
import type { Tripwire } from '../shared/tripwires.ts'

/** Beyond its threshold, or no number at all. */
export const isBeyond = ({ above, below }: Pick<Tripwire, 'above' | 'below'>, value: number): boolean => !Number.isFinite(value) || (above !== null && value > above) || (below !== null && value < below)

/** Follows one wire through the steps of a stage. */
export function watchWire(wire: Tripwire): (value: number) => boolean {
  let inARow = 0
  return (value) => {
    inARow = isBeyond(wire, value) ? inARow + 1 : 0
    return inARow === wire.for_steps
  }
}
