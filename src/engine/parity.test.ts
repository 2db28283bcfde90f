import { rmSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { writeRandomModel } from '../../tests/reference/random-model.ts'
import { hasTorch, torchForTests } from '../../tests/support/torch.ts'
import { embeddedEngine } from './embedded.ts'
import type { Engine, Model } from './engine.ts'
import { measureParity } from './parity.ts'

const folder = writeRandomModel()
afterAll(() => rmSync(folder, { recursive: true }))
const [torch] = torchForTests('the comparison of both engines')

/** The embedded engine with one thing changed in each model it loads. */
const changed = (change: (model: Model) => Partial<Model>): Engine => ({
  name: 'torch',
  async load(path, options) {
    const model = await embeddedEngine.load(path, options)
    return Object.assign(model, change(model))
  },
})
const compare = async (engine: Engine): Promise<Record<string, boolean>> =>
  Object.fromEntries((await measureParity(folder, { engine: embeddedEngine, device: 'cpu' }, { engine, device: 'cpu' })).map(({ name, difference, tolerance }) => [name, difference !== null && difference <= tolerance]))
const AGREED = { logps: true, loss: true, rewards: true, grad_norm: true, weights: true }

describe('parity of two engines', () => {
  it('is exact between an engine and itself', async () => {
    expect((await measureParity(folder, { engine: embeddedEngine, device: 'cpu' }, { engine: embeddedEngine, device: 'cpu' })).map(({ difference }) => difference)).toEqual([0, 0, 0, 0, 0])
  })

  it('sees log-probabilities that are off by 1e-3', async () => {
    const engine = changed((model) => {
      const score = model.score.bind(model)
      return { score: async (...args) => (await score(...args)).map((row) => row.map((value) => value * 1.001)) }
    })
    expect(await compare(engine)).toEqual({ ...AGREED, logps: false })
  })

  it('sees a step that is 1 % too long, and one whose gradient is of another loss', async () => {
    const train = (model: Model, factors: { learning_rate?: number; beta?: number }): Partial<Model> => {
      const trainDpo = model.trainDpo.bind(model)
      return { trainDpo: (pairs, reference, config, hooks) => trainDpo(pairs, reference, { ...config, ...factors }, hooks) }
    }
    expect(await compare(changed((model) => train(model, { learning_rate: 1.01 })))).toEqual({ ...AGREED, weights: false })
    expect(await compare(changed((model) => train(model, { beta: 0.101 })))).toEqual({ logps: true, loss: false, rewards: false, grad_norm: false, weights: false })
  })

  it.skipIf(!hasTorch)('agrees between the embedded and the torch engine', async () => {
    expect(await compare(torch as Engine)).toEqual(AGREED)
  })
})
