/** Where we are, in the top bar: page › thing › part. Pages add to their own title with `useCrumbs`. */
import { defineStore } from 'pinia'
import { onBeforeUnmount, shallowRef, watchEffect } from 'vue'
import type { RouteLocationRaw } from 'vue-router'

export type Crumb = { label: string; to?: RouteLocationRaw }

export const useCrumbStore = defineStore('crumbs', () => ({ crumbs: shallowRef<Crumb[]>([]) }))

/** Crumbs after the page's title, for as long as the calling component is there. */
export function useCrumbs(source: () => Crumb[]): void {
  const store = useCrumbStore()
  watchEffect(() => (store.crumbs = source()))
  onBeforeUnmount(() => (store.crumbs = []))
}
