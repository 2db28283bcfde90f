/** Learning-rate schedules of transformers.optimization, with an optional floor (`min_lr_rate`). */
import type { OptimizerConfig } from './engine.ts'

type Schedule = Pick<OptimizerConfig, 'learning_rate' | 'lr_scheduler_type' | 'warmup_steps' | 'min_lr_rate'>

/** Below 1 a share of all steps, rounded up (TrainingArguments.get_warmup_steps). */
export function warmupSteps({ warmup_steps: warmup }: Pick<Schedule, 'warmup_steps'>, totalSteps: number): number {
  return warmup < 1 ? Math.ceil(totalSteps * warmup) : Math.floor(warmup)
}

/** Learning rate of a step, counted from 1: under warm-up the first one's is 0. */
export function learningRate(schedule: Schedule, step: number, totalSteps: number): number {
  const done = step - 1
  const warmup = warmupSteps(schedule, totalSteps)
  const { learning_rate: peak, lr_scheduler_type: type, min_lr_rate: floor } = schedule
  if (type === 'constant') return peak
  if (done < warmup) return (peak * done) / Math.max(1, warmup)
  if (type === 'constant_with_warmup') return peak
  const rest = Math.max(1, totalSteps - warmup)
  const share = type === 'linear' ? (totalSteps - done) / rest : 0.5 * (1 + Math.cos((Math.PI * (done - warmup)) / rest))
  return peak * (floor + (1 - floor) * Math.max(0, share))
}
