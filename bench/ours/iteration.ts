/** One DRIFT iteration on the engine: sample, build, score the reference, train. One JSON argument in, an event a stage out. */
import { readFileSync } from 'node:fs'
import { loadRenderer } from '../../src/engine/chat-template.ts'
import { embeddedEngine } from '../../src/engine/embedded.ts'
import type { DpoConfig, TokenPair } from '../../src/engine/engine.ts'
import { readEosIds, readModelConfig } from '../../src/engine/model-folder.ts'
import { DPO } from '../../tests/reference/train-config.ts'
import type { IterationOptions, IterationRow } from '../iteration.ts'

const options = JSON.parse(process.argv[2] ?? '{}') as IterationOptions
const rows = readFileSync(options.data, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as IterationRow)
const say = (event: string, more: object = {}): void => void process.stdout.write(`${JSON.stringify({ event, ...more })}\n`)

say('start')
const renderer = loadRenderer(options.model)
const model = await embeddedEngine.load(options.model)

const requests = rows.map(({ guided }, i) => ({ promptIds: renderer.renderPrompt(guided).ids, seed: i }))
const settings = { temperature: options.temperature, top_p: options.topP, max_new_tokens: options.newTokens, greedy: false, batch_size: requests.length, eosIds: readEosIds(options.model, readModelConfig(options.model)) }
const replies: string[] = []
let sampledTokens = 0
for await (const batch of model.sample(requests, settings)) {
  for (const { index, completionIds } of batch) {
    replies[index] = renderer.tokenizer.decode(completionIds, { skipSpecial: true })
    sampledTokens += completionIds.length
  }
}
say('sampled', { tokens: sampledTokens })

const pairs = rows.map(({ prompt, rejected }, i): TokenPair => renderer.renderPair({ prompt, chosen: [{ role: 'assistant', content: replies[i] ?? '' }], rejected }))
const logps = await model.score(pairs.flatMap(({ promptIds, chosenIds, rejectedIds }) => [{ promptIds, completionIds: chosenIds }, { promptIds, completionIds: rejectedIds }]))
const sum = (values: Float32Array = new Float32Array()): number => values.reduce((total, logp) => total + logp, 0)
const sumOf = (side: 0 | 1): Float64Array => Float64Array.from(pairs, (_, i) => sum(logps[2 * i + side]))
say('scored')

const config: DpoConfig = { ...DPO, optim: 'rmsprop', learning_rate: options.learningRate, lr_scheduler_type: 'linear', per_device_train_batch_size: options.batch }
await model.trainDpo(pairs, { chosen: sumOf(0), rejected: sumOf(1) }, config)
say('trained', { tokens: pairs.reduce((sum, { promptIds, chosenIds, rejectedIds }) => sum + 2 * promptIds.length + chosenIds.length + rejectedIds.length, 0) })
await model.dispose()
