/**
 * What every engine offers: load, score, sample, train, save. The embedded engine (onnxruntime-node)
 * implements it here; the torch engine implements the same page. Engines know tensors and token ids,
 * never conversations: whoever calls renders text to ids first (`chat-template.ts`, `tokenizer/`).
 */

import type { Device, EngineName } from './device.ts'
import type { TrainingMemory } from './memory.ts'

/** One sequence whose completion is scored: log p(completion | prompt). */
export type TokenRow = { promptIds: number[]; completionIds: number[] }

/** A preference pair in token ids; the prompt is shared by both sides (and computed once). */
export type TokenPair = { promptIds: number[]; chosenIds: number[]; rejectedIds: number[] }

/** A sequence for next-token training: `lossMask[t]` is 1 where token t is to be predicted. */
export type TokenSequence = { ids: number[]; lossMask: number[] }

/** A sequence for the scalar reward head; label 1 = satisfied, 0 = dissatisfied. */
export type RewardRow = { ids: number[]; label: 0 | 1 }

/** TRL / transformers names and defaults (TRL 1.16 DPOConfig). */
export type OptimizerConfig = {
  optim: 'adamw_torch' | 'rmsprop'
  learning_rate: number
  weight_decay: number
  adam_beta1: number
  adam_beta2: number
  adam_epsilon: number
  /** 0 turns clipping off. */
  max_grad_norm: number
  lr_scheduler_type: 'linear' | 'cosine' | 'constant' | 'constant_with_warmup'
  /** Below 1: a share of all steps; else a number of steps (transformers 5). */
  warmup_steps: number
  /** Floor of the schedule as a share of learning_rate; 0 as in transformers. */
  min_lr_rate: number
}

export type TrainConfig = OptimizerConfig & {
  per_device_train_batch_size: number
  gradient_accumulation_steps: number
  /** Each layer is computed again for its gradients instead of being kept: a third more work, the memory of one layer. */
  gradient_checkpointing: boolean
  num_train_epochs: number
  /** -1: from epochs. */
  max_steps: number
  seed: number
}

/** TRL's names. `label_smoothing` counts in robust alone, as in TRL 1.16. */
export type DpoLossName = 'sigmoid' | 'hinge' | 'ipo' | 'sigmoid_norm' | 'robust' | 'sft'

export type DpoConfig = TrainConfig & {
  beta: number
  loss_type: DpoLossName[]
  loss_weights: number[] | null
  label_smoothing: number
}

/** A new LoRA adapter, PEFT's names. B starts at zero, so the model with it equals the model without. */
export type LoraSettings = {
  r: number
  lora_alpha: number
  /** Ends of layer names (`q_proj`, `mlp.up_proj`); null takes PEFT's choice for the model's family. */
  target_modules: string[] | 'all-linear' | null
  /** Scale alpha / sqrt(r) instead of alpha / r. */
  use_rslora: boolean
  /** Of A's first values. */
  seed: number
}

export type LoadOptions = {
  threads?: number
  /** Folder of a PEFT adapter to run and train; the model itself then stays as it is. */
  adapter?: string
  /** Starts an adapter instead. */
  newAdapter?: LoraSettings
  /** `cpu` unless set; one that is not here is an error, never replaced by another. */
  device?: Device
}

/** `merged`: the adapter's additions in the weights themselves (PEFT's merge_and_unload). */
export type SaveOptions = { merged?: boolean }

/** One optimizer step under TRL's metric names; a step is reported as it ends. */
export type StepMetrics = { step: number; epoch: number; loss: number; grad_norm: number; learning_rate: number; num_tokens: number; [name: string]: number }

/** Everything a continuation needs to be bit-equal: written by the trainer, opaque to others. */
export type TrainerState = { step: number; weights: Map<string, Float32Array>; optimizer: Map<string, Float32Array> }

export type TrainHooks = {
  /** Before the first step: bytes to expect of this process (a device's memory is not counted) and the threads it runs on. */
  onStart?: (plan: { memory: TrainingMemory; threads: number }) => void | Promise<void>
  /** May draw from the model: it answers with the weights that the step has left, and training goes on as if nobody had asked. */
  onStep?: (metrics: StepMetrics, details: StepDetails) => void | Promise<void>
  /** Called every `checkpointEvery` steps and once after the last; must have stored the state when it resolves. */
  onCheckpoint?: (state: TrainerState) => void | Promise<void>
  checkpointEvery?: number
  resumeFrom?: TrainerState
  signal?: AbortSignal
}

/** Norms of each pair's own gradient and margins, in the order of the pairs, and the norm of the mean gradient. */
export type PairGradients = { norms: Float64Array; margins: Float64Array; meanNorm: number }

/** Per-pair figures of one DPO step, in the order of the batch. */
export type StepDetails = { pairIndices: number[]; margins: number[] }

export type SampleSettings = {
  temperature: number
  top_p: number
  /** Only the k likeliest tokens (and those equal to the last of them); left out or 0: all. */
  top_k?: number
  /** Only tokens at least this share as likely as the likeliest; left out or 0: all. */
  min_p?: number
  /** Logits of tokens in prompt and completion are divided (below 0: multiplied) by it; left out or 1: not at all. */
  repetition_penalty?: number
  max_new_tokens: number
  greedy: boolean
  /** Sequences decoded together; part of the plan that makes results repeatable. */
  batch_size: number
  /** Ids that end a completion (eos of generation_config / config). */
  eosIds: number[]
  /** Asked after every token that did not end the completion; true ends it there (`stop-strings.ts`). */
  stop?: (completionIds: readonly number[]) => boolean
  /** What decoding multiplies with; prompts are read in float32 either way. Left out: float32. int8 is for the CPU. */
  weights?: 'float32' | 'int8'
}

/** How far the policy that drew is from the model in float32. */
export type PolicyMismatch = {
  /** Mean KL(float32 || int8) in nats per token at temperature 1, over tokens of the completions that were drawn. */
  klPerToken: number
  tokens: number
}

export type SampleHooks = {
  /** Each token as it is drawn: of one request in their order, requests of a batch interleaved. */
  onToken?: (index: number, id: number) => void
  /** Once, after the last completion, where `weights` is int8. */
  onPolicyMismatch?: (mismatch: PolicyMismatch) => void
}

/** One completion to draw. The seed belongs to the sample, not to the batch. */
export type SampleRequest = { promptIds: number[]; seed: number }

export type SampledCompletion = {
  index: number
  completionIds: number[]
  finishReason: 'stop' | 'length'
  /** Mean entropy (nats) of the sampling distribution over the completion's tokens. */
  entropy: number
  /** Sum of log-probabilities of the drawn tokens at temperature 1. */
  logp: number
}

export type ServeSettings = Omit<SampleSettings, 'batch_size' | 'weights'>
/** A server does not tell how its tokens were distributed. */
export type ServedCompletion = Omit<SampledCompletion, 'entropy'>

export type Model = {
  readonly folder: string
  readonly threads: number
  /** What computes: the device that was asked for. */
  readonly device: Device
  /** Per-token natural-log probabilities of each completion, in row order. */
  score(rows: TokenRow[], signal?: AbortSignal): Promise<Float32Array[]>
  /**
   * Completions in request order, yielded as soon as all before them are done. A call is one unit of work: a sequence
   * that ends makes room for the next request, so whoever journals repeats whole calls.
   */
  sample(requests: SampleRequest[], settings: SampleSettings, signal?: AbortSignal, hooks?: SampleHooks): AsyncGenerator<SampledCompletion[]>
  /**
   * As `sample`, by a server that fills its own batches (vLLM): every request is a unit of work of its own, so whoever
   * journals asks for those that are missing. Only where the engine was told to have one.
   */
  serve?(requests: SampleRequest[], settings: ServeSettings, signal?: AbortSignal): AsyncGenerator<ServedCompletion[]>
  /** Reference log-probabilities are sums over completion tokens, one per pair and side. */
  trainDpo(pairs: TokenPair[], reference: { chosen: Float64Array; rejected: Float64Array }, config: DpoConfig, hooks?: TrainHooks): Promise<void>
  trainLanguageModel(rows: TokenSequence[], config: TrainConfig, hooks?: TrainHooks): Promise<void>
  /** Adds a scalar head on the last token's hidden state if the folder has none; BCE. */
  trainReward(rows: RewardRow[], config: TrainConfig, hooks?: TrainHooks): Promise<void>
  /** Scalar reward (logit) of each sequence; throws if the model has no reward head. */
  reward(rows: number[][], signal?: AbortSignal): Promise<Float64Array>
  /** Gradient of the DPO loss on the given pairs, without a step: for tests and gradient health. */
  dpoGradients(pairs: TokenPair[], reference: { chosen: Float64Array; rejected: Float64Array }, config: DpoConfig): Promise<{ loss: number; gradients: Map<string, Float32Array> }>
  /** As `dpoGradients`, of each pair alone: a pair counts whole, not divided by their number. */
  pairGradients(pairs: TokenPair[], reference: { chosen: Float64Array; rejected: Float64Array }, config: DpoConfig, signal?: AbortSignal): Promise<PairGradients>
  /**
   * Writes a Hugging Face folder (config, model.safetensors float32, tokenizer files), atomically; of a model with
   * adapter a PEFT adapter folder, unless `merged`. The model itself stays as it is: with its adapter it computes
   * what the merged one does but for rounding, so whoever goes on from the folder loads the folder.
   */
  save(folder: string, options?: SaveOptions): Promise<void>
  dispose(): Promise<void>
}

/** Of a process that computes apart from the app's: bytes it holds, and its peak since the piece of work that `since` counts. */
export type ProcessMemory = { held: number; peak: number; since: number }

export type Engine = {
  readonly name: EngineName
  /** What computes besides the app itself, with its version and settings: results that differ by it are told apart. */
  describe?(): Promise<string>
  /** Where it computes in a process of its own: as that one last told, null before it has. Of several processes the first's, which holds as much as any other. */
  memory?(): ProcessMemory | null
  load(folder: string, options?: LoadOptions): Promise<Model>
  /** Ends the process it computes in, where it has one of its own; otherwise that ends with this process. */
  close?(): Promise<void>
}
