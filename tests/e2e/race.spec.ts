/** A race of three methods from the form to its declared comparison, on real training: what was declared holds, and a run that stopped goes on. */
import type { Page } from 'playwright'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fillDemo } from '../support/demo-workspace.ts'
import { pageSteps } from '../support/page-steps.ts'
import { accessibilityProblems, openWorkbench, type Workbench } from './harness.ts'

const RACE_MS = 5 * 60_000

let workbench: Workbench
let page: Page
beforeAll(async () => {
  workbench = await openWorkbench('server', { prepare: fillDemo({ iterations: 1, pairsPerRound: 48, testPrompts: 20, k: 2 }) })
  page = workbench.page
}, 120_000)
afterAll(() => workbench?.close())

const { go, eventually } = pageSteps(() => page, RACE_MS)
const form = () => page.getByRole('region', { name: 'Race as a form' })
const text = () => page.getByRole('textbox', { name: 'Race as YAML' })

it('says of a recipe without an evaluation that no verdict will come, and adds one by a click', async () => {
  await go('/runs?new=1')
  const recipe = page.getByRole('textbox', { name: 'Recipe as YAML' })
  await page.getByRole('combobox', { name: 'Start from' }).click()
  await page.getByRole('option', { name: 'recipes/drift.yaml' }).click()
  await eventually(() => recipe.inputValue()).toContain('evaluation:')
  const whole = await recipe.inputValue()
  const without = whole.replace(/^evaluation:\n(?:[ -].*\n)*/m, '')
  expect(without).not.toContain('evaluation:')
  await recipe.fill(without)
  await page.getByText('No evaluation: the run will end without a score, and its verdict will be “Cannot tell”.').waitFor()
  expect(await accessibilityProblems(page)).toEqual([])
  await page.getByRole('button', { name: /^Add test-\S+ and \S+$/ }).click()
  await eventually(() => recipe.inputValue()).toMatch(/evaluation:\n {2}- dataset: test-\S+\n {4}heldout_pairs: \S+/)
  await page.getByText('No evaluation:').waitFor({ state: 'detached' })
  expect(await page.getByRole('button', { name: 'Start run' }).isDisabled()).toBe(false)
})

it('proposes the workspace\'s recipes, the first against all others', async () => {
  await go('/runs')
  await page.getByRole('button', { name: 'New race' }).waitFor()
  await page.keyboard.press('N')
  for (const file of ['drift', 'spin', 'iterative-dpo']) expect(await form().getByRole('checkbox', { name: `recipes/${file}.yaml` }).isChecked()).toBe(true)
  await eventually(() => text().inputValue()).toMatch(/pairs: \[.*drift.*spin.*\]/)
  expect(await accessibilityProblems(page)).toEqual([])
})

it('says what is wrong before anything starts, in form and text alike', async () => {
  const seeds = form().getByRole('textbox', { name: 'Seeds' })
  await seeds.fill('one')
  await page.getByText('expected numbers and ranges, as 1-6, 9').waitFor()
  expect(await page.getByRole('button', { name: 'Start race' }).isDisabled()).toBe(true)
  await seeds.fill('1')
  await form().getByRole('textbox', { name: 'at T =' }).fill('0.5')
  await page.getByText('expected one that is evaluated (0, 1), got 0.5').waitFor()
  await form().getByRole('textbox', { name: 'at T =' }).fill('1')
  await form().getByRole('textbox', { name: 'Name' }).fill('three methods')
  await eventually(() => text().inputValue()).toContain('name: three methods')
  await page.getByText(/^3 runs/).waitFor()
})

it('sets a member apart from its recipe by a key and a value, in form and text alike', async () => {
  const drift = form().locator('.member').first()
  await drift.getByRole('button', { name: 'Run it once more' }).click()
  await eventually(() => form().getByRole('textbox', { name: 'Name', exact: true }).count()).toBe(3)
  const second = form().locator('.member').nth(1)
  await second.getByRole('button', { name: 'A difference' }).click()
  const value = second.getByRole('textbox', { name: 'Value of training.learning_rate' })
  await second.getByText('expected a value, as 1e-5, base or true').waitFor()
  await value.fill('3e-4')
  await eventually(() => text().inputValue()).toMatch(/as: drift 2\n {4}set:\n {6}training\.learning_rate: 0\.0003/)
  await page.getByText(/^4 runs, \d at a time .* memory .* at most/).waitFor()
  // The other way: what the text says stands in the form, and a key that is none is named with the nearest, once for all seeds.
  const written = await text().inputValue()
  await text().fill(written.replace('training.learning_rate: 0.0003', 'training.learning_rat: 0.001'))
  await second.getByText('unknown key; did you mean training.learning_rate?').waitFor()
  await page.getByText('unknown key "learning_rat"; did you mean "learning_rate"?').waitFor()
  expect(await page.getByRole('button', { name: 'Start race' }).isDisabled()).toBe(true)
  await text().fill(written)
  await eventually(() => value.inputValue()).toBe('0.0003')
  expect(await accessibilityProblems(page)).toEqual([])
  await second.getByRole('button', { name: 'Leave this one out' }).click()
  await page.getByText(/^3 runs, /).waitFor()
  expect(await text().inputValue()).not.toContain('drift 2')
})

it('asks for tokens where compute is to be equal, and drops them with the regime', async () => {
  await form().getByRole('button', { name: 'equal compute' }).click()
  await page.getByText(/equal-compute: expected how many tokens each run generates, scores and trains/).waitFor()
  await form().getByRole('textbox', { name: 'Tokens of each run' }).fill('2,000,000')
  await eventually(() => text().inputValue()).toContain('tokens: 2000000')
  await page.getByText(/^3 runs, /).waitFor()
  await form().getByRole('button', { name: 'equal pairs' }).click()
  await eventually(() => text().inputValue()).not.toContain('tokens:')
  await page.getByText(/^3 runs, /).waitFor()
})

it('shows budget and declaration beside the lanes, and goes on after a pause', async () => {
  // What was changed last is still being checked: the key is not lost.
  await form().getByRole('textbox', { name: 'Name' }).fill('three')
  await form().getByRole('textbox', { name: 'Name' }).fill('three methods')
  await page.keyboard.press('Control+Enter')
  await page.getByRole('heading', { name: 'three methods' }).waitFor()
  await page.getByText('every method trains on as many pairs').waitFor()
  await page.getByText(/score at T = 1, final round: .*DRIFT minus .*SPIN/).waitFor()
  // The last of three on two lanes.
  await go('/runs/spin-seed1')
  // Not the buttons of the running jobs, which say whose they are.
  await page.getByRole('button', { name: 'Pause', exact: true }).click({ timeout: RACE_MS })
  await page.getByRole('button', { name: 'Resume', exact: true }).click({ timeout: RACE_MS })
  await go('/runs?view=race&group=three+methods')
  await eventually(() => page.getByRole('main').locator('.lanes').getByRole('img', { name: 'done', exact: true }).count()).toBe(3)
}, RACE_MS)

it('checks its budget against the ledger, and marks what was declared as primary', async () => {
  await page.getByText(/^Held: pairs trained on per run differ by 0\.0 % at most/).waitFor({ timeout: RACE_MS })
  await go('/compare?group=three+methods&tab=scores')
  const tests = page.getByRole('region', { name: /^Tests at temperature 1/ })
  await tests.waitFor()
  const primary = tests.getByRole('row', { name: /primary/ })
  await eventually(async () => (await primary.getByRole('rowheader').allInnerTexts()).sort()).toEqual(['DRIFT − Iterative DPO', 'DRIFT − SPIN'])
}, RACE_MS)

it('sweeps a grid first, which the form writes and the estimate counts', async () => {
  await go('/runs?newrace=1')
  await form().getByRole('textbox', { name: 'Name' }).fill('tuned')
  await page.getByText(/^3 runs|^18 runs/).waitFor()
  await form().getByRole('checkbox', { name: 'recipes/iterative-dpo.yaml' }).uncheck()
  await form().getByRole('textbox', { name: 'Seeds', exact: true }).fill('1')
  await form().getByRole('checkbox', { name: /Sweep a grid first/ }).check()
  const values = form().getByRole('textbox', { name: 'Values of training.learning_rate' })
  await values.fill('[')
  await form().getByText('expected values with commas between').waitFor()
  await values.fill('1e-4, 3e-4')
  await eventually(() => text().inputValue()).toMatch(/sweep:\n {2}dataset: sweep-requests\n {2}seeds: \[ 101 \]\n {2}grid:\n {4}training\.learning_rate: \[ 0\.0001, 0\.0003 \]/)
  await form().getByRole('textbox', { name: 'Sweep seeds' }).fill('1')
  await page.getByText(/1 would be tuned on what is reported/).waitFor()
  await form().getByRole('textbox', { name: 'Sweep seeds' }).fill('2')
  await page.getByText(/^4 runs of the sweep, then 2 runs/).waitFor()
  expect(await accessibilityProblems(page)).toEqual([])
})

it('chooses each method\'s setting when all have ended, also after a stop, and then races by itself', async () => {
  await page.keyboard.press('Control+Enter')
  const sweep = page.getByRole('region', { name: 'Sweep of settings' })
  await sweep.getByText(/of 4 runs have ended/).waitFor()
  await page.getByText('The race’s own runs begin when the sweep has chosen.').waitFor()
  await page.getByRole('button', { name: /^Pause / }).click()
  await page.getByRole('button', { name: 'Go on', exact: true }).click({ timeout: RACE_MS })
  await eventually(() => sweep.getByLabel('chosen').count()).toBe(2)
  await eventually(() => page.locator('main .lanes').getByRole('img', { name: 'done', exact: true }).count()).toBe(2)
  await page.getByText(/the sweep chose learning_rate .* at the edge of its grid/).first().waitFor()
  expect(await page.getByRole('region', { name: 'Fairness ledger' }).getByText('counted apart').count()).toBe(1)
  expect(await accessibilityProblems(page)).toEqual([])
}, RACE_MS)

it('logged no error and asked nobody else for anything', () => {
  expect(workbench.problems).toEqual([])
})
