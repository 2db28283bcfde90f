/** Resident memory of this process, looked at between units of work. */
export type MemoryWatch = {
  /** Bytes held now. */
  now(): number
  /** The most bytes seen so far. */
  peak(): number
}

const KIBIBYTE = 1024

/**
 * What is held for a moment within a unit of work is seen where the process had never held as much before it;
 * otherwise the peak is that between units.
 * @param before peak of the same work in an earlier process, in bytes
 */
export function watchMemory(before: number): MemoryWatch {
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
