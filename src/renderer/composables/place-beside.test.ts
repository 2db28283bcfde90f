import { expect, it } from 'vitest'
import { placeBeside } from './place-beside.ts'

const view = { width: 1000, height: 600 }
const size = { width: 100, height: 20 }
const button = (left: number, top: number) => ({ left, top, width: 30, height: 30 })

it('stands in the middle of the side asked for, 5 px away', () => {
  expect(placeBeside(button(400, 300), size, view, 'bottom')).toEqual({ left: 365, top: 335 })
  expect(placeBeside(button(400, 300), size, view, 'top')).toEqual({ left: 365, top: 275 })
  expect(placeBeside(button(400, 300), size, view, 'right')).toEqual({ left: 435, top: 305 })
  expect(placeBeside(button(400, 300), size, view, 'left')).toEqual({ left: 295, top: 305 })
})

it('takes the other side where only that has room', () => {
  expect(placeBeside(button(400, 560), size, view, 'bottom').top).toBe(535)
  expect(placeBeside(button(400, 4), size, view, 'top').top).toBe(39)
  expect(placeBeside(button(960, 300), size, view, 'right').left).toBe(855)
})

it('stays in the window, also where it is larger than the room', () => {
  expect(placeBeside(button(2, 300), size, view, 'bottom').left).toBe(8)
  expect(placeBeside(button(968, 300), size, view, 'bottom').left).toBe(892)
  expect(placeBeside(button(0, 0), { width: 100, height: 700 }, view, 'right').top).toBe(8)
})
