/** What DPO on a model will take in PyTorch, from its configuration alone: the sums that training itself checks. */
import { planAdapter } from '../adapter-folder.ts'
import type { Device } from '../device.ts'
import type { DpoPlan } from '../estimate-training.ts'
import type { TrainingMemory } from '../memory.ts'
import type { ModelConfig } from '../model-folder.ts'
import { adapterWeights, expectedWeights } from '../models/decoder.ts'
import { decoderConfig } from '../models/index.ts'
import { torchMemory } from './memory.ts'
import type { TorchOptions } from './options.ts'

/** @returns bytes of each process, and how many numbers are trained. @throws InputError where the adapter does not fit the model. */
export function estimateTorchDpo(config: ModelConfig, folder: string, { optim, checkpointed, adapter, pairs }: Omit<DpoPlan, 'smallest'>, options: TorchOptions, device: Device = 'cpu'): { memory: TrainingMemory; trained: number } {
  const plain = decoderConfig(config)
  const decoder = adapter ? { ...plain, adapter: planAdapter(adapter, { folder, modelType: config.model_type, decoder: plain }).lowRank } : plain
  const weights = expectedWeights(plain)
  const trained = adapter ? adapterWeights(decoder) : weights
  // As `dpoRow` packs them: the prompt once, the last token of each side is predicted and not computed.
  const rows = pairs.map(({ prompt, chosen, rejected }) => ({ ids: { length: prompt + chosen + rejected - 2 }, predictions: { length: chosen + rejected - 1 } }))
  const memory = torchMemory(decoder, { weights, trained, rows, batches: [rows.map((_, i) => i)], isReward: false }, { optim, gradient_checkpointing: checkpointed }, options, device)
  return { memory, trained: trained.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0) }
}
