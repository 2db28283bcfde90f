import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { aRecipe, type RecipeChanges } from '../../tests/support/lab-workspace.ts'
import { methodOf, recipeSchema } from '../shared/recipe.ts'
import { type ArmRun, armsOf } from './arms.ts'

const training = (learning_rate: number) => ({ learning_rate, optim: 'adamw_torch', per_device_train_batch_size: 2, num_train_epochs: 1 })
const warm_start = { dataset: 'seed-pairs', num_train_epochs: 2, learning_rate: 0.05 }

function aRun(id: string, recipe: string, seed: number, changes: RecipeChanges = {}): ArmRun {
  const read = recipeSchema.parse(parse(aRecipe(recipe, { seed, ...changes })))
  return { id, method: methodOf(read), seed, status: 'done', recipe: read }
}
const keysOf = (runs: ArmRun[]) => Object.fromEntries([...armsOf(runs).arms].map(([id, { method, base, warmStart }]) => [id, [method, base, warmStart].join(' | ')]))

describe('armsOf', () => {
  it('keeps plain keys for one run a method and seed on one base, the warm start’s own run included', () => {
    const runs = [1, 2].flatMap((seed) => [aRun(`w${seed}`, 'dpo', seed), aRun(`d${seed}`, 'drift', seed), aRun(`s${seed}`, 'spin', seed)])
    expect(keysOf(runs)).toEqual(Object.fromEntries([1, 2].flatMap((seed) => [[`w${seed}`, 'warm-start | base | warm-start'], [`d${seed}`, 'drift | base | warm-start'], [`s${seed}`, 'spin | base | warm-start']])))
    expect(armsOf(runs).cautions).toEqual([])
    expect(keysOf([aRun('w', 'dpo', 1)])).toEqual({ w: 'warm-start | base | warm-start' })
  })

  it('takes logs and bases that are named by the seed for those of one setting, and no number of a model’s name', () => {
    const own = (seed: number) => ({ dataset: `feedback-${seed}`, warm_start: { ...warm_start, dataset: `pairs-seed${seed}` }, model_name_or_path: `models/base-${seed}` })
    expect(keysOf([aRun('a', 'drift', 5, own(5)), aRun('b', 'drift', 7, own(7))])).toEqual({ a: 'drift | base | warm-start', b: 'drift | base | warm-start' })
    const sizes = [aRun('a', 'drift', 5, { model_name_or_path: 'models/m-5b' }), aRun('b', 'drift', 7, { model_name_or_path: 'models/m-7b' })]
    expect(keysOf(sizes)['b']).toBe('drift, models/m-7b | base, models/m-7b | warm-start, models/m-7b')
    const shared = [5, 7].map((seed) => aRun(String(seed), 'drift', seed, { dataset: 'ultra-5' }))
    expect(keysOf(shared)).toEqual({ 5: 'drift | base | warm-start', 7: 'drift | base | warm-start' })
  })

  it('makes several methods of one that occurs with several settings, named by what differs, and says so', () => {
    const runs = [1, 2].flatMap((seed) => [aRun(`low${seed}`, 'drift', seed, { training: training(0.0001), warm_start }), aRun(`high${seed}`, 'drift', seed, { training: training(0.0003), warm_start })])
    const { arms, cautions } = armsOf([...runs, aRun('s1', 'spin', 1, { training: training(0.0001), warm_start })])
    expect([...arms].map(([id, { method, warmStart }]) => [id, method, warmStart])).toEqual([
      ['low1', 'drift, learning_rate 0.0001', 'warm-start'], ['high1', 'drift, learning_rate 0.0003', 'warm-start'], ['low2', 'drift, learning_rate 0.0001', 'warm-start'], ['high2', 'drift, learning_rate 0.0003', 'warm-start'], ['s1', 'spin', 'warm-start'],
    ])
    expect(cautions).toEqual(['DRIFT stands here with 2 settings, each a method of its own: learning_rate 0.0001; learning_rate 0.0003.'])
  })

  it('reads the warm start’s learning rate as it was, and names it where it alone differs', () => {
    const [given, own] = [{ training: training(0.05), warm_start: { ...warm_start, learning_rate: undefined } }, { training: training(0.01), warm_start }]
    expect(keysOf([aRun('a', 'drift', 1, given), aRun('b', 'drift', 1, own)])).toEqual({ a: 'drift, learning_rate 0.05 | base | warm-start', b: 'drift, learning_rate 0.01 | base | warm-start' })
    expect(keysOf([aRun('a', 'drift', 1, given), aRun('b', 'drift', 1, { ...own, training: training(0.05), warm_start: { ...warm_start, learning_rate: 0.2 } })])['b']).toBe('drift, warm_start.learning_rate 0.2 | base | warm-start, learning_rate 0.2')
    expect(keysOf([aRun('a', 'drift', 1, given), aRun('b', 'drift', 1, { ...given, training: training(0.2) })])['b']).toBe('drift, learning_rate 0.2 | base | warm-start, learning_rate 0.2')
  })

  it('counts nothing as a setting that changes no figure', () => {
    const watched = { threads: 2, save_total_limit: 1, canary_steps: 4, tripwires: [], evaluation: [{ dataset: 'test', k: 2, batch_size: 8 }] }
    expect(keysOf([aRun('a', 'drift', 1), aRun('b', 'drift', 2, watched)])).toEqual({ a: 'drift | base | warm-start', b: 'drift | base | warm-start' })
  })

  it('gives each method the warm start it was made with', () => {
    const { arms, cautions } = armsOf([aRun('a', 'drift', 1, { training: training(0.0001) }), aRun('b', 'spin', 1, { training: training(0.0003) })])
    expect([...arms.values()].map(({ method, warmStart }) => [method, warmStart])).toEqual([['drift', 'warm-start, learning_rate 0.0001'], ['spin', 'warm-start, learning_rate 0.0003']])
    expect(cautions).toEqual(['The runs have 2 warm starts (learning_rate 0.0001; learning_rate 0.0003): each method is compared with its own.'])
  })

  it('keeps plain DPO on other pairs out of the warm start’s row', () => {
    expect(keysOf([aRun('p', 'dpo', 1, { dataset: 'other-pairs' }), aRun('d', 'drift', 1)])).toEqual({ p: 'dpo | base | ', d: 'drift | base | warm-start' })
    expect(keysOf([aRun('p', 'dpo', 1), aRun('d', 'drift', 1, { warm_start: null })])['p']).toBe('dpo | base | ')
    expect(keysOf([aRun('p', 'dpo', 1), aRun('q', 'dpo', 1, { dataset: 'other-pairs' })])).toEqual({ p: 'dpo, dataset seed-pairs | base | ', q: 'dpo, dataset other-pairs | base | ' })
  })

  it('leaves out what repeats a seed of one setting, the unfinished one first, and says of which', () => {
    const failed: ArmRun = { ...aRun('a', 'drift', 1), status: 'failed' }
    const { arms, cautions } = armsOf([failed, aRun('a-2', 'drift', 1), aRun('b', 'drift', 2)])
    expect([...arms.keys()]).toEqual(['a-2', 'b'])
    expect(cautions).toEqual(['a is left out: it has the settings and the seed (1) of a-2, so it is no further seed. Choose it without a-2 to see its figures.'])
  })

  it('names the base where runs begin at several', () => {
    const { arms, cautions } = armsOf([aRun('a', 'drift', 1), aRun('b', 'drift', 1, { model_name_or_path: 'models/other' })])
    expect([...arms.values()]).toEqual(['models/base', 'models/other'].map((on) => ({ method: `drift, ${on}`, base: `base, ${on}`, warmStart: `warm-start, ${on}` })))
    expect(cautions).toEqual(['The runs start from 2 base models (models/base; models/other): each method is compared with its own base, and with methods on the same one.'])
  })
})
