/** Near-duplicates, personal data and deletion, on real conversations. */
import type { Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { detectorNamed } from '../../src/backend/signals/detectors.ts'
import { runDetector } from '../../src/backend/signals/run-detector.ts'
import { buildDataset } from '../../src/backend/storage/build-datasets.ts'
import { conversationId } from '../../src/backend/storage/conversations.ts'
import { openWorkspace } from '../../src/backend/storage/open.ts'
import { DEFAULT_BUILD } from '../../src/shared/datasets.ts'
import { importLog } from '../support/import-log.ts'
import { pageSteps } from '../support/page-steps.ts'
import { turns } from '../support/workspace.ts'
import { accessibilityProblems, hosts, openWorkbench, type Workbench } from './harness.ts'

const story = 'Tell me a story about a small red fox that went to the old river to look for a bridge that the wind had broken in the night of the great storm'
const original = turns(story, 'Once there was a fox who found no bridge and swam over the river', 'thanks, perfect')
const nearly = turns(story, 'Once there was a fox who found no bridge and walked over the river', 'thanks, perfect')
const chats = [
  ...Array.from({ length: 12 }, (_, i) => turns(`How do I cook dish number ${i} of my list?`, `Dish ${i} is easy`, 'that is wrong, say how')),
  original,
  nearly,
  turns('Write a letter to ana.mueller@firma.de', 'Dear Ana, call +49 170 1234567', 'thanks'),
]

describe.each(hosts)('groups and deletion on the %s host', (host) => {
  let workbench: Workbench
  let page: Page
  const { go, query, eventually } = pageSteps(() => page, 20_000)
  beforeAll(async () => {
    workbench = await openWorkbench(host, {
      async prepare(path) {
        const workspace = openWorkspace(path)
        await importLog(workspace, chats.map((messages) => ({ source: 'shop', messages })))
        await runDetector(workspace.db, detectorNamed('rules'))
        buildDataset(workspace.db, { name: 'feedback', kind: 'feedback', ...DEFAULT_BUILD })
        workspace.close()
      },
    })
    page = workbench.page
  })
  afterAll(() => workbench?.close())

  const facets = () => page.getByRole('complementary', { name: 'Facets' })
  const total = async (): Promise<string> => ((await page.locator('.total').textContent()) ?? '').replace(/\D/g, '')

  it('looks through the conversations, and says how many wait', async () => {
    await go('/conversations')
    await facets().getByText('15 conversations are not looked through').waitFor()
    await facets().getByRole('button', { name: 'Look through' }).click()
    await facets().getByRole('button', { name: /^has a near-duplicate/ }).waitFor()
    await facets().getByText('are not looked through').waitFor({ state: 'hidden' })
  })

  it('narrows to near-duplicates and shows what a member says otherwise', async () => {
    await facets().getByRole('button', { name: /^has a near-duplicate/ }).click()
    await eventually(total).toBe('2')
    await go(`/conversations?near=yes&id=${conversationId(original)}`)
    await page.getByText('1 near-duplicate', { exact: true }).click()
    await page.getByRole('list', { name: 'Near-duplicates' }).getByRole('button', { name: /small red fox/ }).click()
    await eventually(() => page.locator('.diff ins').allTextContents()).toContain('walked')
    expect(await page.locator('.diff del').allTextContents()).toContain('swam')
    expect(await accessibilityProblems(page)).toEqual([])
  })

  it('narrows to personal data and marks it in the reader', async () => {
    await go('/conversations')
    await facets().getByRole('button', { name: /^e-mail address/ }).click()
    await eventually(total).toBe('1')
    await go(`/conversations?personal=email&id=${conversationId(chats.at(-1)!)}`)
    await eventually(() => page.locator('.personal').allTextContents()).toEqual(['ana.mueller@firma.de', '+49 170 1234567'])
  })

  it('deletes a conversation after showing what comes from it, and takes that back', async () => {
    await go(`/conversations?id=${conversationId(original)}`)
    await page.getByRole('button', { name: 'Delete the conversation' }).click()
    const dialog = page.getByRole('dialog', { name: 'Delete this conversation' })
    await dialog.getByText('1 of 15 rows').waitFor()
    expect(await accessibilityProblems(page)).toEqual([])
    await dialog.getByRole('button', { name: 'Delete', exact: true }).click()
    await eventually(total).toBe('14')
    expect(query('id')).toBeNull()
    await go('/conversations?q=swam')
    await page.getByText('No conversation passes these filters').waitFor()
    await go('/datasets?name=feedback&tab=about')
    await page.getByRole('region', { name: 'Deleted conversations' }).getByText('1 of 15 rows').waitFor()
    await go('/conversations?deleted=1')
    const deleted = page.getByRole('dialog', { name: 'Deleted conversations' })
    await deleted.getByText('small red fox').waitFor()
    expect(await accessibilityProblems(page)).toEqual([])
    await deleted.getByRole('button', { name: 'Restore' }).click()
    await deleted.getByText('Nothing is deleted').waitFor()
    await go('/conversations?q=swam')
    await eventually(total).toBe('1')
    expect(workbench.problems).toEqual([])
  })
})
