/** What `drift demo` and `drift compare` do. */
import { copyFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { writeReport } from '../backend/api/comparisons.ts'
import { readComparison } from '../backend/comparisons/read-comparison.ts'
import { planExperiment } from '../backend/demo/experiment.ts'
import { prepareDemo } from '../backend/demo/prepare.ts'
import { demoMethodsResult } from '../backend/demo/result.ts'
import { BASE_MODEL } from '../backend/demo/settings.ts'
import { baseSeed } from '../backend/demo/base.ts'
import { openBackend, version } from '../backend/index.ts'
import { openWorkspace } from '../backend/storage/open.ts'
import { requireRun } from '../backend/storage/runs.ts'
import type { Push } from '../shared/contract.ts'
import type { Job } from '../shared/types.ts'
import { comparisonTable } from './comparison-table.ts'
import type { CompareOptions, DemoOptions } from './demo-verbs.ts'
import { Interrupted, interruption } from './interruption.ts'
import { jobLine } from './job-line.ts'

export async function runDemo(options: DemoOptions): Promise<void> {
  const started = performance.now()
  const plan = planExperiment({ quick: options.quick === true, seed: options.seed, seeds: options.seeds })
  const home = process.env['DRIFT_HOME'] || join(homedir(), 'DRIFT Workbench')
  const folder = resolve(options.workspace ?? join(home, plan.group))
  const interrupted = interruption()

  if (options.prepare) {
    const workspace = openWorkspace(folder)
    try {
      const { probe } = await prepareDemo(workspace, { ...plan, signal: interrupted, onProgress: (stage) => process.stderr.write(`${stage}\n`) })
      if (options.json) console.log(JSON.stringify({ workspace: folder, recipes: workspace.recipes, probe: probe.probe }))
      else console.log(`Ready: ${folder}\nRecipes: ${workspace.recipes}\nProbe: guided replies score ${probe.probe.toFixed(3)} above unguided ones (n = ${probe.n})`)
    } finally {
      workspace.close()
    }
    return
  }

  const backend = await openBackend({ workspace: folder, host: 'cli' })
  try {
    const line = jobLine(process.stderr)
    const job = await new Promise<Job>((done, fail) => {
      let id: string | null = null
      backend.subscribe((push: Push) => {
        if (push.type !== 'job' || push.job.kind !== 'demo') return
        line.show(push.job)
        if (push.job.id === id && push.job.status !== 'running' && push.job.status !== 'queued') done(push.job)
      })
      backend
        .call('demo.start', { quick: plan.quick, seed: options.seed, ...(options.seeds === undefined ? {} : { seeds: options.seeds }) })
        .then(({ jobId }) => {
          id = jobId
          const cancel = (): void => void backend.call('jobs.cancel', { id: jobId }).catch(fail)
          if (interrupted.aborted) cancel()
          interrupted.addEventListener('abort', cancel, { once: true })
        })
        .catch(fail)
    }).finally(line.end)
    if (interrupted.aborted) throw new Interrupted(`paused; \`npm run demo -- ${options.quick ? '--quick ' : ''}--seed ${options.seed} --workspace ${folder}\` continues`)
    if (job.status !== 'done') throw new Error(job.error ?? `the experiment ended as ${job.status}`)

    const { db } = backend.workspace
    const { comparison, runs } = readComparison(db, { group: plan.group })
    const report = writeReport(backend.workspace, { group: plan.group }, version)
    const seconds = (performance.now() - started) / 1000
    if (options.json) {
      const paths = new Map(runs.flatMap((run) => {
        const { modelPath } = requireRun(db, run.id)
        return modelPath === null ? [] : [[run.id, modelPath] as const]
      }))
      console.log(JSON.stringify({ seconds, workspace: folder, report, probe: comparison.probe, methods: demoMethodsResult(runs, paths, BASE_MODEL, baseSeed()) }))
    } else {
      console.log(`\n${comparisonTable(comparison)}\n\n${Math.round(seconds)} s · workspace ${folder}\nreport ${report}`)
    }
  } finally {
    await backend.close()
  }
}

export function runCompare(ids: string[], options: CompareOptions): void {
  const workspace = openWorkspace(options.workspace, { create: false })
  try {
    const selection = ids.length > 0 ? { runs: ids } : { group: options.group }
    const { comparison } = readComparison(workspace.db, selection)
    let report: string | null = null
    if (options.report !== undefined) {
      report = resolve(options.report)
      copyFileSync(writeReport(workspace, selection, version), report)
    }
    if (options.json) console.log(JSON.stringify({ ...comparison, report }))
    else console.log(comparisonTable(comparison) + (report === null ? '' : `\nreport ${report}`))
  } finally {
    workspace.close()
  }
}
