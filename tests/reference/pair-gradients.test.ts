/** Gradients of single pairs against autograd (`scripts/reference.py`). */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { embeddedEngine } from '../../src/engine/embedded.ts'
import { goldenSets } from '../support/golden-sets.ts'
import { torchForTests } from '../support/torch.ts'
import { DPO } from './train-config.ts'

type Side = { prompt_ids: number[]; completion_ids: number[] }
type Wanted = { beta: number; reference: { chosen: number[]; rejected: number[] }; pairs: { margin: number; weight: number; norm: number; log_ratio_norm: number }[]; mean_norm: number }

const own = goldenSets().filter(({ folder }) => folder.startsWith(join(import.meta.dirname, 'golden')))

const engines = [embeddedEngine, ...torchForTests('gradients of single pairs')]

const cases = own.flatMap((set) => engines.flatMap((engine) => [
  { set, engine, name: set.name, on: engine.name, over: 'all weights', file: 'dpo-pair-gradients.json', options: {} },
  { set, engine, name: set.name, on: engine.name, over: 'an adapter alone', file: 'dpo-lora-pair-gradients.json', options: { adapter: join(set.folder, 'golden', 'lora-init') } },
]))

describe.each(cases)('$name, $on engine, over $over', ({ set, engine, file, options }) => {
  test('norm and margin of each pair alone, and the norm of the mean, as autograd has them (1e-4)', async () => {
    const wanted = set.read(file) as Wanted
    const pairs = (set.read('score.json') as { chosen: Side; rejected: Side }[]).map(({ chosen, rejected }) => ({ promptIds: chosen.prompt_ids, chosenIds: chosen.completion_ids, rejectedIds: rejected.completion_ids }))
    const model = await engine.load(set.folder, options)
    const { norms, margins, meanNorm } = await model.pairGradients(pairs, { chosen: Float64Array.from(wanted.reference.chosen), rejected: Float64Array.from(wanted.reference.rejected) }, { ...DPO, beta: wanted.beta })
    await model.dispose()
    expect(norms).toHaveLength(wanted.pairs.length)
    wanted.pairs.forEach(({ margin, norm, weight, log_ratio_norm: ratioNorm }, i) => {
      expect(Math.abs(norms[i]! / norm - 1), `norm of pair ${i}`).toBeLessThan(1e-4)
      expect(Math.abs(margins[i]! - margin), `margin of pair ${i}`).toBeLessThan(1e-4)
      // The norm is the exact weight times that of the log-ratio's gradient: what the bound is made of.
      const ownWeight = wanted.beta / (1 + Math.exp(margins[i]!))
      expect(Math.abs(ownWeight / weight - 1), `weight of pair ${i}`).toBeLessThan(1e-4)
      expect(Math.abs(norms[i]! / ownWeight / ratioNorm - 1), `log-ratio of pair ${i}`).toBeLessThan(1e-4)
    })
    expect(Math.abs(meanNorm / wanted.mean_norm - 1)).toBeLessThan(1e-4)
  })
})
