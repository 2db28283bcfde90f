/** Linked hover: charts of one page that share a dimension show the same place. */
import { inject, provide, shallowRef, type InjectionKey, type ShallowRef } from 'vue'

/** `dimension` is what x means (`step`, `round`); charts with another one do not answer. */
export type Hover = { dimension: string; x: number; from: symbol }
const key: InjectionKey<ShallowRef<Hover | null>> = Symbol('chart link')

/** Called once by a page whose charts belong together. */
export function provideChartLink(): void {
  provide(key, shallowRef<Hover | null>(null))
}

/** The hover of this page's charts; a chart outside any page is linked to nothing. */
export function useChartLink(): ShallowRef<Hover | null> {
  return inject(key, () => shallowRef<Hover | null>(null), true)
}
