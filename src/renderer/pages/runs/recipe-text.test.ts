import { describe, expect, it } from 'vitest'
import { fieldOf, fromRound, lineOf, readRecipe, withField } from './recipe-text.ts'

const text = `# why this run
recipe: drift
seed: 42 # the answer
training:
  beta: 0.1
  loss_type: [ sigmoid, sft ]
warm_start: null
`

describe('withField', () => {
  it('changes one field and leaves comments and order alone', () => {
    expect(withField(text, ['seed'], 7)).toBe(text.replace('42', '7'))
    expect(withField(text, ['training', 'beta'], 0.3)).toBe(text.replace('0.1', '0.3'))
  })

  it('adds what is not there, also in a map that is not there', () => {
    expect(withField('recipe: drift\n', ['sampling', 'temperature'], 0.9)).toBe('recipe: drift\nsampling:\n  temperature: 0.9\n')
  })

  it('takes a field out, and its map when nothing is left in it', () => {
    expect(withField('recipe: drift\nsampling:\n  temperature: 0.9\n', ['sampling', 'temperature'], undefined)).toBe('recipe: drift\n')
  })

  it('does not touch a text that is not YAML', () => {
    expect(withField('recipe: [drift', ['seed'], 1)).toBe('recipe: [drift')
  })
})

it('fieldOf tells a missing field from an empty one', () => {
  const { document } = readRecipe(text)
  expect(fieldOf(document!, ['warm_start'])).toBeNull()
  expect(fieldOf(document!, ['iterations'])).toBeUndefined()
  expect(fieldOf(document!, ['training', 'loss_type'])).toEqual(['sigmoid', 'sft'])
})

it('lineOf finds an issue’s line, or its parent’s', () => {
  expect(lineOf(text, 'training.beta')).toBe(5)
  expect(lineOf(text, 'training.betta')).toBe(5)
  expect(lineOf(text, 'nowhere')).toBeNull()
})

it('readRecipe says where a text stops being YAML', () => {
  expect(readRecipe('recipe: drift\nseed: [1').error?.line).toBe(2)
})

describe('a run from the round of another', () => {
  const whole = 'recipe: drift # mine\nmodel_name_or_path: models/base\niterations: 3\nwarm_start:\n  dataset: seeds\n'
  it('begins with that policy, has the rounds that are left and no second warm start', () => {
    expect(fromRound(whole, { id: 'drift-1', rounds: 3 }, 1)).toBe('recipe: drift # mine\nmodel_name_or_path: runs/drift-1/models/round-1\niterations: 2\n')
    expect(fromRound(whole, { id: 'drift-1', rounds: 3 }, 0)).toContain('runs/drift-1/models/warm-start\niterations: 3')
  })
})
