import type { EvaluationRow, JudgeBadge, JudgeCalibration } from '../../shared/evaluation.ts'

/** From so many answers on that both judges saw, and agreement surely above chance, another judge counts as calibrated. */
export const CALIBRATION_ITEMS = 100

/** The badge of a judged figure; `calibration` is the judge's own against published annotations, where there is one. */
export function badgeOf({ official, discrete }: { official: boolean; discrete: boolean }, calibration: JudgeCalibration | null): JudgeBadge {
  if (discrete) return 'discrete'
  if (official) return 'official'
  return calibration !== null && calibration.n >= CALIBRATION_ITEMS && calibration.agreement.low > calibration.agreementByChance ? 'calibrated' : 'uncalibrated'
}

/** Whether the values of two evaluations of a benchmark mean the same: one reference, and for rewards one length margin. */
export function isComparable(a: Pick<EvaluationRow, 'reference' | 'benchmark' | 'input'>, b: Pick<EvaluationRow, 'reference' | 'benchmark' | 'input'>): boolean {
  return a.benchmark === b.benchmark && a.reference === b.reference && (a.benchmark !== 'wb-reward' || a.input.k === b.input.k)
}
