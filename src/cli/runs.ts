/** What the run verbs do. They look after the run in this very process, with its worker as a child in the same group. */
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join, parse, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BackendError } from '../backend/errors.ts'
import { estimateRun } from '../backend/estimate.ts'
import { type EngineChoice, type Supervisor, supervisorOf } from '../backend/jobs/supervisor.ts'
import { parseRecipe, readRecipe, requireRecipe, withWholePaths } from '../backend/recipe-file.ts'
import type { Session } from '../backend/session.ts'
import { openWorkspace, type Workspace } from '../backend/storage/open.ts'
import { listRuns, requireRun } from '../backend/storage/runs.ts'
import { appVersion } from '../backend/version.ts'
import { runScript } from '../core/run-script.ts'
import type { Push } from '../shared/contract.ts'
import { UsageError } from '../shared/errors.ts'
import type { Run } from '../shared/types.ts'
import { Interrupted, interruption } from './interruption.ts'
import { type JobLine, jobLine } from './job-line.ts'
import { readRecipeFile } from './recipe-text.ts'
import type { ResumeOptions, RunOptions, ScriptOptions, WorkspaceOptions } from './run-verbs.ts'

/** A killed owner may need a moment to be gone; a stopped run one to be taken up. */
const PATIENCE_MS = 8_000
const POLL_MS = 200
const DETACHED = 'DRIFT_DETACHED'

export type Opened = { workspace: Workspace; supervisor: Supervisor; line: JobLine }

export async function runRecipe(file: string, options: RunOptions): Promise<void> {
  const yaml = readRecipeFile(file)
  await withSupervisor(options.workspace, async (opened) => {
    tellJudging(yaml, opened.workspace)
    const input = { yaml, name: options.name, group: options.group }
    if (options.detach) await detach(opened, opened.supervisor.record(input), options)
    else await follow(opened, opened.supervisor.start(input), options)
  })
}

export function writeRunScript(file: string, { workspace, name, machines, slurm, json }: ScriptOptions): void {
  const yaml = readRecipeFile(file)
  const recipe = requireRecipe(parseRecipe(yaml))
  if (machines > 1 && (recipe.engine !== 'torch' || recipe.torch.num_processes % machines > 0)) throw new UsageError(`--machines ${machines}: expected engine torch and torch.num_processes that ${machines} divides, got engine ${recipe.engine} and ${recipe.torch.num_processes}; change the recipe`)
  const script = runScript({ recipe, yaml: withWholePaths(yaml, recipe, resolve(workspace)), workspace: resolve(workspace), name: name ?? parse(file).name, slurm: slurm ?? false, machines })
  if (json) console.log(JSON.stringify({ script }))
  else process.stdout.write(script)
}

/** What a recipe whose samples a judge ranks will ask of it; said before anything is paid. */
function tellJudging(yaml: string, workspace: Workspace): void {
  const { recipe } = readRecipe(yaml, workspace)
  const judge = recipe === null ? null : estimateRun(recipe, workspace).judge
  if (judge) process.stderr.write(`judge: about ${judge.queries} queries, ${judge.promptTokens + judge.completionTokens} tokens${judge.cost === null ? '' : `, cost ${judge.cost.toPrecision(3)}`}\n`)
}

export async function resumeRun(id: string, options: ResumeOptions): Promise<void> {
  const { engine, device } = options
  if (device !== undefined && engine === undefined) throw new UsageError('--device: expected --engine with it; a run goes on where it was computed otherwise')
  // A detached run outlives the terminal it was started from.
  if (process.env[DETACHED] !== undefined) process.removeAllListeners('SIGHUP').on('SIGHUP', () => {})
  await withSupervisor(options.workspace, async (opened) => follow(opened, await takeOver(opened.supervisor, id, engine && { engine, device }), options))
}

export async function stopRun(id: string, options: WorkspaceOptions): Promise<void> {
  await withSupervisor(options.workspace, async ({ supervisor }) => {
    supervisor.pause(id)
    const interrupted = interruption()
    const run = await Promise.race([supervisor.wait(id), new Promise<never>((_, reject) => interrupted.addEventListener('abort', () => reject(interrupted.reason as Error), { once: true }))])
    if (options.json) console.log(JSON.stringify({ run: run.id, status: run.status }))
    else console.log(`${run.id}: ${run.status}`)
  })
}

export function listRunsVerb(options: WorkspaceOptions): void {
  const workspace = openWorkspace(options.workspace, { create: false })
  try {
    const runs = listRuns(workspace.db)
    if (options.json) console.log(JSON.stringify({ runs: runs.map((run) => ({ id: run.id, name: run.name, recipe: run.recipe, status: run.status, round: run.round, model_path: modelPath(workspace, run) })) }))
    else if (runs.length === 0) console.log('no runs yet: drift run RECIPE.yaml starts one')
    else for (const run of runs) console.log(`${run.id.padEnd(32)} ${run.status.padEnd(12)} round ${run.round} of ${run.rounds}  ${run.createdAt.slice(0, 16).replace('T', ' ')}${run.error ? `  ${run.error}` : ''}`)
  } finally {
    workspace.close()
  }
}

/** Opens the workspace with somebody who looks after its runs, and closes it when the work is done. */
export async function withSupervisor(folder: string, work: (opened: Opened) => Promise<void>): Promise<void> {
  const workspace = openWorkspace(folder, { create: false })
  const releases: (() => void | Promise<void>)[] = []
  const line = jobLine(process.stderr)
  const push = (message: Push): void => {
    if (message.type === 'job' && message.job.status === 'running') line.show(message.job)
  }
  const session: Session = { workspace, host: 'cli', version: appVersion, push, onClose: (release) => void releases.push(release) }
  try {
    await work({ workspace, supervisor: supervisorOf(session), line })
  } finally {
    line.end()
    for (const release of releases.reverse()) await release()
    workspace.close()
  }
}

/** Waits to the end, pausing on Ctrl-C, and prints the last line. */
async function follow({ workspace, supervisor, line }: Opened, started: Run, options: { json?: true }): Promise<void> {
  const interrupted = interruption()
  const pause = (): void => {
    process.stderr.write('\npausing after the present unit of work …\n')
    supervisor.pause(started.id)
  }
  if (interrupted.aborted) pause()
  else interrupted.addEventListener('abort', pause, { once: true })
  const run = await supervisor.wait(started.id)
  interrupted.removeEventListener('abort', pause)
  line.end()
  const report = run.status === 'done' ? await writeReport(workspace, run) : null
  if (options.json) console.log(JSON.stringify({ run: run.id, status: run.status, model_path: modelPath(workspace, run), report }))
  else console.log([`${run.id}: ${run.status}`, `model ${modelPath(workspace, run) ?? 'none yet'}`, ...(report ? [`report ${report}`] : [])].join('\n'))
  if (run.status === 'done') return
  const resume = `\`drift resume ${run.id} --workspace ${workspace.path}\` continues it`
  if (run.status === 'paused') {
    process.stderr.write(`paused; ${resume}\n`)
    throw new Interrupted('paused')
  }
  throw new Error(`run ${run.id} ended as ${run.status}${run.error ? `: ${run.error}` : ''} (${resume})`)
}

/** Resumes; an owner that was just killed is given a moment to be gone. */
async function takeOver(supervisor: Supervisor, id: string, engine: EngineChoice | undefined): Promise<Run> {
  const until = Date.now() + PATIENCE_MS
  for (;;) {
    try {
      return supervisor.resume(id, engine)
    } catch (error) {
      if (!(error instanceof BackendError) || error.code !== 'bad-input' || Date.now() > until) throw error
      await new Promise((done) => setTimeout(done, POLL_MS))
    }
  }
}

/** Hands the run to a process of its own, in the same group, and waits until that has it. */
async function detach({ workspace }: Opened, run: Run, options: RunOptions): Promise<void> {
  const folder = join(workspace.runs, run.id)
  mkdirSync(folder, { recursive: true })
  const log = openSync(join(folder, 'detached.log'), 'a')
  const child = spawn(process.execPath, [fileURLToPath(new URL('./index.ts', import.meta.url)), 'resume', run.id, '--workspace', workspace.path], { stdio: ['ignore', log, log], env: { ...process.env, [DETACHED]: '1' } })
  closeSync(log)
  child.unref()
  const until = Date.now() + PATIENCE_MS
  let now = run
  while (now.status === 'paused' && Date.now() < until) {
    await new Promise((done) => setTimeout(done, POLL_MS))
    now = requireRun(workspace.db, run.id)
  }
  if (now.status === 'paused') throw new Error(`run ${run.id} was recorded, but no process took it up; see ${join(folder, 'detached.log')}, or \`drift resume ${run.id} --workspace ${workspace.path}\``)
  if (options.json) console.log(JSON.stringify({ run: now.id, status: now.status, model_path: modelPath(workspace, now), report: null }))
  else console.log(`${now.id}: ${now.status}, by itself; \`drift runs --workspace ${workspace.path}\` shows how far it is`)
}

/** The offline report of a run with an evaluation; without one there is nothing to report. */
async function writeReport(workspace: Workspace, run: Run): Promise<string | null> {
  try {
    const { writeReport: write } = await import('../backend/api/comparisons.ts')
    return write(workspace, { runs: [run.id] }, appVersion)
  } catch (error) {
    process.stderr.write(`drift: no report: ${error instanceof Error ? error.message : String(error)}\n`)
    return null
  }
}

const modelPath = (workspace: Workspace, run: Run): string | null => (run.modelPath === null ? null : resolve(workspace.path, run.modelPath))
