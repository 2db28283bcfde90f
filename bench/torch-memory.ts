/** The torch engine's memory: what a DPO step is expected to take beside the worker's largest resident set. Needs Linux's /proc and a Python with torch. */
import { readdirSync, readFileSync } from 'node:fs'
import { createRandom } from '../src/engine/rng.ts'
import type { DpoConfig, TokenPair } from '../src/engine/engine.ts'
import { readModelConfig } from '../src/engine/model-folder.ts'
import { createTorchEngine } from '../src/engine/torch/engine.ts'
import { estimateTorchDpo } from '../src/engine/torch/estimate.ts'
import { PLAIN_TORCH, type TorchOptions } from '../src/engine/torch/options.ts'
import type { Figure } from './figure.ts'
import { modelFolder, type ShapeName } from './models.ts'

type Case = { model: ShapeName; tokens: number; batch: number; checkpointed: boolean; optim: DpoConfig['optim']; adapter: boolean; dtype: TorchOptions['dtype'] }
const CASES: Case[] = [
  { model: 'smollm2-135m', tokens: 256, batch: 4, checkpointed: false, optim: 'adamw_torch', adapter: false, dtype: 'float32' },
  { model: 'smollm2-135m', tokens: 256, batch: 4, checkpointed: false, optim: 'adamw_torch', adapter: false, dtype: 'bfloat16' },
  { model: 'smollm2-135m', tokens: 512, batch: 4, checkpointed: true, optim: 'rmsprop', adapter: false, dtype: 'float32' },
  { model: 'smollm2-135m', tokens: 512, batch: 4, checkpointed: false, optim: 'rmsprop', adapter: true, dtype: 'float32' },
  { model: 'smollm2-135m', tokens: 512, batch: 4, checkpointed: false, optim: 'rmsprop', adapter: true, dtype: 'bfloat16' },
  { model: 'qwen2.5-0.5b', tokens: 256, batch: 2, checkpointed: true, optim: 'rmsprop', adapter: true, dtype: 'float32' },
]
const ADAPTER = { r: 16, lora_alpha: 32, target_modules: 'all-linear', use_rslora: false, seed: 1 } as const
const STEPS = 2
const DPO: DpoConfig = { loss_type: ['sigmoid'], loss_weights: null, beta: 0.1, label_smoothing: 0, learning_rate: 1e-6, lr_scheduler_type: 'constant', min_lr_rate: 0, warmup_steps: 0, optim: 'rmsprop', weight_decay: 0, adam_beta1: 0.9, adam_beta2: 0.999, adam_epsilon: 1e-8, per_device_train_batch_size: 1, gradient_accumulation_steps: 1, gradient_checkpointing: false, num_train_epochs: 1, max_steps: -1, max_grad_norm: 1, seed: 1 }

export async function* measureTorchMemory(): AsyncGenerator<Figure> {
  for (const one of CASES) {
    const folder = await modelFolder(one.model)
    const config = readModelConfig(folder)
    const options = { ...PLAIN_TORCH, dtype: one.dtype }
    // A third each: prompt, chosen, rejected.
    const part = Math.floor(one.tokens / 3)
    const size = { prompt: part, chosen: part, rejected: part }
    const plan = { optim: one.optim, batchSize: one.batch, accumulates: false, checkpointed: one.checkpointed, ...(one.adapter && { adapter: ADAPTER }), pairs: Array.from({ length: one.batch }, () => size) }
    const { memory } = estimateTorchDpo(config, folder, plan, options)
    const model = await createTorchEngine(options).load(folder, one.adapter ? { newAdapter: ADAPTER } : {})
    try {
      const random = createRandom(1)
      const ids = (length: number): number[] => Array.from({ length }, () => 3 + Math.floor(random() * 40_000))
      const pairs: TokenPair[] = Array.from({ length: one.batch * STEPS }, () => ({ promptIds: ids(part), chosenIds: ids(part), rejectedIds: ids(part) }))
      const sums = new Float64Array(pairs.length)
      await model.trainDpo(pairs, { chosen: sums, rejected: sums }, { ...DPO, optim: one.optim, gradient_checkpointing: one.checkpointed, per_device_train_batch_size: one.batch })
      const peak = 1024 * field(lastChild(), 'VmHWM')
      const expected = memory.total
      const ratio = expected / peak
      const name = `${one.model}, ${one.batch} x ${one.tokens} tokens, ${one.adapter ? 'LoRA' : 'full'}, ${one.optim}, ${one.dtype}${one.checkpointed ? ', checkpointed' : ''}`
      yield { name, measured: Math.abs(ratio - 1), atMost: 0.2, unit: 'x', detail: `expected ${(expected / 1e9).toFixed(2)} GB, largest resident set of the worker ${(peak / 1e9).toFixed(2)} GB, ratio ${ratio.toFixed(2)} (weights ${(memory.weights / 1e9).toFixed(2)}, gradients ${(memory.gradients / 1e9).toFixed(2)}, optimizer ${(memory.optimizer / 1e9).toFixed(2)}, activations ${(memory.activations / 1e9).toFixed(2)})` }
    } finally {
      await model.dispose()
      // Each case has a worker of its own, so its peak is the case's.
      process.kill(lastChild())
    }
  }
}

/** Processes of ours that live: the last started is the worker in question. */
function lastChild(): number {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number)
  return Math.max(...pids.filter((pid) => field(pid, 'PPid') === process.pid))
}

function field(pid: number, name: string): number {
  try {
    return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}
