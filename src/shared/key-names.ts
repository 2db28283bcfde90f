/**
 * Names of training keys that changed: TRL, transformers and alignment-handbook dropped or renamed them, old
 * YAML files still hold them. Used wherever keys are read (recipe files, `drift train`).
 */
import { UsageError } from './errors.ts'

/** The known key most like `key`, by edits (insert, delete, replace, swap of neighbours). */
export function nearestKey(key: string, known: readonly string[]): string | undefined {
  let best: string | undefined
  let bestDistance = Infinity
  for (const candidate of known) {
    const distance = editDistance(key.toLowerCase(), candidate)
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best
}

/** Renamed without change of meaning. */
const RENAMED_KEYS: Record<string, string> = {
  warmup_ratio: 'warmup_steps',
  evaluation_strategy: 'eval_strategy',
  torch_dtype: 'dtype',
  no_cuda: 'use_cpu',
  preprocessing_num_workers: 'dataset_num_proc',
  per_gpu_train_batch_size: 'per_device_train_batch_size',
  group_by_length: 'train_sampling_strategy',
}

/** Gone, and without meaning here: said and ignored. */
const DROPPED_KEYS: Record<string, string> = {
  dataset_mixer: 'the data is what you name',
  dataset_mixture: 'the data is what you name',
  dataset_splits: 'the data is what you name',
  dataset_configs: 'the data is what you name',
  max_target_length: 'encoder-decoder models are not trained',
  is_encoder_decoder: 'encoder-decoder models are not trained',
  label_pad_token_id: 'sequences are not padded with labels',
  padding_value: 'padding never counts',
  generate_during_eval: 'sampling is a stage of its own',
  model_adapter_name: 'adapters are not named',
  ref_adapter_name: 'adapters are not named',
  base_model_attribute_name: 'the model is found by its type',
  use_flash_attention_2: 'the engine has its own attention',
  use_logits_to_keep: 'only needed logits are ever computed',
  use_num_logits_to_keep: 'only needed logits are ever computed',
  overwrite_output_dir: 'the output folder is replaced whole',
  logging_dir: 'metrics are printed',
}

/**
 * Replaces removed keys by what they mean today.
 * @returns the keys with their present names, and a sentence for each that was changed.
 */
export function translateRemovedKeys(given: Readonly<Record<string, unknown>>): { keys: Record<string, unknown>; notes: string[] } {
  const keys: Record<string, unknown> = {}
  const notes: string[] = []
  for (const [key, value] of Object.entries(given)) {
    const renamed = Object.hasOwn(RENAMED_KEYS, key) ? RENAMED_KEYS[key] : undefined
    if (renamed !== undefined) {
      if (!(renamed in given)) keys[renamed] = key === 'group_by_length' ? (value === true || value === 'true' ? 'group_by_length' : 'random') : value
      notes.push(renamed in given ? `${key} was removed and is ignored, because ${renamed} is given too` : `${key} was removed; read as ${renamed}`)
    } else if (Object.hasOwn(DROPPED_KEYS, key)) {
      notes.push(`${key} was removed and is ignored: ${DROPPED_KEYS[key]}`)
    } else if (key !== 'rpo_alpha') {
      keys[key] = value
    }
  }
  translateRpoAlpha(given.rpo_alpha, keys, notes)
  return { keys, notes }
}

/**
 * rpo_alpha changed its meaning between TRL versions (alpha x DPO + NLL, later DPO + alpha x NLL); it is read
 * as the latter, which today is loss_type [sigmoid, sft] with loss_weights [1, alpha].
 */
function translateRpoAlpha(value: unknown, keys: Record<string, unknown>, notes: string[]): void {
  if (value === undefined || value === null || value === '' || value === 'none' || value === 'null') return
  const given = keys.loss_type ?? ['sigmoid']
  const types = Array.isArray(given) ? given : String(given).split(',')
  const alpha = Number(value)
  if (!(alpha >= 0)) throw new UsageError(`rpo_alpha: expected a number of at least 0, got ${JSON.stringify(value)}`)
  if (types.includes('sft')) {
    notes.push('rpo_alpha was removed and is ignored, because loss_type holds sft already')
    return
  }
  const weights = keys.loss_weights ?? types.map(() => 1)
  keys.loss_type = [...types, 'sft']
  keys.loss_weights = [...(Array.isArray(weights) ? weights : String(weights).split(',').map(Number)), alpha]
  notes.push(`rpo_alpha was removed; read as loss_type ${[...types, 'sft'].join(',')} with loss_weights ${(keys.loss_weights as unknown[]).join(',')}`)
}

/** Damerau-Levenshtein (optimal string alignment). */
function editDistance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0))
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 0
  for (let i = 0; i <= a.length; i++) {
    const row = rows[i]
    if (!row) continue
    for (let j = 0; j <= b.length; j++) {
      if (i === 0 || j === 0) {
        row[j] = i + j
        continue
      }
      let distance = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) distance = Math.min(distance, at(i - 2, j - 2) + 1)
      row[j] = distance
    }
  }
  return at(a.length, b.length)
}
