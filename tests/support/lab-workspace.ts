/** A workspace in which the recipes can run on the fake engine: small logs of the built-in world, a base, recipes. */
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { onTestFinished } from 'vitest'
import { executeRun } from '../../src/backend/jobs/execute-run.ts'
import { thisOwner } from '../../src/backend/jobs/owner.ts'
import { parseRecipe } from '../../src/backend/recipe-file.ts'
import { createDataset } from '../../src/backend/storage/datasets.ts'
import { openWorkspace, type Workspace } from '../../src/backend/storage/open.ts'
import { claimRun, insertRun, type Lease } from '../../src/backend/storage/runs.ts'
import { makeRng } from '../../src/core/rng.ts'
import { drawRequests, type RenderedRequest } from '../../src/core/world/request.ts'
import { makeWorld } from '../../src/core/world/world.ts'
import { FULL_ATTENTION, writeReply } from '../../src/core/world/writer.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { methodOf } from '../../src/shared/recipe.ts'
import type { FeedbackRow, Pair, PromptRow } from '../../src/shared/types.ts'
import { fakeEngine, fakeText, writeFakeModel } from './fake-engine.ts'

const world = makeWorld(1)
const NONE = { count: 0.3, format: 0.3, tone: 0.3, must: 0.3, mustnt: 0.3, budget: 0.3 }
const requests = drawRequests({ worldSeed: 1, split: 'validation', n: 12 })
const poor = (request: RenderedRequest, name: string): string => writeReply(world, request.spec, NONE, makeRng(`poor ${name}`), { slip: 0.3 })
const good = (request: RenderedRequest, name: string): string => writeReply(world, request.spec, FULL_ATTENTION, makeRng(`good ${name}`), { slip: 0 })
/** What the fake policy may say: enough that replies differ, few enough that some are equal. */
export const cannedReplies = requests.slice(0, 6).flatMap((request, i) => [good(request, `canned ${i}`), poor(request, `canned ${i}`)])

const prompt = (request: RenderedRequest): PromptRow['prompt'] => [{ role: 'user', content: request.text }]
const task = (request: RenderedRequest) => ({ verifier: 'requests', spec: request.spec })

export const feedback: FeedbackRow[] = requests.slice(0, 9).map((request, i): FeedbackRow => ({
  prompt: prompt(request),
  reply: i % 3 === 1 ? good(request, String(i)) : poor(request, String(i)),
  label: i % 3 === 0 ? 'dissatisfied' : i % 3 === 1 ? 'satisfied' : 'neutral',
  userFeedback: i % 3 === 0 ? 'no, that misses the budget' : i % 3 === 1 ? 'perfect, thanks' : null,
  conversationId: `c${i}`,
  turnIndex: 2,
  task: task(request),
}))
/** Other conversations, for a scorer of replies. */
const scored: FeedbackRow[] = Array.from({ length: 4 }, (_, copy) => feedback.map((row, i) => ({ ...row, conversationId: `s${copy}-${i}` }))).flat()
export const seedPairs: Pair[] = requests.slice(0, 5).map((request, i) => ({
  prompt: prompt(request), chosen: good(request, `seed ${i}`), rejected: poor(request, `seed ${i}`), task: task(request),
  provenance: { conversationId: `c${i}`, turnIndex: 2, userFeedback: 'no', round: null, policy: null, seed: null },
}))

export function aLabWorkspace(): Workspace {
  // Nothing here is to survive a power cut: in memory, where that can be, checkpoints cost nothing.
  const workspace = openWorkspace(mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'drift-test-')))
  onTestFinished(() => {
    workspace.close()
    rmSync(workspace.path, { recursive: true, force: true })
  })
  workspace.db.pragma('synchronous = OFF')
  fillLabWorkspace(workspace)
  return workspace
}

/** Logs, test requests and a base of the fake engine. */
export function fillLabWorkspace(workspace: Workspace): void {
  writeFakeModel(join(workspace.models, 'base'))
  createDataset(workspace.db, { name: 'feedback', kind: 'feedback', rows: feedback, recipe: {} })
  createDataset(workspace.db, { name: 'seed-pairs', kind: 'preference', rows: seedPairs, recipe: {} })
  createDataset(workspace.db, { name: 'test', kind: 'prompts', rows: requests.slice(9).map((request) => ({ prompt: prompt(request), task: task(request), conversationId: null })), recipe: {} })
  createDataset(workspace.db, { name: 'scored', kind: 'feedback', rows: scored, recipe: {} })
  createDataset(workspace.db, { name: 'heldout', kind: 'preference', rows: seedPairs.slice(0, 3), recipe: {} })
}

export type RecipeChanges = Record<string, unknown>

export function aRecipe(recipe: string, changes: RecipeChanges = {}): string {
  return stringify({
    recipe,
    model_name_or_path: 'models/base',
    dataset: recipe === 'dpo' ? 'seed-pairs' : 'feedback',
    iterations: 2,
    seed: 5,
    ...(recipe === 'dpo' ? {} : { warm_start: { dataset: 'seed-pairs', num_train_epochs: 2 }, pairs_per_round: 4 }),
    sampling: { temperature: 1, top_p: 1, max_new_tokens: 120, batch_size: 3 },
    training: { learning_rate: 0.05, optim: 'adamw_torch', per_device_train_batch_size: 2, num_train_epochs: recipe === 'dpo' ? 2 : 1 },
    reward_training: { num_train_epochs: 2, per_device_train_batch_size: 2 },
    evaluation: [{ dataset: 'test', k: 2, max_new_tokens: 120, batch_size: 4, heldout_pairs: 'heldout' }],
    ...changes,
  })
}

export function queueRun(workspace: Workspace, yaml: string): Lease {
  const { recipe, issues } = parseRecipe(yaml)
  if (recipe === null) throw new Error(JSON.stringify(issues))
  const method = methodOf(recipe)
  return insertRun(workspace.db, { slug: `${method}-seed${recipe.seed}`, name: method, method, recipe, group: null, rounds: recipe.recipe === 'dpo' ? 0 : recipe.iterations, threads: 1, yaml }, thisOwner(), Date.now()).lease
}

export class Killed extends Error {}

/**
 * Works on a run; at the tick where `isFatal` says so the process "dies": it writes nothing more, and its lease is free.
 * @param options.describedAs what the fake engine says of itself, as torch says its version.
 * @param options.engine instead of the fake one, with the tokenizer of the workspace's base; it ticks when something is told.
 * @returns how it ended, and how many ticks there were.
 */
export async function execute(workspace: Workspace, lease: Lease, options: { isFatal?(tick: number, what: string): boolean; stop?: AbortController; version?: string; engine?: Engine; describedAs?: string; engineChange?: boolean } = {}): Promise<{ status: string; ticks: string[] }> {
  const ticks: string[] = []
  const tick = (what: string): void => {
    ticks.push(what)
    if (!options.isFatal?.(ticks.length, what)) return
    workspace.db.prepare('UPDATE runs SET attempt = attempt + 1, owner_started = ? WHERE id = ?').run('long ago', lease.runId)
    throw new Killed(`killed at tick ${ticks.length} (${what})`)
  }
  try {
    const status = await executeRun({
      workspace, lease, engine: options.engine ?? { ...fakeEngine({ replies: cannedReplies, tick }), ...(options.describedAs !== undefined && { describe: async () => options.describedAs as string }) }, version: options.version ?? 'test', ...(options.engine ? {} : { loadText: () => fakeText }),
      tell: ({ type }) => tick(`told ${type}`),
      ...(options.stop ? { stop: options.stop } : {}),
      ...(options.engineChange ? { engineChange: true } : {}),
    })
    return { status, ticks }
  } catch {
    return { status: 'killed', ticks }
  }
}

export function reclaim(workspace: Workspace, runId: string): Lease {
  const lease = claimRun(workspace.db, runId, thisOwner(), Date.now())
  if (lease === null) throw new Error(`run ${runId}: its owner seems alive`)
  return lease
}

/** Of the final policy's weights, two rounds on. */
export const modelHash = (workspace: Workspace, run: string): string => createHash('sha256').update(readFileSync(join(workspace.runs, run, 'models', 'round-2', 'model.safetensors'))).digest('hex')

/** Everything a finished run leaves behind that must not depend on how often it was interrupted. */
export function leftBehind({ db, path, runs }: Workspace, runId: string): Record<string, unknown> {
  const all = (sql: string): unknown[] => db.prepare(sql).all(runId)
  return {
    run: all('SELECT id, status, round, model_path, error FROM runs WHERE id = ?'),
    stages: all('SELECT key, kind, round, status, starts_from, input_hash, result, counts, summary FROM run_stages WHERE run_id = ? ORDER BY position'),
    metrics: all('SELECT stage, step, row, details FROM run_metrics WHERE run_id = ? ORDER BY stage, step'),
    samples: all('SELECT stage, idx, row, reward FROM run_samples WHERE run_id = ? ORDER BY stage, idx'),
    evaluations: all('SELECT * FROM run_evaluations WHERE run_id = ? ORDER BY round, dataset, temperature, prompt_index, sample_index'),
    heldout: all('SELECT * FROM run_heldout WHERE run_id = ? ORDER BY round, pair_index'),
    pairs: all('SELECT * FROM run_pairs WHERE run_id = ? ORDER BY round'),
    files: filesBelow(join(runs, runId)).map((file) => [file.slice(path.length), createHash('sha256').update(readFileSync(file)).digest('hex')]),
  }
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

/** Makes a run as if it had never been, to run it again in the same workspace without its finished stages. */
export function forgetRuns({ db, runs }: Workspace): void {
  db.exec('DELETE FROM runs; DELETE FROM scored_chunks; DELETE FROM file_hashes')
  for (const name of readdirSync(runs)) rmSync(join(runs, name), { recursive: true, force: true })
}
