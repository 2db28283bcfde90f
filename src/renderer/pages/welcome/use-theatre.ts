/** Which sample is on stage, and how much of its new reply has been written: one at a time, word by word. */
import { computed, onScopeDispose, shallowRef, watch, type ComputedRef, type ShallowRef } from 'vue'
import type { SampleRow } from '../../../shared/types.ts'

/** `log`: a conversation of the simulated users; what is written is the user's complaint. `sample`: what a policy writes. */
export type Scene = { kind: 'log' | 'sample'; key: string; method: string; stage: string; request: string; reply: string | null; words: string | null; written: string; reward: number | null }

export const sampleScene = (row: SampleRow, method: string, runId: string): Scene => ({
  kind: 'sample', key: `${runId} ${row.stage} ${row.index}`, method, stage: `${runId} ${row.stage}`,
  request: row.prompt.findLast((message) => message.role === 'user')?.content ?? '', reply: row.rejected?.trim() ?? null, words: row.userFeedback, written: row.text.trim(), reward: row.reward,
})
export type Theatre = {
  scene: Readonly<ShallowRef<Scene | null>>
  written: ComputedRef<string>
  complete: ComputedRef<boolean>
  playing: ShallowRef<boolean>
  next(): void
  offer(scenes: Scene[]): void
}

const WORD_MS = 55
/** Time to read request, disliked reply and complaint before the new one begins. */
const BEFORE_MS = 900
const AFTER_MS = 3_200
const STILL_MS = 6_500
const kept = 60

/** @param still show replies whole (reduced motion) */
export function useTheatre(still: () => boolean): Theatre {
  const scene = shallowRef<Scene | null>(null)
  const words = shallowRef(0)
  const playing = shallowRef(true)
  /** Not shown yet, newest last; when it runs dry, what was shown comes again. */
  let fresh: Scene[] = []
  let shown: Scene[] = []
  let timer: ReturnType<typeof setTimeout> | undefined
  const parts = computed(() => scene.value?.written.split(/(?<=\s)(?=\S)/) ?? [])

  function put(next: Scene): void {
    scene.value = next
    words.value = still() ? Infinity : 0
    shown = [...shown.filter((one) => one !== next), next].slice(-kept)
    wait(still() ? STILL_MS : BEFORE_MS)
  }
  function next(): void {
    // Of a batch that came at once the latest is shown first: the stage must be about now.
    const chosen = fresh.pop() ?? shown[0]
    if (chosen) put(chosen)
  }
  function step(): void {
    if (!playing.value || !scene.value) return
    if (words.value < parts.value.length) {
      words.value++
      wait(words.value < parts.value.length ? WORD_MS : AFTER_MS)
    } else next()
  }
  function wait(ms: number): void {
    clearTimeout(timer)
    timer = setTimeout(step, ms)
  }
  watch(playing, (on) => (on ? wait(WORD_MS) : clearTimeout(timer)))
  onScopeDispose(() => clearTimeout(timer))

  return {
    scene,
    playing,
    written: computed(() => parts.value.slice(0, words.value).join('')),
    complete: computed(() => words.value >= parts.value.length),
    next,
    offer(scenes) {
      const last = scenes.at(-1)
      if (!last) return
      // Another stage has begun: what waited from the one before is over.
      fresh = [...fresh.filter((one) => one.stage === last.stage), ...scenes].slice(-kept)
      // Policies writing end the prologue.
      if (!scene.value || (scene.value.kind === 'log' && last.kind === 'sample')) {
        shown = shown.filter((one) => one.kind === last.kind)
        next()
      }
    },
  }
}
