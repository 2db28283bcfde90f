import { expect, test } from 'vitest'
import { boundsOf, boxBetween, nearestPoint, pointsInside, pointTowards, toPixel, wholeView, zoomed, type MapGeometry } from './map-geometry.ts'

const size = { width: 400, height: 200 }
/** Corners of a square of side 2, and its middle, which does not show. */
const map: MapGeometry = { xy: Float32Array.of(-1, -1, 1, -1, 1, 1, -1, 1, 0, 0), shows: (point) => point !== 4 }
const view = wholeView(map.xy, size)

test('the whole map is in sight, as wide as it is high', () => {
  const at = [0, 1, 2, 3].map((point) => toPixel(map, point, view, size))
  for (const [x, y] of at) expect(x >= 0 && x <= 400 && y >= 0 && y <= 200).toBe(true)
  expect(at[1]![0] - at[0]![0]).toBeCloseTo(at[1]![1] - at[2]![1])
  expect(boundsOf(view, size).x[1] - boundsOf(view, size).x[0]).toBeCloseTo(400 * view.unitsPerPx)
})

test('coming closer leaves what is under the pointer where it is, and going back undoes it', () => {
  const pixel = toPixel(map, 2, view, size)
  const near = zoomed(view, 3, pixel, size)
  expect(near.unitsPerPx).toBeCloseTo(view.unitsPerPx / 3)
  toPixel(map, 2, near, size).forEach((value, i) => expect(value).toBeCloseTo(pixel[i]!))
  const back = zoomed(near, 1 / 3, pixel, size)
  expect([back.x, back.y, back.unitsPerPx]).toEqual([view.x, view.y, view.unitsPerPx].map((value) => expect.closeTo(value)))
})

test('the nearest point is one that shows, within reach', () => {
  const [x, y] = toPixel(map, 1, view, size)
  expect(nearestPoint(map, [x + 3, y - 2], view, size, 8)).toBe(1)
  expect(nearestPoint(map, [x + 30, y], view, size, 8)).toBeNull()
  expect(nearestPoint(map, toPixel(map, 4, view, size), view, size, 8)).toBeNull()
})

test('arrows go to the next point that way, or stay', () => {
  expect(pointTowards(map, 0, [1, 0], view, 4)).toBe(1)
  expect(pointTowards(map, 0, [0, 1], view, 4)).toBe(3)
  expect(pointTowards(map, 0, [-1, 0], view, 4)).toBe(0)
})

test('a box and a line drawn by hand hold what lies inside, and nothing that does not show', () => {
  expect(pointsInside(map, boxBetween([0, 0], [400, 200]), view, size)).toEqual([0, 1, 2, 3])
  const [left, right] = [toPixel(map, 3, view, size), toPixel(map, 2, view, size)]
  expect(pointsInside(map, [[left[0] - 20, left[1] - 5], [right[0] + 20, right[1] - 5], [200, 100]], view, size)).toEqual([2, 3])
})
