import { describe, expect, test } from 'vitest'
import { UsageError } from '../shared/errors.ts'
import { readTrainingKeys, toDpoConfig, toLoraSettings } from './training-keys.ts'

test('unset keys take TRL 1.16\'s defaults', () => {
  const { keys, notes } = readTrainingKeys({}, {})
  expect(keys).toMatchObject({
    learning_rate: 1e-6, beta: 0.1, optim: 'adamw_torch_fused', lr_scheduler_type: 'linear', warmup_steps: 0, weight_decay: 0, adam_beta1: 0.9, adam_beta2: 0.999, adam_epsilon: 1e-8,
    per_device_train_batch_size: 8, gradient_accumulation_steps: 1, num_train_epochs: 3, max_steps: -1, max_length: 1024, truncation_mode: 'keep_start', logging_steps: 10, max_grad_norm: 1,
    loss_type: ['sigmoid'], loss_weights: null, seed: 42,
  })
  expect(notes).toEqual([])
  expect(toDpoConfig(keys)).toMatchObject({ optim: 'adamw_torch', min_lr_rate: 0 })
})

test('the command line wins over the file, lists are comma-separated, none is nothing', () => {
  const { keys } = readTrainingKeys({ beta: 0.5, learning_rate: '5e-7', loss_type: 'sigmoid' }, { beta: '0.2', loss_type: 'sigmoid,sft', loss_weights: '1,0.001', max_length: 'none', logging_first_step: 'True' })
  expect(keys).toMatchObject({ beta: 0.2, learning_rate: 5e-7, loss_type: ['sigmoid', 'sft'], loss_weights: [1, 0.001], max_length: null, logging_first_step: true })
})

test('cosine with a floor becomes cosine and the floor as a share of the learning rate', () => {
  const { keys } = readTrainingKeys({ learning_rate: 1e-4 }, { lr_scheduler_type: 'cosine_with_min_lr', lr_scheduler_kwargs: '{"min_lr": 1e-5}' })
  expect(toDpoConfig(keys).lr_scheduler_type).toBe('cosine')
  expect(toDpoConfig(keys).min_lr_rate).toBeCloseTo(0.1, 12)
})

describe('keys that TRL removed are translated and reported', () => {
  test.each<[Record<string, string>, Record<string, unknown>, string]>([
    [{ warmup_ratio: '0.1' }, { warmup_steps: 0.1 }, 'warmup_ratio was removed; read as warmup_steps'],
    [{ rpo_alpha: '0.1' }, { loss_type: ['sigmoid', 'sft'], loss_weights: [1, 0.1] }, 'rpo_alpha was removed; read as loss_type sigmoid,sft with loss_weights 1,0.1'],
    [{ rpo_alpha: '0.1', loss_type: 'sigmoid,sft' }, { loss_type: ['sigmoid', 'sft'], loss_weights: null }, 'rpo_alpha was removed and is ignored'],
    [{ max_prompt_length: '128' }, { max_prompt_length: 128 }, 'prompts keep their last 128 tokens'],
    [{ dataset_mixer: 'x' }, {}, 'dataset_mixer was removed and is ignored'],
    [{ gradient_checkpointing_kwargs: '{}' }, {}, 'gradient_checkpointing_kwargs has no effect'],
    [{ bf16: 'true' }, {}, 'computes in float32'],
  ])('%o', (given, expected, note) => {
    const { keys, notes } = readTrainingKeys({}, given)
    expect(keys).toMatchObject(expected)
    expect(notes.join('\n')).toContain(note)
  })
})

test('a DeepSpeed configuration, a file or what stands in one, goes to the torch engine unless it contradicts the other keys', () => {
  const config = { zero_optimization: { stage: 2 }, gradient_clipping: 0.5 }
  expect(readTrainingKeys({ deepspeed: config, max_grad_norm: 0.5 }, {}, 'torch').torch.deepspeed).toEqual(config)
  expect(() => readTrainingKeys({ deepspeed: config }, {}, 'torch')).toThrow(new UsageError('deepspeed: gradient_clipping 0.5: expected max_grad_norm 1 or "auto"; change one of them'))
  expect(() => readTrainingKeys({}, { deepspeed: 'nowhere.json' }, 'torch')).toThrow(/^deepspeed: expected a DeepSpeed configuration \(JSON\) at nowhere\.json, found nothing/)
  expect(readTrainingKeys({ deepspeed: null }, {}, 'torch')).toMatchObject({ torch: { deepspeed: null }, notes: [] })
  expect(readTrainingKeys({ deepspeed: 'nowhere.json' }, {}).notes).toEqual(['deepspeed has no effect on the embedded engine'])
})

test('use_peft asks for an adapter with TRL 1.16\'s defaults; without it the lora keys have no effect, and say so', () => {
  const lora = (given: Record<string, string>): ReturnType<typeof toLoraSettings> => toLoraSettings(readTrainingKeys({}, given).keys)
  expect(lora({ use_peft: 'true', seed: '7' })).toEqual({ r: 16, lora_alpha: 32, target_modules: null, use_rslora: false, seed: 7 })
  expect(lora({ use_peft: 'true', lora_target_modules: 'q_proj,v_proj', lora_dropout: '0', use_rslora: 'true', lora_r: '8', lora_alpha: '16' })).toMatchObject({ r: 8, lora_alpha: 16, target_modules: ['q_proj', 'v_proj'], use_rslora: true })
  expect(lora({ use_peft: 'true', lora_target_modules: 'all-linear' })?.target_modules).toBe('all-linear')
  expect(lora({ lora_r: '8' })).toBeUndefined()
  expect(readTrainingKeys({}, { lora_r: '8', use_dora: 'true' }).notes).toEqual(['lora_r has no effect without use_peft', 'use_dora has no effect without use_peft'])
})

test('every offered loss is taken; label_smoothing counts where TRL counts it', () => {
  const { keys, notes } = readTrainingKeys({}, { loss_type: 'sigmoid,hinge,ipo,sigmoid_norm,robust,sft', label_smoothing: '0.1' })
  expect(toDpoConfig(keys)).toMatchObject({ loss_type: ['sigmoid', 'hinge', 'ipo', 'sigmoid_norm', 'robust', 'sft'], label_smoothing: 0.1 })
  expect(notes).toEqual([])
  expect(readTrainingKeys({}, { label_smoothing: '0.1' }).notes).toEqual(['label_smoothing has no effect without loss_type robust, as in TRL'])
})

describe('refused', () => {
  test.each<[Record<string, string>, string]>([
    [{ lerning_rate: '1' }, 'unknown key "lerning_rate"; did you mean "learning_rate"?'],
    [{ batch_size: '1' }, 'unknown key "batch_size"'],
    [{ learning_rate: 'fast' }, 'learning_rate: expected number, got "fast"'],
    [{ beta: '0' }, 'beta: expected a number above 0, got 0'],
    [{ loss_type: 'exo_pair' }, 'loss_type.0'],
    [{ loss_weights: '1,2' }, 'one weight for each of the 1 loss types (sigmoid), got 2'],
    [{ optim: 'sgd' }, 'optim'],
    [{ use_peft: 'true', lora_dropout: '0.05' }, 'trains without dropout'],
    [{ use_peft: 'true', use_dora: 'true' }, 'use_dora: the embedded engine supports false alone'],
    [{ use_peft: 'true', lora_modules_to_save: 'lm_head' }, 'lora_modules_to_save'],
    [{ use_peft: 'true', lora_r: '0' }, 'lora_r: expected a number above 0, got 0'],
    [{ loss_type: 'robust', label_smoothing: '0.5' }, 'label_smoothing: expected a number below 0.5, got 0.5'],
    [{ sync_ref_model: 'true' }, 'sync_ref_model: the embedded engine supports false alone'],
    [{ f_divergence_type: 'js_divergence' }, 'supports reverse_kl alone'],
    [{ lr_scheduler_type: 'cosine_with_min_lr' }, 'min_lr'],
    [{ rpo_alpha: 'x' }, 'rpo_alpha'],
  ])('%o', (given, message) => {
    expect(() => readTrainingKeys({}, given)).toThrow(UsageError)
    expect(() => readTrainingKeys({}, given)).toThrow(message)
  })

  test('but a key that asks for nothing is fine', () => {
    expect(() => readTrainingKeys({ use_peft: false, ld_alpha: null }, { sync_ref_model: 'false', f_divergence_type: 'reverse_kl' })).not.toThrow()
  })
})
