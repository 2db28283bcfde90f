/** What stands around a form's one action: whether it is under way, which refuses another, and in words why it failed. */
import { ref, type Ref } from 'vue'
import { toFailure } from '../client.ts'

export function useSubmit(): { busy: Ref<boolean>; problem: Ref<string>; submit: (work: () => Promise<void>) => Promise<void> } {
  const busy = ref(false)
  const problem = ref('')
  async function submit(work: () => Promise<void>): Promise<void> {
    if (busy.value) return
    busy.value = true
    problem.value = ''
    try {
      await work()
    } catch (error) {
      problem.value = toFailure(error).message
    } finally {
      busy.value = false
    }
  }
  return { busy, problem, submit }
}
