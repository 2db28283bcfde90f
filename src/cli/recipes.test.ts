/** The recipe verbs as a shell meets them, and other trainers' keys as `drift train` reads them. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { parse } from 'yaml'
import { exportRecipe } from '../backend/recipe-export.ts'
import { parseRecipe, requireRecipe } from '../backend/recipe-file.ts'
import { importRecipe } from '../backend/recipe-import.ts'
import { RECIPE_PRESETS } from '../backend/recipe-presets.ts'
import { readTrainingKeys } from './training-keys.ts'

function drift(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'index.ts'), 'recipe', ...args], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

it('writes every preset as a recipe without issues, and names them where the name is none', () => {
  for (const yaml of Object.values(RECIPE_PRESETS)) expect(parseRecipe(yaml)).toMatchObject({ issues: [], translated: [], warnings: [] })
  expect(drift('preset', 'small')).toMatchObject({ status: 0, stdout: RECIPE_PRESETS.small })
  expect(drift('preset', 'big')).toMatchObject({ status: 2, stderr: 'drift: recipe preset: expected paper-7b, paper-14b, small, built-in, got "big"\n' })
})

it('reads another trainer\'s file and writes one, and tells what became of its keys', () => {
  const folder = mkdtempSync(join(tmpdir(), 'recipes-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const [file, ours, theirs] = ['dpo.json', 'ours.yaml', 'theirs.yaml'].map((name) => join(folder, name)) as [string, string, string]
  writeFileSync(file, JSON.stringify({ model_name_or_path: 'm', dataset_name: 'pairs', beta: 0.3, warmup_ratio: 0.2, report_to: 'wandb' }))
  const read = drift('import', file, '--output', ours)
  expect(read).toMatchObject({ status: 0, stdout: `${ours}\n` })
  expect(read.stderr).toContain('translated: warmup_ratio was removed; read as warmup_steps')
  expect(read.stderr).toContain('left: report_to: no counterpart')
  expect(JSON.parse(drift('export', ours, '--format', 'trl', '--output', theirs, '--json').stdout)).toEqual({ path: theirs, left: [] })
  expect(parse(readFileSync(theirs, 'utf8'))).toMatchObject({ dataset_name: 'pairs', beta: 0.3, warmup_steps: 0.2 })
  expect(drift('export', ours, '--format', 'axolotl').status).toBe(2)
})

it('of TRL, what a file leaves out is what `drift train` takes for it', () => {
  const { training } = requireRecipe(parseRecipe(importRecipe('model_name_or_path: m\ndataset_name: d\n').yaml))
  const { keys } = readTrainingKeys({}, {})
  expect(training).toMatchObject({ ...Object.fromEntries(Object.entries(keys).filter(([key]) => Object.hasOwn(training, key))), optim: 'adamw_torch', gradient_checkpointing: true })
})

it('of TRL, an exported file is read by `drift train` with the same settings', () => {
  const recipe = requireRecipe(parseRecipe('recipe: dpo\nmodel_name_or_path: m\ndataset: d\nseed: 7\ntraining: { loss_type: [sigmoid], optim: rmsprop }\n'))
  const { keys } = readTrainingKeys(parse(exportRecipe(recipe, 'trl').text) as Record<string, unknown>, {})
  expect(keys).toMatchObject({ loss_type: ['sigmoid'], optim: 'rmsprop', beta: 0.1, learning_rate: 5e-7, seed: 7, max_length: 2048 })
})
