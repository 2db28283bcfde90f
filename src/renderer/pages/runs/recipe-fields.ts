/** The fields of the recipe form: what researchers change most. Every other key is edited in the YAML beside it. */
import { recipeSchema } from '../../../shared/recipe.ts'
import type { FieldPath, FieldValue } from './recipe-text.ts'

export type Field = {
  path: FieldPath
  label: string
  kind: 'text' | 'number' | 'choice'
  options?: readonly string[]
  hint: string
  /** Only for these recipes. */
  only?: readonly string[]
}
export type FieldGroup = { title: string; fields: Field[] }

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
      { path: ['sampling', 'max_new_tokens'], label: 'max_new_tokens', kind: 'number', hint: 'Longest sampled reply, in tokens.' },
    ],
  },
  {
    title: 'Training',
    fields: [
      { path: ['training', 'learning_rate'], label: 'learning_rate', kind: 'number', hint: 'Peak of the schedule. DRIFT has the narrowest stable range of the methods.' },
      { path: ['training', 'beta'], label: 'beta', kind: 'number', hint: 'β of DPO.' },
      { path: ['training', 'optim'], label: 'optim', kind: 'choice', options: ['rmsprop', 'adamw_torch'], hint: 'Optimizer.' },
      { path: ['training', 'lr_scheduler_type'], label: 'lr_scheduler_type', kind: 'choice', options: ['linear', 'cosine', 'constant', 'constant_with_warmup'], hint: 'Shape of the learning rate over a round.' },
      { path: ['training', 'per_device_train_batch_size'], label: 'batch size', kind: 'number', hint: 'per_device_train_batch_size: pairs per step.' },
      { path: ['training', 'num_train_epochs'], label: 'num_train_epochs', kind: 'number', hint: 'Passes over a round’s pairs.' },
      { path: ['training', 'max_grad_norm'], label: 'max_grad_norm', kind: 'number', hint: 'Gradients are clipped to this norm; norms shown are from before.' },
    ],
  },
]

const defaults: unknown = recipeSchema.parse({ recipe: 'drift', model_name_or_path: '', dataset: '' })

/** What holds where the recipe leaves the field out. */
export function defaultOf(path: FieldPath): FieldValue | undefined {
  let value: unknown = defaults
  for (const key of path) value = typeof value === 'object' && value !== null && key in value ? (value as Record<string, unknown>)[key] : undefined
  return value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : undefined
}
