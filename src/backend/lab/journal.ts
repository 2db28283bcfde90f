/**
 * Durable execution by replay: a recipe runs again from its first line, and a stage that is finished answers from
 * here. A stage is known by its key; its result stands for the hash of its inputs, so an equal stage that another
 * run of the workspace has finished is taken over instead of computed.
 */
import { UsageError } from '../../shared/errors.ts'
import type { RunStage } from '../../shared/types.ts'
import { copyEvaluations } from '../storage/evaluations.ts'
import { copyStageRows, deleteStage, findEqualStages, findStage, finishStage, insertStage, listStages, setStageUse, type StageCounts, type StageUse, type StoredStage } from '../storage/run-stages.ts'
import { addLog, setProgress, writeAsOwner } from '../storage/runs.ts'
import { hashOf, type LabContext, log } from './context.ts'
import { type MemoryWatch, watchMemory, watchProcess } from './memory-watch.ts'

export type StageSpec<Result> = {
  key: string
  kind: RunStage['kind']
  round: number
  startsFrom: string | null
  /** Everything the result depends on but what computes it. */
  inputs: unknown
  /** As an older version knew the stage: what it has done stays done. */
  formerInputs?: unknown
  /** Does what is not done yet. */
  work(stage: RunningStage): Promise<StageOutcome<Result>>
  /** Whether the files of a stored result are still there (true where it has none). */
  isIntact?(result: Result): boolean
  /** Brings another run's files here and returns the result as this run's own; null where they are gone. */
  adopt?(result: Result): Result | null
  /** Further writes, in the transaction that finishes the stage. */
  finish?(result: Result): void
  /** Removes files of a half-done stage whose inputs are no longer the same. */
  discard?(): void
}

export type StageOutcome<Result> = {
  result: Result
  counts?: Partial<StageCounts>
  summary: RunStage['summary']
}

export type RunningStage = {
  inputHash: string
  /** Journals a finished unit of work in one transaction. */
  commit(write: () => void): void
  /** Tells how far the stage is; `tokens` are those trained or sampled so far. */
  tell(done: number, total: number, tokens?: number): void
  /** Seconds of work so far, those before a pause or a kill included, and the memory that is held now. */
  use(): { seconds: number; memoryBytes: number | null }
}

export async function runStage<Result>(context: LabContext, spec: StageSpec<Result>): Promise<Result> {
  const { workspace: { db }, lease: { runId } } = context
  const { key } = spec
  const inputHash = hashOf({ kind: spec.kind, inputs: spec.inputs })
  const former = spec.formerInputs === undefined ? null : hashOf({ kind: spec.kind, inputs: spec.formerInputs })
  context.signal.throwIfAborted()
  const existing = findStage(db, runId, key)
  if (existing?.status === 'done') {
    if (existing.inputHash !== inputHash && existing.inputHash !== former) throw new UsageError(`${key}: its inputs (base model, datasets or recipe) are no longer those it was run with, so this run cannot go on. Put them back, or start a new run`)
    const result = existing.result as Result
    if (spec.isIntact?.(result) ?? true) return result
    log(context, 'warning', `${key}: its files are gone or were changed; done again`)
  }
  // A half-done stage goes on, unless what it was made from or with has changed.
  let stage = existing
  if (stage !== null && (stage.status === 'done' || stage.inputHash !== inputHash || stage.computedBy !== context.computedBy)) {
    if (stage.status !== 'done') log(context, 'warning', `${key}: begun again, because ${stage.inputHash === inputHash ? `it was begun with ${stage.computedBy}, now it is ${context.computedBy}` : 'its inputs have changed'}`)
    forget(context, spec)
    stage = null
  }
  const spentBefore = stage?.seconds ?? 0
  const started = context.now()
  const memory = memoryOf(context, spec, stage?.peakMemoryBytes ?? null)
  if (stage === null) {
    const adopted = adopt(context, spec, inputHash)
    if (adopted !== null) return adopted.result
    writeAsOwner(db, context.lease, () => {
      insertStage(db, { runId, key, kind: spec.kind, round: spec.round, startsFrom: spec.startsFrom, inputHash, computedBy: context.computedBy, startedAt: new Date(started).toISOString() })
      setProgress(db, runId, { round: spec.round })
    })
  } else log(context, 'info', `${key}: continued`)
  tellStage(context, key)

  const seconds = (): number => spentBefore + (context.now() - started) / 1000
  const use = (): StageUse => ({ seconds: seconds(), peakMemoryBytes: memory?.peak() ?? null })
  const outcome = await spec.work({
    inputHash,
    commit: (write) =>
      writeAsOwner(db, context.lease, () => {
        write()
        setStageUse(db, runId, key, use())
      }),
    tell: progressOf(context, key, memory),
    use: () => ({ seconds: seconds(), memoryBytes: memory?.now() ?? null }),
  })
  const finished = writeAsOwner(db, context.lease, () => {
    spec.finish?.(outcome.result)
    return finishStage(db, runId, key, { result: outcome.result, counts: { ...outcome.counts, ...context.usage.counts() }, summary: outcome.summary, ...use(), endedAt: new Date(context.now()).toISOString(), reusedFrom: null })
  })
  context.tell({ type: 'stage', stage: finished })
  return outcome.result
}

/** Null where vLLM samples: its memory is its own affair. */
function memoryOf({ engine, recipe }: LabContext, { kind }: Pick<StageSpec<unknown>, 'kind'>, before: number | null): MemoryWatch | null {
  if (engine.memory === undefined) return watchMemory(before ?? 0)
  return recipe.torch.use_vllm && kind !== 'train' ? null : watchProcess(before, () => engine.memory?.() ?? null)
}

/** Takes over an equal stage of another run (or of this one, under another key): rows copied, files linked. */
function adopt<Result>(context: LabContext, spec: StageSpec<Result>, inputHash: string): { result: Result } | null {
  const { workspace: { db }, lease: { runId } } = context
  for (const donor of findEqualStages(db, inputHash, context.computedBy)) {
    const result = spec.adopt ? spec.adopt(donor.result as Result) : (donor.result as Result)
    if (result === null) continue
    const time = new Date(context.now()).toISOString()
    const stage = writeAsOwner(db, context.lease, () => {
      insertStage(db, { runId, key: spec.key, kind: spec.kind, round: spec.round, startsFrom: spec.startsFrom, inputHash, computedBy: context.computedBy, startedAt: time })
      setProgress(db, runId, { round: spec.round })
      copyRows(context, donor, spec)
      spec.finish?.(result)
      addLog(db, runId, 'info', `${spec.key}: taken over from ${donor.runId} (${donor.key}), whose inputs were equal`, context.now())
      // The ledger counts it as work of this run: another method must not look cheaper because it came second.
      return finishStage(db, runId, spec.key, { result, counts: { ...donor.counts, ...context.usage.counts() }, summary: donor.summary, seconds: donor.seconds ?? 0, peakMemoryBytes: donor.peakMemoryBytes, endedAt: time, reusedFrom: donor.runId })
    })
    context.tell({ type: 'stage', stage })
    return { result }
  }
  return null
}

function copyRows(context: LabContext, donor: StoredStage, spec: Pick<StageSpec<unknown>, 'key' | 'round'>): void {
  const { workspace: { db }, lease: { runId } } = context
  const from = { runId: donor.runId, key: donor.key, round: donor.round }
  const to = { runId, key: spec.key, round: spec.round }
  copyStageRows(db, from, to)
  if (leavesEvaluations(spec)) copyEvaluations(db, from, to)
}

function forget(context: LabContext, spec: Pick<StageSpec<unknown>, 'key' | 'round' | 'discard'>): void {
  const { workspace: { db }, lease } = context
  spec.discard?.()
  writeAsOwner(db, lease, () => deleteStage(db, lease.runId, spec.key, leavesEvaluations(spec) ? { evaluated: spec.round } : null))
}

/** Verified samples and held-out margins of its round; a probe leaves its result alone. */
function leavesEvaluations({ key }: Pick<StageSpec<unknown>, 'key'>): boolean {
  return key.endsWith('/evaluate')
}

function tellStage(context: LabContext, key: string): void {
  const stage = listStages(context.workspace.db, context.lease.runId).find((one) => one.key === key)
  if (stage) context.tell({ type: 'stage', stage })
}

/** Rate and time left are those of the units done since the stage was entered. */
function progressOf(context: LabContext, stage: string, memory: MemoryWatch | null): RunningStage['tell'] {
  let first: { done: number; tokens: number; time: number } | null = null
  return (done, total, tokens = 0) => {
    first ??= { done, tokens, time: context.now() }
    const elapsed = (context.now() - first.time) / 1000
    const rate = (now: number, before: number): number | null => (elapsed > 0 && now > before ? (now - before) / elapsed : null)
    const perSecond = rate(done, first.done)
    context.tell({ type: 'progress', progress: { runId: context.lease.runId, stage, done, total, perSecond, etaSeconds: perSecond === null ? null : (total - done) / perSecond, tokensPerSecond: rate(tokens, first.tokens), memoryBytes: memory?.now() ?? null } })
  }
}
