/** Sampling beside transformers' generate (many prompts) and llama.cpp (one at a time), in tokens per second. */
import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { step } from '../scripts/setup.mjs'
import { loadRenderer } from '../src/engine/chat-template.ts'
import { type Absence, type Figure, median } from './figure.ts'
import { alternate, measureDrift, measureProcess, measureScript, type MeasuredRun, objectsOf, RefusedError, THREADS } from './measured-process.ts'
import { modelFolder, Texts, writeRows } from './models.ts'
import { ensureLlama, peerPython, peerVersions } from './peers/environment.ts'
import type { LlamaOptions } from './peers/llama.ts'

const NEW_TOKENS = 128
const PROMPT_TOKENS = 100
const TEMPERATURE = 0.7
const TOP_P = 0.9
const BATCHES = [8, 16, 32]
const MANY = 32
/** The first completion warms up; the time between two ends counts. */
const ONE_BY_ONE = 6
/** <|endoftext|> */
const PAD = 0

export const SAMPLE_CASES: readonly string[] = ['batch', 'f16', 'q8']

export async function* measureSample({ cases, rounds }: { cases: readonly string[]; rounds: number }): AsyncGenerator<Figure | Absence> {
  const python = await peerPython(['gguf'])
  if (cases.some((name) => name !== 'batch')) await ensureLlama()
  console.log(`  ${peerVersions(python)}; ${THREADS} threads; ${rounds} rounds`)
  const model = await modelFolder('smollm2-135m')
  const texts = new Texts(2)
  const rows = Array.from({ length: MANY }, () => ({ prompt: [{ role: 'user' as const, content: texts.text(PROMPT_TOKENS) }] }))
  const renderer = loadRenderer(model)
  const input = { model, rows, ids: rows.map(({ prompt }) => renderer.renderPrompt(prompt).ids) }
  if (cases.includes('batch')) yield* measured(`${MANY} prompts x ${NEW_TOKENS} tokens, float32`, () => measureMany(input, python, rounds))
  if (cases.includes('f16')) yield* measured('one at a time, int8 off, against llama.cpp f16', (name) => measureOneByOne(name, input, python, rounds, 'f16', 0.8))
  if (cases.includes('q8')) yield* measured('one at a time, int8 on, against llama.cpp q8_0', (name) => measureOneByOne(name, input, python, rounds, 'q8_0', 1))
}

type Input = { model: string; rows: readonly object[]; ids: number[][] }

async function* measured(name: string, measure: (name: string) => Promise<Figure>): AsyncGenerator<Figure | Absence> {
  try {
    yield await measure(name)
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error
    yield { name, notAvailable: error.message }
  }
}

async function measureMany({ model, rows, ids }: Input, python: string, rounds: number): Promise<Figure> {
  const prompts = writeRows('prompts.jsonl', rows)
  let batches = BATCHES
  const seen = new Map<number, number[]>()
  const { ours, peer } = await alternate(
    rounds,
    async () => {
      const run = await measureDrift(sampleArgs(model, prompts))
      const completions = completionsOf(run)
      // From process start, loading included: a sampled row says when it ended, not when it began.
      return { rate: sum(completions.map(({ tokens }) => tokens)) / (completions.at(-1)?.seconds ?? NaN), peakBytes: run.peakBytes }
    },
    async () => {
      const options = { model, prompts: ids, batches, new_tokens: NEW_TOKENS, temperature: TEMPERATURE, top_p: TOP_P, pad: PAD, threads: THREADS }
      const run = await measureProcess(python, [join(import.meta.dirname, 'peers', 'generate.py'), JSON.stringify(options)])
      const rates = objectsOf(run).flatMap(({ value }) => (value.event === 'generated' ? [{ batch: Number(value.batch), rate: Number(value.tokens) / Number(value.seconds) }] : []))
      for (const { batch, rate } of rates) seen.set(batch, [...(seen.get(batch) ?? []), rate])
      const best = rates.toSorted((a, b) => b.rate - a.rate)[0]
      if (!best) throw new Error('expected generate.py to print its rates, it printed none')
      // The first round finds the peer's best batch; later ones keep to it.
      batches = [best.batch]
      return { rate: best.rate, peakBytes: run.peakBytes }
    },
  )
  const rates = { ours: median(ours.map(({ rate }) => rate)), peer: median(peer.map(({ rate }) => rate)) }
  const peerBatches = [...seen].map(([batch, values]) => `batch ${batch}: ${median(values).toFixed(0)}`).join(', ')
  const memory = (runs: { peakBytes: number }[]): string => `${(median(runs.map(({ peakBytes }) => peakBytes)) / 1e6).toFixed(0)} MB`
  return { name: `${MANY} prompts x ${NEW_TOKENS} tokens, float32`, measured: rates.ours / rates.peer, atMost: null, atLeast: 3, unit: 'x', detail: `${rates.ours.toFixed(0)} tokens/s with process start and loading, peak ${memory(ours)}; transformers without them, ${peerBatches}, peak ${memory(peer)}; T ${TEMPERATURE}, top-p ${TOP_P}` }
}

async function measureOneByOne(name: string, { model, rows, ids }: Input, python: string, rounds: number, type: 'f16' | 'q8_0', atLeast: number): Promise<Figure> {
  const prompts = writeRows(`prompts-${ONE_BY_ONE}.jsonl`, rows.slice(0, ONE_BY_ONE))
  const file = await ggufFile(model, type, python)
  const { ours, peer } = await alternate(
    rounds,
    async () => rateBetween(await measureDrift([...sampleArgs(model, prompts), '--batch-size', '1', ...(type === 'q8_0' ? ['--int8'] : [])])),
    async () => rateBetween(await measureScript('peers/llama.ts', { file, prompts: ids.slice(0, ONE_BY_ONE), newTokens: NEW_TOKENS, temperature: TEMPERATURE, topP: TOP_P, threads: THREADS } satisfies LlamaOptions)),
  )
  const rates = { ours: median(ours), peer: median(peer) }
  return { name, measured: rates.ours / rates.peer, atMost: null, atLeast, unit: 'x', detail: `${rates.ours.toFixed(1)} tokens/s; llama.cpp ${rates.peer.toFixed(1)}; prompt included, from one completion's end to the next's` }
}

const sampleArgs = (model: string, prompts: string): string[] => ['sample', '--model', model, '--prompts', prompts, '--max-new-tokens', String(NEW_TOKENS), '--temperature', String(TEMPERATURE), '--top-p', String(TOP_P), '--seed', '1', '--json']

function completionsOf(run: MeasuredRun): { seconds: number; tokens: number }[] {
  return objectsOf(run).flatMap(({ seconds, value }) => (Array.isArray(value.completion_ids) ? [{ seconds, tokens: value.completion_ids.length }] : []))
}

/** Tokens per second between the ends of successive completions. */
function rateBetween(run: MeasuredRun): number {
  const completions = completionsOf(run)
  if (completions.length !== ONE_BY_ONE) throw new Error(`expected ${ONE_BY_ONE} completions, got ${completions.length}`)
  return median(completions.slice(1).map(({ seconds, tokens }, i) => tokens / (seconds - (completions[i]?.seconds ?? NaN))))
}

async function ggufFile(model: string, type: 'f16' | 'q8_0', python: string): Promise<string> {
  const output = `${model}.${type}.gguf`
  if (!existsSync(output)) {
    await step(`writing the model as GGUF, ${type}`, async () => {
      const unfinished = `${output}.tmp`
      await measureProcess(python, [join(import.meta.dirname, 'peers', 'gguf_model.py'), JSON.stringify({ model, output: unfinished, type })])
      renameSync(unfinished, output)
    })
  }
  return output
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
