/** How the judges of a workspace compare with published annotations, and what that makes of their figures. */
import { badgeOf } from '../../core/evals/badge.ts'
import { calibrate } from '../../core/evals/calibration.ts'
import type { AnsweredBy, CalibrationRow, EvaluationRow } from '../../shared/evaluation.ts'
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

/** A stored evaluation as it is shown, with its badge. @param answered sets of answers by the hash of their file */
export function toRow({ official, discrete, ...stored }: StoredEvaluation, calibrations: readonly CalibrationRow[], answered: ReadonlyMap<string, AnsweredBy>): EvaluationRow {
  const outputs = stored.files.find(({ role }) => role === 'outputs')
  return { ...stored, answeredBy: (outputs && answered.get(outputs.sha256)) ?? null, badge: badgeOf({ official, discrete }, calibrationOf(stored, calibrations)) } as EvaluationRow
}

/** The calibration of an evaluation's judge; null where it has none. */
export function calibrationOf({ benchmark, judge, judgeUrl }: Pick<StoredEvaluation, 'benchmark' | 'judge' | 'judgeUrl'>, calibrations: readonly CalibrationRow[]): CalibrationRow | null {
  return calibrations.find((row) => row.benchmark === benchmark && row.judge === judge && row.judgeUrl === judgeUrl) ?? null
}
