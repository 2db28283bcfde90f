/**
 * The built-in study: does the paper's case hold in a world where all is known? On several bases, each frozen by its
 * probe before any method runs on it: one sweep of the same grid for every method, on requests and a log that no
 * reported run uses; then six fresh seeds, five rounds, the control arms; on the first base also false complaints.
 * Ordinary workspaces and runs, so that each can be opened in the app. Hours; stopped at any time it goes on where it
 * was. After each part docs/study.md is written again.
 *     npm run study [-- --output DIR] [--report]
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { parse } from 'yaml'
import { readComparison } from '../src/backend/comparisons/read-comparison.ts'
import { SHIPPED_BASE } from '../src/backend/demo/base.ts'
import { prepareDemo } from '../src/backend/demo/prepare.ts'
import { type DemoMethod, demoRecipe, type DemoSize, feedbackDataset, SWEEP_DATASET } from '../src/backend/demo/settings.ts'
import { type Backend, openBackend } from '../src/backend/index.ts'
import { createDataset, hasDataset, readDataset } from '../src/backend/storage/datasets.ts'
import { openWorkspace, type Workspace } from '../src/backend/storage/open.ts'
import { makeRng } from '../src/core/rng.ts'
import type { Run } from '../src/shared/types.ts'
import { finishRuns, type Planned } from './finish-runs.ts'
import { BASES, bestCell, type Cell, isWhole, noiseGroup, STUDY, type SweepRow } from './study-plan.ts'
import { writeStudyReport } from './study-report.ts'

const noisyDataset = (share: number, seed: number): string => `feedback-${seed}-false-${Math.round(100 * share)}`
const say = (line: string): void => void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`)

function buildBase(output: string, { name, build }: (typeof BASES)[number]): string {
  if (build === null) return SHIPPED_BASE
  const folder = join(output, 'bases', name)
  if (!existsSync(join(folder, 'PROBE.json'))) {
    say(`${name}: building the base`)
    const { status } = spawnSync(process.execPath, [join(import.meta.dirname, 'build-base-model.ts'), '--seed', String(build.seed), '--threads', '1', '--stage1', join(output, 'bases', `stage1-${build.seed}`), '--output', folder, ...build.options], { stdio: ['ignore', 'ignore', 'inherit'] })
    if (status !== 0) throw new Error(`${name}: the base could not be built (exit code ${status}); what went wrong stands above`)
  }
  return folder
}

/** The recipe of a method: as the built-in experiment has it, with the chosen cell. Control arms are DRIFT but for `recipe`. */
function recipeOf(method: string, seed: number, cell: Cell, size: DemoSize): Record<string, unknown> {
  const plain = parse(demoRecipe(method.startsWith('drift') ? 'drift' : (method as DemoMethod), seed, size)) as { training: object }
  return { ...plain, recipe: method, reference: cell.reference, training: { ...plain.training, learning_rate: cell.learning_rate } }
}

/** The first method's runs come first: the others reuse the warm starts they made. */
const finish = (backend: Backend, plan: readonly Planned[], first: (run: Planned) => boolean): Promise<Map<string, Run>> => finishRuns(backend, plan, first, (done) => say(`${plan[0]!.group}: ${done} of ${plan.length} runs`))

/** The same grid for every method; each keeps its best final score at T = 1. */
async function sweep(workspace: Workspace, backend: Backend): Promise<SweepRow[]> {
  const kept = join(workspace.path, 'sweep.json')
  if (existsSync(kept)) {
    const rows = JSON.parse(readFileSync(kept, 'utf8')) as SweepRow[]
    if (isWhole(rows)) return rows
  }
  const cells = STUDY.methods.flatMap((method) => STUDY.grid.map((cell) => ({ method, cell, name: `${method}-${cell.reference}-${cell.learning_rate}` })))
  const plan = cells.map(({ method, cell, name }): Planned => {
    const recipe = recipeOf(method, STUDY.sweepSeed, cell, STUDY.sweepSize)
    return { name, group: 'sweep', recipe: { ...recipe, evaluation: [{ ...(recipe['evaluation'] as object[])[0]!, dataset: SWEEP_DATASET }] } }
  })
  const runs = await finish(backend, plan, ({ name }) => name === plan[0]!.name)
  const rows = cells.map(({ method, cell, name }): SweepRow => {
    const { comparison } = readComparison(workspace.db, { runs: [runs.get(name)!.id] })
    const rounds = comparison.methods.find(({ key }) => key === method)!.byTemperature.find(({ temperature }) => temperature === 1)!.rounds
    return { method, ...cell, score: rounds.at(-1)!.score.estimate }
  })
  writeFileSync(kept, JSON.stringify(rows, null, 1))
  return rows
}

/**
 * A log some of whose complaints are false: turns that pleased, taken for complaints, in the place of as many real
 * ones. Everything that learns from labels sees it; the warm start's pairs stay as they are.
 */
function writeNoisy(workspace: Workspace, seed: number, share: number): void {
  const name = noisyDataset(share, seed)
  if (hasDataset(workspace.db, name)) return
  const rows = readDataset(workspace.db, feedbackDataset(seed), 'feedback')
  const order = makeRng(`false complaints ${seed}`).shuffled(rows.map((_, i) => i))
  const pick = (label: string, n: number): Set<number> => {
    const chosen = order.filter((i) => rows[i]!.label === label).slice(0, n)
    if (chosen.length < n) throw new Error(`${name}: expected ${n} ${label} turns, the log has ${chosen.length}`)
    return new Set(chosen)
  }
  const wrong = Math.round(share * STUDY.complaints)
  const isTrue = pick('dissatisfied', STUDY.complaints - wrong)
  const isFalse = pick('satisfied', wrong)
  const noisy = rows.flatMap((row, i) => (isFalse.has(i) ? [{ ...row, label: 'dissatisfied' as const }] : row.label !== 'dissatisfied' || isTrue.has(i) ? [row] : []))
  createDataset(workspace.db, { name, kind: 'feedback', rows: noisy, recipe: { from: feedbackDataset(seed), falseComplaints: share, complaints: STUDY.complaints } })
}

async function studyBase(output: string, base: (typeof BASES)[number], tell: () => void): Promise<void> {
  const folder = buildBase(output, base)
  const path = join(output, base.name)
  const workspace = openWorkspace(path)
  const { seeds, sweepSeed, size, methods } = STUDY
  say(`${base.name}: logs and datasets`)
  await prepareDemo(workspace, { base: folder, seeds: [sweepSeed, ...seeds], size, methods: [] })
  const backend = await openBackend({ workspace: path, host: 'cli' })
  try {
    const cells = await sweep(workspace, backend)
    const race = seeds.flatMap((seed) => methods.map((method): Planned => ({ name: `${method}-seed${seed}`, group: 'race', recipe: recipeOf(method, seed, bestCell(cells, method), size) })))
    await finish(backend, race, ({ recipe }) => recipe['recipe'] === 'drift')
    tell()
    if (base.build !== null) return
    for (const share of STUDY.noise) {
      const plan = seeds.flatMap((seed) => {
        writeNoisy(workspace, seed, share)
        return STUDY.noisy.map((method): Planned => ({ name: `${method}-seed${seed}-false-${Math.round(100 * share)}`, group: noiseGroup(share), recipe: { ...recipeOf(method, seed, bestCell(cells, method), size), dataset: noisyDataset(share, seed) } }))
      })
      await finish(backend, plan, () => false)
      tell()
    }
  } finally {
    await backend.close()
    workspace.close()
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { output: { type: 'string', default: '.study' }, report: { type: 'boolean', default: false } } })
  const output = resolve(values.output)
  const tell = (): void => writeStudyReport(output)
  if (!values.report) for (const base of BASES) await studyBase(output, base, tell)
  tell()
}
