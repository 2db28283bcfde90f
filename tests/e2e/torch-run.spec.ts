/** A run of the torch engine on its page: parity with the embedded engine, a change of engine, the run as a script. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Page } from 'playwright'
import { stringify } from 'yaml'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openWorkspace } from '../../src/backend/storage/open.ts'
import { insertStage } from '../../src/backend/storage/run-stages.ts'
import { insertRun, releaseRun } from '../../src/backend/storage/runs.ts'
import { thisOwner } from '../../src/backend/jobs/owner.ts'
import { appVersion } from '../../src/backend/version.ts'
import { ENGINE_CHANGED, type ParityReport } from '../../src/shared/engines.ts'
import { recipeSchema } from '../../src/shared/recipe.ts'
import { pageSteps } from '../support/page-steps.ts'
import { accessibilityProblems, hosts, openWorkbench, type Workbench } from './harness.ts'

const BASE = resolve('resources/base-model')
const TORCH = 'torch 2.13.0, transformers 5.24.0'
const recipe = recipeSchema.parse({ recipe: 'dpo', model_name_or_path: BASE, dataset: 'seed-pairs', engine: 'torch', torch: { num_processes: 2 } })
const report: ParityReport = { model: BASE, modelHash: 'abc', device: 'cpu', embedded: appVersion, torch: TORCH, figures: [{ name: 'weights', difference: 2e-6, tolerance: 1e-3 }], agrees: true, at: 0 }

describe.each(hosts)('a run of the torch engine on the %s host', (host) => {
  let workbench: Workbench
  let page: Page
  const { go } = pageSteps(() => page, 20_000)
  beforeAll(async () => {
    workbench = await openWorkbench(host, {
      prepare(path) {
        const folder = join(dirname(path), 'torch')
        mkdirSync(folder, { recursive: true })
        writeFileSync(join(folder, 'parity.json'), JSON.stringify([report]))
        const { db, close } = openWorkspace(path)
        for (const [name, torch, error] of [['Compared', TORCH, null], ['Changed', 'torch 2.12.0, transformers 5.20.0', `${ENGINE_CHANGED} this run was computed with torch, torch 2.12.0 so far, now it is torch, ${TORCH}.`]] as const) {
          const { lease } = insertRun(db, { slug: name.toLowerCase(), name, method: 'dpo', recipe, group: null, rounds: 0, threads: 2, yaml: stringify(recipe) }, thisOwner(), 0)
          insertStage(db, { runId: lease.runId, key: 'warm-start/train', kind: 'train', round: 0, startsFrom: 'base', inputHash: 'x', computedBy: `torch ${appVersion}, linux-x64, 2 threads, ${torch}`, startedAt: new Date(0).toISOString() })
          releaseRun(db, lease, { status: error === null ? 'paused' : 'failed', error }, 0)
        }
        close()
      },
    })
    page = workbench.page
  })
  afterAll(() => workbench?.close())

  it('bears the badge of its comparison, with its figures', async () => {
    await go('/runs/compared')
    const badge = page.getByText('engines agree', { exact: true })
    await badge.waitFor()
    expect(await badge.getAttribute('title')).toBe('agrees with the embedded engine on cpu in float32 (nearest to its limit: weights 2.0e-6, at most 0.001)')
    await go('/runs/changed')
    await page.getByText('engines not compared', { exact: true }).waitFor()
  })

  it('goes on with another engine than so far when somebody asks for that', async () => {
    await go('/runs/changed')
    await page.getByRole('alert').getByText('so far, now it is').waitFor()
    await page.getByRole('button', { name: 'Go on with the present engine' }).click()
    await page.getByRole('button', { name: 'Go on with the present engine' }).waitFor({ state: 'detached' })
  })

  it('is a script for a machine whose folders are others, shell or SLURM, copied or saved', async () => {
    await go('/runs/compared')
    await page.getByRole('button', { name: 'Script', exact: true }).click()
    const dialog = page.getByRole('dialog', { name: 'Run as a script' })
    const script = dialog.getByLabel('Script', { exact: true })
    await script.getByText(`workspace='${workbench.workspace}'`).waitFor()
    expect(await script.textContent()).not.toContain('#SBATCH')
    await dialog.getByRole('button', { name: 'SLURM' }).click()
    await dialog.getByRole('textbox', { name: 'Workspace on that machine' }).fill('/scratch/ana/first')
    await script.getByText("workspace='/scratch/ana/first'").waitFor()
    expect(await script.textContent()).toContain('#SBATCH --job-name=Compared')
    expect(await accessibilityProblems(page)).toEqual([])
    await dialog.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Script written').waitFor()
    const saved = readFileSync(join(workbench.workspace, 'exports', 'Compared.slurm.sh'), 'utf8')
    expect(saved).toContain("workspace='/scratch/ana/first'")
    expect(saved).toContain('num_processes: 2')
  })

  it('asks nobody elsewhere, and no page fails', () => {
    expect(workbench.problems).toEqual([])
  })
})
