/** Figures of a policy from its probe (design section 7, margins and gradients). */
import type { Probe } from '../shared/monitors.ts'
import type { Interval } from '../shared/types.ts'
import { deviation, mean, sigmoid, Z } from './statistics.ts'

/** σ(−margin) above which a pair counts as still weighing in the paper's bound; a half is where every pair begins. */
export const TAU = 0.25

/** Mean with its 95 % normal interval; no bounds below two values. */
export function meanInterval(values: readonly number[]): Interval {
  const estimate = mean(values)
  const half = (Z * deviation(values)) / Math.sqrt(values.length)
  return { estimate, low: estimate - half, high: estimate + half }
}

/** β·σ(−margin) of each pair: the exact factor before its gradient. */
export function exactWeights({ beta, pairs }: Pick<Probe, 'beta' | 'pairs'>): number[] {
  return pairs.map(({ margin }) => beta * sigmoid(-margin))
}

export type GradientFigures = {
  norms: number[]
  /** Mean of the pairs' own norms. */
  norm: Interval
  /** ‖mean g‖ / mean ‖g‖. */
  agreement: number
  /** Share of pairs with σ(−margin) above τ. */
  p0: number
  /** Mean norm of the log-ratio's gradient over those pairs; NaN where there is none. */
  deltaCond: number
  /** β·τ·p0·deltaCond: never above the mean norm. */
  bound: number
}

/** Null where gradients were not measured. */
export function gradientFigures(probe: Pick<Probe, 'beta' | 'pairs' | 'meanNorm'>): GradientFigures | null {
  const norms = probe.pairs.flatMap(({ norm }) => (norm === null ? [] : [norm]))
  if (probe.meanNorm === null || norms.length === 0) return null
  const weights = exactWeights(probe)
  const weighing = norms.flatMap((norm, i) => (weights[i]! > probe.beta * TAU ? [norm / weights[i]!] : []))
  const norm = meanInterval(norms)
  const [p0, deltaCond] = [weighing.length / norms.length, mean(weighing)]
  return { norms, norm, agreement: probe.meanNorm / norm.estimate, p0, deltaCond, bound: weighing.length === 0 ? 0 : probe.beta * TAU * p0 * deltaCond }
}

export type Drift = { round: number; chosen: Interval; rejected: Interval; /** Both fell, beyond their intervals. */ displaced: boolean }

/** How far each probe's log-probabilities are from those at the start of its round. */
export function drifts(probes: readonly Probe[]): Drift[] {
  return probes.slice(1).flatMap((probe, i): Drift[] => {
    const before = probes[i]!
    if (before.pairs.length !== probe.pairs.length) return []
    const side = (of: 'chosen' | 'rejected'): Interval => meanInterval(probe.pairs.map((pair, p) => pair[of] - before.pairs[p]![of]))
    const [chosen, rejected] = [side('chosen'), side('rejected')]
    return [{ round: probe.round, chosen, rejected, displaced: chosen.high < 0 && rejected.high < 0 }]
  })
}

/** A policy whose mean token of a reply became e^0.2 times as likely, or as unlikely, has left PPO's usual clip range (0.8 to 1.2): the reply is stale. */
export const STALE_NATS = 0.2

/** Mean movement since sampling and the share of stale replies; null where no chosen reply was sampled by the policy. */
export function staleFigures({ moved }: Pick<Probe, 'moved'>): { moved: Interval; share: number } | null {
  if (moved.length === 0) return null
  return { moved: meanInterval(moved), share: mean(moved.map((nats) => (Math.abs(nats) > STALE_NATS ? 1 : 0))) }
}
