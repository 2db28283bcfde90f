/** How far the engine reaches on a small machine: peak memory of large training, opening a large model, cost per token by length. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Absence, type Figure, median } from './figure.ts'
import { measureDrift, type MeasuredRun, measureScript, objectsOf, RefusedError } from './measured-process.ts'
import { modelFolder, type PairRow, type ShapeName, Texts, writeRows } from './models.ts'
import type { CostOptions } from './ours/cost-per-token.ts'
import type { ThreadOptions, ThreadRow } from './ours/threads.ts'
import { type Curve, fitLine, plotCurves } from './plot.ts'

const docs = join(import.meta.dirname, '..', 'docs', 'bench')

type Training = { title: string; shape: ShapeName; pairs: () => PairRow[]; keys?: Record<string, number | string>; /** Promised peak. */ atMost?: number }

const LORA = { use_peft: 'true', lora_r: 16, lora_alpha: 32, lora_target_modules: 'all-linear' }
/** Both sides have `tokens` tokens, half of them the prompt's. */
const even = (tokens: number) => (): PairRow[] => new Texts(5).pairs(2, tokens / 2, [tokens / 2, tokens / 2])
const mixed = (): PairRow[] => new Texts(1).pairs(12, 120, [64, 256])

/** Of each the peak memory, and what `drift train` expected of it. */
const TRAININGS = {
  'memory-lora': { title: '0.5B LoRA r 16, a pair of 1,024 tokens a side', shape: 'qwen2.5-0.5b', pairs: even(1024), keys: { max_length: 1024, ...LORA }, atMost: 8000 },
  'memory-full': { title: '135M full, a pair of 2,048 tokens a side', shape: 'smollm2-135m', pairs: even(2048), keys: { max_length: 2048 }, atMost: 8000 },
  'memory-checkpointed': { title: 'the same, gradient_checkpointing', shape: 'smollm2-135m', pairs: even(2048), keys: { max_length: 2048, gradient_checkpointing: 'true' } },
  'memory-short': { title: '135M full, a pair of 1,024 tokens a side', shape: 'smollm2-135m', pairs: even(1024) },
  'memory-batch': { title: '135M full, 4 pairs of different lengths', shape: 'smollm2-135m', pairs: mixed, keys: { per_device_train_batch_size: 4, max_steps: 3 } },
  'memory-batch-lora': { title: '135M LoRA r 16, 4 pairs of different lengths', shape: 'smollm2-135m', pairs: mixed, keys: { per_device_train_batch_size: 4, max_steps: 3, ...LORA } },
} satisfies Record<string, Training>

export const SCALE_CASES: readonly string[] = [...Object.keys(TRAININGS), 'open', 'cost', 'threads']

export async function* measureScale({ cases, rounds }: { cases: readonly string[]; rounds: number }): AsyncGenerator<Figure | Absence> {
  for (const [name, training] of Object.entries(TRAININGS)) if (cases.includes(name)) yield* trainingMemory(training)
  if (cases.includes('open')) yield await openingTime(rounds)
  if (cases.includes('cost')) yield* costPerToken()
  if (cases.includes('threads')) yield* threadCounts()
}

async function* trainingMemory({ title, shape, pairs, keys, atMost }: Training): AsyncGenerator<Figure | Absence> {
  const model = await modelFolder(shape)
  const data = writeRows('scale-pairs.jsonl', pairs())
  const folder = mkdtempSync(join(tmpdir(), 'drift-bench-'))
  try {
    const all = { per_device_train_batch_size: 1, max_steps: 2, learning_rate: 5e-7, optim: 'rmsprop', logging_steps: 1, ...keys }
    const run = await measureDrift(['train', '--model', model, '--data', data, '--output', join(folder, 'out'), '--json', ...Object.entries(all).flatMap(([key, value]) => [`--${key}`, String(value)])])
    const steps = objectsOf(run).filter(({ value }) => 'loss' in value).map(({ seconds }) => seconds)
    yield { name: `peak memory, ${title}`, measured: run.peakBytes / 1e6, atMost: atMost ?? null, unit: 'MB', detail: `drift train, process tree; last step ${((steps.at(-1) ?? NaN) - (steps.at(-2) ?? NaN)).toFixed(1)} s` }
    yield { name: 'its estimate', measured: expectedBytes(run) / run.peakBytes, atMost: null, unit: 'x', detail: 'of the peak; promised are 0.8 to 1.2' }
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error
    yield { name: title, notAvailable: error.message }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What drift says before it trains, to two digits. */
function expectedBytes(run: MeasuredRun): number {
  const said = run.lines.map(({ text }) => /about ([\d.]+) GB of memory/.exec(text)?.[1]).find((found) => found !== undefined)
  if (said === undefined) throw new Error('expected drift train to say on stderr how much memory it needs, it did not: mend bench/scale.ts')
  return Number(said) * 1e9
}

async function openingTime(rounds: number): Promise<Figure> {
  const model = await modelFolder('qwen2.5-0.5b')
  const prompts = writeRows('prompts-1.jsonl', [{ prompt: [{ role: 'user', content: new Texts(6).text(24) }] }])
  const seconds: number[] = []
  let peak = 0
  for (let round = 0; round < rounds; round++) {
    const run = await measureDrift(['sample', '--model', model, '--prompts', prompts, '--max-new-tokens', '1', '--json'])
    seconds.push(objectsOf(run).find(({ value }) => 'completion_ids' in value)?.seconds ?? NaN)
    peak = Math.max(peak, run.peakBytes)
  }
  return { name: 'opening a 0.5B folder to the first token', measured: median(seconds), atMost: 5, unit: 's', detail: `drift sample, process start to the first token, bfloat16 file in the page cache, median of ${rounds} (worst ${Math.max(...seconds).toFixed(1)} s), peak ${(peak / 1e6).toFixed(0)} MB` }
}

/** The number of threads chosen where nobody says, beside the fastest. */
async function* threadCounts(): AsyncGenerator<Figure> {
  const models: [string, Omit<ThreadOptions, 'counts'>][] = [
    ['the built-in base', { model: join(import.meta.dirname, '..', 'resources', 'base-model'), rows: 16, tokens: 48, steps: 20 }],
    ['135M', { model: await modelFolder('smollm2-135m'), rows: 4, tokens: 256, steps: 3 }],
  ]
  const available = availableParallelism()
  const counts = [...new Set([1, 2, 4, 8, 16, available])].filter((count) => count <= available)
  for (const [name, options] of models) {
    const rows = objectsOf(await measureScript('ours/threads.ts', { ...options, counts })).map(({ value }) => value as ThreadRow)
    const best = Math.min(...rows.map(({ ms }) => ms))
    const chosen = rows.find((row) => row.threads === row.chosen)
    yield { name: `step with the threads chosen, ${name}`, measured: (chosen?.ms ?? NaN) / best, atMost: 1.1, unit: 'x', detail: `of the fastest; ms a step ${rows.map(({ threads, ms }) => `${threads}: ${ms.toPrecision(3)}`).join(', ')}; chosen ${chosen?.threads ?? 'none of these'}` }
  }
}

/** A line in the context length is attention's own law: each token looks at all before it. */
async function* costPerToken(): AsyncGenerator<Figure> {
  const options: CostOptions = { model: await modelFolder('smollm2-135m'), lengths: [128, 256, 512, 1024, 2048], tokensPerStep: 2048, steps: 2, decodeBatch: 8, decodeTokens: 33 }
  const rows = objectsOf(await measureScript('ours/cost-per-token.ts', options)).map(({ value }) => value as { event: string; length: number; msPerToken: number })
  const curves: Curve[] = [
    { title: `training, ${options.tokensPerStep.toLocaleString('en')} tokens a step`, points: pointsOf('train') },
    { title: `decoding, batch ${options.decodeBatch}`, points: pointsOf('decode') },
  ]
  for (const { title, points } of curves) {
    const { at } = fitLine(points)
    const excess = Math.max(...points.map(([length, ms]) => ms / at(length)))
    const [first, last] = [points[0]?.[1] ?? NaN, points.at(-1)?.[1] ?? NaN]
    yield { name: `cost per token above a line, ${title.split(',')[0]}`, measured: (excess - 1) * 100, atMost: 10, unit: '%', detail: `largest excess over a + b x length; ms per token ${points.map(([length, ms]) => `${length}: ${ms.toPrecision(3)}`).join(', ')}; ${(last / first).toFixed(2)} x from 128 to 2,048` }
  }
  mkdirSync(docs, { recursive: true })
  const csv = curves.flatMap(({ title, points }) => points.map(([length, ms]) => [title.split(',')[0], length, ms.toFixed(4), fitLine(points).at(length).toFixed(4)].join(',')))
  writeFileSync(join(docs, 'cost-per-token.csv'), `${['stage,context_tokens,ms_per_token,line_ms_per_token', ...csv].join('\n')}\n`)
  writeFileSync(join(docs, 'cost-per-token.svg'), plotCurves('Cost per token by context length, SmolLM2-135M shape, float32, 2 threads', curves))
  console.log('  written: docs/bench/cost-per-token.csv, docs/bench/cost-per-token.svg')

  function pointsOf(event: string): [number, number][] {
    const points = rows.filter((row) => row.event === event).map(({ length, msPerToken }): [number, number] => [length, msPerToken])
    if (points.length !== options.lengths.length) throw new Error(`expected ${options.lengths.length} lengths of "${event}", got ${points.length}`)
    return points
  }
}
