/** A tripped wire in one line, the same in log and interface. */
import { type Trip, WIRE_WORDS } from '../shared/tripwires.ts'

export function tripWords({ stage, step, metric, value, above, below, forSteps }: Pick<Trip, 'stage' | 'step' | 'metric' | 'value' | 'above' | 'below' | 'forSteps'>): string {
  const isProbe = metric.startsWith('probe/')
  const finite = value !== null && Number.isFinite(value)
  const limit = finite && above !== null && value > above ? `above ${above}` : finite && below !== null && value < below ? `below ${below}` : 'not a number'
  const unit = isProbe ? 'rounds' : 'steps'
  return `${WIRE_WORDS[metric].name} (${metric}) ${finite ? `${Number(value.toPrecision(4))}, ` : ''}${limit}${forSteps > 1 ? ` for ${forSteps} ${unit}` : ''}, ${isProbe ? `after ${step === 0 ? 'the warm start' : `round ${step}`}` : `step ${step} of ${stage}`}`
}
