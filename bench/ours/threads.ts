/** Milliseconds of a training step with each number of threads, and the number chosen where nobody says. One JSON argument in, a line per number out. */
import { embeddedEngine } from '../../src/engine/embedded.ts'
import type { TrainConfig } from '../../src/engine/engine.ts'
import { readModelConfig } from '../../src/engine/model-folder.ts'
import { createRandom } from '../../src/engine/rng.ts'
import { TRAIN } from '../../tests/reference/train-config.ts'
import { median } from '../figure.ts'

export type ThreadOptions = { model: string; counts: number[]; rows: number; tokens: number; steps: number }
export type ThreadRow = { threads: number; ms: number; chosen: number }

const { model: folder, counts, rows, tokens, steps } = JSON.parse(process.argv[2] ?? '{}') as ThreadOptions
const config: TrainConfig = {
  ...TRAIN, learning_rate: 1e-7, per_device_train_batch_size: rows, num_train_epochs: steps + 1, max_steps: -1, seed: 1,
}
const random = createRandom(4)
const { vocab_size: vocabulary } = readModelConfig(folder)
const batch = Array.from({ length: rows }, () => ({ ids: Array.from({ length: tokens }, () => 8 + Math.floor(random() * (vocabulary - 8))), lossMask: new Array<number>(tokens).fill(1) }))

const model = await embeddedEngine.load(folder)
const chosen = model.threads
await model.dispose()
for (const threads of counts) {
  const other = await embeddedEngine.load(folder, { threads })
  const ends: number[] = []
  await other.trainLanguageModel(batch, config, { onStep: () => void ends.push(performance.now()) })
  await other.dispose()
  process.stdout.write(`${JSON.stringify({ threads, ms: median(ends.slice(1).map((end, i) => end - (ends[i] ?? NaN))), chosen } satisfies ThreadRow)}\n`)
}
