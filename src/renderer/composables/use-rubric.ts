/** The workspace's rubric as pages follow it. */
import { computed } from 'vue'
import { UNSPECIFIED } from '../../core/rubric.ts'
import type { SignalLabel } from '../../shared/types.ts'
import { useWorkspace } from '../stores/workspace.ts'
import { useCall } from './use-call.ts'

export function useRubric() {
  const { data: rubric, failure, slow, reload } = useCall('signals.rubric', () => ({}), { reloadOn: ['rubric'] })
  const categories = computed(() => (rubric.value === null ? [] : [...rubric.value.dissatisfied, ...rubric.value.satisfied]))
  const workspace = useWorkspace()
  /**
   * False for what the rubric does not have (any more): categories of labels made before it changed, of imported data, of
   * rules. Capsules of earlier versions came without the rubric of their workspace: nothing is said of it there.
   */
  const isKnown = (category: string): boolean => rubric.value === null || workspace.info?.capsule?.rubric === false || category === UNSPECIFIED || categories.value.includes(category)
  const sideOf = (category: string): SignalLabel => (category === UNSPECIFIED || rubric.value?.dissatisfied.includes(category) ? 'dissatisfied' : rubric.value?.satisfied.includes(category) ? 'satisfied' : 'neutral')
  return { rubric, failure, slow, reload, categories, isKnown, sideOf }
}
export const NOT_IN_RUBRIC = 'Not in the rubric'
