/** What every verb of the lab works with. */
import { createHash } from 'node:crypto'
import type { Engine } from '../../engine/engine.ts'
import type { StepCanaries } from '../../shared/monitors.ts'
import type { Recipe } from '../../shared/recipe.ts'
import type { JobProgress, MetricRow, RunStage, SampleRow } from '../../shared/types.ts'
import type { WritableDb } from '../storage/open.ts'
import { addLog, type Lease, writeAsOwner } from '../storage/runs.ts'
import type { ModelShelf } from './models.ts'
import type { Text } from './text.ts'
import type { Usage } from './usage.ts'

export type LabWorkspace = { path: string; runs: string; db: WritableDb }

/** Told after it was written, never before. */
export type LabReport =
  | { type: 'progress'; progress: JobProgress }
  | { type: 'stage'; stage: RunStage }
  | { type: 'metrics'; rows: MetricRow[] }
  | { type: 'samples'; rows: SampleRow[] }
  | { type: 'canaries'; rows: StepCanaries[] }

export type LabContext = {
  readonly workspace: LabWorkspace
  readonly lease: Lease
  readonly recipe: Recipe
  readonly engine: Engine
  readonly threads: number
  /** Engine, version, machine kind, threads and device: equal stages of equal makers have equal results. */
  readonly computedBy: string
  /** Tokenizer and template of the base, which all policies share. */
  readonly text: Text
  readonly models: ModelShelf
  readonly usage: Usage
  /** Aborted with a `Stopped` when the run is to pause; heeded between units of work. */
  readonly signal: AbortSignal
  /** Has the run stop after the present unit of work, as a user's pause does. */
  pause(): void
  tell(report: LabReport): void
  /** Milliseconds since 1970. */
  now(): number
}

/** Thrown between two units of work: the run pauses or is cancelled. */
export class Stopped extends Error {
  override readonly name: string = 'Stopped'
  readonly requested: 'pause' | 'cancel'
  constructor(requested: 'pause' | 'cancel') {
    super(requested === 'pause' ? 'paused' : 'cancelled')
    this.requested = requested
  }
}

export function log(context: LabContext, level: 'info' | 'warning' | 'error', text: string): void {
  const { workspace, lease } = context
  writeAsOwner(workspace.db, lease, () => addLog(workspace.db, lease.runId, level, text, context.now()))
}

/**
 * Lets what waits outside in: a message to pause, the supervisor's end, the lease's timer. Engines may compute a whole
 * stage without a turn of the event loop, so the lab takes one between two units of work.
 */
export function eventTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** SHA-256 of a value's JSON with sorted keys. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex')
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  return `{${Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, of]) => `${JSON.stringify(key)}:${canonical(of)}`).join(',')}}`
}

/** Round of a stage key; the warm start and what is trained once are round 0. */
export function roundOf(stage: string): number {
  return Number(/^round-(\d+)\//.exec(stage)?.[1] ?? 0)
}
