/** Where points of the map lie on the screen, which one is near, which lie inside a shape. Plain numbers, no drawing. */

/** The part of the plane in sight: its centre, and plane units per pixel, the same both ways so that distances are true. */
export type MapView = { x: number; y: number; unitsPerPx: number }
export type Pixel = readonly [x: number, y: number]
/** `xy`: pairs; point i is at `xy[2 * i]`, `xy[2 * i + 1]`. `shows`: whether it is there to be pointed at. */
export type MapGeometry = { xy: Float32Array; shows: (point: number) => boolean }
type Size = { width: number; height: number }

/** Room between the outermost points and the edge. */
const MARGIN_PX = 14

/** Everything in sight. */
export function wholeView(xy: Float32Array, { width, height }: Size): MapView {
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity]
  for (let i = 0; i < xy.length; i += 2) {
    left = Math.min(left, xy[i]!)
    right = Math.max(right, xy[i]!)
    low = Math.min(low, xy[i + 1]!)
    high = Math.max(high, xy[i + 1]!)
  }
  if (xy.length === 0) return { x: 0, y: 0, unitsPerPx: 1 }
  const needed = Math.max((right - left) / Math.max(1, width - 2 * MARGIN_PX), (high - low) / Math.max(1, height - 2 * MARGIN_PX))
  return { x: (left + right) / 2, y: (low + high) / 2, unitsPerPx: needed > 0 ? needed : 1 }
}

/** Axis bounds of a view. */
export function boundsOf({ x, y, unitsPerPx }: MapView, { width, height }: Size): { x: [number, number]; y: [number, number] } {
  return { x: [x - (width / 2) * unitsPerPx, x + (width / 2) * unitsPerPx], y: [y - (height / 2) * unitsPerPx, y + (height / 2) * unitsPerPx] }
}

export const toPixel = ({ xy }: MapGeometry, point: number, view: MapView, { width, height }: Size): [number, number] =>
  [width / 2 + (xy[2 * point]! - view.x) / view.unitsPerPx, height / 2 - (xy[2 * point + 1]! - view.y) / view.unitsPerPx]

/** Closer by `factor` (above 1) or farther, what is under the pixel staying there. */
export function zoomed(view: MapView, factor: number, [px, py]: Pixel, { width, height }: Size): MapView {
  const unitsPerPx = view.unitsPerPx / factor
  const moved = view.unitsPerPx - unitsPerPx
  return { x: view.x + (px - width / 2) * moved, y: view.y - (py - height / 2) * moved, unitsPerPx }
}

/** The point that shows nearest to a pixel, within `reach` px; null where there is none. */
export function nearestPoint(map: MapGeometry, [px, py]: Pixel, view: MapView, size: Size, reach: number): number | null {
  const x = view.x + (px - size.width / 2) * view.unitsPerPx
  const y = view.y - (py - size.height / 2) * view.unitsPerPx
  let best: number | null = null
  let least = (reach * view.unitsPerPx) ** 2
  for (let i = 0; i < map.xy.length / 2; i++) {
    const away = (map.xy[2 * i]! - x) ** 2 + (map.xy[2 * i + 1]! - y) ** 2
    if (away <= least && map.shows(i)) {
      best = i
      least = away
    }
  }
  return best
}

export const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] } as const

/** The next point that shows that way, in the quarter of the plane it opens into, at least `apart` px on; itself where there is none. */
export function pointTowards(map: MapGeometry, from: number, [dx, dy]: readonly [number, number], view: MapView, apart: number): number {
  let best = from
  let least = Infinity
  const [x, y] = [map.xy[2 * from]!, map.xy[2 * from + 1]!]
  for (let i = 0; i < map.xy.length / 2; i++) {
    const [ox, oy] = [map.xy[2 * i]! - x, map.xy[2 * i + 1]! - y]
    const along = ox * dx + oy * dy
    const across = Math.abs(ox * dy) + Math.abs(oy * dx)
    if (along < apart * view.unitsPerPx || along < across) continue
    const cost = along + 2 * across
    if (cost < least && map.shows(i)) {
      best = i
      least = cost
    }
  }
  return best
}

/** Points that show inside a closed line (even-odd rule). */
export function pointsInside(map: MapGeometry, shape: readonly Pixel[], view: MapView, size: Size): number[] {
  const inside: number[] = []
  const [left, right] = [Math.min(...shape.map(([x]) => x)), Math.max(...shape.map(([x]) => x))]
  for (let i = 0; i < map.xy.length / 2; i++) {
    const [x, y] = toPixel(map, i, view, size)
    if (x < left || x > right || !map.shows(i)) continue
    let crossings = 0
    for (let k = 0, last = shape.length - 1; k < shape.length; last = k++) {
      const [[ax, ay], [bx, by]] = [shape[last]!, shape[k]!]
      if (ay > y !== by > y && x < ax + ((y - ay) / (by - ay)) * (bx - ax)) crossings += 1
    }
    if (crossings % 2 === 1) inside.push(i)
  }
  return inside
}

export const boxBetween = ([ax, ay]: Pixel, [bx, by]: Pixel): Pixel[] => [[ax, ay], [bx, ay], [bx, by], [ax, by]]
