/** Gradients of single pairs: how long each is, and how long their mean. One pair a run, so each norm is exact. */
import type { DpoOutcome } from './dpo-loss.ts'
import type { PairGradients } from './engine.ts'
import { gradientNorm } from './optimizer.ts'
import { addTo, type Step } from './training-step.ts'

/** @param runPair forward and backward of one pair alone; its gradients are left in `step`. */
export async function measurePairGradients(step: Step, count: number, runPair: (index: number) => Promise<DpoOutcome>, signal?: AbortSignal): Promise<PairGradients> {
  const norms = new Float64Array(count)
  const margins = new Float64Array(count)
  const total = new Map<string, Float32Array>()
  for (let i = 0; i < count; i++) {
    signal?.throwIfAborted()
    const { margins: [margin] } = await runPair(i)
    const gradients = await step.readGradients()
    norms[i] = gradientNorm(gradients.values())
    margins[i] = margin ?? NaN
    for (const [name, gradient] of gradients) {
      const sum = total.get(name)
      // The step's own arrays are written again by the next pair.
      if (sum) addTo({ sum, gradient }, {})
      else total.set(name, gradient.slice())
    }
  }
  return { norms, margins, meanNorm: gradientNorm(total.values()) / count }
}
