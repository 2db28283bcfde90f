/** Looks at a run's figures as they come, and says or stops where a tripwire trips. Nothing it does changes a number. */
import { watchWire } from '../../core/tripwires.ts'
import { tripWords } from '../../core/trip-words.ts'
import { mean } from '../../core/statistics.ts'
import type { Probe } from '../../shared/monitors.ts'
import type { Tripwire, WireMetric } from '../../shared/tripwires.ts'
import { writeAsOwner } from '../storage/runs.ts'
import { insertTrip } from '../storage/trips.ts'
import { type LabContext, log } from './context.ts'

type Figures = Partial<Record<WireMetric, number>>

/** For the steps of one stage, called after each; figures that a step does not have are not watched. */
export function watchStage(context: LabContext, stage: string): (step: number, figures: Record<string, unknown>) => void {
  const watched = context.recipe.tripwires.map((wire) => ({ wire, trips: watchWire(wire) }))
  return (step, figures) => {
    for (const { wire, trips } of watched) {
      const value = figures[wire.metric]
      if (typeof value === 'number' && trips(value)) trip(context, stage, wire, step, value)
    }
  }
}

/** Rounds so far, the base left out, oldest first: the last one is looked at. */
export function watchProbes(context: LabContext, stage: string, probes: readonly Probe[]): void {
  const rounds = probes.filter(({ round }) => round >= 0)
  const last = rounds.at(-1)
  if (last === undefined || context.recipe.tripwires.length === 0) return
  const figures = rounds.map(figuresOf)
  for (const wire of context.recipe.tripwires) {
    const trips = watchWire(wire)
    const values = figures.map((of) => of[wire.metric])
    const tripped = values.map((value) => value !== undefined && trips(value))
    if (tripped.at(-1)) trip(context, stage, wire, last.round, values.at(-1)!)
  }
}

function figuresOf({ pairs, replies }: Probe): Figures {
  return {
    'probe/kl': mean(replies.map(({ logRatio }) => logRatio)),
    'probe/length': mean(replies.map(({ tokens }) => tokens)),
    'probe/entropy': mean(replies.map(({ entropy }) => entropy)),
    'probe/repeated': mean(replies.map(({ repeated }) => repeated)),
    'probe/margin': mean(pairs.map(({ margin }) => margin)),
    'probe/accuracy': mean(pairs.map(({ margin }) => (margin > 0 ? 1 : 0))),
  }
}

function trip(context: LabContext, stage: string, wire: Tripwire, step: number, value: number): void {
  const { workspace: { db }, lease } = context
  const time = new Date(context.now()).toISOString()
  if (!writeAsOwner(db, lease, () => insertTrip(db, lease.runId, { stage, wire, step, value, time }))) return
  log(context, 'warning', `tripwire: ${tripWords({ stage, step, metric: wire.metric, value, above: wire.above, below: wire.below, forSteps: wire.for_steps })}${wire.action === 'pause' ? '; the run pauses' : ''}`)
  if (wire.action === 'pause') context.pause()
}
