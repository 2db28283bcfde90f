import { cacheWidth } from './models/decoder.ts'
import type { DecoderConfig } from './models/decoder.ts'
import type { Feeds } from './session.ts'

/** A row's keys and values taken out of the cache: `k.<layer>` and `v.<layer>`, [Hk, length, width]. */
export type SavedRow = { length: number; arrays: ReadonlyMap<string, Float32Array> }

/** Names of the arrays that keys and values of all layers come in. */
export function cacheNames({ layers }: DecoderConfig): string[] {
  return Array.from({ length: layers }, (_, layer) => [`k.${layer}`, `v.${layer}`]).flat()
}

/** Keys and values of all layers, [rows, Hk, capacity, width] each, updated in place by the decode graph. */
export class KeyValueCache {
  private readonly arrays = new Map<string, Float32Array>()
  private readonly heads: number
  private readonly headDim: number
  private readonly width: number
  private readonly capacity: number
  private readonly known = new Map<number, { past: Feeds; present: Feeds }>()

  constructor(config: DecoderConfig, rows: number, capacity: number) {
    this.heads = config.keyValueHeads
    this.headDim = config.headDim
    this.width = cacheWidth(config)
    this.capacity = capacity
    for (const name of cacheNames(config)) this.arrays.set(name, new Float32Array(rows * this.heads * capacity * this.width))
  }

  /** Copies the first `length` tokens of segment s of prefilled [S, Hk, K, D] into a row. */
  fill(name: string, row: number, source: Float32Array, s: number, K: number, length: number): void {
    const target = this.arrays.get(name) as Float32Array
    const { headDim, width } = this
    for (let h = 0; h < this.heads; h++) {
      const start = (s * this.heads + h) * K * headDim
      const to = (row * this.heads + h) * this.capacity * width
      if (width === headDim) target.set(source.subarray(start, start + length * width), to)
      else for (let t = 0; t < length; t++) target.fill(0, to + t * width, to + (t + 1) * width).set(source.subarray(start + t * headDim, start + (t + 1) * headDim), to + t * width)
    }
  }

  /** Moves the first `length` tokens of a row to another. */
  copy(from: number, to: number, length: number): void {
    const stride = this.capacity * this.width
    for (const array of this.arrays.values()) {
      for (let h = 0; h < this.heads; h++) {
        const start = (from * this.heads + h) * stride
        array.copyWithin((to * this.heads + h) * stride, start, start + length * this.width)
      }
    }
  }

  save(row: number, length: number): SavedRow {
    const size = length * this.width
    const arrays = [...this.arrays].map(([name, array]) => {
      const saved = new Float32Array(this.heads * size)
      for (let h = 0; h < this.heads; h++) {
        const start = (row * this.heads + h) * this.capacity * this.width
        saved.set(array.subarray(start, start + size), h * size)
      }
      return [name, saved] as const
    })
    return { length, arrays: new Map(arrays) }
  }

  restore(row: number, { length, arrays }: SavedRow): void {
    const size = length * this.width
    for (const [name, saved] of arrays) {
      const target = this.arrays.get(name) as Float32Array
      for (let h = 0; h < this.heads; h++) target.set(saved.subarray(h * size, (h + 1) * size), (row * this.heads + h) * this.capacity * this.width)
    }
  }

  /** The first rows as inputs and, in the same memory, as outputs. */
  views(rows: number): { past: Feeds; present: Feeds } {
    const known = this.known.get(rows)
    if (known) return known
    const dims = [rows, this.heads, this.capacity, this.width]
    const entries = [...this.arrays].map(([name, array]) => [name, { data: array.subarray(0, rows * this.heads * this.capacity * this.width), dims }] as const)
    const views = { past: Object.fromEntries(entries.map(([name, view]) => [`past.${name}`, view])), present: Object.fromEntries(entries.map(([name, view]) => [`present.${name}`, view])) }
    this.known.clear()
    this.known.set(rows, views)
    return views
  }
}
