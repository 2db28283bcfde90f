import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeRandomModel } from '../../tests/reference/random-model.ts'
import { probeWebGpu } from './device-check.ts'
import { embeddedEngine } from './embedded.ts'

/** Linux finds drivers through the Vulkan loader, which can be told to look where there are none. */
describe.skipIf(process.platform !== 'linux')('WebGPU without an adapter', () => {
  const before = { ...process.env }
  let folder: string
  beforeAll(() => {
    folder = writeRandomModel()
    Object.assign(process.env, { VK_DRIVER_FILES: '/nowhere/driver.json', VK_ICD_FILENAMES: '/nowhere/driver.json', DRIFT_HOME: folder })
  })
  afterAll(() => {
    process.env = before
    rmSync(folder, { recursive: true })
  })

  it('is refused with the reason and what to do, and nothing else computes in its place', async () => {
    await expect(embeddedEngine.load(folder, { device: 'webgpu' })).rejects.toThrow(/^device webgpu: expected a graphics adapter that WebGPU can use, found none \(Failed to get a WebGPU adapter: .+\); install the Vulkan loader .+ or choose device cpu$/)
  })

  it('is told by the probe, not thrown', async () => {
    expect(await probeWebGpu()).toEqual({ ok: false, detail: expect.stringContaining('found none (Failed to get a WebGPU adapter') as string })
  })

  it('leaves the CPU as it is', async () => {
    const model = await embeddedEngine.load(folder)
    expect(model.device).toBe('cpu')
    await model.dispose()
  })
})
