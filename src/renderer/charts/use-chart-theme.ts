/** The chart theme of the document, read again when light, dark or system changes. */
import { onScopeDispose, shallowRef, type ShallowRef } from 'vue'
import { themeOf, type ChartTheme } from './theme.ts'

export function useChartTheme(): Readonly<ShallowRef<ChartTheme>> {
  const root = document.documentElement
  const theme = shallowRef(themeOf(root))
  const reread = (): void => {
    theme.value = themeOf(root)
  }
  const observer = new MutationObserver(reread)
  observer.observe(root, { attributes: true, attributeFilter: ['class', 'data-theme', 'style'] })
  const system = matchMedia('(prefers-color-scheme: dark)')
  system.addEventListener('change', reread)
  onScopeDispose(() => {
    observer.disconnect()
    system.removeEventListener('change', reread)
  })
  return theme
}
