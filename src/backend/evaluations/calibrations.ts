/** How the judges of a workspace compare with published annotations, and what that makes of their figures. */
import { badgeOf } from '../../core/evals/badge.ts'
import { calibrate } from '../../core/evals/calibration.ts'
import type { CalibrationRow, EvaluationRow } from '../../shared/evaluation.ts'
import { readCalibrationPairs, type StoredEvaluation } from '../storage/judged-evaluations.ts'
import type { ReadableDb } from '../storage/open.ts'

/** One per judge and benchmark, over the answers of all models that it shares with official evaluations. */
export function readCalibrations(db: ReadableDb): CalibrationRow[] {
  const groups = Map.groupBy(readCalibrationPairs(db), ({ benchmark, judge, judgeUrl }) => JSON.stringify([benchmark, judge, judgeUrl]))
  return [...groups.values()].flatMap((pairs): CalibrationRow[] => {
    const { benchmark, judge, judgeUrl } = pairs[0]!
    const calibration = calibrate(benchmark, pairs)
    return calibration === null ? [] : [{ ...calibration, benchmark, judge, judgeUrl, models: [...new Set(pairs.map(({ model }) => model))] }]
  })
}

/** A stored evaluation as it is shown, with its badge. */
export function toRow({ official, discrete, ...stored }: StoredEvaluation, calibrations: readonly CalibrationRow[]): EvaluationRow {
  const calibration = calibrations.find(({ benchmark, judge, judgeUrl }) => benchmark === stored.benchmark && judge === stored.judge && judgeUrl === stored.judgeUrl) ?? null
  return { ...stored, badge: badgeOf({ official, discrete }, calibration) } as EvaluationRow
}
