/** DPO training beside TRL's DPOTrainer: pairs per second of the whole stage, reference included, and peak memory; of the torch engine also the time to its first step. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Absence, type Figure, median } from './figure.ts'
import { alternate, eventSeconds, measureDrift, measureProcess, type MeasuredRun, objectsOf, RefusedError, THREADS } from './measured-process.ts'
import { modelFolder, Texts, writeRows } from './models.ts'
import { peerPython, peerVersions } from './peers/environment.ts'

const root = join(import.meta.dirname, '..')

type Keys = Record<string, number | string | string[] | number[]>
type TrainCase = { title: string; peer: string; precision: 'float32' | 'bf16'; lora?: { r: number; alpha: number }; stage: () => Promise<Stage>; engine?: 'torch'; atLeast: number; memoryAtMost?: number; firstStepAtMost?: number }
/** What both sides are given. */
type Stage = { model: string; data: string; pairs: number; keys: Keys; shape: string }

const CASES = {
  full: { title: 'DPO, full, against TRL in float32', peer: 'TRL float32', precision: 'float32', stage: smollmStage, atLeast: 3, memoryAtMost: 0.5 },
  bf16: { title: 'DPO, full, against TRL in bf16', peer: 'TRL bf16, reference precomputed', precision: 'bf16', stage: smollmStage, atLeast: 1.3 },
  lora: { title: 'DPO, LoRA r 16, against TRL + PEFT', peer: 'TRL + PEFT float32', precision: 'float32', lora: { r: 16, alpha: 32 }, stage: smollmStage, atLeast: 2.5 },
  tiny: { title: 'tiny base, a warm start\'s training stage', peer: 'TRL float32', precision: 'float32', stage: tinyStage, atLeast: 3 },
} satisfies Record<string, TrainCase>

/** Both sides compute with the same torch. */
const TORCH_CASES = {
  'torch-full': { title: 'torch engine, DPO, full', peer: 'TRL float32', precision: 'float32', stage: shortStage, engine: 'torch', atLeast: 1, memoryAtMost: 1, firstStepAtMost: 1.2 },
  'torch-lora': { title: 'torch engine, DPO, LoRA r 16', peer: 'TRL + PEFT float32', precision: 'float32', lora: { r: 16, alpha: 32 }, stage: shortStage, engine: 'torch', atLeast: 1, memoryAtMost: 1, firstStepAtMost: 1.2 },
} satisfies Record<string, TrainCase>

const ALL_CASES: Record<string, TrainCase> = { ...CASES, ...TORCH_CASES }
export const TRAIN_CASES: readonly string[] = Object.keys(CASES)
export const TORCH_TRAIN_CASES: readonly string[] = Object.keys(TORCH_CASES)

export async function* measureTrain({ cases, rounds }: { cases: readonly string[]; rounds: number }): AsyncGenerator<Figure | Absence> {
  const python = await peerPython()
  console.log(`  ${peerVersions(python)}; ${THREADS} threads; ${rounds} rounds`)
  for (const [name, trainCase] of Object.entries(ALL_CASES)) {
    if (cases.includes(name)) yield* measureCase(trainCase, python, rounds)
  }
}

async function* measureCase(trainCase: TrainCase, python: string, rounds: number): AsyncGenerator<Figure | Absence> {
  const { title, atLeast, memoryAtMost, firstStepAtMost } = trainCase
  const stage = await trainCase.stage()
  const folder = mkdtempSync(join(tmpdir(), 'drift-bench-'))
  try {
    const { ours, peer } = await alternate(rounds, () => told(`${title}: ours`, runOurs(trainCase, stage, folder, python)), () => told(`${title}: ${trainCase.peer}`, runPeer(trainCase, stage, folder, python)))
    const seconds = { ours: medianOf(ours, 'stage'), peer: medianOf(peer, 'stage') }
    const describe = (runs: StageRun[]): string => `${(stage.pairs / medianOf(runs, 'stage')).toPrecision(3)} pairs/s (stage ${medianOf(runs, 'stage').toFixed(1)} s, step ${medianOf(runs, 'step').toPrecision(3)} s, process ${medianOf(runs, 'process').toFixed(1)} s)`
    yield { name: title, measured: seconds.peer / seconds.ours, atMost: null, atLeast, unit: 'x', detail: `${describe(ours)}; ${trainCase.peer} ${describe(peer)}; steps alone ${(medianOf(peer, 'step') / medianOf(ours, 'step')).toFixed(2)} x; ${stage.shape}` }
    const peak = { ours: medianOf(ours, 'peakBytes'), peer: medianOf(peer, 'peakBytes') }
    yield { name: `${title}: peak memory`, measured: peak.ours / peak.peer, atMost: memoryAtMost ?? null, unit: 'x', detail: `${(peak.ours / 1e6).toFixed(0)} MB; ${trainCase.peer} ${(peak.peer / 1e6).toFixed(0)} MB; resident sets of the whole process tree` }
    if (firstStepAtMost === undefined) return
    const first = { ours: medianOf(ours, 'first'), peer: medianOf(peer, 'first') }
    yield { name: `${title}: process start to first step`, measured: first.ours / first.peer, atMost: firstStepAtMost, unit: 'x', detail: `${first.ours.toFixed(1)} s; ${trainCase.peer} ${first.peer.toFixed(1)} s` }
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error
    yield { name: title, notAvailable: error.message }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Each side's run in a line as it ends, with the load then: a bench that is cut off leaves what it measured. */
async function told(name: string, running: Promise<StageRun>): Promise<StageRun> {
  const run = await running
  console.log(`    ${name}: stage ${run.stage.toFixed(1)} s, step ${run.step.toPrecision(3)} s, first step after ${run.first.toFixed(1)} s, peak ${(run.peakBytes / 1e6).toFixed(0)} MB, load ${loadavg()[0]!.toFixed(1)}`)
  return run
}

/** `first`: the process's start to its first step done; `stage`: model in memory to last step done; `step`: median from one step's end to the next's. */
type StageRun = { first: number; stage: number; step: number; process: number; peakBytes: number }

async function runOurs({ lora, engine }: TrainCase, { model, data, keys }: Stage, folder: string, python: string): Promise<StageRun> {
  const settings = { ...keys, logging_steps: 1, ...(lora ? { use_peft: true, lora_r: lora.r, lora_alpha: lora.alpha, lora_target_modules: 'all-linear' } : {}) }
  const args = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)])
  const run = await measureDrift(['train', '--model', model, '--data', data, '--output', join(folder, 'ours'), '--json', ...(engine ? ['--engine', engine] : []), ...args], { DRIFT_PYTHON: python })
  const steps = objectsOf(run).filter(({ value }) => 'loss' in value)
  return stageRun(run, referenceStart(run), steps.map(({ seconds }) => seconds))
}

/** The stage begins where drift says that the model is loaded and the reference's turn has come. */
function referenceStart(run: MeasuredRun): number {
  const found = run.lines.find(({ text }) => /scoring the reference/.test(text))
  if (!found) throw new Error('expected drift train to say "scoring the reference" on stderr when the model is loaded, it did not: mend bench/train.ts')
  return found.seconds
}

async function runPeer({ precision, lora }: TrainCase, { model, data, keys }: Stage, folder: string, python: string): Promise<StageRun> {
  const options = { model, data, keys, precision, lora, output: join(folder, 'trl'), threads: THREADS }
  const run = await measureProcess(python, [join(import.meta.dirname, 'peers', 'train.py'), JSON.stringify(options)])
  const steps = objectsOf(run).filter(({ value }) => value.event === 'step')
  return stageRun(run, eventSeconds(run, 'start'), steps.map(({ seconds }) => seconds))
}

function stageRun(run: MeasuredRun, start: number, steps: number[]): StageRun {
  const last = steps.at(-1)
  if (last === undefined || steps.length < 2) throw new Error(`expected at least 2 optimizer steps, saw ${steps.length}`)
  return { first: steps[0] ?? NaN, stage: last - start, step: median(steps.slice(1).map((seconds, i) => seconds - (steps[i] ?? 0))), process: run.seconds, peakBytes: run.peakBytes }
}

const medianOf = (runs: readonly StageRun[], key: keyof StageRun): number => median(runs.map((run) => run[key]))

function smollmStage(): Promise<Stage> {
  return stageOf('pairs.jsonl', { batch: 4, steps: 6, prompt: 120, completion: [64, 256] })
}

/** Both cases are to end within ten minutes on two busy cores. */
function shortStage(): Promise<Stage> {
  return stageOf('short-pairs.jsonl', { batch: 2, steps: 3, prompt: 88, completion: [48, 128] })
}

async function stageOf(file: string, { batch, steps, prompt, completion }: { batch: number; steps: number; prompt: number; completion: [least: number, most: number] }): Promise<Stage> {
  const data = writeRows(file, new Texts(1).pairs(batch * steps, prompt, completion))
  return {
    model: await modelFolder('smollm2-135m'), data, pairs: batch * steps,
    keys: { per_device_train_batch_size: batch, max_steps: steps, learning_rate: 5e-7, optim: 'rmsprop', beta: 0.1, max_length: 1024, seed: 42 },
    shape: `SmolLM2-135M shape, ${steps} steps of ${batch} pairs, prompt ${prompt + 8}, completions ${completion.join(' to ')}`,
  }
}

/** The seed pairs of the built-in world, with its warm start's settings. */
async function tinyStage(): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'drift-bench-'))
  try {
    const workspace = join(folder, 'workspace')
    // The user's list of recent workspaces is not for benches.
    const home = { DRIFT_HOME: folder }
    await measureDrift(['demo', '--prepare', '--workspace', workspace, '--json'], home)
    const pairs = join(folder, 'seed-pairs.jsonl')
    await measureDrift(['dataset', 'export', '--workspace', workspace, '--dataset', 'seed-pairs-1', '--output', pairs, '--json'], home)
    const rows = readFileSync(pairs, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as { prompt: unknown; chosen: unknown; rejected: unknown })
    const [batch, epochs] = [16, 2]
    return {
      model: join(root, 'resources', 'base-model'), pairs: rows.length * epochs,
      data: writeRows('seed-pairs.jsonl', rows.map(({ prompt, chosen, rejected }) => ({ prompt, chosen, rejected }))),
      keys: { per_device_train_batch_size: batch, num_train_epochs: epochs, learning_rate: 3e-4, beta: 0.1, max_length: 256, warmup_steps: 0.1, adam_beta2: 0.95, max_grad_norm: 2, seed: 42 },
      shape: `${rows.length} seed pairs of the built-in world, ${epochs} epochs of batch ${batch}`,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
