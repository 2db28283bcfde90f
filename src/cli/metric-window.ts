/** Which training steps are reported, and with what: TRL's logging_steps. */
import type { StepMetrics } from '../engine/engine.ts'

/** Taken from the last step; all other metrics are means over the steps since the last report, as TRL logs them. */
const LATEST = ['step', 'epoch', 'grad_norm', 'learning_rate', 'num_tokens']

export type LoggingKeys = { logging_strategy: 'no' | 'steps'; logging_steps: number; logging_first_step: boolean }

/**
 * @param totalSteps of the run; a logging_steps below 1 is a share of it.
 * @returns a function that takes each step and gives the row to report, or null.
 */
export function metricWindow(keys: LoggingKeys, totalSteps: number): (metrics: StepMetrics) => StepMetrics | null {
  const every = keys.logging_steps < 1 ? Math.max(1, Math.ceil(keys.logging_steps * totalSteps)) : Math.floor(keys.logging_steps)
  let window: StepMetrics[] = []
  return metrics => {
    window.push(metrics)
    const isDue = keys.logging_strategy === 'steps' && (metrics.step % every === 0 || (keys.logging_first_step && metrics.step === 1))
    if (!isDue) return null
    const row = { ...metrics }
    for (const name of Object.keys(metrics)) {
      if (!LATEST.includes(name)) row[name] = window.reduce((sum, step) => sum + (step[name] ?? 0), 0) / window.length
    }
    window = []
    return row
  }
}

/** Optimizer steps of a run, as transformers counts them. */
export function countSteps(pairs: number, keys: { per_device_train_batch_size: number; gradient_accumulation_steps: number; num_train_epochs: number; max_steps: number }): number {
  if (keys.max_steps > 0) return keys.max_steps
  const perEpoch = Math.ceil(Math.ceil(pairs / keys.per_device_train_batch_size) / keys.gradient_accumulation_steps)
  return Math.ceil(keys.num_train_epochs * perEpoch)
}
