/** The new-run page: presets, recipes of other trainers, one undo under form and text. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pageSteps } from '../support/page-steps.ts'
import { accessibilityProblems, hosts, openWorkbench, type Workbench } from './harness.ts'

describe.each(hosts)('a recipe to begin from on the %s host', (host) => {
  let workbench: Workbench
  let page: Page
  const { go, eventually } = pageSteps(() => page, 20_000)
  beforeAll(async () => {
    workbench = await openWorkbench(host)
    page = workbench.page
    await go('/runs?new=1')
  })
  afterAll(() => workbench?.close())

  const text = () => page.getByRole('textbox', { name: 'Recipe as YAML' })

  it('takes a preset', async () => {
    await page.getByRole('combobox', { name: 'Start from' }).click()
    await page.getByRole('option', { name: 'preset paper-7b' }).click()
    await eventually(() => text().inputValue()).toContain('model_name_or_path: Qwen/Qwen2.5-7B-Instruct')
  })

  it('reads another trainer\'s file, and lists what has no counterpart', async () => {
    const file = { name: 'dpo.yaml', mimeType: 'application/yaml', buffer: Buffer.from('stage: dpo\nmodel_name_or_path: m\ndataset: pairs\npref_beta: 0.25\nlora_dropout: 0.1\ntemplate: qwen\n') }
    await page.getByLabel('Recipe of TRL, alignment-handbook or LLaMA-Factory').setInputFiles(file)
    const report = page.getByRole('region', { name: 'What became of the file' })
    await report.getByText('was read as a file of LLaMA-Factory').waitFor()
    await report.getByText('0.1 has no counterpart, and what is trained depends on it').waitFor()
    expect(await text().inputValue()).toContain('beta: 0.25')
    expect(await accessibilityProblems(page)).toEqual([])
  })

  it('undoes edits of form and text, and the import before them, one after the other', async () => {
    const beta = page.getByRole('textbox', { name: 'beta', exact: true })
    await beta.fill('0.5')
    await beta.press('Tab')
    await eventually(() => text().inputValue()).toContain('beta: 0.5')
    await text().press('Control+End')
    await page.keyboard.type('#mine')
    expect(await text().inputValue()).toContain('#mine')
    await page.keyboard.press('Control+z')
    await eventually(async () => {
      const yaml = await text().inputValue()
      return [yaml.includes('#mine'), yaml.includes('beta: 0.5')]
    }).toEqual([false, true])
    await beta.press('Control+z')
    await eventually(() => beta.inputValue()).toBe('0.25')
    await beta.press('Control+z')
    await eventually(() => text().inputValue()).toContain('Qwen2.5-7B-Instruct')
    await beta.press('Control+Shift+z')
    await eventually(() => text().inputValue()).toContain('beta: 0.25')
  })

  it('goes out as a file of another trainer, with what has no counterpart there', async () => {
    await page.getByRole('button', { name: 'Export…' }).click()
    const dialog = page.getByRole('dialog', { name: 'Export the recipe' })
    const exported = dialog.getByLabel('Exported recipe')
    await eventually(() => exported.innerText()).toMatch(/^# TRL .*[^]*\nbeta: 0\.25\n/)
    await dialog.getByText('Every key has a counterpart there.').waitFor()
    await dialog.getByRole('button', { name: 'LLaMA-Factory' }).click()
    await eventually(() => exported.innerText()).toMatch(/\npref_beta: 0\.25\n/)
    await dialog.getByText(/^\d+ without counterpart there/).waitFor()
    expect(await exported.innerText()).toContain('LLaMA-Factory asks for the name of the model’s chat template: add template')
    expect(await accessibilityProblems(page)).toEqual([])
    const file = dialog.getByRole('textbox', { name: 'File' })
    expect(await file.inputValue()).toBe('recipe.llama-factory.yaml')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Recipe written').waitFor()
    const written = readFileSync(join(workbench.workspace, 'exports', 'recipe.llama-factory.yaml'), 'utf8')
    expect(written).toContain('# LLaMA-Factory: the training of a recipe.')
    expect(written).toContain('pref_beta: 0.25')
  })

  it('that is no recipe yet is not exported, and the reason is told', async () => {
    const before = await text().inputValue()
    await text().fill('recipe: drift\n')
    await page.getByRole('button', { name: 'Export…' }).click()
    const dialog = page.getByRole('dialog', { name: 'Export the recipe' })
    await dialog.getByRole('alert').getByText(/model_name_or_path/).waitFor()
    expect(await dialog.getByRole('button', { name: 'Save' }).isDisabled()).toBe(true)
    await dialog.getByRole('button', { name: 'Close' }).click()
    await text().fill(before)
  })
})
