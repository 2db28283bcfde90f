/** A measurement beside what was promised: measured, threshold, and their ratio (below 1 keeps the promise). */
export type Figure = {
  name: string
  measured: number
  /** Largest value that keeps the promise; null where there is none. */
  atMost: number | null
  unit: 's' | 'ms' | 'MB'
  /** How it was measured, and what else was seen. */
  detail: string
}

export function printFigure({ name, measured, atMost, unit, detail }: Figure): void {
  const write = (value: number): string => `${value >= 100 || Number.isInteger(value) ? Math.round(value) : value.toPrecision(3)} ${unit}`
  const promise = atMost === null ? '' : `at most ${write(atMost)}`
  const ratio = atMost === null ? '' : `ratio ${(measured / atMost).toFixed(2)}`
  console.log(`  ${name.padEnd(44)} ${write(measured).padStart(10)}   ${promise.padEnd(16)} ${ratio.padEnd(10)} ${detail}`)
}

/** The `share` quantile of `values`, by the nearest rank. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}
