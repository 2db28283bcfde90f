/** What the study runs (study.ts) and reports (study-report.ts). */
import { bestCell as bestPlace, gridCells } from '../src/core/sweep.ts'
import { type DemoSize, FULL } from '../src/backend/demo/settings.ts'

/** Widened once, at both ends and for every method, after most had their best at an end of 1e-4 to 8e-4 (docs/log.md). */
export const GRID = { learning_rate: [3e-5, 1e-4, 3e-4, 8e-4, 2e-3], reference: ['base', 'round-start'] }
/** What is run. Seeds are fresh: neither those of the shipped recipes' sweep nor those of `drift demo`. */
export const STUDY = {
  seeds: [11, 12, 13, 14, 15, 16],
  sweepSeed: 101,
  grid: gridCells(GRID) as Cell[],
  methods: ['drift', 'spin', 'iterative-dpo', 'drift-unguided', 'drift-own-rejected', 'drift-sft', 'drift-frozen'],
  noisy: ['drift', 'spin', 'iterative-dpo'],
  /** Shares of the complaints a method learns from that are false. */
  noise: [0, 0.1, 0.2, 0.4],
  /** Complaints under noise, true and false together: what the fewest satisfied users of a log allow at 40 %. */
  complaints: 320,
  size: { ...FULL, users: 1600, iterations: 5, k: 32 } satisfies DemoSize,
  sweepSize: { ...FULL, users: 1600, iterations: 5, testPrompts: 60, k: 8 } satisfies DemoSize,
}
export type Cell = { learning_rate: number; reference: 'base' | 'round-start' }
export type SweepRow = Cell & { method: string; score: number }

/** How each base is built; `build` null: the one that ships. A seed's bases share what they know and differ in character. */
export const BASES: { name: string; title: string; build: { seed: number; options: string[] } | null }[] = [
  { name: 'world-1', title: 'the shipped base', build: null },
  { name: 'world-2', title: 'another world, weights and data', build: { seed: 2, options: [] } },
  { name: 'ignores-feedback', title: 'negative control: learned that feedback changes nothing', build: { seed: 2, options: ['--ignores-feedback'] } },
  { name: 'world-3', title: 'a third world', build: { seed: 3, options: [] } },
  { name: 'words-matter', title: 'mends what was named, little else', build: { seed: 3, options: ['--revision-floor', '0.6'] } },
]

export const noiseGroup = (share: number): string => `false-complaints-${Math.round(100 * share)}`

export function bestCell(rows: readonly SweepRow[], method: string): Cell {
  const own = rows.filter((row) => row.method === method)
  return own[bestPlace(own)!]!
}

/** A sweep of an earlier, smaller grid is begun, not done. */
export const isWhole = (rows: readonly SweepRow[]): boolean => rows.length === STUDY.methods.length * STUDY.grid.length
