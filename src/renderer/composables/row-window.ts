/** Which rows of a long list are in sight. Rows share one height; lists taller than browsers allow are scaled. */

/** Browsers clamp elements at about 33 million px; a list beyond this scrolls proportionally faster. */
const tallestPx = 16_000_000
/** Drawn beyond the edges, so that a quick scroll meets rows. */
const spareRows = 8

export type RowWindow = {
  start: number
  end: number
  /** Height of the scrolled area, px. */
  height: number
  /** Top of the row `start` within it, px. */
  offset: number
  /** Px of rows per scrolled px. */
  scale: number
}

/** @param list `top` is the scroller's scrollTop, `viewPx` the height in which rows show. */
export function rowWindow({ total, rowPx, viewPx, top }: { total: number; rowPx: number; viewPx: number; top: number }): RowWindow {
  const fullPx = total * rowPx
  const height = Math.min(fullPx, tallestPx)
  const scale = fullPx <= tallestPx || height <= viewPx ? 1 : (fullPx - viewPx) / (height - viewPx)
  const fullTop = top * scale
  const start = Math.max(0, Math.min(total, Math.floor(fullTop / rowPx) - spareRows))
  const end = Math.max(start, Math.min(total, Math.ceil((fullTop + viewPx) / rowPx) + spareRows))
  return { start, end, height, offset: top + start * rowPx - fullTop, scale }
}

/** Where to scroll so that the row is whole in sight; null where it is. */
export function scrollTopFor(index: number, { rowPx, viewPx, top, scale }: { rowPx: number; viewPx: number; top: number; scale: number }): number | null {
  const [first, last, fullTop] = [index * rowPx, (index + 1) * rowPx, top * scale]
  if (first < fullTop) return first / scale
  return last > fullTop + viewPx ? (last - viewPx) / scale : null
}
