import { expect, it, vi } from 'vitest'
import { collectWhenQuiet } from './collect-when-quiet.ts'

const heap = (): number => process.memoryUsage().heapTotal
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
/** In a function of its own: what awaits keeps what it computed with. */
const fill = (): number => Array.from({ length: 2e6 }, (_, i) => ({ i })).reduce((most, { i }) => Math.max(most, i), 0)

it('what was left behind is given back once nothing has happened for a while, and not before', async () => {
  const quiet = collectWhenQuiet({ quietMs: 1500, worthBytes: 40e6 })
  const before = heap()
  expect(fill()).toBe(2e6 - 1)
  const full = heap()
  expect(full - before).toBeGreaterThan(60e6)
  for (let i = 0; i < 20; i++) {
    quiet.touch()
    await sleep(100)
  }
  expect(heap()).toBeGreaterThan(full - 40e6)
  await vi.waitFor(() => expect(heap()).toBeLessThan(before + 40e6), { timeout: 15_000, interval: 200 })
  quiet.end()
}, 30_000)
