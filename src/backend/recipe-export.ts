/** A recipe's training for TRL, alignment-handbook and LLaMA-Factory; what has no counterpart there is listed in the file's head. */
import { isDeepStrictEqual } from 'node:util'
import { stringify } from 'yaml'
import { type Recipe, recipeSchema, type TrainingConfig } from '../shared/recipe.ts'
import type { ForeignFormat, LeftKey } from '../shared/recipe-exchange.ts'
import { show, type Yaml } from './recipe-file.ts'

const TITLES: Record<ForeignFormat, string> = { trl: 'TRL (DPOConfig, ModelConfig and ScriptArguments)', 'alignment-handbook': 'alignment-handbook', 'llama-factory': 'LLaMA-Factory' }
const CARRIED = ['recipe', 'model_name_or_path', 'dataset', 'seed', 'save_total_limit', 'training', 'engine', 'device', 'torch']

/** @returns the file, and the keys of the recipe that it cannot hold. */
export function exportRecipe(recipe: Recipe, format: ForeignFormat): { text: string; left: LeftKey[] } {
  const left = leftOf(recipe)
  const keys = format === 'llama-factory' ? llamaFactoryKeys(recipe, left) : trlKeys(recipe, format, left)
  const head = [`${TITLES[format]}: the training of a recipe.`, ...(left.length > 0 ? ['Without counterpart here:', ...left.map(({ key, note }) => `  ${key}: ${note}`)] : [])]
  return { text: `${head.map((line) => `# ${line}`).join('\n')}\n${stringify(keys, { lineWidth: 0 })}`, left }
}

/** Keys that say something other than their default and are no trainer's. */
function leftOf(recipe: Recipe): LeftKey[] {
  const plain = recipeSchema.parse({ recipe: recipe.recipe, model_name_or_path: '', dataset: '' })
  const rounds: LeftKey[] = recipe.recipe === 'dpo' ? [] : [{ key: 'recipe', note: `${recipe.recipe}: these trainers train once, on pairs that are there; dataset names the logs from which each round samples its pairs` }]
  const keys = (Object.keys(plain) as (keyof Recipe)[]).filter((key) => !CARRIED.includes(key) && !isDeepStrictEqual(recipe[key], plain[key]))
  return [...rounds, ...keys.map((key) => ({ key, note: show(recipe[key]) }))]
}

function trlKeys(recipe: Recipe, format: ForeignFormat, left: LeftKey[]): Yaml {
  const { model_name_or_path, dataset, torch } = recipe
  const { min_lr_rate: _rate, lr_scheduler_type: _schedule, lora_target_modules: targets, ...training } = withoutIdle(recipe.training)
  return {
    model_name_or_path,
    ...(format === 'trl' ? { dataset_name: dataset } : { dataset_mixture: { datasets: [{ id: dataset, split: 'train', weight: 1 }] } }),
    ...training,
    // Both trainers want a list.
    ...(targets ? { lora_target_modules: typeof targets === 'string' ? [targets] : targets } : {}),
    ...schedule(recipe.training, left),
    ...precision(torch),
    ...(torch.load_in_4bit ? { load_in_4bit: true } : {}),
    ...common(recipe, left),
  }
}

function llamaFactoryKeys(recipe: Recipe, left: LeftKey[]): Yaml {
  const { training, torch } = recipe
  const { loss_type: types, loss_weights: weights, beta, label_smoothing: smoothing, max_length, gradient_checkpointing, use_peft, lora_r, lora_alpha, lora_target_modules: targets, use_rslora, min_lr_rate: _rate, lr_scheduler_type: _schedule, ...same } = training
  const [loss = 'sigmoid', ...others] = types.filter((type) => type !== 'sft')
  const weightOf = (type: (typeof types)[number]): number => weights?.[types.indexOf(type)] ?? 1
  if (!types.includes(loss) || others.length > 0 || weightOf(loss) !== 1 || !['sigmoid', 'hinge', 'ipo'].includes(loss)) left.push({ key: 'training.loss_type', note: `${types.join(', ')} with weights ${show(weights)}: pref_loss is one of sigmoid, hinge, ipo with weight 1, and pref_ftx the weight of sft` })
  if (smoothing > 0) left.push({ key: 'training.label_smoothing', note: `${smoothing}: dpo_label_smoothing there is another loss` })
  left.push({ key: 'template', note: 'LLaMA-Factory asks for the name of the model’s chat template: add template' })
  return {
    stage: 'dpo',
    do_train: true,
    model_name_or_path: recipe.model_name_or_path,
    dataset: recipe.dataset,
    finetuning_type: use_peft ? 'lora' : 'full',
    ...(use_peft ? { lora_rank: lora_r, lora_alpha, lora_target: Array.isArray(targets) ? targets.join(',') : 'all', use_rslora } : {}),
    pref_beta: beta,
    pref_loss: loss,
    pref_ftx: types.includes('sft') ? weightOf('sft') : 0,
    cutoff_len: max_length,
    disable_gradient_checkpointing: !gradient_checkpointing,
    ...same,
    ...schedule(training, left),
    ...precision(torch),
    ...(torch.load_in_4bit ? { quantization_bit: 4 } : {}),
    ...common(recipe, left),
  }
}

/** Without an adapter its keys say nothing. */
function withoutIdle({ lora_r, lora_alpha, lora_target_modules, use_rslora, ...training }: TrainingConfig): Partial<TrainingConfig> {
  return training.use_peft ? { ...training, lora_r, lora_alpha, lora_target_modules, use_rslora } : training
}

/** transformers ends a cosine above zero, and no other schedule. */
function schedule({ lr_scheduler_type: type, min_lr_rate: rate }: TrainingConfig, left: LeftKey[]): Yaml {
  if (rate === 0) return { lr_scheduler_type: type }
  if (type === 'cosine') return { lr_scheduler_type: 'cosine_with_min_lr', lr_scheduler_kwargs: { min_lr_rate: rate } }
  left.push({ key: 'training.min_lr_rate', note: `${rate}: lr_scheduler_type ${type} ends at 0 there` })
  return { lr_scheduler_type: type }
}

/** Both said: TRL trains in bfloat16 where it is told nothing. */
const precision = ({ dtype }: Recipe['torch']): Yaml => ({ bf16: dtype === 'bfloat16', fp16: dtype === 'float16' })

function common({ seed, save_total_limit, torch }: Recipe, left: LeftKey[]): Yaml {
  if (torch.num_processes > 1) left.push({ key: 'torch.num_processes', note: `${torch.num_processes}: told to accelerate or torchrun` })
  if (torch.use_vllm) left.push({ key: 'torch.use_vllm', note: 'true: a DPO trainer draws no replies' })
  return { seed, save_total_limit, ...(torch.deepspeed === null ? {} : { deepspeed: torch.deepspeed }) }
}
