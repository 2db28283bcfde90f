import { describe, expect, it } from 'vitest'
import { tripwireSchema } from '../shared/tripwires.ts'
import { watchWire } from './tripwires.ts'

const tripsAt = (wire: object, values: number[]): number[] => {
  const watch = watchWire(tripwireSchema.parse({ metric: 'loss', ...wire }))
  return values.flatMap((value, i) => (watch(value) ? [i] : []))
}

describe('a tripwire', () => {
  it('trips after as many steps in a row as it asks for, once', () => {
    expect(tripsAt({ above: 1, for_steps: 2 }, [2, 0, 2, 2, 2, 2])).toEqual([3])
    expect(tripsAt({ above: 1, for_steps: 2 }, [2, 2, 0, 2, 2])).toEqual([1, 4])
  })
  it('does not trip on its threshold', () => {
    expect(tripsAt({ above: 1 }, [1])).toEqual([])
    expect(tripsAt({ below: 1 }, [1, 0.9])).toEqual([1])
  })
  it('trips on what is no number, whichever side it watches', () => {
    expect(tripsAt({ above: 1 }, [NaN])).toEqual([0])
    expect(tripsAt({ below: 1 }, [-Infinity])).toEqual([0])
    expect(tripsAt({}, [1e9, NaN])).toEqual([1])
  })
})
