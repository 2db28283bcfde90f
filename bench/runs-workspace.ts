/** A workspace of many small finished runs, as the table of runs meets it: methods, seeds, settings that differ, scores, metrics. */
import { thisOwner } from '../src/backend/jobs/owner.ts'
import { insertEvaluations } from '../src/backend/storage/evaluations.ts'
import { openWorkspace } from '../src/backend/storage/open.ts'
import { markRuns, tagRuns } from '../src/backend/storage/run-marks.ts'
import { insertMetric } from '../src/backend/storage/run-stages.ts'
import { insertRun, releaseRun } from '../src/backend/storage/runs.ts'
import { makeRng } from '../src/core/rng.ts'
import { methodOf, recipeSchema } from '../src/shared/recipe.ts'

const RECIPES = ['drift', 'iterative-dpo', 'spin', 'drift-unguided'] as const
const RATES = [5e-7, 1e-6, 5e-6, 1e-5]
const PROMPTS = 4
const STEPS = 10
const SECOND_MS = 1000

export function fillRuns(path: string, runs: number): void {
  const workspace = openWorkspace(path)
  const { db } = workspace
  const rng = makeRng('runs of the table')
  const start = Date.parse('2026-01-01T00:00:00Z')
  db.transaction(() => {
    for (let i = 0; i < runs; i++) {
      const recipe = recipeSchema.parse({ recipe: RECIPES[i % RECIPES.length], model_name_or_path: 'models/base', dataset: 'feedback', seed: Math.floor(i / RECIPES.length) % 6, training: { learning_rate: RATES[Math.floor(i / 24) % RATES.length], beta: i % 3 === 0 ? 0.1 : 0.05 } })
      const method = methodOf(recipe)
      const { lease } = insertRun(db, { slug: `run-${i}`, name: `${method} ${i}, rate ${recipe.training.learning_rate}`, method, recipe, group: `sweep-${Math.floor(i / 96)}`, rounds: 2, threads: 1, yaml: `recipe: ${recipe.recipe}\nmodel_name_or_path: models/base\ndataset: feedback\nseed: ${recipe.seed}\n` }, thisOwner(), start + i * SECOND_MS)
      insertEvaluations(db, lease.runId, Array.from({ length: PROMPTS }, (_, promptIndex) => ({ round: 2, dataset: 'test', temperature: 1, promptIndex, sampleIndex: 0, seed: recipe.seed, text: '', score: rng.next(), reward: 0, pass: false, checks: {}, items: [], solutionSize: null, tokens: 1, entropy: 0, finishReason: 'stop' as const })))
      for (let step = 1; step <= STEPS; step++) insertMetric(db, lease.runId, { stage: 'round-2/train', step, loss: 0.7 - step * 0.02 * rng.next(), 'rewards/margins': rng.normal(), 'rewards/accuracies': rng.next() }, { pairIndices: [], margins: [] })
      releaseRun(db, lease, i % 17 === 3 ? { status: 'failed', error: 'loss is NaN' } : { status: 'done', error: null }, start + (i + 90) * SECOND_MS)
      if (i % 40 === 5) tagRuns(db, [lease.runId], 'candidate', true)
      if (i % 97 === 6) markRuns(db, [lease.runId], 'pinned', true)
    }
  })()
  workspace.close()
}
