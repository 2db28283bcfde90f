import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileName, runScript } from '../../core/run-script.ts'
import type { Handlers, RunDetail } from '../../shared/contract.ts'
import { gradientHealth } from '../comparisons/gradient-health.ts'
import { explorationThread } from '../comparisons/thread.ts'
import { estimateRun, trainingMemoryOf } from '../estimate.ts'
import { adviseEvaluation } from '../evaluation-advice.ts'
import { exportRun } from '../export-run.ts'
import { importRuns } from '../import-runs.ts'
import { baseFolder } from '../jobs/execute-run.ts'
import { supervisorOf } from '../jobs/supervisor.ts'
import { parseRecipe, readRecipe, requireRecipe, withWholePaths } from '../recipe-file.ts'
import { exportRecipe } from '../recipe-export.ts'
import { importRecipe } from '../recipe-import.ts'
import { NAMED_PRESETS } from '../recipe-presets.ts'
import type { Session } from '../session.ts'
import { measuredBy } from '../storage/comparisons.ts'
import { readHeldout, summarizeEvaluations } from '../storage/evaluations.ts'
import { lastComputedBy, listStages, pageOfSamples, readLedger, readCanaries, readMetrics, readProbes } from '../storage/run-stages.ts'
import { markRuns, readRunColumns, tagRuns } from '../storage/run-marks.ts'
import { listRuns, readLog, readRunFiles, requireRun, setNotes } from '../storage/runs.ts'
import { listTrips } from '../storage/trips.ts'
import { adviseTorch } from '../torch/advice.ts'
import { adviseParity, parityOfRun } from '../torch/parity.ts'
import { writeWhole } from '../write-lines.ts'

export function runsApi(session: Session) {
  const { workspace, push } = session
  const { db } = workspace
  const runs = supervisorOf(session)
  const told = <Answer>(answer: Answer): Answer => {
    push({ type: 'workspace.changed', nouns: ['runs'] })
    return answer
  }
  return {
    'runs.list': () => listRuns(db),
    'runs.get': ({ id }): RunDetail => {
      const run = requireRun(db, id)
      const { yaml, recipe } = readRunFiles(db, id)
      const evaluation = run.importedFrom === null ? recipe.evaluation[0] : undefined
      return {
        run,
        yaml,
        stages: listStages(db, id),
        ledger: readLedger(db, id),
        evaluations: evaluation ? summarizeEvaluations(db, id, evaluation.dataset) : [],
        measured: evaluation ? measuredBy(db, [id], evaluation) : null,
        gradientHealth: gradientHealth(db, id, workspace.capsule === null ? workspace.runs : null),
        heldout: readHeldout(db, [id]).map(({ round, margins }) => ({ round, margins })),
        probes: readProbes(db, id),
        canaries: readCanaries(db, id),
        trips: listTrips(db, id),
        parity: run.importedFrom === null && recipe.engine === 'torch' ? parityOfRun(recipe, baseFolder(workspace.path, recipe), lastComputedBy(db, id), process.env) : null,
        log: readLog(db, id),
      }
    },
    'runs.metrics': ({ id, after }) => ({ rows: readMetrics(db, requireRun(db, id).id, after) }),
    'runs.samples': ({ id, ...page }) => pageOfSamples(db, requireRun(db, id).id, page),
    'runs.validate': ({ yaml }) => {
      const { recipe, issues, translated, warnings } = readRecipe(yaml, workspace)
      if (recipe === null) return { ok: false, issues, translated, warnings, evaluation: null, estimate: null }
      return { ok: true, issues, translated, warnings: [...warnings, ...adviseTorch(recipe, trainingMemoryOf(recipe, workspace), process.env), ...adviseParity(recipe, baseFolder(workspace.path, recipe), process.env)], evaluation: adviseEvaluation(recipe, db), estimate: estimateRun(recipe, workspace) }
    },
    'runs.start': (input) => runs.start(input),
    'runs.pause': ({ id }) => runs.pause(id),
    'runs.resume': ({ id, engine }) => runs.resume(id, engine && { engine }),
    'runs.cancel': ({ id }) => runs.cancel(id),
    'runs.script': ({ id, slurm, place, save }) => {
      const { name } = requireRun(db, id)
      const { recipe, yaml } = readRunFiles(db, id)
      const script = runScript({ recipe, yaml: withWholePaths(yaml, recipe, place ?? workspace.path), workspace: place ?? workspace.path, name, slurm, machines: 1 })
      const path = save ? join(workspace.exports, `${fileName(name)}${slurm ? '.slurm' : ''}.sh`) : null
      if (path !== null) writeWhole(path, script)
      return { script, path }
    },
    'runs.note': ({ id, notes }) => {
      const run = setNotes(db, id, notes)
      push({ type: 'run', run })
      return run
    },
    'runs.columns': () => readRunColumns(db),
    'runs.tag': ({ ids, tag, on }) => told({ changed: tagRuns(db, ids, tag, on) }),
    'runs.mark': ({ ids, mark, on }) => told({ changed: markRuns(db, ids, mark, on) }),
    'runs.export': (input) => exportRun(workspace, input),
    'runs.import': async ({ paths }) => {
      const imported = await importRuns(workspace, paths)
      const ids = imported.runs.map(({ id }) => id)
      void explorationThread(session).perform('keep', { runs: ids }, `Thinning the curves of ${ids.length} ${ids.length === 1 ? 'run' : 'runs'}`).catch((error: Error) => console.error(`thinning curves of ${ids.join(', ')}: ${error.message}`))
      return told(imported)
    },
    'runs.recipes': () => {
      const own = readdirSync(workspace.recipes).filter((name) => /\.ya?ml$/i.test(name)).sort()
      return [
        ...own.map((name) => ({ file: `recipes/${name}`, yaml: readFileSync(join(workspace.recipes, name), 'utf8') })),
        ...NAMED_PRESETS,
      ]
    },
    'runs.importRecipe': ({ text }) => importRecipe(text),
    'runs.exportRecipe': ({ yaml, format, path }) => {
      const exported = exportRecipe(requireRecipe(parseRecipe(yaml)), format)
      const to = path === undefined ? null : resolve(workspace.exports, path)
      if (to !== null) writeWhole(to, exported.text)
      return { ...exported, path: to }
    },
  } satisfies Pick<Handlers, 'runs.list' | 'runs.get' | 'runs.metrics' | 'runs.samples' | 'runs.validate' | 'runs.start' | 'runs.pause' | 'runs.resume' | 'runs.cancel' | 'runs.script' | 'runs.note' | 'runs.columns' | 'runs.tag' | 'runs.mark' | 'runs.export' | 'runs.import' | 'runs.recipes' | 'runs.importRecipe' | 'runs.exportRecipe'>
}
