/**
 * The token view, on real scoring in a real browser: a dataset's pair and a run's pair, moved through by keys. The
 * run is one of the fake engine, whose policies are then replaced by models that score.
 */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Page } from 'playwright'
import { createDataset } from '../../src/backend/storage/datasets.ts'
import { openWorkspace } from '../../src/backend/storage/open.ts'
import type { Pair } from '../../src/shared/types.ts'
import { aRecipe, execute, fillLabWorkspace, queueRun } from '../support/lab-workspace.ts'
import { pageSteps } from '../support/page-steps.ts'
import { putBaseModel, putRandomModel } from '../support/real-models.ts'
import { accessibilityProblems, openWorkbench, type Workbench } from './harness.ts'

const provenance: Pair['provenance'] = { conversationId: null, turnIndex: null, userFeedback: null, round: null, policy: null, seed: null }
/** The base's context is 512 tokens: the chosen side of the second pair does not fit. */
const pairs: Pair[] = ['- coup\n- uno', '- uno\n'.repeat(250)].map((chosen) => ({ prompt: [{ role: 'user', content: 'two games for a café 🎲' }], chosen, rejected: '- chess', task: null, provenance }))
let run = ''

async function prepare(path: string): Promise<void> {
  const workspace = openWorkspace(path)
  fillLabWorkspace(workspace)
  createDataset(workspace.db, { name: 'pairs', kind: 'preference', rows: pairs, recipe: {} })
  const lease = queueRun(workspace, aRecipe('drift', { iterations: 1 }))
  run = lease.runId
  await execute(workspace, lease)
  putBaseModel(join(workspace.models, 'base'))
  putBaseModel(join(workspace.runs, run, 'models', 'warm-start'))
  putRandomModel(join(workspace.runs, run, 'models', 'round-1'), 3)
  workspace.close()
}

let workbench: Workbench
let page: Page
beforeAll(async () => {
  workbench = await openWorkbench('server', { prepare })
  page = workbench.page
})
afterAll(() => workbench?.close())

const { go, query, eventually } = pageSteps(() => page, 10_000)
const tokens = (part: string) => page.getByRole('listbox', { name: `Tokens of the ${part}` })
const totals = (): Promise<string> => page.getByRole('region', { name: 'Totals' }).innerText()

describe('a pair of a dataset', () => {
  it('turns from text to tokens by key, under the newest policy and what it was trained against', async () => {
    await go('/datasets?name=pairs&row=0')
    await page.getByRole('region', { name: 'The row' }).getByText('coup').first().waitFor()
    await page.keyboard.press('t')
    await tokens('chosen reply').getByRole('option').first().waitFor()
    expect(query('view')).toBe('tokens')
    expect(await tokens('chosen reply').getByRole('option').allInnerTexts()).toEqual([' -', ' coup', '\n', '-', ' uno', '<end>'])
    expect(await page.getByRole('combobox', { name: 'Reference' }).innerText()).toMatch(/warm start/)
    expect(await totals()).toMatch(/margin\s*[+−]\d+\.\d{4}\s*DPO weight\s*0\.\d{4}\s*β\s*0\.1/)
  })

  it('dims what the chat template wrote, and nothing else', async () => {
    expect(await tokens('prompt').locator('.template').allInnerTexts()).toEqual(['<user>', '<asst>'])
    expect(await tokens('chosen reply').locator('.template').allInnerTexts()).toEqual(['<end>'])
  })

  it('is walked through by arrow keys, each token with its figures, and the place is in the URL', async () => {
    await tokens('chosen reply').getByRole('option').nth(1).click()
    const card = page.getByRole('status').filter({ hasText: 'log p, policy' })
    await card.getByText('" coup"').waitFor()
    await page.keyboard.press('ArrowRight')
    await card.getByText('"\\n"').waitFor()
    expect(query('at')).toBe('chosen.2')
    const shown = await card.innerText()
    const [, policy, reference, ratio] = (/policy\s+(\S+)\s[\s\S]*reference\s+(\S+)\s[\s\S]*log-ratio\s+(\S+)/.exec(shown) ?? []).map((figure) => Number(figure.replace('−', '-')))
    expect((policy ?? NaN) - (reference ?? NaN)).toBeCloseTo(ratio ?? NaN, 3)
    await page.keyboard.press('Home')
    await page.keyboard.press('ArrowLeft')
    await eventually(() => query('at')).toBe('rejected.2')
    await page.keyboard.press('ArrowUp')
    await eventually(() => query('at')).toMatch(/^prompt\./)
    await page.reload()
    await tokens('prompt').getByRole('option', { selected: true }).waitFor()
  })

  it('is coloured by log-ratio or, by key, by log-probability', async () => {
    const fill = () => tokens('rejected reply').getByRole('option').nth(1).getAttribute('style')
    const byRatio = await fill()
    expect(byRatio).toMatch(/--token-(more|less)/)
    await page.keyboard.press('s')
    await eventually(() => query('shade')).toBe('logp')
    await eventually(fill).not.toBe(byRatio)
  })

  it('shows where the length limit cuts, and by which rule', async () => {
    await go('/datasets?name=pairs&row=1&view=tokens')
    await page.getByText('cut here by max_position_embeddings 512 (keep_start)').waitFor()
    const struck = tokens('chosen reply').locator('.cut')
    expect(await struck.count()).toBeGreaterThan(100)
    await struck.first().click()
    await page.getByText('Cut: training never sees it.').waitFor()
  })

  it('asks for a reference where there is none', async () => {
    await go('/datasets?name=pairs&row=0&view=tokens&policy=models%2Fbase')
    await page.getByText('Choose a reference to see log-ratios').waitFor()
    await page.getByRole('combobox', { name: 'Reference' }).click()
    await page.getByRole('option', { name: /round 1/ }).click()
    await eventually(totals).toMatch(/margin\s*[+−]/)
  })

  it('that cannot be scored says why, and is tried again', async () => {
    await go('/datasets?name=pairs&row=0&view=tokens&policy=models%2Fgone')
    await page.getByRole('alert').getByText('model: expected one of this workspace, got "models/gone"').waitFor()
    await page.getByRole('button', { name: 'Try again' }).waitFor()
  })
})

describe('a pair of a run', () => {
  it('opens from its sample, under the round’s policy and reference', async () => {
    await go(`/runs/${run}?tab=samples`)
    await page.getByRole('button', { name: 'Tokens of the pair' }).first().click()
    await page.getByText(/policy after training round 1, reference warm start/).waitFor()
    await tokens('rejected reply').getByRole('option').first().waitFor()
    const first = query('pair')
    await page.keyboard.press('k')
    await eventually(() => query('pair')).toBe(String(Number(first) - 1))
    await tokens('rejected reply').getByRole('option').first().waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Tokens of the pair' }).first().waitFor()
  })
})

describe.each([['light', undefined], ['dark', ['color-contrast']]] as const)('in the %s theme', (theme, rules) => {
  it('has no accessibility problem that axe can see', async () => {
    await page.emulateMedia({ colorScheme: theme })
    for (const path of ['/datasets?name=pairs&row=0&view=tokens&at=chosen.1', `/runs/${run}?tab=samples&pair=1&shade=logp`]) {
      await go(path)
      await tokens('chosen reply').getByRole('option').first().waitFor()
      expect(await accessibilityProblems(page, rules && [...rules]), path).toEqual([])
    }
  })
})

it('logged no error and asked nobody else for anything', () => {
  expect(workbench.problems).toEqual([])
})
