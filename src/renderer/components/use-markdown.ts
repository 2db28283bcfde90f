/** The markdown reader, loaded with the first message that is shown; null until then. */
import { shallowRef, type ShallowRef } from 'vue'
import { useToasts } from '../stores/toasts.ts'

type Markdown = typeof import('./markdown.ts')
const loaded = shallowRef<Markdown | null>(null)
let asked = false

export function useMarkdown(): Readonly<ShallowRef<Markdown | null>> {
  if (!asked) {
    asked = true
    const toasts = useToasts()
    import('./markdown.ts').then(
      (markdown) => (loaded.value = markdown),
      (error: unknown) => toasts.failed('Markdown could not be loaded: messages are shown raw; reload the window', error),
    )
  }
  return loaded
}
