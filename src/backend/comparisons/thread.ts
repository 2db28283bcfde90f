import type { ReportExploration } from '../../core/report.ts'
import type { AnswerLineage, Comparison, Exploration, StepCurves } from '../../shared/comparison.ts'
import { IDLE_MS, taskThread } from '../task-thread.ts'
import type { LineageInput } from './answer-lineage.ts'
import type { Gradients, GradientsInput } from './gradient-health.ts'
import type { Selection } from './read-comparison.ts'
import type { StepCurvesInput } from './step-curves.ts'

/** Beside this file: as source, or as Electron's bundle has it. */
const ENTRY = import.meta.url.endsWith('.ts') ? './explore-worker.ts' : './explore-worker.js'

/** The thread of a session that looks through all samples of a comparison: seconds, where there are a hundred thousand. */
export const explorationThread = taskThread<{ comparison: { input: Selection; output: Comparison }; keep: { input: { runs: string[] }; output: null }; explore: { input: { runs: string[] }; output: Exploration }; reported: { input: { runs: string[] }; output: ReportExploration | null }; lineage: { input: LineageInput; output: AnswerLineage }; curves: { input: StepCurvesInput; output: StepCurves }; gradients: { input: GradientsInput; output: Gradients } }>(new URL(ENTRY, import.meta.url), 'comparisons', 'evaluation', IDLE_MS)
