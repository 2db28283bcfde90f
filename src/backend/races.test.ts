import { availableParallelism } from 'node:os'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { aLabWorkspace, aRecipe, execute, queueRun } from '../../tests/support/lab-workspace.ts'
import { fairness, tokensOf } from '../core/fairness.ts'
import type { RaceFile } from '../shared/race.ts'
import { estimateRun } from './estimate.ts'
import type { StartRun } from './jobs/supervisor.ts'
import { readRaceFile } from './race-plan.ts'
import { readRecipe, requireRecipe } from './recipe-file.ts'
import { checkRace, startRace } from './races.ts'
import { createDataset, readDataset } from './storage/datasets.ts'
import { findRace } from './storage/races.ts'
import { readLedger } from './storage/run-stages.ts'
import { requireRun } from './storage/runs.ts'

const file = (changes: Partial<RaceFile> = {}): RaceFile => ({
  name: 'methods', regime: 'equal-pairs', declared: { metric: 'score', temperature: 0, pairs: [['drift', 'spin']] }, seeds: [5, 6],
  members: [{ recipe: 'drift', set: {} }, { recipe: 'spin', set: {} }], ...changes,
})
const textOf = (name: string): string => {
  if (name === 'empty') return ''
  if (name === 'broken') return 'a: ['
  if (name === 'missing') throw new Error('expected a recipe file, got "missing"')
  return aRecipe(name)
}
/** A supervisor that only writes down what it is asked for. */
function noting() {
  const asked: StartRun[] = []
  return { asked, start: (run: StartRun) => (asked.push(run), { id: run.name } as never), resume: (id: string) => ({ id }) as never }
}
const messages = (changes: Partial<RaceFile>): string[] => checkRace(file(changes), textOf, aLabWorkspace()).issues.map(({ path, message }) => `${path}: ${message}`)

describe('a race', () => {
  it('queues every member under every seed, with what the race changes and the seed put into names', () => {
    const workspace = aLabWorkspace()
    for (const seed of [5, 6]) createDataset(workspace.db, { name: `log-${seed}`, kind: 'feedback', rows: readDataset(workspace.db, 'feedback', 'feedback'), recipe: {} })
    const supervisor = noting()
    const { race, runs } = startRace(file({ members: [{ recipe: 'drift', set: { dataset: 'log-{seed}', 'training.beta': 0.3 } }, { recipe: 'spin', as: 'slow', set: { 'training.learning_rate': 1e-6 } }], declared: { metric: 'pass', temperature: 1, pairs: [['drift', 'slow']] } }), textOf, workspace, supervisor)
    expect(runs).toHaveLength(4)
    expect(supervisor.asked.map(({ name, group, method }) => [name, group, method])).toEqual([['drift-seed5', 'methods', 'drift'], ['drift-seed6', 'methods', 'drift'], ['slow-seed5', 'methods', 'slow'], ['slow-seed6', 'methods', 'slow']])
    expect(supervisor.asked[1]!.yaml).toMatch(/seed: 6[\s\S]*dataset: log-6|dataset: log-6[\s\S]*seed: 6/)
    expect(supervisor.asked[1]!.yaml).toContain('beta: 0.3')
    expect(supervisor.asked[3]!.yaml).toContain('learning_rate: 0.000001')
    expect(findRace(workspace.db, 'methods')).toEqual(race)
  })

  it('does not change once declared, and goes on when asked for in the same words', () => {
    const workspace = aLabWorkspace()
    startRace(file(), textOf, workspace, noting())
    expect(startRace(file(), textOf, workspace, noting()).runs).toHaveLength(4)
    expect(() => startRace(file({ declared: { metric: 'pass', temperature: 0, pairs: [['drift', 'spin']] } }), textOf, workspace, noting())).toThrow('A race does not change once it has begun')
  })

  it.each<[Partial<RaceFile>, string]>([
    [{ members: [{ recipe: 'missing', set: {} }, { recipe: 'spin', set: {} }] }, 'members.0.recipe: expected a recipe file, got "missing"'],
    [{ members: [{ recipe: 'drift', set: {} }, { recipe: 'drift', set: { seed: 1 } }] }, 'members.1: expected a name of its own (as:), got a second member that is shown as drift'],
    [{ members: [{ recipe: 'drift', set: { 'training.learning_rat': 1 } }, { recipe: 'spin', set: {} }] }, 'members.0: training.learning_rat: unknown key "learning_rat"; did you mean "learning_rate"?'],
    [{ members: [{ recipe: 'drift', set: { pairs_per_round: 3 } }, { recipe: 'spin', set: {} }] }, 'regime: equal-pairs: expected the same pairs_per_round and iterations for all, got {"pairs_per_round":3,"iterations":2} and {"pairs_per_round":4,"iterations":2}'],
    [{ members: [{ recipe: 'drift', set: { evaluation: [] } }, { recipe: 'spin', set: {} }] }, 'members: expected recipes with an evaluation'],
    [{ declared: { metric: 'score', temperature: 0.5, pairs: [['drift', 'spin']] } }, 'declared.temperature: expected one that is evaluated (0, 1), got 0.5'],
    [{ declared: { metric: 'score', temperature: 0, pairs: [['drift', 'sft']] } }, 'declared.pairs: expected methods of this race (base, warm-start, drift, spin), got "sft"'],
    [{ declared: { metric: 'score', temperature: 0, pairs: [] } }, 'declared.pairs: expected at least one pair of methods'],
    [{ members: [{ recipe: 'drift', set: { '__proto__.polluted': 1 } }, { recipe: 'spin', set: {} }] }, 'members.0.set: expected keys of a recipe'],
    [{ members: [{ recipe: 'drift', set: { 'seed.x': 1 } }, { recipe: 'spin', set: {} }] }, 'members.0.set: expected keys of a recipe, dots between levels (training.learning_rate), got seed.x'],
    [{ members: [{ recipe: 'empty', set: { beta: 1 } }, { recipe: 'spin', set: {} }] }, 'members.0.recipe: expected a recipe ("key: value" lines), empty holds none'],
    [{ members: [{ recipe: 'broken', set: {} }, { recipe: 'spin', set: {} }] }, 'members.0.recipe: '],
    [{ members: [{ recipe: 'drift', set: {}, as: 'base' }, { recipe: 'spin', set: {} }] }, 'members.0.as: expected a name of its own, got base'],
    [{ seeds: [5, 5] }, 'seeds: expected different seeds, got 5, 5'],
    [{ regime: 'equal-compute' }, 'tokens: equal-compute: expected how many tokens each run generates, scores and trains in all (tokens: 2000000), got none'],
    [{ tokens: 9000 }, 'tokens: expected it under regime equal-compute alone, got equal-pairs'],
    [{ regime: 'equal-compute', members: [{ recipe: 'drift', set: { token_budget: 5000 } }, { recipe: 'spin', set: { token_budget: 6000 } }] }, 'regime: equal-compute: expected one token_budget for all, got 5000 and 6000'],
    [{ regime: 'equal-compute', tokens: 9000, members: [{ recipe: 'drift', set: { 'training.max_steps': 4 } }, { recipe: 'spin', set: {} }] }, 'token_budget: expected training.max_steps -1 with it, got 4'],
  ])('says what keeps it from starting: %j', (changes, message) => {
    expect(messages(changes).join('\n')).toContain(message)
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  })

  it('is refused whole where a run of it cannot start', () => {
    const workspace = aLabWorkspace()
    const supervisor = noting()
    expect(() => startRace(file({ members: [{ recipe: 'drift', set: {} }, { recipe: 'spin', set: { dataset: 'nowhere' } }] }), textOf, workspace, supervisor)).toThrow('nowhere')
    expect(supervisor.asked).toEqual([])
    expect(findRace(workspace.db, 'methods')).toBeNull()
  })

  it('is read from YAML, each wrong field named', () => {
    expect(readRaceFile(stringify(file()))).toEqual(file())
    expect(() => readRaceFile('name: x\nregime: equal\n')).toThrow(/regime/)
    expect(() => readRaceFile('a: [')).toThrow('expected YAML')
  })
})

describe('a race of equal compute', () => {
  const compute = (tokens: number | undefined) => file({ regime: 'equal-compute', ...(tokens !== undefined && { tokens }), seeds: [5], members: ['drift', 'spin', 'iterative-dpo'].map((recipe) => ({ recipe, set: {} })) })

  it('has every method end on its tokens, whatever their pairs cost: the ledger holds, and without a budget it does not', async () => {
    const workspace = aLabWorkspace()
    const spentUnder = async (yamls: readonly StartRun[]) => {
      const spent = []
      for (const { yaml, method } of yamls) {
        const lease = queueRun(workspace, yaml)
        expect((await execute(workspace, lease)).status, requireRun(workspace.db, lease.runId).error ?? '').toBe('done')
        const ledger = readLedger(workspace.db, lease.runId)
        spent.push({ key: method ?? '', label: method ?? '', pairs: 0, ledger })
      }
      return spent
    }
    const equalPairs = noting()
    startRace(file({ name: 'pairs', seeds: [5], members: compute(1).members }), textOf, workspace, equalPairs)
    const free = await spentUnder(equalPairs.asked)
    expect(fairness('equal-compute', free)[0]).toMatchObject({ equal: false })
    // Said with what they took, before anything is started.
    const [issue] = checkRace(compute(undefined), textOf, workspace).issues
    expect(issue!.message).toContain(`The last runs from the same base took ${free.map(({ label, ledger }) => `${label} ${tokensOf(ledger).toLocaleString('en-US')}`).join(', ')}`)
    expect(() => startRace(compute(undefined), textOf, workspace, noting())).toThrow('equal-compute: expected how many tokens')

    const tokens = 3 * Math.max(...free.map(({ ledger }) => tokensOf(ledger)))
    const asked = noting()
    startRace(compute(tokens), textOf, workspace, asked)
    expect(asked.asked.every(({ yaml }) => yaml.includes(`token_budget: ${tokens}`))).toBe(true)
    const budgeted = await spentUnder(asked.asked)
    for (const { ledger } of budgeted) expect(Math.abs(tokensOf(ledger) / tokens - 1)).toBeLessThan(0.02)
    expect(fairness('equal-compute', budgeted)[0]).toMatchObject({ equal: true })
  })
})

it('a race’s estimate is of as many runs as go on at once, at their peaks', () => {
  const workspace = aLabWorkspace()
  const threads = availableParallelism()
  const alone = checkRace(file({ members: ['drift', 'spin'].map((recipe) => ({ recipe, set: { threads } })) }), textOf, workspace)
  const peak = estimateRun(requireRecipe(readRecipe(aRecipe('drift', { threads }), workspace)), workspace).memoryBytes!
  expect([alone.lanes, alone.memoryBytes]).toEqual([1, peak])
  const beside = checkRace(file({ members: ['drift', 'spin'].map((recipe) => ({ recipe, set: { threads: 1 } })) }), textOf, workspace)
  const lanes = Math.min(4, threads)
  expect(beside.lanes).toBe(lanes)
  expect(beside.memoryBytes).toBe(lanes * peak)
})
