/** The fields of the recipe form: every key of the schema, with its words there. */
import { evaluationSchema, recipeSchema } from '../../../shared/recipe.ts'
import { tripwireSchema } from '../../../shared/tripwires.ts'
import { isGuided, PAIR_SOURCES } from '../../../shared/pair-sources.ts'
import { fieldOf, isFieldValue, readRecipe, withField, type FieldPath, type FieldValue } from './recipe-text.ts'

export type Field = {
  path: FieldPath
  label: string
  /** `several`: any of the options, in the order they were chosen. Lists are written with commas, `lines` a line each. */
  kind: 'text' | 'number' | 'choice' | 'switch' | 'several' | 'names' | 'numbers' | 'lines'
  options?: readonly string[]
  hint: string
  /** Only for these recipes. */
  only?: readonly string[]
  /** Only where another field is, or holds, this value. */
  where?: { path: FieldPath; is: string | boolean }
}
/** `more`: what is rarely changed, behind a fold. */
export type FieldGroup = { title: string; fields: Field[]; more: Field[] }

const recipeNames = recipeSchema.shape.recipe.options
const sampling = recipeNames.filter((name) => name !== 'dpo')
const guided = recipeNames.filter(isGuided)
const ranked = recipeNames.filter((name) => PAIR_SOURCES[name].rows === 'requests')
const WITH_ADAPTER = { where: { path: ['training', 'use_peft'], is: true } } as const

/** Where a key, or all keys of a map, have a meaning. */
const CONDITIONS: Record<string, Pick<Field, 'only' | 'where'>> = {
  iterations: { only: sampling },
  pairs_per_round: { only: sampling },
  holdout_pairs: { only: sampling },
  warm_start: { only: sampling },
  sampling: { only: sampling },
  prompt_style: { only: guided },
  improve_instruction: { only: guided },
  without_feedback: { only: guided },
  resample_stale_only: { only: ['drift'] },
  mix_previous: { only: ['spin'] },
  reward: { only: ranked },
  reward_training: { only: ranked, where: { path: ['reward'], is: 'learned' } },
  judge: { only: ranked, where: { path: ['reward'], is: 'judge' } },
  torch: { where: { path: ['engine'], is: 'torch' } },
  'torch.vllm_tensor_parallel_size': { where: { path: ['torch', 'use_vllm'], is: true } },
  'training.label_smoothing': { where: { path: ['training', 'loss_type'], is: 'robust' } },
  'training.lora_r': WITH_ADAPTER,
  'training.lora_alpha': WITH_ADAPTER,
  'training.lora_target_modules': WITH_ADAPTER,
  'training.use_rslora': WITH_ADAPTER,
}

/** A zod schema as far as the form looks into it. */
type Schema = { description?: string; shape?: Record<string, Schema>; options?: readonly unknown[]; element?: Schema; def: { type: string; innerType?: Schema } }

/** Without what only says that the key may be left out. */
function innermost(schema: Schema): Schema {
  return schema.def.innerType === undefined ? schema : innermost(schema.def.innerType)
}

const shapeAt = (path: FieldPath): Record<string, Schema> => path.reduce((shape, key) => innermost(shape[key]!).shape ?? {}, recipeSchema.shape as unknown as Record<string, Schema>)

function kindOf({ def, element }: Schema): Field['kind'] {
  if (def.type === 'enum') return 'choice'
  if (def.type === 'boolean') return 'switch'
  if (def.type === 'union') return 'names'
  if (def.type === 'array') return element?.def.type === 'enum' ? 'several' : element?.def.type === 'string' ? 'lines' : 'numbers'
  return def.type === 'number' || def.type === 'int' ? 'number' : 'text'
}

function fieldFrom(path: FieldPath, key: string, shape: Record<string, Schema>): Field {
  const schema = shape[key]!
  const plain = innermost(schema)
  const kind = kindOf(plain)
  const options = kind === 'several' ? plain.element?.options : plain.options
  return {
    path: [...path, key], label: key, kind, hint: schema.description ?? '',
    ...(kind === 'choice' || kind === 'several' ? { options: (options ?? []).map(String) } : {}),
    ...CONDITIONS[path[0] ?? key], ...CONDITIONS[[...path, key].join('.')],
  }
}

const fieldsAt = (path: FieldPath, keys: readonly string[]): Field[] => keys.map((key) => fieldFrom(path, key, shapeAt(path)))
const restAt = (path: FieldPath, but: readonly string[]): Field[] => fieldsAt(path, Object.keys(shapeAt(path)).filter((key) => !but.includes(key)))

const METHOD = ['recipe', 'model_name_or_path', 'dataset', 'iterations', 'pairs_per_round', 'seed', 'reference', 'reward', 'mix_previous', 'without_feedback']
const METHOD_MORE = ['prompt_style', 'improve_instruction', 'holdout_pairs', 'token_budget', 'resample_stale_only']
const SAMPLING = ['temperature', 'top_p', 'max_new_tokens']
const TRAINING = ['learning_rate', 'loss_type', 'loss_weights', 'label_smoothing', 'beta', 'optim', 'per_device_train_batch_size', 'num_train_epochs']
const LORA = ['use_peft', 'lora_r', 'lora_alpha', 'lora_target_modules', 'use_rslora']

export const FIELD_GROUPS: FieldGroup[] = [
  { title: 'Method and data', fields: fieldsAt([], METHOD), more: fieldsAt([], METHOD_MORE) },
  { title: 'Warm start', fields: fieldsAt(['warm_start'], ['dataset']), more: restAt(['warm_start'], ['dataset']) },
  { title: 'Sampling', fields: fieldsAt(['sampling'], SAMPLING), more: restAt(['sampling'], SAMPLING) },
  { title: 'Training', fields: fieldsAt(['training'], TRAINING), more: restAt(['training'], [...TRAINING, ...LORA]) },
  { title: 'LoRA', fields: fieldsAt(['training'], LORA), more: [] },
  { title: 'Reward model', fields: restAt(['reward_training'], []), more: [] },
  { title: 'Judge', fields: restAt(['judge'], []), more: [] },
  { title: 'Machine', fields: [], more: [...fieldsAt([], ['engine', 'device', 'threads', 'save_total_limit', 'canary_steps', 'canary_prompts']), ...restAt(['torch'], [])] },
]

const keysOf = (groups: readonly FieldGroup[]): string[] => groups.flatMap(({ fields, more }) => [...fields, ...more]).map(({ path }) => path.join('.'))
/** Every key of a recipe but those of its lists' items, dots between levels. */
export const RECIPE_KEYS: readonly string[] = keysOf(FIELD_GROUPS)
/** Those that say what is done, not what computes it. */
export const METHOD_KEYS: readonly string[] = keysOf(FIELD_GROUPS.filter(({ title }) => title !== 'Machine'))

const fieldsOfItem = (list: string, index: number, shape: unknown): Field[] => Object.keys(shape as object).map((key) => fieldFrom([list, String(index)], key, shape as Record<string, Schema>))

/** The fields of the evaluation at a place of the list. */
export const evaluationFields = (index: number): Field[] =>
  fieldsOfItem('evaluation', index, evaluationSchema.shape).map((field) => (['reaction', 'scorer_dataset'].includes(field.label) ? { ...field, where: { path: ['evaluation', String(index), 'type'], is: 'dsat-rate' } } : field))
/** The fields of the tripwire at a place of the list. */
export const tripwireFields = (index: number): Field[] => fieldsOfItem('tripwires', index, tripwireSchema.shape)

const { warm_start: warmStart, judge } = recipeSchema.shape
const defaults: unknown = {
  ...recipeSchema.parse({ recipe: 'drift', model_name_or_path: '', dataset: '' }),
  warm_start: warmStart.unwrap().unwrap().parse({ dataset: '' }),
  judge: judge.unwrap().unwrap().parse({ base_url: '-', model: '-' }),
}
const itemDefaults: Record<string, Record<string, unknown>> = { evaluation: evaluationSchema.parse({ dataset: '' }), tripwires: tripwireSchema.parse({ metric: 'loss' }) }
/** What every item of a list must name. */
const ITEM_NEEDS: Record<string, string> = { evaluation: 'dataset', tripwires: 'metric' }
/** Every recipe must give these: what the parsing above put in is no default. */
const REQUIRED = ['recipe', 'model_name_or_path', 'dataset', 'warm_start.dataset', 'judge.base_url', 'judge.model']

/** What holds where the recipe leaves the field out. */
export function defaultOf(path: FieldPath): FieldValue | undefined {
  const item = itemDefaults[path[0] ?? '']
  if (item) {
    const value = path[2] === undefined || path[2] === ITEM_NEEDS[path[0]!] ? undefined : item[path[2]]
    return isFieldValue(value) ? value : undefined
  }
  if (REQUIRED.includes(path.join('.'))) return undefined
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
export function shownValue(value: FieldValue | undefined, kind?: Field['kind']): string {
  if (value === undefined || value === null) return ''
  return Array.isArray(value) ? value.join(kind === 'lines' ? '\n' : ', ') : String(value)
}

/** What was typed, in the type the recipe wants; undefined takes the field out. What is no number stays text, for the check to say so. */
export function typedValue({ kind }: Pick<Field, 'kind'>, given: string): FieldValue | undefined {
  const text = given.trim()
  if (text === '') return undefined
  if (kind === 'number') return asNumber(text)
  if (kind === 'lines') return text.split('\n').map((line) => line.trim()).filter((line) => line !== '')
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
