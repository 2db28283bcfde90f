/**
 * The learning-rate sweep behind the built-in recipes: the same grid for every method, on the sweep split of the
 * world's requests and a log seed that no reported run uses. Prints one line per run.
 *     node scripts/sweep.ts FOLDER
 */
import { parse } from 'yaml'
import { readComparison } from '../src/backend/comparisons/read-comparison.ts'
import { prepareDemo } from '../src/backend/demo/prepare.ts'
import { type DemoMethod, demoRecipe, FULL, QUICK, SWEEP_DATASET } from '../src/backend/demo/settings.ts'
import { executeRun } from '../src/backend/jobs/execute-run.ts'
import { thisOwner } from '../src/backend/jobs/owner.ts'
import { openWorkspace } from '../src/backend/storage/open.ts'
import { insertRun } from '../src/backend/storage/runs.ts'
import { embeddedEngine } from '../src/engine/embedded.ts'
import { methodOf, recipeSchema } from '../src/shared/recipe.ts'

const SEED = 101
const size = { ...FULL, testPrompts: QUICK.testPrompts, heldoutPrompts: QUICK.heldoutPrompts, k: QUICK.k }
const workspace = openWorkspace(process.argv[2] ?? 'sweep')
await prepareDemo(workspace, { seeds: [SEED], size, methods: [] })
for (const reference of ['base', 'round-start'] as const) {
  for (const learningRate of [1e-4, 3e-4, 8e-4]) {
    for (const method of ['drift', 'spin', 'iterative-dpo'] satisfies DemoMethod[]) {
      const yaml = demoRecipe(method, SEED, size)
      const plain = recipeSchema.parse(parse(yaml))
      const recipe = { ...plain, reference, training: { ...plain.training, learning_rate: learningRate }, evaluation: plain.evaluation.map((evaluation) => ({ ...evaluation, dataset: SWEEP_DATASET })) }
      const { run, lease } = insertRun(workspace.db, { slug: `${method}-${reference}-${learningRate}`, name: method, method: methodOf(recipe), recipe, group: 'sweep', rounds: recipe.iterations, threads: 1, yaml }, thisOwner(), Date.now())
      const status = await executeRun({ workspace, lease, engine: embeddedEngine, version: 'sweep' })
      const { comparison } = readComparison(workspace.db, { runs: [run.id] })
      const rounds = comparison.methods.find(({ key }) => key === method)?.byTemperature.find(({ temperature }) => temperature === 1)?.rounds ?? []
      console.log([reference, learningRate, method, status, ...rounds.map(({ round, score, pass, coverage }) => `r${round} score ${score.estimate.toFixed(3)} pass ${pass.estimate.toFixed(3)} cov ${coverage.estimate.toFixed(2)}`)].join('  '))
    }
  }
}
workspace.close()
