/** A judge beside published annotations of the same answers: where they agree, and by how much it is off. */
import type { Benchmark, EvaluationDifference, JudgeCalibration } from '../../shared/evaluation.ts'
import { mcnemarTest, signFlipTest, spearman } from '../paired-tests.ts'
import { makeRng } from '../rng.ts'
import { holm, wilson } from '../statistics.ts'
import { meanInterval } from './intervals.ts'

/** Middle of a benchmark's values (a tie, a fair answer), and how they become the points that are shown. */
const SCALES: Readonly<Record<Benchmark, { middle: number; points: number }>> = {
  alpacaeval: { middle: 0.5, points: 100 },
  'wb-score': { middle: 5, points: 20 },
  'wb-reward': { middle: 0, points: 100 },
}

/** `pairs`: what this judge and the published one gave the same answers. Null where there are none. */
export function calibrate(benchmark: Benchmark, pairs: readonly { own: number; published: number }[]): JudgeCalibration | null {
  if (pairs.length === 0) return null
  const { middle, points } = SCALES[benchmark]
  const random = makeRng(`calibration/${benchmark}`).next
  const decided = pairs.filter(({ own, published }) => own !== middle && published !== middle)
  const above = (side: 'own' | 'published'): number => decided.filter((pair) => pair[side] > middle).length / decided.length
  const agreeing = decided.filter(({ own, published }) => own > middle === published > middle)
  return {
    n: pairs.length,
    // Not by resampling: a few answers that all agree would be a certainty.
    agreement: wilson(agreeing.length, decided.length) ?? { estimate: Number.NaN, low: Number.NaN, high: Number.NaN },
    agreementN: decided.length,
    agreementByChance: above('own') * above('published') + (1 - above('own')) * (1 - above('published')),
    rankCorrelation: spearman(pairs.map(({ own }) => own), pairs.map(({ published }) => published)),
    shift: meanInterval(pairs.map(({ own, published }) => own - published), random, points),
  }
}

/** Each of `others` minus `first` on the prompts both have; Holm over the whole list. Those that share nothing are left out. */
export function differences(benchmark: Benchmark, first: ReadonlyMap<string, number>, others: readonly { id: string; values: ReadonlyMap<string, number> }[]): EvaluationDifference[] {
  const { middle, points } = SCALES[benchmark]
  const compared = others.flatMap(({ id, values }) => {
    const keys = [...first.keys()].filter((key) => values.has(key)).sort()
    if (keys.length === 0) return []
    const random = makeRng(`differences/${benchmark}/${id}`).next
    const changes = keys.map((key) => values.get(key)! - first.get(key)!)
    const wins = keys.map((key) => [values.get(key)! > middle, first.get(key)! > middle] as const)
    return [
      {
        id,
        shared: keys.length,
        difference: meanInterval(changes, random, points),
        permutationP: signFlipTest(changes, { random }),
        mcnemarP: benchmark === 'alpacaeval' ? mcnemarTest(wins.filter(([own, other]) => own && !other).length, wins.filter(([own, other]) => !own && other).length) : null,
      },
    ]
  })
  const adjusted = holm(compared.map(({ permutationP }) => permutationP))
  return compared.map((row, i) => ({ ...row, adjustedP: adjusted[i]! }))
}
