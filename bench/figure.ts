/** A measurement beside what was promised: measured, threshold, and their ratio (below 1 keeps an `atMost`, above 1 an `atLeast`). */
export type Figure = {
  name: string
  measured: number
  /** Largest value that keeps the promise; null where there is none. */
  atMost: number | null
  /** Smallest value that keeps the promise, where more is better; `atMost` is null then. */
  atLeast?: number
  unit: 's' | 'ms' | 'MB' | 'x' | '%' | 'turns/s'
  /** How it was measured, and what else was seen. */
  detail: string
}

/** A line that is no number: a case that cannot be measured here, and why. */
export type Absence = { name: string; notAvailable: string }

export function printFigure(figure: Figure | Absence): void {
  if ('notAvailable' in figure) {
    console.log(`  ${figure.name.padEnd(44)} not available: ${figure.notAvailable}`)
    return
  }
  const { name, measured, atMost, atLeast, unit, detail } = figure
  const write = (value: number): string => `${value >= 100 || Number.isInteger(value) ? Math.round(value) : value.toPrecision(3)} ${unit}`
  const bound = atMost ?? atLeast
  const promise = bound === undefined ? '' : `${atMost === null ? 'at least' : 'at most'} ${write(bound)}`
  const ratio = bound === undefined ? '' : `ratio ${(measured / bound).toFixed(2)}`
  console.log(`  ${name.padEnd(44)} ${write(measured).padStart(10)}   ${promise.padEnd(16)} ${ratio.padEnd(10)} ${detail}`)
}

/** The `share` quantile of `values`, by the nearest rank. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/** The middle value; of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length / 2
  return ((sorted[Math.ceil(half) - 1] ?? Number.NaN) + (sorted[Math.floor(half)] ?? Number.NaN)) / 2
}
