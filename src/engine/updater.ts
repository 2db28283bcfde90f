/** What turns a step's gradients into new weights, wherever both are: in our memory here, on a device in `device-step.ts`. */
import type { OptimizerConfig } from './engine.ts'
import { createOptimizer, gradientNorm } from './optimizer.ts'
import type { Parameter } from './optimizer.ts'

export type Updater = {
  /** Euclidean norm over all gradients of the step. */
  norm(): Promise<number>
  /** `step` counts from 1; gradients are multiplied by `gradientScale` as they are read. */
  update(step: number, learningRate: number, gradientScale: number): Promise<void>
  /** Sees to it that the model's arrays hold the weights as they are now; resolves with the optimizer's state. */
  read(): Promise<Map<string, Float32Array>>
}

export function hostUpdater(parameters: readonly Parameter[], config: OptimizerConfig, state: Map<string, Float32Array>): Updater {
  const optimizer = createOptimizer(config, state)
  return {
    norm: async () => gradientNorm(parameters.map(({ gradient }) => gradient)),
    update: async (step, learningRate, gradientScale) => optimizer.update(parameters, step, learningRate, gradientScale),
    read: async () => optimizer.state,
  }
}
