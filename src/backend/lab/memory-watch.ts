/** What computing takes of memory. */
import type { ProcessMemory } from '../../engine/engine.ts'

/** Memory of the process that computes, looked at between units of work; null before that process has told. */
export type MemoryWatch = {
  /** Bytes held now. */
  now(): number | null
  /** The most bytes seen so far. */
  peak(): number | null
}

const KIBIBYTE = 1024

/**
 * What is held for a moment within a unit of work is seen where the process had never held as much before it;
 * otherwise the peak is that between units.
 * @param before peak of the same work in an earlier process, in bytes
 */
export function watchMemory(before: number): { now(): number; peak(): number } {
  const everBefore = process.resourceUsage().maxRSS
  let peak = before
  const now = (): number => {
    const held = process.memoryUsage.rss()
    const ever = process.resourceUsage().maxRSS
    peak = Math.max(peak, held, ever > everBefore ? ever * KIBIBYTE : 0)
    return held
  }
  return { now, peak: () => (now(), peak) }
}

/**
 * Of the engine's own process. A peak that it has told before counts where the process has begun anew since, or has
 * risen above it; otherwise it is that of earlier work.
 */
export function watchProcess(before: number | null, read: () => ProcessMemory | null): MemoryWatch {
  const first = read()
  let peak = before
  const now = (): number | null => {
    const told = read()
    if (told === null) return null
    const isOwn = first === null || told.since !== first.since || told.peak > first.peak
    peak = Math.max(peak ?? 0, told.held, isOwn ? told.peak : 0)
    return told.held
  }
  return { now, peak: () => (now(), peak) }
}
