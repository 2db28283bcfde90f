import type { DpoConfig, TrainConfig } from '../../src/engine/engine.ts'

/** Plain full-batch training to vary from. */
export const TRAIN: TrainConfig = {
  optim: 'adamw_torch', learning_rate: 1e-3, weight_decay: 0, adam_beta1: 0.9, adam_beta2: 0.999, adam_epsilon: 1e-8, max_grad_norm: 1, lr_scheduler_type: 'constant', warmup_steps: 0,
  min_lr_rate: 0, per_device_train_batch_size: 8, gradient_accumulation_steps: 1, gradient_checkpointing: false, num_train_epochs: 1, max_steps: -1, seed: 42,
}

export const DPO: DpoConfig = { ...TRAIN, beta: 0.1, loss_type: ['sigmoid'], loss_weights: null, label_smoothing: 0 }
