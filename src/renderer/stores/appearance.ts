import { defineStore } from 'pinia'
import { computed, watch } from 'vue'
import { useMediaQuery } from '../composables/use-media-query.ts'
import { useRemembered } from '../composables/use-remembered.ts'

export type Theme = 'system' | 'light' | 'dark'
const order: Theme[] = ['system', 'light', 'dark']

/** Light, dark or as the system, messages rendered or raw; remembered. The document's `data-theme` is what styles and charts follow. */
export const useAppearance = defineStore('appearance', () => {
  const theme = useRemembered<Theme>('theme', 'system')
  const rendered = useRemembered<boolean>('rendered', true)
  const systemIsDark = useMediaQuery('(prefers-color-scheme: dark)')
  const resolved = computed<'light' | 'dark'>(() => (theme.value === 'dark' || (theme.value === 'system' && systemIsDark.value) ? 'dark' : 'light'))
  watch(resolved, (value) => (document.documentElement.dataset['theme'] = value), { immediate: true, flush: 'sync' })
  return {
    theme,
    resolved,
    rendered,
    next(): void {
      theme.value = order[(order.indexOf(theme.value) + 1) % order.length] ?? 'system'
    },
  }
})
