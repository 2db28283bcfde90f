/** Recipes to begin from: the public settings of DRIFT at two sizes, one for a small machine, and the built-in world's. */
import { demoRecipe, QUICK } from './demo/settings.ts'

/**
 * gen-drift.py and configs/qwen2.5-7b|14b of cacayaya/DRIFT. Both sizes are set alike there, but for the model; its
 * iteration files are two.
 */
function paperRecipe(size: '7b' | '14b'): string {
  return `# DRIFT with Qwen2.5-${size.toUpperCase()}-Instruct as its public files set it (cacayaya/DRIFT: gen-drift.py, configs/qwen2.5-${size}).
# Where the method differs from the public script is said at the start of every run's log.
# dataset: their data/dsat_data.jsonl. warm_start.dataset: their data/seed-data/train.jsonl.
recipe: drift
model_name_or_path: Qwen/Qwen2.5-${size.toUpperCase()}-Instruct
dataset: dsat_data.jsonl
iterations: 2
seed: 42
engine: torch
device: cuda
torch:
  dtype: bfloat16
  num_processes: 1 # how many GPUs shared the work is not stated there
# No evaluation: prompts to evaluate on are not among the public files. Without one a run ends with no score and no
# verdict; the form says so before the start, and adds one where the workspace has prompts and held-out pairs.
reference: round-start # not stated there: TRL's default
warm_start:
  dataset: seed-data/train.jsonl
  num_train_epochs: 3
prompt_style: paper
improve_instruction: Based on the user's latest feedback, please provide an improved response that addresses their concerns.
holdout_pairs: 100
sampling:
  temperature: 0.7
  top_p: 0.9
  # Not in the script: model.generate takes what it is not told from the model's generation_config.json, here Qwen2.5-Instruct's.
  top_k: 20
  repetition_penalty: 1.05
  max_new_tokens: 512
  max_prompt_tokens: 2048
  # As in the script, so that pairs are its pairs: a prompt too long loses its end, with it the user's words, and the
  # reply is what follows the last "Assistant: " of all the text. Take both lines away for pairs without these two harms.
  truncation_side: right
  reply_from: last-marker
  batch_size: 16
training:
  # rpo_alpha: 0.001 there
  loss_type: [ sigmoid, sft ]
  loss_weights: [ 1, 0.001 ]
  beta: 0.1
  learning_rate: 5.0e-7
  lr_scheduler_type: linear
  warmup_steps: 0.1 # warmup_ratio there
  optim: rmsprop
  max_length: 2048 # max_prompt_length 1024 there, which TRL no longer has
  per_device_train_batch_size: 4
  gradient_accumulation_steps: 1
  gradient_checkpointing: true
  num_train_epochs: 1
`
}

const SMALL = `# DRIFT on a small model with an adapter: runs on the processor of a laptop.
# No evaluation, since it needs prompts of yours: without one a run ends with no score and no verdict. The form adds one.
recipe: drift
model_name_or_path: Qwen/Qwen2.5-0.5B-Instruct
dataset: feedback
iterations: 2
seed: 42
reference: base
pairs_per_round: 256
sampling:
  max_new_tokens: 256
  max_prompt_tokens: 768
  batch_size: 8
training:
  use_peft: true
  learning_rate: 1.0e-5
  optim: adamw_torch
  max_length: 1024
  gradient_accumulation_steps: 4
`

/** The recipe's text by the preset's name. */
export const RECIPE_PRESETS: Record<'paper-7b' | 'paper-14b' | 'small' | 'built-in', string> = {
  'paper-7b': paperRecipe('7b'),
  'paper-14b': paperRecipe('14b'),
  small: SMALL,
  'built-in': demoRecipe('drift', 1, QUICK),
}

export type PresetName = keyof typeof RECIPE_PRESETS
export const PRESET_NAMES = Object.keys(RECIPE_PRESETS) as PresetName[]
/** As they stand beside a workspace's recipe files: "preset small". */
export const NAMED_PRESETS = PRESET_NAMES.map((name) => ({ file: `preset ${name}`, yaml: RECIPE_PRESETS[name] }))
export const presetNamed = (file: string): string | null => NAMED_PRESETS.find((preset) => preset.file === file)?.yaml ?? null
