import { describe, expect, it } from 'vitest'
import { recipeSchema } from '../../../shared/recipe.ts'
import { applies, defaultOf, evaluationFields, tripwireFields, FIELD_GROUPS, lossesOf, shownValue, toggleLoss, typedValue, type Field } from './recipe-fields.ts'
import { fieldOf, readRecipe, withField, type FieldPath, type FieldValue } from './recipe-text.ts'

const fields = FIELD_GROUPS.flatMap((group) => [...group.fields, ...group.more])
const field = (key: string): Field => fields.find(({ path }) => path.at(-1) === key)!
const minimal = 'recipe: drift\nmodel_name_or_path: models/base\ndataset: feedback\n'
const valueIn = (text: string, key: string): FieldValue | undefined => fieldOf(readRecipe(text).document!, field(key).path)
const shownIn = (text: string): string[] => {
  const { document } = readRecipe(text)
  const valueAt = (path: FieldPath): FieldValue | undefined => fieldOf(document!, path) ?? defaultOf(path)
  return fields.filter((one) => applies(one, valueAt)).map(({ path }) => path.at(-1) ?? '')
}

describe('what is typed into a field', () => {
  it.each([
    ['lora_target_modules', 'all-linear', 'all-linear', 'all-linear'],
    ['lora_target_modules', ' q_proj,mlp.up_proj ', ['q_proj', 'mlp.up_proj'], 'q_proj, mlp.up_proj'],
    ['loss_weights', '1, 0.5', [1, 0.5], '1, 0.5'],
    ['top_k', '40', 40, '40'],
    ['canary_prompts', 'One, two?\n\n Why? ', ['One, two?', 'Why?'], 'One, two?\nWhy?'],
    ['lora_r', 'eight', 'eight', 'eight'],
    ['model_name_or_path', 'models/7', 'models/7', 'models/7'],
  ])('%s: %s stands in the recipe and comes back', (key, typed, value, shown) => {
    const text = withField(minimal, field(key).path, typedValue(field(key), typed))
    expect(valueIn(text, key)).toEqual(value)
    expect(shownValue(valueIn(text, key), field(key).kind)).toBe(shown)
  })

  it('is accepted by the schema, and taken out when it is emptied', () => {
    const text = withField(withField(minimal, field('lora_target_modules').path, typedValue(field('lora_target_modules'), 'q_proj')), field('loss_weights').path, typedValue(field('loss_weights'), 'null'))
    expect(recipeSchema.parse(readRecipe(text).document?.toJS()).training).toMatchObject({ lora_target_modules: ['q_proj'], loss_weights: null })
    expect(withField(withField(minimal, field('top_k').path, 40), field('top_k').path, typedValue(field('top_k'), ' '))).toBe(minimal)
  })
})

describe('losses', () => {
  it('are those of the engine', () => {
    expect(field('loss_type').options).toEqual(['sigmoid', 'hinge', 'ipo', 'sigmoid_norm', 'robust', 'sft'])
  })

  it('keep their weights when another comes or goes', () => {
    const more = toggleLoss(minimal, 'ipo')
    expect([valueIn(more, 'loss_type'), valueIn(more, 'loss_weights')]).toEqual([['sigmoid', 'sft', 'ipo'], [1, 0.001, 1]])
    const less = toggleLoss(more, 'sigmoid')
    expect([valueIn(less, 'loss_type'), valueIn(less, 'loss_weights')]).toEqual([['sft', 'ipo'], [0.001, 1]])
    const plain = toggleLoss(`${minimal}training:\n  loss_type: sigmoid\n`, 'sft')
    expect([valueIn(plain, 'loss_type'), valueIn(plain, 'loss_weights')]).toEqual([['sigmoid', 'sft'], undefined])
  })

  it('are read as a list or as one text', () => {
    expect(lossesOf(undefined)).toEqual(['sigmoid', 'sft'])
    expect(lossesOf('sigmoid, ipo')).toEqual(['sigmoid', 'ipo'])
  })
})

it('fields are shown where they have a meaning', () => {
  const lora = ['lora_r', 'lora_alpha', 'lora_target_modules', 'use_rslora']
  expect(shownIn(minimal)).toEqual(expect.not.arrayContaining(lora))
  expect(shownIn(`${minimal}training: { use_peft: true }\n`)).toEqual(expect.arrayContaining(lora))
  expect(shownIn(minimal)).not.toContain('label_smoothing')
  expect(shownIn(`${minimal}training: { loss_type: [robust] }\n`)).toContain('label_smoothing')
  expect(shownIn(minimal)).not.toContain('reward')
})

it('every field has the default of the schema, and the words it is described by there', () => {
  const defaults = recipeSchema.parse(readRecipe(`${minimal}warm_start: { dataset: s }\njudge: { base_url: b, model: m }\nevaluation: [{ dataset: t }]\n`).document?.toJS()) as unknown
  const required = ['recipe', 'model_name_or_path', 'dataset', 'warm_start.dataset', 'judge.base_url', 'judge.model', 'evaluation.0.dataset']
  for (const { path, hint } of [...fields, ...evaluationFields(0)]) {
    const value = path.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], defaults)
    expect(defaultOf(path), path.join('.')).toEqual(required.includes(path.join('.')) ? undefined : value)
    expect(hint, path.join('.')).not.toBe('')
  }
})

it('every key of the schema is in the form', () => {
  const keys = (shape: Record<string, unknown>): string[] => Object.keys(shape)
  const { sampling, training, torch, reward_training, warm_start, judge, evaluation, tripwires, ...top } = recipeSchema.shape
  const maps = { sampling: sampling.unwrap(), training: training.unwrap(), torch: torch.unwrap(), reward_training: reward_training.unwrap(), warm_start: warm_start.unwrap().unwrap(), judge: judge.unwrap().unwrap() }
  const expected = [...keys(top), ...Object.entries(maps).flatMap(([name, map]) => keys(map.shape).map((key) => `${name}.${key}`))]
  expect(fields.map(({ path }) => path.join('.')).sort()).toEqual(expected.sort())
  expect(tripwireFields(2).map(({ path }) => path.join('.'))).toEqual(keys(tripwires.unwrap().element.shape).map((key) => `tripwires.2.${key}`))
  expect(evaluationFields(1).map(({ path }) => path.join('.'))).toEqual(keys(evaluation.unwrap().element.shape).map((key) => `evaluation.1.${key}`))
})

it('fields of a map that is null or absent, and of a new evaluation, can be written', () => {
  expect(withField(`${minimal}warm_start: null # none yet\n`, ['warm_start', 'dataset'], 'seed-pairs')).toContain('warm_start:\n  dataset: seed-pairs')
  const once = withField(minimal, ['evaluation', '0', 'dataset'], 'test')
  expect(readRecipe(withField(once, ['evaluation', '1', 'dataset'], 'other')).document?.toJS()).toMatchObject({ evaluation: [{ dataset: 'test' }, { dataset: 'other' }] })
})
