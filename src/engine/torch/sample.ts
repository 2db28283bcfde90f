/**
 * Draws completions with a worker: `batch_size` sequences at a time, the next ones when all of them have ended. Uniform
 * numbers come from each sample's own seed, as in the embedded engine, and are turned into tokens in the same way; the
 * engines' samples differ where rounding moves a draw across a border.
 */
import { checkSampling } from '../sample.ts'
import type { SampledCompletion, SampleHooks, SampleRequest, SampleSettings } from '../engine.ts'
import { InputError } from '../input-error.ts'
import type { DecoderConfig } from '../models/decoder.ts'
import { createRandom } from '../rng.ts'
import { results } from './protocol.ts'
import type { TorchWorker } from './worker.ts'

type Sampler = { worker: TorchWorker; model: number; folder: string; config: DecoderConfig }
type Row = { index: number; random: () => number; ids: number[]; entropy: number; logp: number }

export async function* sample({ worker, model, folder, config }: Sampler, requests: readonly SampleRequest[], settings: SampleSettings, signal?: AbortSignal, hooks: SampleHooks = {}): AsyncGenerator<SampledCompletion[]> {
  if (settings.weights === 'int8') throw new InputError(`${folder}: int8: expected engine embedded, got torch; leave int8 out, or choose engine embedded`)
  checkSampling(requests, settings, config)
  for (let from = 0; from < requests.length; from += settings.batch_size) {
    const wave = requests.slice(from, from + settings.batch_size)
    yield await drawWave({ worker, model }, wave.map(({ seed }, i) => ({ index: from + i, random: createRandom(seed), ids: [], entropy: 0, logp: 0 })), wave, settings, signal, hooks)
  }
}

async function drawWave({ worker, model }: Pick<Sampler, 'worker' | 'model'>, wave: readonly Row[], requests: readonly SampleRequest[], settings: SampleSettings, signal: AbortSignal | undefined, hooks: SampleHooks): Promise<SampledCompletion[]> {
  const places = new Map<string, number>()
  const prompts: number[][] = []
  const of = requests.map(({ promptIds }) => {
    const key = promptIds.join(' ')
    const place = places.get(key) ?? prompts.push(promptIds) - 1
    places.set(key, place)
    return place
  })
  const { temperature, top_p, top_k = 0, min_p = 0, repetition_penalty = 1, greedy } = settings
  signal?.throwIfAborted()
  await worker.request('sampleBegin', { model, prompts, of, settings: { temperature, top_p, top_k, min_p, repetition_penalty, greedy } }, results.nothing)
  const finished = new Map<Row, SampledCompletion['finishReason']>()
  let rows = wave
  let keep = rows.map((_, place) => place)
  while (keep.length > 0) {
    signal?.throwIfAborted()
    rows = keep.map(place => rows[place] as Row)
    const { ids, entropy, logps } = await worker.request('sampleStep', { model, keep, uniforms: rows.map(({ random }) => random()) }, results.sampleStep)
    rows.forEach((row, r) => {
      const [id, logp, spread] = [ids[r], logps[r], entropy[r]]
      if (id === undefined || logp === undefined || spread === undefined || !Number.isFinite(logp) || !Number.isFinite(spread)) throw new Error(`request ${row.index}: expected finite log-probabilities, got ${logp}; the model's weights have diverged. Lower the learning rate`)
      row.ids.push(id)
      row.logp += logp
      row.entropy += spread
      hooks.onToken?.(row.index, id)
      if (settings.eosIds.includes(id) || (settings.stop?.(row.ids) ?? false)) finished.set(row, 'stop')
      else if (row.ids.length === settings.max_new_tokens) finished.set(row, 'length')
    })
    keep = rows.flatMap((row, place) => (finished.has(row) ? [] : [place]))
  }
  await worker.request('sampleEnd', { model }, results.nothing)
  return wave.map(row => ({ index: row.index, completionIds: row.ids, finishReason: finished.get(row) ?? 'length', entropy: row.entropy / row.ids.length, logp: row.logp }))
}
