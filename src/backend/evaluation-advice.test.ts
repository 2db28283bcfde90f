import { describe, expect, it } from 'vitest'
import { aLabWorkspace, aRecipe, type RecipeChanges, seedPairs } from '../../tests/support/lab-workspace.ts'
import { adviseEvaluation } from './evaluation-advice.ts'
import { parseRecipe, requireRecipe } from './recipe-file.ts'
import { RECIPE_PRESETS } from './recipe-presets.ts'
import { createDataset } from './storage/datasets.ts'
import type { Workspace } from './storage/open.ts'

const recipe = (changes: RecipeChanges) => requireRecipe(parseRecipe(aRecipe('drift', changes)))
const pairs = (workspace: Workspace, name: string, rows = 20): void => void createDataset(workspace.db, { name, kind: 'preference', rows: Array.from({ length: rows }, (_, i) => ({ ...seedPairs[0]!, chosen: `${seedPairs[0]!.chosen} ${i}` })), recipe: {} })

describe('a recipe that ends in no verdict', () => {
  it('is told so before it starts, with what of the workspace would give it one: verifiable prompts, pairs not trained on', () => {
    const workspace = aLabWorkspace()
    pairs(workspace, 'held-out')
    pairs(workspace, 'other')
    const advice = adviseEvaluation(recipe({ evaluation: [] }), workspace.db)
    expect(advice).toEqual({
      why: 'No evaluation: the run will end without a score, and its verdict will be “Cannot tell”.',
      fields: [{ path: ['evaluation', '0', 'dataset'], value: 'test' }, { path: ['evaluation', '0', 'heldout_pairs'], value: 'held-out' }],
    })
    // What is proposed is all that was missing.
    const [dataset, heldout] = advice!.fields.map(({ value }) => value)
    expect(adviseEvaluation(recipe({ evaluation: [{ dataset, heldout_pairs: heldout }] }), workspace.db)).toBeNull()
  })

  it('is told of held-out pairs alone where it has prompts, also of too few', () => {
    const workspace = aLabWorkspace()
    expect(adviseEvaluation(recipe({ evaluation: [{ dataset: 'test', heldout_pairs: 'heldout' }] }), workspace.db)).toEqual({ why: 'No verdict will come (“Cannot tell”): that takes 20 held-out pairs; heldout has 3.', fields: [] })
    pairs(workspace, 'held-out')
    expect(adviseEvaluation(recipe({ evaluation: [{ dataset: 'test' }] }), workspace.db)).toEqual({ why: 'No verdict will come (“Cannot tell”): that takes 20 held-out pairs.', fields: [{ path: ['evaluation', '0', 'heldout_pairs'], value: 'held-out' }] })
  })

  it('is scored by a scorer where prompts carry no task, and never by one that learned from what it trains on', () => {
    const workspace = aLabWorkspace()
    workspace.db.prepare("DELETE FROM all_datasets WHERE name = 'test'").run()
    createDataset(workspace.db, { name: 'test', kind: 'prompts', rows: [{ prompt: seedPairs[0]!.prompt, task: null, conversationId: null }], recipe: {} })
    expect(adviseEvaluation(recipe({ evaluation: [] }), workspace.db)!.fields).toEqual([
      { path: ['evaluation', '0', 'dataset'], value: 'test' }, { path: ['evaluation', '0', 'type'], value: 'dsat-rate' }, { path: ['evaluation', '0', 'scorer_dataset'], value: 'scored' },
    ])
    expect(adviseEvaluation(recipe({ evaluation: [], dataset: 'scored' }), workspace.db)!.fields.find(({ path }) => path.at(-1) === 'scorer_dataset')?.value).toBe('feedback')
    workspace.db.prepare("DELETE FROM all_datasets WHERE name = 'scored'").run()
    expect(adviseEvaluation(recipe({ evaluation: [] }), workspace.db)!.fields).toEqual([])
  })
})

it.each(['paper-7b', 'paper-14b', 'small'] as const)('preset %s has no evaluation, says so in its text, and is told', (name) => {
  expect(RECIPE_PRESETS[name]).toContain('No evaluation')
  expect(adviseEvaluation(requireRecipe(parseRecipe(RECIPE_PRESETS[name])), aLabWorkspace().db)?.why).toContain('without a score')
})
