/**
 * Runs of a workspace that this process looks after: queued, one process each, as many at once as there are cores
 * for. What is known of a run is in the workspace; here are only its process and how far it is.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { DEVICES_OF } from '../../engine/device.ts'
import { readModelConfig } from '../../engine/model-folder.ts'
import { defaultThreads } from '../../engine/threads.ts'
import { methodOf, type Recipe } from '../../shared/recipe.ts'
import type { Job, Run } from '../../shared/types.ts'
import { BackendError } from '../errors.ts'
import { countParameters } from '../estimate.ts'
import { readRecipe, requireRecipe } from '../recipe-file.ts'
import { perSession, type Session } from '../session.ts'
import { addLog, changeEngine, claimRun, insertRun, type Lease, LeaseLost, readRunFiles, releaseRun, renewLease, requestOfRun, type Requested, requireRun, writeAsOwner } from '../storage/runs.ts'
import { baseFolder, RENEW_MS } from './execute-run.ts'
import { forkFor } from './fork.ts'
import type { ForkWorker, FromWorker, WorkerProcess } from './messages.ts'
import { thisOwner } from './owner.ts'

/** `method` is its key in tables where that is not the recipe's own. */
export type StartRun = { yaml: string; name?: string | undefined; group?: string | undefined; method?: string | undefined }

export type Supervisor = {
  /** Checks the recipe, records the run, queues it. */
  start(input: StartRun): Run
  /** Records a run for another process to resume. */
  record(input: StartRun): Run
  /**
   * Queues a run that nobody works on; a finished one is returned as it is.
   * @param engine what it is to go on with, where that is not what it was computed with so far.
   */
  resume(id: string, engine?: EngineChoice): Run
  /** Asks whoever works on the run to stop after the present unit of work. */
  pause(id: string): Run
  cancel(id: string): Run
  /** Resolves when nobody works on the run any longer. */
  wait(id: string): Promise<Run>
  /** Calls back with every run that this supervisor no longer looks after, until the session closes. */
  onEnded(listener: (run: Run) => void): void
  /** Newest first. */
  jobs(): Job[]
  /** How many runs go on at once: cores by threads of a run, at least 1, unless set here. */
  lanes: number | null
}

/** Where no device is named it is the run's. */
export type EngineChoice = { engine: Recipe['engine']; device?: Recipe['device'] | undefined }
type Entry = { lease: Lease; engineChange: boolean; threads: number; process: WorkerProcess | null; job: Job; asked: Requested | null; toldAt: number; ended: PromiseWithResolvers<undefined> }

const TOLD_EVERY_MS = 200
/** A run told to stop may still finish its unit of work; a cancelled one need not. */
const CLOSE_MS = 10_000
const CANCEL_MS = 3_000
const POLL_MS = 300
const KEPT_JOBS = 50

/** The supervisor of a session; made when it is first asked for. */
export const supervisorOf = perSession((session) => makeSupervisor(session, session.fork ?? forkFor(session.host)))

function makeSupervisor(session: Session, fork: ForkWorker): Supervisor {
  const { workspace, push } = session
  const { db } = workspace
  const cores = availableParallelism()
  /** Queued and running, in the order they came. */
  const entries = new Map<string, Entry>()
  const jobs = new Map<string, Job>()
  const listeners: ((run: Run) => void)[] = []
  let closing = false

  const timer = setInterval(() => {
    for (const [id, entry] of entries) {
      try {
        const requested = renewLease(db, entry.lease, Date.now())
        if (requested !== null && entry.process === null) dequeue(id, entry, requested)
      } catch (error) {
        // Taken over, which its process notices itself; or the disk is full, which its next write says.
        if (!(error instanceof LeaseLost)) continue
        if (entry.process === null) forget(id, entry)
      }
    }
  }, RENEW_MS)
  timer.unref()

  const tellRun = (id: string): void => push({ type: 'run', run: requireRun(db, id) })
  const tellJob = (entry: Entry): void => {
    entry.toldAt = performance.now()
    push({ type: 'job', job: { ...entry.job } })
  }

  function record({ yaml, name, group, method: key }: StartRun): Lease {
    const read = readRecipe(yaml, workspace)
    const recipe = requireRecipe(read)
    const method = key ?? methodOf(recipe)
    const { run, lease } = insertRun(
      db,
      {
        slug: slugOf(name ?? `${method}-seed${recipe.seed}`), name: name ?? `${method}, seed ${recipe.seed}`, method, recipe, group: group ?? null, yaml,
        rounds: recipe.recipe === 'dpo' ? 0 : recipe.iterations, threads: threadsOf(recipe, workspace.path),
      },
      thisOwner(),
      Date.now(),
    )
    // A folder left by somebody else's hand must not pass for this run's work.
    rmSync(join(workspace.runs, run.id), { recursive: true, force: true })
    for (const { note } of read.translated) addLog(db, run.id, 'warning', note)
    for (const { path, message } of read.warnings) addLog(db, run.id, 'warning', `${path} ${message}`)
    push({ type: 'workspace.changed', nouns: ['runs'] })
    return lease
  }

  function enqueue(lease: Lease, engineChange = false): Run {
    const run = requireRun(db, lease.runId)
    const job: Job = { id: `run-${run.id}`, kind: 'run', title: run.name, status: 'queued', stage: '', done: 0, total: 0, perSecond: null, etaSeconds: null, runId: run.id, error: null }
    const entry: Entry = { lease, engineChange, threads: run.threads ?? 1, process: null, job, asked: null, toldAt: -Infinity, ended: Promise.withResolvers<undefined>() }
    entries.set(run.id, entry)
    jobs.delete(job.id)
    jobs.set(job.id, job)
    for (const id of [...jobs.keys()].slice(0, Math.max(0, jobs.size - KEPT_JOBS))) jobs.delete(id)
    tellRun(run.id)
    tellJob(entry)
    fillLanes()
    return requireRun(db, run.id)
  }

  function fillLanes(): void {
    for (const [id, entry] of entries) {
      const going = [...entries.values()].filter((other) => other.process !== null)
      const hasLane = supervisor.lanes === null ? going.reduce((sum, other) => sum + other.threads, entry.threads) <= cores : going.length < supervisor.lanes
      if (closing || (going.length > 0 && !hasLane)) return
      if (entry.process === null) launch(id, entry)
    }
  }

  function launch(id: string, entry: Entry): void {
    const folder = join(workspace.runs, id)
    mkdirSync(folder, { recursive: true })
    const child = fork({ workspace: workspace.path, runId: id, attempt: entry.lease.attempt, version: session.version, ...(entry.engineChange && { engineChange: true }) }, join(folder, 'worker.log'))
    entry.process = child
    entry.job.status = 'running'
    tellJob(entry)
    child.onMessage((message) => hear(id, entry, message))
    child.onExit((code, signal, error) => {
      settle(id, entry, code, signal, error)
      forget(id, entry)
      fillLanes()
    })
  }

  function hear(id: string, entry: Entry, message: FromWorker): void {
    switch (message.type) {
      case 'progress': {
        const { runId: _, ...progress } = message.progress
        Object.assign(entry.job, progress)
        if (performance.now() - entry.toldAt >= TOLD_EVERY_MS) tellJob(entry)
        return
      }
      case 'stage':
        push({ type: 'run.stage', runId: id, stage: message.stage })
        tellRun(id)
        if (message.stage.kind === 'evaluate' && message.stage.status === 'done') push({ type: 'workspace.changed', nouns: ['evaluations'] })
        return
      case 'metrics':
        return push({ type: 'run.metrics', runId: id, rows: message.rows })
      case 'samples':
        return push({ type: 'run.samples', runId: id, rows: message.rows })
      case 'canaries':
        return push({ type: 'run.canaries', runId: id, rows: message.rows })
      case 'preparing':
      case 'failed':
        throw new Error(`run ${id}: its process sent "${message.type}", which only a preparation does`)
    }
  }

  /** A process that ended with its run still open was killed or crashed. */
  function settle(id: string, { lease, asked }: Entry, code: number | null, signal: NodeJS.Signals | null, error: string | null): void {
    try {
      writeAsOwner(db, lease, () => {
        const open = db.prepare("SELECT 1 FROM runs WHERE id = ? AND status IN ('queued', 'running')").get(id) !== undefined
        if (!open) return
        const end = asked === 'cancel' ? { status: 'cancelled' as const, error: null } : explainEnd(code, signal, error, join(workspace.runs, id, 'worker.log'), `runs/${id}/worker.log`)
        releaseRun(db, lease, end, Date.now())
        if (end.error !== null) addLog(db, id, end.status === 'failed' ? 'error' : 'warning', end.error)
      })
    } catch (failure) {
      if (!(failure instanceof LeaseLost)) throw failure
    }
  }

  function dequeue(id: string, entry: Entry, requested: Requested): void {
    try {
      releaseRun(db, entry.lease, { status: requested === 'pause' ? 'paused' : 'cancelled', error: null }, Date.now())
    } catch (error) {
      if (!(error instanceof LeaseLost)) throw error
    }
    forget(id, entry)
  }

  function forget(id: string, entry: Entry): void {
    if (entries.get(id) === entry) entries.delete(id)
    const run = requireRun(db, id)
    Object.assign(entry.job, { status: run.status, perSecond: null, etaSeconds: null, tokensPerSecond: null, memoryBytes: null, error: run.error })
    tellJob(entry)
    push({ type: 'run', run })
    push({ type: 'workspace.changed', nouns: ['runs', 'evaluations'] })
    entry.ended.resolve(undefined)
    if (!closing) for (const listener of listeners) listener(run)
  }

  function ask(id: string, requested: Requested): Run {
    const entry = entries.get(id)
    if (entry === undefined) {
      const run = requestOfRun(db, id, requested, Date.now())
      push({ type: 'run', run })
      return run
    }
    entry.asked = requested
    if (entry.process === null) dequeue(id, entry, requested)
    else {
      const child = entry.process
      child.send({ type: 'stop', requested })
      if (requested === 'cancel') setTimeout(() => entries.get(id) === entry && child.kill(), CANCEL_MS).unref()
    }
    return requireRun(db, id)
  }

  const supervisor: Supervisor = {
    lanes: null,
    start: (input) => enqueue(record(input)),
    record(input) {
      const lease = record(input)
      releaseRun(db, lease, { status: 'paused', error: null }, Date.now())
      return requireRun(db, lease.runId)
    },
    resume(id, choice) {
      const run = requireRun(db, id)
      if (run.status === 'done' || entries.has(id)) return run
      const engine = choice && { engine: choice.engine, device: deviceFor(choice, readRunFiles(db, id).recipe) }
      const lease = claimRun(db, id, thisOwner(), Date.now())
      if (lease === null) throw new BackendError('bad-input', `run ${id}: another process is working on it. Watch it there, or pause it with \`drift stop ${id}\` and resume it then`)
      if (engine) changeEngine(db, id, engine)
      return enqueue(lease, engine !== undefined)
    },
    pause: (id) => ask(id, 'pause'),
    cancel: (id) => ask(id, 'cancel'),
    async wait(id) {
      for (;;) {
        await entries.get(id)?.ended.promise
        const run = requireRun(db, id)
        if (!entries.has(id) && run.status !== 'queued' && run.status !== 'running') return run
        if (!entries.has(id)) await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      }
    },
    onEnded: (listener) => void listeners.push(listener),
    jobs: () => [...jobs.values()].map((job) => ({ ...job })).reverse(),
  }

  session.onClose(async () => {
    closing = true
    for (const [id, entry] of [...entries]) if (entry.process === null) dequeue(id, entry, 'pause')
    const left = [...entries.values()]
    for (const { process } of left) process?.send({ type: 'stop', requested: 'pause' })
    const late = setTimeout(() => left.forEach(({ process }) => process?.kill()), CLOSE_MS)
    await Promise.all(left.map(({ ended }) => ended.promise))
    clearTimeout(late)
    clearInterval(timer)
  })
  return supervisor
}

const CRASHES: readonly (NodeJS.Signals | null)[] = ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGTRAP']

function explainEnd(code: number | null, signal: NodeJS.Signals | null, error: string | null, logFile: string, logName: string): { status: 'interrupted' | 'failed'; error: string } {
  if (error !== null) return { status: 'failed', error: `its process could not be started (${error}). Try again` }
  if (CRASHES.includes(signal)) return { status: 'failed', error: `the engine crashed (${signal}). What was finished is kept: resume the run; if it crashes again, lower batch sizes or threads. What it printed is in ${logName}` }
  if (signal === 'SIGKILL') return { status: 'interrupted', error: 'its process was killed (SIGKILL), perhaps because memory ran out. Resume it to continue where it was; with less memory lower the batch sizes' }
  if (signal !== null) return { status: 'interrupted', error: `its process was ended (${signal}). Resume it to continue where it was` }
  const lastLine = existsSync(logFile) ? readFileSync(logFile, 'utf8').trim().split('\n').findLast((line) => /error/i.test(line)) : undefined
  return { status: 'failed', error: `its process ended with exit code ${code}${lastLine ? `: ${lastLine.trim()}` : ''}. What was finished is kept: resume the run. What it printed is in ${logName}` }
}

function deviceFor({ engine, device }: EngineChoice, recipe: Recipe): Recipe['device'] {
  const wanted = device ?? recipe.device
  if (!DEVICES_OF[engine].includes(wanted)) throw new BackendError('bad-input', `device: expected ${DEVICES_OF[engine].join(' or ')} with engine ${engine}, got ${wanted}; name one (--device)`)
  return wanted
}

/** Letters, digits, dots and dashes; the run's folder is named so. */
export function slugOf(name: string): string {
  const slug = name.toLowerCase().normalize('NFKD').replace(/[^a-z0-9.]+/g, '-').replace(/^[-.]+|[-.]+$/g, '').slice(0, 60)
  return slug === '' ? 'run' : slug
}

/** Threads that a run of this recipe takes of the machine's. @param workspace its folder. */
export const threadsOf = (recipe: Recipe, workspace: string): number => recipe.threads ?? threadsFor(baseFolder(workspace, recipe))

/** A model that is still to be fetched is none of the small ones. */
function threadsFor(folder: string | null): number {
  return defaultThreads(folder === null ? Infinity : countParameters(readModelConfig(folder)))
}

/** Starts a run and returns it as recorded. @throws UsageError naming what is wrong with the recipe. */
export function startRun(session: Session, input: StartRun): Run {
  return supervisorOf(session).start(input)
}

/** Resolves with the run when nobody works on it any longer. */
export function waitForRun(session: Session, id: string): Promise<Run> {
  return supervisorOf(session).wait(id)
}
