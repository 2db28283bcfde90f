/** A race with a sweep on real recipes and a fake engine: killed anywhere it chooses and ends as one that nobody disturbed. */
import { describe, expect, it } from 'vitest'
import { aLabWorkspace, aRecipe, execute, leftBehind, reclaim } from '../../tests/support/lab-workspace.ts'
import { drawRequests } from '../core/world/request.ts'
import { makeRng } from '../core/rng.ts'
import { type RaceFile, sweepGroup } from '../shared/race.ts'
import { methodOf } from '../shared/recipe.ts'
import type { Run } from '../shared/types.ts'
import { readComparison } from './comparisons/read-comparison.ts'
import { thisOwner } from './jobs/owner.ts'
import { keptTexts } from './race-plan.ts'
import { isLeftOut, readSweep, settleSweep } from './race-sweep.ts'
import { checkRace, continueRace, startRace } from './races.ts'
import { parseRecipe } from './recipe-file.ts'
import { runIdsOfGroup } from './storage/comparisons.ts'
import { createDataset } from './storage/datasets.ts'
import type { Workspace } from './storage/open.ts'
import { findSweep } from './storage/races.ts'
import { claimRun, insertRun, releaseRun, requireRun } from './storage/runs.ts'

const file: RaceFile = {
  name: 'tuned', regime: 'equal-pairs', declared: { metric: 'score', temperature: 1, pairs: [['drift', 'spin']] }, seeds: [5],
  members: [{ recipe: 'drift', set: {} }, { recipe: 'spin', set: {} }],
  sweep: { dataset: 'validation', seeds: [101], grid: { 'training.learning_rate': [0.01, 0.05], 'sampling.temperature': [1, 0.7] } },
}
const textOf = (name: string): string => aRecipe(name, { iterations: 1 })

function aWorkspace(): Workspace {
  const workspace = aLabWorkspace()
  const rows = drawRequests({ worldSeed: 1, split: 'sweep', n: 3 }).map(({ text, spec }) => ({ prompt: [{ role: 'user' as const, content: text }], task: { verifier: 'requests', spec }, conversationId: null }))
  createDataset(workspace.db, { name: 'validation', kind: 'prompts', rows, recipe: {} })
  return workspace
}

class Died extends Error {}

/** A supervisor that records; the test works on what is open. @param lives how many runs it starts before its process "dies" */
function recorder({ db }: Workspace, lives = Infinity) {
  let left = lives
  return {
    start({ yaml, name, group, method }: { yaml: string; name?: string | undefined; group?: string | undefined; method?: string | undefined }): Run {
      if (left-- <= 0) throw new Died()
      const { recipe } = parseRecipe(yaml)
      const { run, lease } = insertRun(db, { slug: name!.replaceAll(/[^\w.]+/g, '-'), name: name!, method: method ?? methodOf(recipe!), recipe: recipe!, group: group!, rounds: recipe!.iterations, threads: 1, yaml }, thisOwner(), Date.now())
      releaseRun(db, lease, { status: 'paused', error: null }, Date.now())
      return run
    },
    resume: (id: string): Run => requireRun(db, id),
  }
}

/** Works on all open runs of a group in their order. @returns false where the process died */
async function work(workspace: Workspace, group: string, dies: () => boolean): Promise<boolean> {
  for (const id of runIdsOfGroup(workspace.db, group)) {
    if (!['done', 'cancelled'].includes(requireRun(workspace.db, id).status) && (await execute(workspace, reclaim(workspace, id), { isFatal: dies })).status === 'killed') return false
  }
  return true
}

/** One process: starts or goes on with the race until its end. @returns false where it died on the way */
async function race(workspace: Workspace, dies: () => boolean, lives?: number): Promise<boolean> {
  const supervisor = recorder(workspace, lives)
  try {
    startRace(file, textOf, workspace, supervisor)
    if (!(await work(workspace, sweepGroup(file.name), dies))) return false
    // The instant between the last run of the sweep and the choice, and the one after it.
    if (dies()) return false
    settleSweep(workspace.db, file, textOf, new Date(0))
    if (dies()) return false
    continueRace(file.name, textOf, workspace, supervisor)
    return await work(workspace, file.name, dies)
  } catch (error) {
    if (error instanceof Died) return false
    throw error
  }
}

function traces(workspace: Workspace) {
  const { decidedAt: _, methods, ...sweep } = findSweep(workspace.db, file.name)!
  const ids = [sweepGroup(file.name), file.name].flatMap((group) => runIdsOfGroup(workspace.db, group))
  // Seconds are the machine's.
  return { sweep, methods: methods.map(({ ledger: { seconds: _seconds, ...ledger }, ...method }) => ({ ...method, ledger })), runs: ids.map((id) => leftBehind(workspace, id)) }
}

describe('a race with a sweep', () => {
  it('tries the same settings for every method on other requests, and runs the best of each with its own seeds', async () => {
    const workspace = aWorkspace()
    expect(checkRace(file, textOf, workspace)).toMatchObject({ issues: [], methods: ['drift', 'spin'], runs: 2, sweepRuns: 8 })
    expect(await race(workspace, () => false)).toBe(true)
    const sweep = findSweep(workspace.db, 'tuned')!
    expect(sweep.methods.map(({ method, cells }) => [method, cells.length])).toEqual([['drift', 4], ['spin', 4]])
    for (const { method, cells, chosen, ledger } of sweep.methods) {
      const scores = cells.map(({ score }) => score!)
      expect(scores[chosen!]).toBe(Math.max(...scores))
      // Against a plain mean over the stored samples, request by request.
      const [run] = cells[chosen!]!.runs
      const rows = workspace.db.prepare('SELECT prompt_index AS prompt, avg(score) AS score FROM run_evaluations WHERE run_id = ? AND round = 1 GROUP BY prompt_index').all(run!.id!) as { score: number }[]
      expect(scores[chosen!]).toBeCloseTo(rows.reduce((sum, { score }) => sum + score, 0) / rows.length, 12)
      expect(ledger.samplesDrawn).toBe(4 * 4)
      const { recipe } = parseRecipe((workspace.db.prepare('SELECT yaml FROM runs WHERE group_name = ? AND method = ?').pluck().get('tuned', method)) as string)
      expect([recipe!.training.learning_rate, recipe!.sampling.temperature]).toEqual(Object.values(cells[chosen!]!.setting))
      expect(recipe!.evaluation.map(({ dataset, temperatures }) => [dataset, temperatures])).toEqual([['test', [0, 1]]])
      expect(recipe!.seed).toBe(5)
    }
    const asked = workspace.db.prepare("SELECT DISTINCT dataset, temperature FROM run_evaluations e JOIN runs r ON r.id = e.run_id WHERE r.group_name = 'tuned (sweep)'").all()
    expect(asked).toEqual([{ dataset: 'validation', temperature: 1 }])
    const { comparison } = readComparison(workspace.db, { group: 'tuned' })
    expect(comparison.race!.sweep).toEqual(sweep)
    expect(comparison.methods.find(({ key }) => key === 'drift')!.ledger.samplesDrawn).toBe(4)
    expect(comparison.cautions.filter((words) => words.includes('at the edge of its grid'))).toHaveLength(2)
  }, 60_000)

  it('killed at any instant chooses the same and ends the same', async () => {
    const [calm, storm] = [aWorkspace(), aWorkspace()]
    expect(await race(calm, () => false)).toBe(true)
    const rng = makeRng('kills of a sweep')
    let [kills, left] = [0, 0]
    const rearm = (): void => void (left = 1 + Math.floor(rng.next() * 60))
    rearm()
    const dies = (): boolean => --left <= 0
    while (!(await race(storm, dies, kills % 3 === 0 ? 3 + Math.floor(rng.next() * 6) : undefined))) {
      kills++
      rearm()
    }
    expect(kills).toBeGreaterThan(8)
    expect(traces(storm)).toEqual(traces(calm))
  }, 120_000)

  it('keeps its choice and its recipes whatever is written or changed later', async () => {
    const workspace = aWorkspace()
    await race(workspace, () => false)
    const before = findSweep(workspace.db, 'tuned')!
    workspace.db.exec("UPDATE run_evaluations SET score = 0 WHERE dataset = 'validation'")
    expect(settleSweep(workspace.db, file, textOf)).toEqual(before)
    expect(continueRace('tuned', () => 'recipe: gone', workspace, recorder(workspace, 0)).runs.map(({ status }) => status)).toEqual(['done', 'done'])
    expect(() => startRace({ ...file, sweep: { ...file.sweep!, seeds: [102] } }, textOf, workspace, recorder(workspace, 0))).toThrow('A race does not change once it has begun')
  }, 60_000)

  it('leaves out what diverged or was cancelled, says so, and waits for every other failure', async () => {
    const workspace = aWorkspace()
    startRace(file, textOf, workspace, recorder(workspace))
    await work(workspace, sweepGroup('tuned'), () => false)
    const [first, second] = runIdsOfGroup(workspace.db, sweepGroup('tuned')) as [string, string]
    const end = (id: string, status: 'failed' | 'cancelled', error: string | null): void => {
      workspace.db.prepare("UPDATE runs SET status = 'paused' WHERE id = ?").run(id)
      releaseRun(workspace.db, claimRun(workspace.db, id, thisOwner(), Date.now())!, { status, error }, Date.now())
    }
    end(first, 'failed', 'the disk is full')
    expect(settleSweep(workspace.db, file, textOf)!.decidedAt).toBeNull()
    expect(isLeftOut(requireRun(workspace.db, first))).toBe(false)
    end(first, 'failed', 'step 3: expected a finite loss, got NaN or infinity in pairs 1, 2; the weights of step 2 are kept. Lower the learning rate, or look at these pairs')
    // Where the last step broke the weights, it shows when they are drawn from.
    end(first, 'failed', "request 67: expected finite log-probabilities of 1024 tokens, got NaN; the model's weights have diverged. Lower the learning rate")
    expect(isLeftOut(requireRun(workspace.db, first))).toBe(true)
    end(second, 'cancelled', null)
    const { methods } = settleSweep(workspace.db, file, keptTexts(workspace.db, 'tuned', textOf))!
    expect(methods[0]!.cells.map(({ score, runs: [run] }) => [score === null, run!.diverged, run!.status])).toEqual([[true, true, 'failed'], [true, false, 'cancelled'], [false, false, 'done'], [false, false, 'done']])
    expect(methods[0]!.chosen).toBeGreaterThan(1)
  }, 60_000)

  it('shows how far it is before it has decided', async () => {
    const workspace = aWorkspace()
    startRace(file, textOf, workspace, recorder(workspace))
    const [id] = runIdsOfGroup(workspace.db, sweepGroup('tuned'))
    await execute(workspace, reclaim(workspace, id!))
    const { decidedAt, methods } = readSweep(workspace.db, file, textOf)!
    expect([decidedAt, methods[0]!.chosen]).toEqual([null, null])
    expect(methods[0]!.cells.map(({ score }) => score !== null)).toEqual([true, false, false, false])
  }, 60_000)

  it.each<[Partial<NonNullable<RaceFile['sweep']>>, string]>([
    [{ seeds: [5] }, 'sweep.seeds: expected different seeds that the race\'s own runs do not have, got 5; 5 would be tuned on what is reported'],
    [{ dataset: 'test' }, 'sweep.dataset: expected requests that test does not hold, 3 of test are in both'],
    [{ dataset: 'nowhere' }, 'evaluation.0.dataset'],
    [{ grid: { 'training.learning_rate': [0.01] } }, 'sweep.grid: expected 2 to 200 settings, got 1'],
    [{ grid: { seed: [1, 2] } }, 'sweep.grid: expected keys of how a method runs, got seed, which is what the race compares'],
    [{ grid: { iterations: [1, 2] } }, 'sweep.grid: expected keys that equal-pairs leaves free, got iterations, which it holds equal'],
    [{ grid: { 'training.beta': [0.1, 0.1] } }, 'sweep.grid: training.beta: expected different values, got 0.1, 0.1'],
    [{ grid: { 'training.learning_rat': [0.1, 0.2] } }, 'training.learning_rat'],
    [{ grid: { 'training.beta': [0.1, 'much'] } }, 'sweep of beta much: training.beta: expected number, got "much"'],
    [{ grid: { 'dataset.x': [1, 2] } }, 'sweep.grid: expected keys of a recipe, dots between levels (training.learning_rate), got dataset.x, which lies below a value of members.0'],
  ])('says what keeps it from starting: %j', (changes, message) => {
    const issues = checkRace({ ...file, sweep: { ...file.sweep!, ...changes } }, textOf, aWorkspace()).issues.map(({ path, message: words }) => `${path}: ${words}`)
    expect(issues.join('\n')).toContain(message)
  })
})
