/** The pair behind a row of a preference dataset, or behind a sample of a run's round, as its recipe builds it. */
import { asReply as sideOf } from '../../recipes/prompts.ts'
import { PAIR_SOURCES } from '../../shared/pair-sources.ts'
import type { Recipe } from '../../shared/recipe.ts'
import type { Pair, SampleRow } from '../../shared/types.ts'
import { BackendError } from '../errors.ts'
import { readLogs } from '../lab/logs.ts'
import { getDataset, pageOfDatasetRows } from '../storage/datasets.ts'
import type { Workspace } from '../storage/open.ts'
import { pageOfSamples, readStoredSamples } from '../storage/run-stages.ts'
import { readRunFiles } from '../storage/runs.ts'

export type PairSource = { dataset: string; row: number } | { run: string; stage: string; index: number }
export type PairTexts = Pick<Pair, 'prompt' | 'chosen' | 'rejected'>
export type FoundPair = { pair: PairTexts; /** Whether it was trained on, where that is not plain. */ note: string | null }

/** @throws BackendError where there is no such row, or it is part of no pair. */
export async function findPair(workspace: Pick<Workspace, 'path' | 'runs' | 'db'>, source: PairSource): Promise<FoundPair> {
  return 'dataset' in source ? { pair: datasetPair(workspace, source), note: null } : roundPair(workspace, source)
}

function datasetPair({ db }: Pick<Workspace, 'db'>, { dataset: name, row }: { dataset: string; row: number }): PairTexts {
  const dataset = getDataset(db, name)
  if (dataset !== null && dataset.kind !== 'preference') throw new BackendError('bad-input', `dataset ${name}: expected kind preference, whose rows are pairs, got ${dataset.kind}`)
  const pair = pageOfDatasetRows(db, name, row, 1).rows[0]
  if (pair === undefined) throw new BackendError('not-found', `dataset ${name}: expected a row from 0 to ${(dataset?.rows ?? 1) - 1}, got ${row}`)
  return pair as Pair
}

/** Pairs of a round are not stored: they follow from its samples by the recipe (src/recipes). */
async function roundPair(workspace: Pick<Workspace, 'path' | 'runs' | 'db'>, { run, stage, index }: { run: string; stage: string; index: number }): Promise<FoundPair> {
  const { db } = workspace
  const { recipe } = readRunFiles(db, run)
  const samples = pageOfSamples(db, run, { stage, newestFirst: false, offset: 0, limit: -1 }).rows
  const place = samples.findIndex((sample) => sample.index === index)
  if (place < 0) throw new BackendError('not-found', `run ${run}: expected a sample of ${stage}, got ${index}`)
  const { rows } = PAIR_SOURCES[recipe.recipe]
  const pairs = rows === 'requests' ? samples.map((_, i) => rankedPair(samples, i)) : recipe.recipe === 'drift-own-rejected' ? ownRejectedPairs(db, run, stage, recipe) : await loggedPairs(workspace, run, stage, recipe)
  const pair = pairs[place]
  if (typeof pair !== 'object') throw new BackendError('not-found', `${stage}, sample ${index}: ${pair ?? 'no pair was made of it'}`)
  // Two ranked samples are one pair.
  const perPair = recipe.recipe === 'iterative-dpo' ? 2 : 1
  const before = pairs.slice(0, place - (place % perPair)).filter((one) => typeof one === 'object').length / perPair
  const last = recipe.recipe === 'iterative-dpo' ? (recipe.pairs_per_round ?? Infinity) : Infinity
  // Frozen samples, and those that later rounds keep, are of several rounds: which are held out differs from round to round.
  if (recipe.recipe === 'drift-frozen' || recipe.resample_stale_only !== null) return { pair, note: null }
  const note = before < recipe.holdout_pairs ? `held out of training (holdout_pairs ${recipe.holdout_pairs})` : before >= last ? `not trained on: the round takes its first ${last} pairs (pairs_per_round)` : null
  return { pair, note }
}

/** A pair, or why there is none. */
type Made = PairTexts | string

/** One side a sample, the other the reply that was logged for its row: which is which, the recipe says. */
async function loggedPairs(workspace: Pick<Workspace, 'path' | 'runs' | 'db'>, run: string, stage: string, recipe: Recipe): Promise<Made[]> {
  const isChosenLogged = PAIR_SOURCES[recipe.recipe].chosen === 'logged'
  const stored = readStoredSamples(workspace.db, run, stage)
  // A guided sample was shown the logged reply and keeps it; the dataset may be gone.
  const logs = stored.some(({ rejected }) => rejected === null) ? await readLogs(workspace, recipe) : null
  const logged = new Map((isChosenLogged ? logs?.satisfied : logs?.dissatisfied)?.map(({ conversationId, turnIndex, reply }) => [`${conversationId} ${turnIndex}`, reply]))
  return stored.map(({ prompt, text, rejected: shown, conversationId, turnIndex }): Made => {
    const reply = shown ?? logged.get(`${conversationId} ${turnIndex}`)
    if (reply === undefined) return 'the logged reply it was drawn against is no longer in the dataset'
    if (!isChosenLogged) return { prompt, chosen: sideOf(text, recipe), rejected: reply }
    return reply === text ? 'it equals the logged reply, and a pair of equal sides teaches nothing' : { prompt, chosen: reply, rejected: text }
  })
}

function ownRejectedPairs(db: Workspace['db'], run: string, stage: string, recipe: Recipe): Made[] {
  const guidedStage = stage.replace(/-own$/, '')
  const own = readStoredSamples(db, run, `${guidedStage}-own`)
  return readStoredSamples(db, run, guidedStage).map(({ prompt, text }, i): Made => {
    const [chosen, rejected] = [sideOf(text, recipe), own[i]?.text]
    if (rejected === undefined) return 'the unguided sample it is compared with is not drawn yet'
    return chosen === rejected ? 'guided and unguided sample are equal, and a pair of equal sides teaches nothing' : { prompt, chosen, rejected }
  })
}

function rankedPair(samples: readonly SampleRow[], place: number): Made {
  const [a, b] = [samples[place - (place % 2)], samples[place - (place % 2) + 1]]
  if (!a || !b || a.reward === null || b.reward === null) return 'its two samples are not ranked yet'
  if (a.reward === b.reward || a.text === b.text) return 'its two samples are equal or have equal rewards, so none is better'
  const [chosen, rejected] = a.reward > b.reward ? [a, b] : [b, a]
  return { prompt: a.prompt, chosen: chosen.text, rejected: rejected.text }
}
