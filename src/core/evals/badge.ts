import type { JudgeBadge, JudgeCalibration } from '../../shared/evaluation.ts'

/** From so many answers on that both judges saw, and agreement surely above chance, another judge counts as calibrated. */
export const CALIBRATION_ITEMS = 100

/** The badge of a judged figure; `calibration` is the judge's own against published annotations, where there is one. */
export function badgeOf({ official, discrete }: { official: boolean; discrete: boolean }, calibration: JudgeCalibration | null): JudgeBadge {
  if (discrete) return 'discrete'
  if (official) return 'official'
  return calibration !== null && calibration.n >= CALIBRATION_ITEMS && calibration.agreement.low > 0.5 ? 'calibrated' : 'uncalibrated'
}
