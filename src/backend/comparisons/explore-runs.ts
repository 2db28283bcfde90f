/** The evaluation's samples of runs, as exploration looks at them, and what it found, kept. */
import { join } from 'node:path'
import { BASE_ROUND, WARM_START_ROUND } from '../../core/comparison.ts'
import { explore, type ExploredSample } from '../../core/explore.ts'
import type { ReportExploration } from '../../core/report.ts'
import type { Told } from '../../core/umap.ts'
import { type Exploration, isBase, isStart, isWarmStart } from '../../shared/comparison.ts'
import { BackendError } from '../errors.ts'
import { forgetOldest, keep, readKept } from '../kept.ts'
import { hashOf } from '../lab/context.ts'
import { atPlaces, evaluatedRuns, stateOfRuns } from '../storage/comparisons.ts'
import type { ReadableDb } from '../storage/open.ts'
import type { KeepingWorkspace } from './read-comparison.ts'

type Row = { round: number; prompt_index: number; text: string; score: number; pass: number; items: string; solution_size: number | null }

/** Part of what is kept's mark: raise it when an exploration of the same rows has other figures or words. */
const EDITION = 1
/** So many are kept, the newest: megabytes each. */
const KEPT = 8

/** What was found, and the methods that the map's points count in, also before every one of them has a finished last round. */
type Explored = { exploration: Exploration; methods: string[] }

export const exploreRuns = (workspace: KeepingWorkspace, ids: readonly string[], told?: Told): Exploration => explored(workspace, ids, told).exploration

/** As a report shows it; null where nothing was sampled at T > 0. */
export function reportExploration(workspace: KeepingWorkspace, ids: readonly string[], told?: Told): ReportExploration | null {
  const { config } = evaluatedRuns(workspace.db, ids)
  if (config === null || Math.max(...config.temperatures) === 0) return null
  const { exploration: { embedding, map, ...figures }, methods } = explored(workspace, ids, told)
  return { embedding, methods, map, figures: figures.methods.length > 0 ? figures : null }
}

/** Kept until one of the runs gains rows: it takes seconds, and page, report and capsule ask for it. Nothing is kept in an opened capsule. */
function explored({ db, runs, capsule }: KeepingWorkspace, ids: readonly string[], told?: Told): Explored {
  const folder = join(runs, '.explorations')
  const file = join(folder, `${hashOf([...ids]).slice(0, 16)}.json`)
  // Of before the reading, as comparisons are marked.
  const mark = hashOf([EDITION, ids, stateOfRuns(db, ids)])
  const kept = capsule === null ? readKept<Explored>(file, mark) : null
  if (kept !== null) return kept
  const { samples, finals, k } = readExplored(db, ids)
  const made = { exploration: explore(samples, finals, told ? { k, told } : { k }), methods: [...finals.keys()] }
  if (capsule === null) {
    keep(file, mark, made)
    forgetOldest(folder, KEPT)
  }
  return made
}

/** All samples of the highest temperature, and each method's last round. */
export function readExplored(db: ReadableDb, ids: readonly string[]): { samples: ExploredSample[]; finals: Map<string, number>; k: number } {
  const { runs, config } = evaluatedRuns(db, ids)
  const temperature = config === null ? 0 : Math.max(...config.temperatures)
  if (config === null || temperature === 0) throw new BackendError('bad-input', 'exploration: expected runs that were evaluated at a temperature above 0, where a prompt has several answers')
  const read = db.prepare('SELECT round, prompt_index, text, score, pass, items, solution_size FROM run_evaluations WHERE run_id = ? AND dataset = ? AND temperature = ? ORDER BY round, prompt_index, sample_index')
  const samples: ExploredSample[] = []
  const finals = new Map<string, number>()
  /** Base and warm start of a seed are the same in every run that begins there: the first that has one gives it. */
  const givenBy = new Map<string, string>()
  for (const { run, recipe, evaluation, arm, places } of runs) {
    const last = recipe.recipe === 'dpo' ? WARM_START_ROUND : run.rounds
    for (const row of atPlaces(read.all(run.id, evaluation.dataset, temperature) as Row[], places)) {
      const method = row.round === BASE_ROUND ? arm.base : row.round === WARM_START_ROUND ? (arm.warmStart ?? arm.method) : arm.method
      if (isStart(method)) {
        const shared = `${run.seed}/${method}`
        if ((givenBy.get(shared) ?? run.id) !== run.id) continue
        givenBy.set(shared, run.id)
      }
      finals.set(method, isBase(method) ? BASE_ROUND : isWarmStart(method) ? WARM_START_ROUND : last)
      const answer = row.solution_size === null ? row.text : (JSON.parse(row.items) as string[]).sort().join('|')
      samples.push({ method, seed: run.seed, round: row.round, prompt: row.prompt_index, text: row.text, answer, pass: row.pass === 1, reward: row.score })
    }
  }
  const reached = new Set(samples.map(({ method, round }) => `${method}/${round}`))
  return { samples, finals: new Map([...finals].filter(([method, round]) => reached.has(`${method}/${round}`))), k: config.k }
}
