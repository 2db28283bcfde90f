/** The fields of the recipe form: what researchers change most. Every other key is edited in the YAML beside it. */
import { recipeSchema, trainingSchema } from '../../../shared/recipe.ts'
import { fieldOf, isFieldValue, readRecipe, withField, type FieldPath, type FieldValue } from './recipe-text.ts'

export type Field = {
  path: FieldPath
  label: string
  /** `several`: any of the options, in the order they were chosen. Lists are written with commas. */
  kind: 'text' | 'number' | 'choice' | 'switch' | 'several' | 'names' | 'numbers'
  options?: readonly string[]
  hint: string
  /** Only for these recipes. */
  only?: readonly string[]
  /** Only where another field is, or holds, this value. */
  where?: { path: FieldPath; is: string | boolean }
}
export type FieldGroup = { title: string; fields: Field[] }

const WITH_ADAPTER = { path: ['training', 'use_peft'], is: true } as const

export const FIELD_GROUPS: FieldGroup[] = [
  {
    title: 'Method and data',
    fields: [
      { path: ['recipe'], label: 'recipe', kind: 'choice', options: recipeSchema.shape.recipe.options, hint: 'Where chosen and rejected replies come from.' },
      { path: ['model_name_or_path'], label: 'model_name_or_path', kind: 'text', hint: 'Folder of the base model, relative to the workspace, or org/name of the Hugging Face Hub (fetched when the run starts).' },
      { path: ['dataset'], label: 'dataset', kind: 'text', hint: 'A feedback dataset of the workspace; for recipe dpo a preference dataset.' },
      { path: ['iterations'], label: 'iterations', kind: 'number', hint: 'Rounds after the warm start.' },
      { path: ['pairs_per_round'], label: 'pairs_per_round', kind: 'number', hint: 'Pairs of each round; empty takes every row.', only: ['drift', 'iterative-dpo', 'spin'] },
      { path: ['seed'], label: 'seed', kind: 'number', hint: 'Same seed, same samples, same weights on this machine.' },
      { path: ['reference'], label: 'reference', kind: 'choice', options: ['round-start', 'base'], hint: 'The frozen policy the loss is measured against. base holds at higher learning rates.' },
      { path: ['reward'], label: 'reward', kind: 'choice', options: ['learned', 'verifiable'], hint: 'verifiable trains on what evaluation measures: an upper bound.', only: ['iterative-dpo'] },
      { path: ['prompt_style'], label: 'prompt_style', kind: 'choice', options: ['chat', 'paper'], hint: 'How the user’s words are shown to the policy: a chat turn, or the public script’s raw text.', only: ['drift'] },
    ],
  },
  {
    title: 'Sampling',
    fields: [
      { path: ['sampling', 'temperature'], label: 'temperature', kind: 'number', hint: 'Of the sampled replies.' },
      { path: ['sampling', 'top_p'], label: 'top_p', kind: 'number', hint: 'Nucleus of the sampled replies.' },
      { path: ['sampling', 'top_k'], label: 'top_k', kind: 'number', hint: 'Only this many of the likeliest tokens; 0 is all.' },
      { path: ['sampling', 'min_p'], label: 'min_p', kind: 'number', hint: 'Only tokens at least this share as likely as the likeliest; 0 is all.' },
      { path: ['sampling', 'repetition_penalty'], label: 'repetition_penalty', kind: 'number', hint: 'Divides the logits of tokens that prompt or reply hold; 1 changes nothing.' },
      { path: ['sampling', 'max_new_tokens'], label: 'max_new_tokens', kind: 'number', hint: 'Longest sampled reply, in tokens.' },
    ],
  },
  {
    title: 'Training',
    fields: [
      { path: ['training', 'learning_rate'], label: 'learning_rate', kind: 'number', hint: 'Peak of the schedule. DRIFT has the narrowest stable range of the methods.' },
      { path: ['training', 'loss_type'], label: 'loss_type', kind: 'several', options: trainingSchema.shape.loss_type.unwrap().element.options, hint: 'What is minimised; several are added up by loss_weights.' },
      { path: ['training', 'loss_weights'], label: 'loss_weights', kind: 'numbers', hint: 'A weight for each loss, in their order; null: 1 each.' },
      { path: ['training', 'label_smoothing'], label: 'label_smoothing', kind: 'number', hint: 'Share of pairs whose labels are taken to be flipped; counts in robust alone.', where: { path: ['training', 'loss_type'], is: 'robust' } },
      { path: ['training', 'beta'], label: 'beta', kind: 'number', hint: 'β of DPO.' },
      { path: ['training', 'optim'], label: 'optim', kind: 'choice', options: ['rmsprop', 'adamw_torch'], hint: 'Optimizer.' },
      { path: ['training', 'lr_scheduler_type'], label: 'lr_scheduler_type', kind: 'choice', options: ['linear', 'cosine', 'constant', 'constant_with_warmup'], hint: 'Shape of the learning rate over a round.' },
      { path: ['training', 'per_device_train_batch_size'], label: 'batch size', kind: 'number', hint: 'per_device_train_batch_size: pairs per step.' },
      { path: ['training', 'num_train_epochs'], label: 'num_train_epochs', kind: 'number', hint: 'Passes over a round’s pairs.' },
      { path: ['training', 'max_grad_norm'], label: 'max_grad_norm', kind: 'number', hint: 'Gradients are clipped to this norm; norms shown are from before.' },
    ],
  },
  {
    title: 'LoRA',
    fields: [
      { path: ['training', 'use_peft'], label: 'use_peft', kind: 'switch', hint: 'Each stage trains a small adapter, not all weights: less memory. The next starts on the merged model.' },
      { path: ['training', 'lora_r'], label: 'lora_r', kind: 'number', hint: 'Rank of the adapter.', where: WITH_ADAPTER },
      { path: ['training', 'lora_alpha'], label: 'lora_alpha', kind: 'number', hint: 'The adapter counts lora_alpha / lora_r.', where: WITH_ADAPTER },
      { path: ['training', 'lora_target_modules'], label: 'target modules', kind: 'names', hint: 'lora_target_modules: all-linear, or names as q_proj, v_proj; empty takes PEFT’s choice (q_proj, v_proj).', where: WITH_ADAPTER },
      { path: ['training', 'use_rslora'], label: 'use_rslora', kind: 'switch', hint: 'The adapter counts lora_alpha / √lora_r.', where: WITH_ADAPTER },
    ],
  },
]

const defaults: unknown = recipeSchema.parse({ recipe: 'drift', model_name_or_path: '', dataset: '' })

/** What holds where the recipe leaves the field out. */
export function defaultOf(path: FieldPath): FieldValue | undefined {
  let value: unknown = defaults
  for (const key of path) value = typeof value === 'object' && value !== null && key in value ? (value as Record<string, unknown>)[key] : undefined
  return isFieldValue(value) ? value : undefined
}

/** Whether the field has a meaning beside the others. @param valueOf what the recipe says, or the default. */
export function applies({ only, where }: Field, valueOf: (path: FieldPath) => FieldValue | undefined): boolean {
  const method = valueOf(['recipe'])
  if (only && typeof method === 'string' && !only.includes(method)) return false
  if (!where) return true
  const value = valueOf(where.path)
  return Array.isArray(value) ? value.some((one) => one === where.is) : value === where.is
}

/** The field's value as its input shows it. */
export function shownValue(value: FieldValue | undefined): string {
  if (value === undefined || value === null) return ''
  return Array.isArray(value) ? value.join(', ') : String(value)
}

/** What was typed, in the type the recipe wants; undefined takes the field out. What is no number stays text, for the check to say so. */
export function typedValue({ kind }: Pick<Field, 'kind'>, given: string): FieldValue | undefined {
  const text = given.trim()
  if (text === '') return undefined
  if (kind === 'number') return asNumber(text)
  if (kind !== 'names' && kind !== 'numbers') return text
  if (text === 'null') return null
  if (kind === 'names' && text === 'all-linear') return text
  const items = text.replace(/^\[|\]$/g, '').split(',').map((item) => item.trim()).filter((item) => item !== '')
  return kind === 'numbers' ? items.map(asNumber) : items
}

const asNumber = (text: string): string | number => (Number.isFinite(Number(text)) ? Number(text) : text)

/**
 * The recipe's text with one loss more or less; every other loss keeps its weight, which a list of one's own would
 * otherwise lose: default weights belong to the default losses.
 */
export function toggleLoss(text: string, loss: string): string {
  const { document } = readRecipe(text)
  if (!document) return text
  const [type, weight] = [['training', 'loss_type'], ['training', 'loss_weights']] as const
  const given = fieldOf(document, type)
  const losses = lossesOf(given)
  const weights = fieldOf(document, weight) ?? (given === undefined ? defaultOf(weight) : null)
  const kept = losses.filter((one) => one !== loss)
  const chosen = kept.length < losses.length ? kept : [...losses, loss]
  const written = withField(text, type, chosen)
  if (!Array.isArray(weights)) return written
  return withField(written, weight, chosen.map((one) => weights[losses.indexOf(one)] ?? 1))
}

/** A list, or one text with commas as TRL's command line takes it; the default where there is none. */
export function lossesOf(value: FieldValue | undefined): string[] {
  if (typeof value === 'string') return value.split(',').map((name) => name.trim())
  const list = Array.isArray(value) ? value : defaultOf(['training', 'loss_type'])
  return Array.isArray(list) ? list.map(String) : []
}
