/** Where what belongs to an element stands beside it. */

export type Side = 'top' | 'right' | 'bottom' | 'left'
type Size = { width: number; height: number }
type Box = Size & { left: number; top: number }

const GAP_PX = 5
/** Left free at the window's edges. */
const EDGE_PX = 8
const OPPOSITE: Record<Side, Side> = { top: 'bottom', bottom: 'top', left: 'right', right: 'left' }

/** Px from the window's corner: on the side asked for, on the other where only that has room; moved along the element to stay in the window. */
export function placeBeside(anchor: Box, size: Size, view: Size, side: Side): { left: number; top: number } {
  const room: Record<Side, number> = { top: anchor.top, left: anchor.left, bottom: view.height - anchor.top - anchor.height, right: view.width - anchor.left - anchor.width }
  const upright = side === 'top' || side === 'bottom'
  const needed = (upright ? size.height : size.width) + GAP_PX + EDGE_PX
  const taken = room[side] < needed && room[OPPOSITE[side]] >= needed ? OPPOSITE[side] : side
  const within = (at: number, own: number, whole: number): number => Math.max(EDGE_PX, Math.min(at, whole - EDGE_PX - own))
  const left = taken === 'left' ? anchor.left - GAP_PX - size.width : taken === 'right' ? anchor.left + anchor.width + GAP_PX : anchor.left + (anchor.width - size.width) / 2
  const top = taken === 'top' ? anchor.top - GAP_PX - size.height : taken === 'bottom' ? anchor.top + anchor.height + GAP_PX : anchor.top + (anchor.height - size.height) / 2
  return { left: Math.round(within(left, size.width, view.width)), top: Math.round(within(top, size.height, view.height)) }
}
