/** What the threshold workbench reads: reviewed labels beside a detector's probabilities, and the labels each cut-off gives. */
import { reliability, thresholdCurve } from '../../core/threshold.ts'
import type { Detector } from '../../shared/datasets.ts'
import type { LabelMix, ThresholdBench } from '../../shared/signals.ts'
import type { SignalLabel } from '../../shared/types.ts'
import type { ReadableDb } from './open.ts'

/** Labels that stand: a person's, or where no person has said anything the one that came with the data. */
export const STANDING = `SELECT conversation, turn_index, label, decider FROM signals t
  WHERE decider = 'human' OR (decider = 'imported' AND NOT EXISTS (SELECT 1 FROM signals h WHERE h.conversation = t.conversation AND h.turn_index = t.turn_index AND h.decider = 'human'))`

const STEPS = 100
const CUTOFFS = Array.from({ length: STEPS + 1 }, (_, i) => i / STEPS)

export function thresholdBench(db: ReadableDb, detector: Detector): ThresholdBench {
  const rows = db
    .prepare(`SELECT s.probability, t.label, t.decider FROM (${STANDING}) t JOIN signals s ON s.conversation = t.conversation AND s.turn_index = t.turn_index AND s.decider = ?`)
    .all(detector) as { probability: number; label: SignalLabel; decider: 'human' | 'imported' }[]
  const turns = rows.map(({ probability, label }) => ({ probability, dissatisfied: label === 'dissatisfied' }))
  const people = rows.filter(({ decider }) => decider === 'human').length
  return {
    reviewed: { people, imported: rows.length - people, dissatisfied: turns.filter(({ dissatisfied }) => dissatisfied).length },
    curve: thresholdCurve(turns, CUTOFFS),
    mix: mixByCutoff(db, detector),
    reliability: reliability(turns),
  }
}

/** Labels of all judged turns at each cut-off, were this detector to decide where no label stands. */
function mixByCutoff(db: ReadableDb, detector: Detector): LabelMix[] {
  const standing = db.prepare(`SELECT label, count(*) AS count FROM (${STANDING}) GROUP BY label`).all() as { label: SignalLabel; count: number }[]
  const fixed: LabelMix = { dissatisfied: 0, satisfied: 0, neutral: 0 }
  for (const { label, count } of standing) fixed[label] = count
  // A billionth keeps 0.29 in its own bin: 0.29 * 100 is a little less than 29.
  const bins = db
    .prepare(
      `SELECT min(${STEPS}, CAST(probability * ${STEPS} + 1e-9 AS INTEGER)) AS bin, label = 'satisfied' AS satisfied, count(*) AS count FROM signals s
       WHERE decider = ? AND NOT EXISTS (SELECT 1 FROM signals t WHERE t.conversation = s.conversation AND t.turn_index = s.turn_index AND t.decider IN ('human', 'imported'))
       GROUP BY bin, satisfied`,
    )
    .all(detector) as { bin: number; satisfied: 0 | 1; count: number }[]
  const total = bins.reduce((sum, { count }) => sum + count, 0)
  return CUTOFFS.map((_, step) => {
    const above = bins.filter(({ bin }) => bin >= step).reduce((sum, { count }) => sum + count, 0)
    const satisfied = bins.filter(({ bin, satisfied }) => bin < step && satisfied === 1).reduce((sum, { count }) => sum + count, 0)
    return { dissatisfied: fixed.dissatisfied + above, satisfied: fixed.satisfied + satisfied, neutral: fixed.neutral + total - above - satisfied }
  })
}

export function countLabels(db: ReadableDb): { people: number; imported: number; dissatisfied: number } {
  return db
    .prepare(`SELECT coalesce(sum(decider = 'human'), 0) AS people, coalesce(sum(decider = 'imported'), 0) AS imported, coalesce(sum(label = 'dissatisfied'), 0) AS dissatisfied FROM (${STANDING})`)
    .get() as { people: number; imported: number; dissatisfied: number }
}
