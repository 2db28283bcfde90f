/** Milliseconds per token at several context lengths, in training and in decoding. One JSON argument in, a line per length out. */
import { embeddedEngine } from '../../src/engine/embedded.ts'
import type { TrainConfig } from '../../src/engine/engine.ts'
import { readModelConfig } from '../../src/engine/model-folder.ts'
import { createRandom } from '../../src/engine/rng.ts'
import { TRAIN } from '../../tests/reference/train-config.ts'
import { median } from '../figure.ts'

export type CostOptions = { model: string; lengths: number[]; tokensPerStep: number; steps: number; decodeBatch: number; decodeTokens: number }

const options = JSON.parse(process.argv[2] ?? '{}') as CostOptions
const random = createRandom(4)
const { vocab_size: vocabulary } = readModelConfig(options.model)
/** Ids above the special tokens. */
const randomIds = (length: number): number[] => Array.from({ length }, () => 8 + Math.floor(random() * (vocabulary - 8)))
const say = (event: string, length: number, msPerToken: number): void => void process.stdout.write(`${JSON.stringify({ event, length, msPerToken })}\n`)

const model = await embeddedEngine.load(options.model)
for (const length of options.lengths) say('decode', length, await decodeCost(length))
for (const length of options.lengths) say('train', length, await trainCost(length))
await model.dispose()

/** Every step has the same number of tokens, so what a step costs whatever its tokens is the same for all lengths. */
async function trainCost(length: number): Promise<number> {
  const batch = Math.max(1, Math.floor(options.tokensPerStep / length))
  const config: TrainConfig = {
    ...TRAIN, learning_rate: 1e-7, per_device_train_batch_size: batch, num_train_epochs: 1, max_steps: options.steps + 1, seed: 1,
  }
  const rows = Array.from({ length: batch }, () => ({ ids: randomIds(length), lossMask: new Array<number>(length).fill(1) }))
  const ends: number[] = []
  await model.trainLanguageModel(rows, config, { onStep: () => void ends.push(performance.now()) })
  return median(ends.slice(1).map((end, i) => end - (ends[i] ?? NaN))) / (batch * length)
}

/** Tokens that follow a context of `length`: with many new tokens minus with one, which takes the prompt's cost away. */
async function decodeCost(length: number): Promise<number> {
  const promptIds = randomIds(length - options.decodeTokens)
  const seconds = async (newTokens: number): Promise<number> => {
    const requests = Array.from({ length: options.decodeBatch }, (_, seed) => ({ promptIds, seed }))
    const began = performance.now()
    for await (const _ of model.sample(requests, { temperature: 1, top_p: 1, max_new_tokens: newTokens, greedy: false, batch_size: options.decodeBatch, eosIds: [] })) { /* only the time counts */ }
    return performance.now() - began
  }
  await seconds(2)
  const [one, many] = [await seconds(1), await seconds(options.decodeTokens)]
  return (many - one) / ((options.decodeTokens - 1) * options.decodeBatch)
}
