/** Recipes of other trainers on their way in and out. */
import { describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { FOREIGN_FORMATS } from '../shared/recipe-exchange.ts'
import { exportRecipe } from './recipe-export.ts'
import { parseRecipe, requireRecipe } from './recipe-file.ts'
import { importRecipe } from './recipe-import.ts'
import { RECIPE_PRESETS } from './recipe-presets.ts'

/** Keys and values of the public configs/qwen2.5-7b/config-drift-iter1.yaml of cacayaya/DRIFT, an alignment-handbook file. */
const PUBLIC = `
model_name_or_path: ./outputs/Qwen2.5-7B-Instruct-wildfeedback-seed
trust_remote_code: True
dataset_mixer: { ./data/DRIFT/qwen2.5-14b/iter1: 1.0 }
dataset_splits: [train, test]
preprocessing_num_workers: 12
bf16: true
beta: 0.1
rpo_alpha: 0.001
do_eval: true
eval_strategy: epoch
gradient_accumulation_steps: 1
gradient_checkpointing: true
hub_model_id: Qwen2.5-7B-Instruct-wildfeedback-DRIFT-iter1
learning_rate: 5.0e-7
log_level: info
logging_steps: 10
lr_scheduler_type: linear
max_length: 2048
max_prompt_length: 1024
num_train_epochs: 1
optim: rmsprop
output_dir: ./outputs/Qwen2.5-7B-Instruct-wildfeedback-DRIFT-iter1
per_device_train_batch_size: 4
per_device_eval_batch_size: 4
push_to_hub: true
hub_strategy: checkpoint
report_to: [wandb]
save_strategy: epoch
save_total_limit: null
seed: 42
warmup_ratio: 0.1
`
const LLAMA_FACTORY = `
model_name_or_path: Qwen/Qwen2.5-0.5B-Instruct
stage: dpo
do_train: true
finetuning_type: lora
lora_rank: 16
lora_target: q_proj,v_proj
lora_dropout: 0.05
pref_beta: 0.2
pref_loss: ipo
pref_ftx: 0.5
dataset: dpo_en_demo,other
template: qwen
cutoff_len: 4096
overwrite_cache: true
quantization_bit: 4
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
learning_rate: 5.0e-6
num_train_epochs: 3.0
lr_scheduler_type: cosine
warmup_ratio: 0.1
bf16: true
`
const recipeOf = (yaml: string) => requireRecipe(parseRecipe(yaml))

describe('a recipe of another trainer', () => {
  it('of the paper\'s public configuration trains as both presets train', () => {
    const { yaml, format, issues } = importRecipe(PUBLIC)
    expect([format, issues]).toEqual(['alignment-handbook', []])
    const { training, seed, dataset, torch } = recipeOf(yaml)
    for (const preset of ['paper-7b', 'paper-14b'] as const) {
      const ours = recipeOf(RECIPE_PRESETS[preset])
      expect(training).toEqual(ours.training)
      expect([seed, torch.dtype]).toEqual([ours.seed, ours.torch.dtype])
    }
    expect(dataset).toBe('./data/DRIFT/qwen2.5-14b/iter1')
  })

  it.each([['alignment-handbook', PUBLIC], ['llama-factory', LLAMA_FACTORY], ['trl', 'beta: 0.3\nloss_type: kto_pair\nlearnin_rate: 1\nloss_weights: null\nrpo_alpha: null\nlora_r: 8\nlora_alpha: null\n']])('of %s loses no key in silence', (format, text) => {
    const { translated, left, yaml, format: read } = importRecipe(text)
    expect(read).toBe(format)
    const ours = parse(yaml) as Record<string, Record<string, unknown>>
    for (const key of Object.keys(parse(text) as object)) {
      const kept = Object.hasOwn(ours, key) || Object.hasOwn(ours['training'] ?? {}, key)
      expect([key, kept || translated.some(({ from }) => from === key) || left.some((one) => one.key === key)]).toEqual([key, true])
    }
  })

  it('of LLaMA-Factory keeps loss, adapter, lengths and precision under our names', () => {
    const { yaml, left } = importRecipe(LLAMA_FACTORY)
    const { training, torch, engine, dataset } = recipeOf(yaml)
    expect(training).toMatchObject({ loss_type: ['ipo', 'sft'], loss_weights: [1, 0.5], beta: 0.2, max_length: 4096, use_peft: true, lora_r: 16, lora_alpha: 32, lora_target_modules: ['q_proj', 'v_proj'], warmup_steps: 0.1, gradient_checkpointing: true })
    expect([engine, torch.dtype, torch.load_in_4bit, dataset]).toEqual(['torch', 'bfloat16', true, 'dpo_en_demo'])
    expect(left.find(({ key }) => key === 'lora_dropout')?.note).toMatch(/0.05 has no counterpart, and what is trained depends on it/)
    expect(left.find(({ key }) => key === 'dataset')?.note).toMatch(/other/)
  })

  it('lists a value it cannot take, and says what holds instead', () => {
    const { left, yaml } = importRecipe('model_name_or_path: m\ndataset_name: d\nloss_type: kto_pair\n')
    expect(left).toEqual([{ key: 'loss_type', note: 'expected sigmoid, hinge, ipo, sigmoid_norm, robust, sft, got ["kto_pair"]; loss_type is ["sigmoid"] now' }])
    expect(recipeOf(yaml).training.loss_type).toEqual(['sigmoid'])
  })

  it.each([
    ['a: [', /expected YAML or JSON/],
    ['- 1', /expected YAML or JSON/],
    ['recipe: drift', /got a recipe of ours/],
    ['stage: sft\nmodel_name_or_path: m', /expected stage: dpo, got stage: "sft"/],
  ])('is refused where it is none: %s', (text, message) => {
    expect(() => importRecipe(text)).toThrow(message)
  })
})

describe('an exported recipe', () => {
  const training = { loss_type: ['ipo', 'sft'], loss_weights: [1, 0.01], beta: 0.3, learning_rate: 2e-6, lr_scheduler_type: 'cosine', min_lr_rate: 0.1, warmup_steps: 0.05, optim: 'adamw_torch', weight_decay: 0.01, adam_beta2: 0.95, max_length: 777, per_device_train_batch_size: 2, gradient_accumulation_steps: 3, num_train_epochs: 2, max_grad_norm: 0.5, use_peft: true, lora_r: 4, lora_alpha: 8, lora_target_modules: ['q_proj'], use_rslora: true }
  const plain = { recipe: 'dpo', model_name_or_path: 'm', dataset: 'pairs', seed: 7, save_total_limit: 2 }
  const whole = recipeOf(stringify({ ...plain, engine: 'torch', device: 'cuda', torch: { dtype: 'bfloat16', load_in_4bit: true }, training }))
  const full = recipeOf(stringify({ ...plain, training: { loss_type: ['sigmoid'], optim: 'rmsprop', gradient_checkpointing: true } }))
  const sharded = recipeOf(stringify({ ...plain, engine: 'torch', device: 'cuda', torch: { dtype: 'bfloat16', deepspeed: 'zero3.json' }, training }))

  it.each(FOREIGN_FORMATS)('as %s comes back the same', (format) => {
    for (const recipe of [whole, full, sharded]) {
      const { text } = exportRecipe(recipe, format)
      const back = importRecipe(text)
      expect(back.format).toBe(format)
      const { loss_weights: weights, ...rest } = recipeOf(back.yaml).training
      const { loss_weights: wanted, ...others } = recipe.training
      expect({ ...recipeOf(back.yaml), training: rest }).toEqual({ ...recipe, training: others })
      expect(weights ?? [1]).toEqual(wanted ?? [1])
    }
  })

  it('names what the other trainer does not know', () => {
    const { text, left } = exportRecipe(recipeOf(RECIPE_PRESETS['built-in']), 'trl')
    expect(left.map(({ key }) => key)).toEqual(['recipe', 'reference', 'warm_start', 'improve_instruction', 'pairs_per_round', 'sampling', 'evaluation', 'training.min_lr_rate'])
    for (const { key, note } of left) expect(text).toContain(`#   ${key}: ${note}`)
  })
})
