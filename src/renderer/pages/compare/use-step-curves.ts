/** The step curves of what is compared, and what of them is shown; asked for beside the comparison, not behind it. */
import { computed, type ComputedRef, type WritableComputedRef } from 'vue'
import { CURVE_AXES, type CurveAxis, type StepCurves } from '../../../shared/comparison.ts'
import { type Answer, useCall } from '../../composables/use-call.ts'
import { choice, text, useParams } from '../../composables/use-params.ts'
import type { Selection } from './use-comparison.ts'

export type ShownSteps = {
  metric: WritableComputedRef<string>
  params: { smooth: '0' | '0.6' | '0.9' | '0.97'; scale: 'linear' | 'log'; across: CurveAxis }
  answer: Answer<StepCurves>
}

/** @param selection null where they are not looked at */
export function useStepCurves(selection: ComputedRef<Selection | null>): ShownSteps {
  const params = useParams({ metric: text({ quiet: true }), smooth: choice(['0', '0.6', '0.9', '0.97'], { quiet: true }), scale: choice(['linear', 'log'], { quiet: true }), across: choice(CURVE_AXES, { quiet: true }) })
  const metric = computed({ get: () => params.metric || 'rewards/margins', set: (value) => (params.metric = value) })
  const answer = useCall('comparisons.curves', () => selection.value && { ...selection.value, metric: metric.value, smoothing: Number(params.smooth), axis: params.across }, { reloadOn: ['runs', 'evaluations'] })
  return { metric, params, answer }
}
