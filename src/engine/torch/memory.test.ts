import { rmSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { writeRandomModel } from '../../../tests/reference/random-model.ts'
import { DPO } from '../../../tests/reference/train-config.ts'
import { torchForTests } from '../../../tests/support/torch.ts'

const [engine] = torchForTests('memory of a training')

describe.skipIf(engine === undefined)('the torch engine', () => {
  it('tells what a training took, counted from where it began', { timeout: 300_000 }, async () => {
    // 5.4 million weights, 21.6 MB: what training adds (gradients, two arrays of the optimizer) stands out.
    const folder = writeRandomModel({ vocab_size: 8000, hidden_size: 256, intermediate_size: 688, num_hidden_layers: 2 })
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const model = await engine!.load(folder)
    const loaded = engine!.memory!()!
    const pairs = [3, 4].map((id) => ({ promptIds: [1, 2, id], chosenIds: [5, 6, 2], rejectedIds: [7, 8, 2] }))
    await model.trainDpo(pairs, { chosen: new Float64Array(2), rejected: new Float64Array(2) }, { ...DPO, max_steps: 2 })
    const trained = engine!.memory!()!
    await model.dispose()
    await engine!.close?.()
    expect(loaded.peak).toBeGreaterThanOrEqual(loaded.held)
    expect(trained.peak).toBeGreaterThan(loaded.held + 3 * 20e6)
    if (process.platform === 'linux') expect(trained.since).toBeGreaterThan(loaded.since)
  })
})
