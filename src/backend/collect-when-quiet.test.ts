import { expect, it } from 'vitest'
import { collectWhenQuiet } from './collect-when-quiet.ts'

const heap = (): number => process.memoryUsage().heapTotal
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

it('what was left behind is given back once nothing has happened for a while, and not before', async () => {
  const quiet = collectWhenQuiet({ quietMs: 400, worthBytes: 40e6 })
  await sleep(800)
  const before = heap()
  expect(Array.from({ length: 2e6 }, (_, i) => ({ i })).at(-1)).toEqual({ i: 2e6 - 1 })
  const full = heap()
  expect(full - before).toBeGreaterThan(60e6)
  for (let i = 0; i < 8; i++) {
    quiet.touch()
    await sleep(100)
  }
  expect(heap()).toBeGreaterThan(full - 40e6)
  await sleep(1500)
  expect(heap()).toBeLessThan(before + 40e6)
  quiet.end()
})
