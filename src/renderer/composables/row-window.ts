/** Which rows of a long list are in sight. Rows share one height; lists taller than browsers allow are scaled. */

/** Browsers clamp elements at about 33 million px; a list beyond this scrolls proportionally faster. */
const tallestPx = 16_000_000
/** Drawn beyond the edges, so that a quick scroll meets rows. */
export const SPARE_ROWS = 8
/** Rows of one block keep their places in it, whatever is scrolled: what was painted stays painted. */
const blockRows = 1000

export type RowWindow = {
  start: number
  end: number
  /** Height of the scrolled area, px. */
  height: number
  /** Top, within it, of the block of rows that `start` is in, px. */
  offset: number
  /** First row of that block. */
  block: number
  /** Px of rows per scrolled px. */
  scale: number
}

/** @param list `top` is the scroller's scrollTop, `viewPx` the height in which rows show, `spareRows` how many are drawn beyond each edge. */
export function rowWindow({ total, rowPx, viewPx, top, spareRows = SPARE_ROWS }: { total: number; rowPx: number; viewPx: number; top: number; spareRows?: number }): RowWindow {
  const fullPx = total * rowPx
  const height = Math.min(fullPx, tallestPx)
  const scale = fullPx <= tallestPx || height <= viewPx ? 1 : (fullPx - viewPx) / (height - viewPx)
  const fullTop = top * scale
  const start = Math.max(0, Math.min(total, Math.floor(fullTop / rowPx) - spareRows))
  // As many wherever one scrolls: rows that leave are drawn again as those that come.
  const end = Math.min(total, start + Math.ceil(viewPx / rowPx) + 1 + 2 * spareRows)
  const inBlock = start % blockRows
  return { start, end, height, offset: Math.round(top + (start - inBlock) * rowPx - fullTop), block: start - inBlock, scale }
}

/**
 * Keys of the rows drawn from `start` to `end`, by their indices: a row that stays keeps its own, one that comes takes
 * that of one that left, so that elements are written anew instead of made anew.
 */
export function keepKeys(before: ReadonlyMap<number, number>, start: number, end: number): Map<number, number> {
  const free = [...before].filter(([index]) => index < start || index >= end).map(([, key]) => key)
  let unused = Math.max(-1, ...before.values()) + 1
  return new Map(Array.from({ length: end - start }, (_, step) => [start + step, before.get(start + step) ?? free.shift() ?? unused++]))
}

/** Where to scroll so that the row is whole in sight; null where it is. */
export function scrollTopFor(index: number, { rowPx, viewPx, top, scale }: { rowPx: number; viewPx: number; top: number; scale: number }): number | null {
  const [first, last, fullTop] = [index * rowPx, (index + 1) * rowPx, top * scale]
  if (first < fullTop) return first / scale
  return last > fullTop + viewPx ? (last - viewPx) / scale : null
}
