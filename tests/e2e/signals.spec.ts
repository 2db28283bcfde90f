/**
 * The signals page on a real host: deciders side by side, the threshold workbench by keyboard, training on the labels
 * that are there, and an LLM judge on a server of the test's own, with its estimate first.
 */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Page } from 'playwright'
import { openWorkspace } from '../../src/backend/storage/open.ts'
import { labelledWorldTurns } from '../../src/core/world/labelled-turns.ts'
import { aChatServer, type ChatServer } from '../support/chat-server.ts'
import { importLog } from '../support/import-log.ts'
import { accessibilityProblems, openWorkbench, type Workbench } from './harness.ts'

async function prepare(path: string): Promise<void> {
  const workspace = openWorkspace(path)
  const dialogues = Map.groupBy(labelledWorldTurns({ seed: 9, dialogues: 120 }), ({ dialogue }) => dialogue)
  const rows = [...dialogues].map(([dialogue, turns]) => ({ id: String(dialogue), source: 'shop', messages: turns[0]!.messages, labels: turns.map(({ turnIndex, dissatisfied }) => ({ turn_index: turnIndex, dsat: dissatisfied })) }))
  await importLog(workspace, rows)
  workspace.close()
}

let workbench: Workbench
let page: Page
let judge: ChatServer
beforeAll(async () => {
  judge = await aChatServer(() => ({ content: '{"label":"satisfied","dsat_probability":0.1,"categories":["praise"],"evidence":""}' }), { test: false })
  workbench = await openWorkbench('server', { prepare })
  page = workbench.page
  await page.goto(new URL('/signals', page.url()).href)
})
afterAll(async () => {
  await workbench?.close()
  await judge?.close()
})

const deciders = () => page.getByRole('complementary', { name: 'Deciders and labels' })
const decider = (name: string) => deciders().getByRole('listitem').filter({ hasText: name })
const reading = () => page.getByRole('region', { name: 'At the cut-off' })

it('the rules and the classifier run by key and stand beside the imported labels', async () => {
  await decider('Imported with the data').getByText(/covers 100/).waitFor()
  await page.keyboard.press('r')
  await decider('Rules').getByText(/covers 100/).waitFor()
  await page.keyboard.press('c')
  await decider('Classifier').getByText(/covers 100/).waitFor()
  await decider('Classifier').getByText(/Trained on simulated users of the built-in world: what it reaches there does not carry over/).waitFor()
  await decider('Imported with the data').getByText(/covers 100/).waitFor()
})

it('the cut-off moves by arrow keys, and precision, recall, pairs and the worth of labels follow', async () => {
  await page.keyboard.press('t')
  await reading().getByText(/Precision/).waitFor()
  const slider = page.getByRole('slider', { name: 'Cut-off on the probability' }).first()
  await slider.focus()
  await page.keyboard.press('Home')
  await expect.poll(() => reading().innerText()).toMatch(/At cut-off\s*0\.00[^]*Recall\s*1\.00 \[/)
  const everything = await reading().innerText()
  await page.keyboard.press('End')
  await expect.poll(() => reading().innerText()).toMatch(/At cut-off\s*1\.00/)
  expect(await reading().innerText()).not.toBe(everything)
  await slider.blur()
  await page.keyboard.press('b')
  await expect.poll(() => reading().innerText()).toMatch(/20 more labels[^]*±\d+\.\d points → ±\d+\.\d points/)
})

it('the cut-off goes to the dataset dialog', async () => {
  await page.goto(new URL('/signals?view=threshold&cut=37', page.url()).href)
  await reading().getByRole('button', { name: 'Make a dataset at this cut-off' }).click()
  expect(await page.getByRole('textbox', { name: 'Cut-off' }).inputValue()).toBe('0.37')
  await page.goto(new URL('/signals?view=threshold', page.url()).href)
})

it('training on the labels gives the workspace its own classifier, with its cross-validated precision', async () => {
  await decider('Classifier').getByRole('button', { name: /^Train on \d+ labels/ }).click()
  await decider('Classifier').getByText(/imported ones of this workspace: precision\s*[01]\.\d\d \[.*\] on \d+ labels, cross-validated/).waitFor()
})

it('the judge says what it would take before it starts, and its verdicts stand beside the others', async () => {
  await page.keyboard.press('l')
  const dialog = page.getByRole('dialog', { name: 'LLM judge' })
  await dialog.getByRole('textbox', { name: 'Base URL' }).fill(judge.baseUrl)
  await dialog.getByRole('textbox', { name: 'Model' }).fill('test-judge')
  await dialog.getByRole('textbox', { name: 'Turns' }).fill('40')
  await dialog.getByRole('textbox', { name: 'Price in' }).fill('2')
  await dialog.getByRole('button', { name: 'Save and estimate' }).click()
  await dialog.getByRole('status').getByText(/40 of 40 turns to ask, 0 in the cache: about [\d,]+ prompt and [\d,]+ reply tokens, cost about 0\.\d+, time unknown before the first run/).waitFor()
  await dialog.getByRole('button', { name: 'Run on 40 turns' }).click()
  await decider('LLM judge').getByText('test-judge').waitFor()
})

it('nothing on the page fails, and it is accessible', async () => {
  expect(await accessibilityProblems(page)).toEqual([])
  expect(workbench.problems).toEqual([])
})
