/**
 * The evaluate page on real computing in a real browser: published files in, a judge of the test's own asked over
 * HTTP, calibrated against them; failures, removal, export. Tests run in order and share the workspace.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ANSWERS, writeEvaluationFiles } from '../support/evaluation-files.ts'
import { aJudgeServer, type JudgeServer } from '../support/judge-server.ts'
import { accessibilityProblems, openWorkbench, type Workbench } from './harness.ts'

let workbench: Workbench
let page: Page
let judge: JudgeServer
let files: ReturnType<typeof writeEvaluationFiles>
beforeAll(async () => {
  judge = await aJudgeServer(undefined, { test: false })
  workbench = await openWorkbench('server', { prepare: (workspace) => void (files = writeEvaluationFiles(join(workspace, 'judged'))) })
  page = workbench.page
})
afterAll(async () => {
  await workbench?.close()
  await judge?.close()
})

const go = async (path: string): Promise<void> => void (await page.goto(new URL(path, page.url()).href))
const query = (name: string): string | null => new URL(page.url()).searchParams.get(name)
const eventually = <Value>(read: () => Value | Promise<Value>) => expect.poll(read, { timeout: 30_000, interval: 100 })
const dialog = () => page.getByRole('dialog', { name: 'New evaluation' })
const table = (name: string) => page.getByRole('region', { name: `${name} evaluations` })
const lineOf = (model: string, benchmark = 'AlpacaEval 2') => table(benchmark).getByRole('row').filter({ hasText: model })
async function evaluate(fields: Record<string, string>, action = 'Evaluate'): Promise<void> {
  for (const [label, value] of Object.entries(fields)) await dialog().getByLabel(label, { exact: true }).fill(value)
  await dialog().getByRole('button', { name: action }).click()
  await dialog().waitFor({ state: 'detached' })
}

describe('the evaluate page', () => {
  it('says what it is for, and is reached by two keys', async () => {
    await page.keyboard.press('g')
    await page.keyboard.press('e')
    await page.getByRole('heading', { name: 'No judged evaluations yet' }).waitFor()
    expect(await accessibilityProblems(page)).toEqual([])
  })

  it('computes published files: figures with intervals, the judge’s badge, what to know before quoting', async () => {
    await page.keyboard.press('n')
    await dialog().waitFor()
    // A path is typed relative to the workspace or in full.
    await evaluate({ Annotations: 'judged/aster-7b/annotations.json', 'Difficulty (optional)': files.difficulty })
    await eventually(() => lineOf('aster-7b').first().innerText()).toMatch(/official[^]*\d+\.\d\s*\[\d+\.\d, \d+\.\d\]/)
    for (const model of ['birch-7b-verbose', 'cedar-3b']) {
      await page.keyboard.press('n')
      await evaluate({ Annotations: files.annotations[model]!, 'Difficulty (optional)': files.difficulty })
      await eventually(() => lineOf(model).first().innerText()).toMatch(/official/)
    }
    await page.getByText(`${ANSWERS} of 805 instructions are in the file`).waitFor()
    await page.getByText('no gamed baseline rows').waitFor()
  })

  it('shows what length does: the verbose model leads in the plain rate and falls in the controlled one', async () => {
    const models = await table('AlpacaEval 2').getByRole('rowheader').allInnerTexts()
    expect(models.map((text) => text.trim())[0]).toBe('aster-7b')
    const cells = await lineOf('birch-7b-verbose').getByRole('cell').allInnerTexts()
    expect(Number(/^\+(\d+\.\d)/.exec(cells[3]!)?.[1])).toBeGreaterThan(5)
    await page.getByRole('figure', { name: 'What does answer length do to the win rate?' }).waitFor()
  })

  it('is walked by keys, keeps the choice in the address, and compares the others with it', async () => {
    await page.keyboard.press('Escape')
    await eventually(() => query('id')).toBeNull()
    await page.keyboard.press('j')
    await eventually(() => query('id')).toBe('alpacaeval-aster-7b')
    await page.reload()
    expect(await page.getByRole('region', { name: 'Jobs' }).getByText('alpacaeval-cedar-3b').innerText()).toContain('alpacaeval-cedar-3b')
    const differences = page.getByRole('region', { name: 'Paired differences' })
    await differences.waitFor()
    expect(await differences.getByRole('row').filter({ hasText: 'cedar-3b' }).innerText()).toMatch(/−\d+\.\d\s*\[−\d+\.\d, −\d+\.\d\][^]*160[^]*< 0\.001[^]*behind/)
    expect(await accessibilityProblems(page)).toEqual([])
  })

  it('tells what a judge will take, asks it, and calibrates it against the published annotations', async () => {
    // Identical answers are ties without a call.
    const calls = (JSON.parse(readFileSync(files.annotations['aster-7b']!, 'utf8')) as { output_1: string; output_2: string }[]).filter((row) => row.output_1 !== row.output_2).length
    await page.getByRole('region', { name: 'Judge calibration' }).getByRole('button', { name: 'Judge the answers of aster-7b' }).click()
    await dialog().getByLabel('Endpoint').fill(judge.url)
    await dialog().getByLabel('Model', { exact: true }).fill('longer-is-better')
    await dialog().getByLabel('Price in').fill('2')
    await dialog().getByLabel('Price out').fill('8')
    await eventually(() => dialog().getByRole('status').innerText()).toMatch(new RegExp(`${calls} calls \\(0 replies are here already\\), about [\\d,]+ tokens in, at most ${calls} out, at most about \\d+\\.\\d\\d, time unknown`))
    expect(judge.requests).toHaveLength(0)
    await evaluate({}, 'Ask the judge')
    await eventually(() => lineOf('longer-is-better').innerText()).toMatch(/(^|\s)calibrated/)
    expect(judge.requests).toHaveLength(calls)
    const card = page.getByRole('region', { name: 'Judge calibration' })
    expect(await card.innerText()).toMatch(/longer-is-better\s*160 answers of aster-7b\s*agreement\s*\d+\.\d %\s*\[[\d., ]+\]\s*by chance\s*\d+\.\d %\s*rank correlation\s*0\.\d+\s*shift\s*[+−]\d+\.\d/)
  })

  it('keeps a bad file as a failure that can be read, removed and taken back', async () => {
    await page.keyboard.press('n')
    await evaluate({ Annotations: files.twice })
    await page.getByRole('alert').filter({ hasText: 'got "same" in rows 1 and 2. Remove one of them' }).first().waitFor()
    await page.getByRole('button', { name: 'Remove' }).click()
    await eventually(() => lineOf('twice').count()).toBe(0)
    await page.getByRole('button', { name: 'Undo' }).click()
    await lineOf('twice').waitFor()
    await lineOf('twice').getByRole('button').click()
    await page.getByRole('button', { name: 'Remove' }).click()
    await eventually(() => lineOf('twice').count()).toBe(0)
  })

  it('saves its table as CSV with every bound', async () => {
    const waiting = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Save as CSV' }).click()
    const download = await waiting
    expect(download.suggestedFilename()).toBe('alpacaeval-2-evaluations.csv')
    const file = join(workbench.workspace, 'table.csv')
    await download.saveAs(file)
    const [heading, ...lines] = readFileSync(file, 'utf8').trim().split('\r\n')
    expect(heading).toContain('model,judge,badge,reference,status,LC win rate,LC win rate 95 % low')
    expect(lines).toHaveLength(4)
  })

  it('shows WildBench by task, without a radar', async () => {
    await page.keyboard.press('2')
    await eventually(() => query('of')).toBe('wb-score')
    for (const model of ['aster-7b', 'cedar-3b']) {
      await page.keyboard.press('n')
      await evaluate({ Scores: files.scores[model]!, 'Task tags (optional)': files.tags })
      await eventually(() => lineOf(model, 'WB-Score').innerText()).toMatch(/official/)
    }
    await page.getByRole('button', { name: 'Table of: Where does each model stand by task?' }).click()
    const rows = await page.getByRole('region', { name: 'Data of: Where does each model stand by task?' }).getByRole('row').allInnerTexts()
    expect(rows.slice(1).map((row) => row.split('\t')[0])).toEqual(['Creative Tasks', 'Planning & Reasoning', 'Math & Data Analysis', 'Information/Advice seeking', 'Coding & Debugging'])
    expect(await accessibilityProblems(page)).toEqual([])
  })

  it('lets one decide blind by key, reveals who was who, and makes a dataset of what lost', async () => {
    await go('/evaluate')
    await page.getByRole('button', { name: 'From files' }).waitFor()
    await page.keyboard.press('d')
    await page.waitForURL(/\/evaluate\/duels/)
    await page.getByRole('textbox', { name: 'Answers of one model: file' }).fill(files.duel.ash)
    await page.getByRole('textbox', { name: 'Answers of the other: file' }).fill(files.duel.oak)
    await page.getByRole('button', { name: 'Start' }).click()
    const left = page.getByRole('article', { name: 'Left answer' })
    await left.waitFor()
    expect(await accessibilityProblems(page)).toEqual([])
    await page.keyboard.press('w')
    expect(await page.getByRole('button', { name: 'revision asked' }).getAttribute('aria-pressed')).toBe('true')
    for (let n = 1; n <= 3; n++) {
      // Ash wins wherever it stands.
      await page.keyboard.press((await left.innerText()).includes('ash') ? '1' : '3')
      if (n < 3) await page.getByText(`${n} of 3`).waitFor()
      if (n === 1) {
        await page.keyboard.press('k')
        await page.getByText('0 of 3').waitFor()
        await page.keyboard.press('w')
        await page.keyboard.press((await left.innerText()).includes('ash') ? '1' : '3')
        await page.getByText('1 of 3').waitFor()
      }
    }
    await page.getByRole('heading', { name: 'ash against oak' }).waitFor()
    // Files of elsewhere lead nowhere; what was decided stands there all the same.
    expect(await page.getByRole('region', { name: 'What was decided' }).getByRole('listitem').allInnerTexts()).toEqual([1, 2, 3].map(() => expect.stringMatching(/Name a tree, \d\s*ash/) as string))
    await page.getByText(/ash wins\s*100\.0 %[^]*3 won, 0 lost, 0 ties[^]*not distinguishable/).waitFor()
    await page.getByRole('button', { name: 'Make the dataset' }).click()
    await page.getByText('3 rows are in').waitFor()
    await page.getByRole('link', { name: 'duel-1-losses' }).click()
    await page.waitForURL(/\/datasets\?name=duel-1-losses/)
  })

  it('has a policy answer a benchmark’s prompts, shows its answers, has a judge decide on them, and leads back from the figures', { timeout: 180_000 }, async () => {
    writeFileSync(join(workbench.workspace, 'prompts.json'), JSON.stringify(Array.from({ length: 12 }, (_, i) => ({ instruction: `plan ${i + 2} lunches`, output: 'bread and cheese', generator: 'reference' }))))
    await go('/evaluate')
    await page.getByRole('button', { name: 'From files' }).waitFor()
    await page.keyboard.press('p')
    const answering = page.getByRole('dialog', { name: 'Answers of a policy' })
    await answering.getByLabel('Prompts').fill('nowhere.json')
    await answering.getByLabel('Longest answer').fill('24')
    await answering.getByRole('button', { name: 'Answer', exact: true }).click()
    await answering.getByRole('alert').filter({ hasText: 'expected a file, found none at' }).waitFor()
    expect(await accessibilityProblems(page)).toEqual([])
    await answering.getByLabel('Prompts').fill('prompts.json')
    await answering.getByRole('button', { name: 'Answer', exact: true }).click()
    await answering.waitFor({ state: 'detached' })
    const sets = page.getByRole('region', { name: 'Sets of answers' })
    // Its process steps back behind everything else.
    await expect.poll(() => sets.getByRole('row').filter({ hasText: 'base-model' }).innerText(), { timeout: 90_000 }).toMatch(/base-model[^]*[0-9a-f]{10}\s+12\s+\d+/)
    const answers = page.getByRole('region', { name: 'Answers of policies' })
    await eventually(() => answers.getByRole('listitem').filter({ hasText: 'plan 2 lunches' }).innerText()).toMatch(/1 · \d+ tokens/)
    await answers.getByText('greedy, at most 24 tokens, 16 at once, seed 42; embedded on cpu').waitFor()
    expect(await accessibilityProblems(page)).toEqual([])

    await answers.getByRole('button', { name: 'Ask a judge' }).click()
    await dialog().getByText('The judge decides on the answers of base-model.').waitFor()
    expect(await dialog().getByLabel('Model outputs', { exact: true }).inputValue()).toMatch(/exports\/answers\/alpacaeval-base-model\/model_outputs\.json$/)
    await evaluate({ 'Baseline outputs': 'prompts.json', Endpoint: judge.url, Model: 'judge-of-answers' }, 'Ask the judge')
    await eventually(() => lineOf('judge-of-answers').innerText()).toMatch(/base-model[^]*\d+\.\d/)
    const origin = page.getByRole('region', { name: 'base-model' }).getByRole('link', { name: 'alpacaeval-base-model' })
    await origin.click()
    await eventually(() => query('answers')).toBe('alpacaeval-base-model')

    await answers.getByRole('button', { name: 'Remove' }).click()
    await sets.waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Undo' }).click()
    await sets.waitFor()
  })

  it('survives a restart of the page, logs no error and asks nobody else', async () => {
    await go('/evaluate')
    await lineOf('longer-is-better').waitFor()
    expect(workbench.problems).toEqual([])
  })
})
