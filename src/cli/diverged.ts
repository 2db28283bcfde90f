/** What `drift train` leaves behind when the numbers stop being finite. */
import type { Model } from '../engine/engine.ts'
import { DivergedError } from '../engine/train.ts'
import type { VerbIo } from './engine-verbs.ts'

/** Lines of the batch that are named. */
const SHOWN_LINES = 16

/**
 * Writes the weights (or adapter) of the last step that could be taken, tells which step and which pairs, and fails:
 * a model is there, but not the one that was asked for. Other errors are passed on.
 * @param lines of the pairs in `data`, by their index in training.
 */
export async function keepDivergedModel(error: unknown, model: Pick<Model, 'save'>, output: string, lines: readonly number[], data: string, io: VerbIo): Promise<never> {
  if (!(error instanceof DivergedError)) throw error
  const { step, indices, keptStep } = error
  if (keptStep !== null && keptStep > 0) {
    await model.save(output)
    await io.writeRow({ model_path: output, step: keptStep })
  }
  const kept = keptStep === null ? `the weights of step ${step - 1} are not finite either, so no model was written` : keptStep === 0 ? 'no step was taken, so no model was written' : `the weights of step ${keptStep} are in ${output}`
  const inBatch = indices.map(index => lines[index] ?? NaN)
  const shown = `${inBatch.slice(0, SHOWN_LINES).join(', ')}${inBatch.length > SHOWN_LINES ? ', …' : ''}`
  throw new Error(`training diverged at step ${step}: expected finite numbers, got NaN or infinity in a batch of ${data} line${inBatch.length === 1 ? '' : 's'} ${shown}; ${kept}. Lower learning_rate, or look at these pairs`, { cause: error })
}
