/**
 * Recipe files: YAML to a `Recipe`, with everything that is wrong said at once, each with its path. Keys that TRL
 * removed are translated and reported; unknown ones name the nearest.
 */
import { existsSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'
import { planAdapter } from '../engine/adapter-folder.ts'
import { DEVICES_OF } from '../engine/device.ts'
import { findModel, isOffline } from '../engine/hub-cache.ts'
import { InputError } from '../engine/input-error.ts'
import { type ModelConfig, readModelConfig } from '../engine/model-folder.ts'
import { decoderConfig } from '../engine/models/index.ts'
import { deepspeedIssues, placeDeepspeed, readDeepspeed } from '../engine/torch/deepspeed.ts'
import { PLAIN_TORCH } from '../engine/torch/options.ts'
import type { RecipeCheck } from '../shared/contract.ts'
import { UsageError } from '../shared/errors.ts'
import { nearestKey, translateRemovedKeys } from '../shared/key-names.ts'
import { isGuided, PAIR_SOURCES } from '../shared/pair-sources.ts'
import { adapterOf, type EvaluationConfig, type Recipe, recipeSchema, trainingSchema } from '../shared/recipe.ts'
import type { Dataset, DatasetKind } from '../shared/types.ts'
import { getDataset, listDatasets, pageOfDatasetRows } from './storage/datasets.ts'
import type { ReadableDb } from './storage/open.ts'

export type RecipeIssue = RecipeCheck['issues'][number]
export type ReadRecipe = { recipe: Recipe | null; issues: RecipeIssue[]; translated: RecipeCheck['translated']; warnings: RecipeCheck['warnings'] }
export type Yaml = Record<string, unknown>

/** Reads a recipe and checks that what it names is there. `recipe` is null where there are issues. */
export function readRecipe(text: string, workspace: { path: string; db: ReadableDb }): ReadRecipe {
  const read = parseRecipe(text)
  if (read.recipe === null) return read
  const issues = checkAgainstWorkspace(read.recipe, workspace)
  return { ...read, recipe: issues.length === 0 ? read.recipe : null, issues }
}

/** @throws UsageError naming every issue, for callers that need a recipe. */
export function requireRecipe(read: ReadRecipe): Recipe {
  if (read.recipe !== null) return read.recipe
  throw new UsageError(`recipe: ${read.issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ')}`)
}

/** The text alone, without a look at the workspace. */
export function parseRecipe(text: string): ReadRecipe {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const [broken] = document.errors
  if (broken) {
    const { line, col } = lines.linePos(broken.pos[0])
    return failed([{ path: '', message: `expected YAML, got text that is none at line ${line}, column ${col}: ${broken.message.split(/ at line |\n/)[0]}` }])
  }
  const value: unknown = document.toJS()
  if (!isMap(value)) return failed([{ path: '', message: `expected "key: value" lines (recipe, model_name_or_path, dataset, …), got ${show(value)}` }])
  const translated: RecipeCheck['translated'] = []
  let given: Yaml
  try {
    given = translateKeys(value, translated)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return failed([{ path: 'training', message: error.message }], translated)
  }
  const parsed = recipeSchema.safeParse(given)
  if (!parsed.success) return failed(parsed.error.issues.flatMap((issue) => describeIssue(issue, given)), translated)
  const issues = checkTogether(parsed.data)
  return { recipe: issues.length === 0 ? parsed.data : null, issues, translated, warnings: findIdleKeys(given, parsed.data) }
}

function failed(issues: RecipeIssue[], translated: RecipeCheck['translated'] = []): ReadRecipe {
  return { recipe: null, issues, translated, warnings: [] }
}

/** Keys that are given and change nothing beside the others, or mean less than they seem to. */
function findIdleKeys(top: Yaml, { recipe, reward, training, evaluation, dataset }: Recipe): RecipeCheck['warnings'] {
  const keys = isMap(top['training']) ? Object.keys(top['training']) : []
  const idle = training.use_peft ? [] : keys.filter((key) => key.startsWith('lora_') || key === 'use_rslora').map((key) => ({ path: `training.${key}`, message: 'has no effect without use_peft: true' }))
  const smoothing = training.label_smoothing > 0 && !training.loss_type.includes('robust') ? [{ path: 'training.label_smoothing', message: 'has no effect without loss_type robust, as in TRL' }] : []
  const rewardModel = training.use_peft && recipe === 'iterative-dpo' && reward === 'learned' ? [{ path: 'training.use_peft', message: 'is for the policy; the reward model is trained as a whole' }] : []
  const scorer = evaluation.flatMap(({ scorer_dataset, ...one }, i) => {
    const path = `evaluation.${i}.scorer_dataset`
    if (scorer_dataset === null) return []
    if (!isScored(one)) return [{ path, message: 'has no effect without type: dsat-rate and reaction: scorer' }]
    return scorer_dataset === dataset ? [{ path, message: 'is what the method trains on, so the scorer may reward what was learned by heart; other conversations make a fairer one' }] : []
  })
  return [...smoothing, ...idle, ...rewardModel, ...scorer, ...findForeignKeys(top, recipe, reward)]
}

/** Keys of another method. What every method shares may stand anywhere: recipes of a race differ in one line. */
function findForeignKeys(top: Yaml, recipe: Recipe['recipe'], reward: Recipe['reward']): RecipeCheck['warnings'] {
  const warn = (path: string, message: string) => (Object.hasOwn(top, path) ? [{ path, message: `has no effect ${message}` }] : [])
  return [
    ...(isGuided(recipe) ? [] : warn('without_feedback', 'with unguided samples')),
    ...(recipe === 'drift' ? [] : warn('resample_stale_only', 'without recipe: drift')),
    ...(recipe === 'spin' ? [] : warn('mix_previous', 'without recipe: spin')),
    ...(recipe === 'iterative-dpo' ? [] : warn('reward', 'without recipe: iterative-dpo')),
    ...(recipe === 'iterative-dpo' && reward === 'judge' ? [] : warn('judge', 'without reward: judge')),
  ]
}

/** Prompts are cut where they are sampled; TRL, too, no longer cuts them when it trains. */
export const CUT_ELSEWHERE: Record<string, string> = {
  max_prompt_length: 'was removed from TRL and is ignored: pairs are cut at training.max_length, sampled prompts at sampling.max_prompt_tokens',
  max_completion_length: 'was removed from TRL and is ignored: pairs are cut at training.max_length, samples at sampling.max_new_tokens',
}

/** Removed keys by their present names. They may stand under `training`, or at the top as in alignment-handbook's files. */
function translateKeys(recipe: Yaml, translated: RecipeCheck['translated']): Yaml {
  const own = isMap(recipe['training']) ? recipe['training'] : {}
  const isRemoved = (key: string): boolean => Object.hasOwn(CUT_ELSEWHERE, key) || key === 'rpo_alpha' || translateRemovedKeys({ [key]: null }).notes.length > 0
  const moved = Object.entries(recipe).filter(([key]) => !Object.hasOwn(recipeSchema.shape, key) && isRemoved(key))
  const where = (key: string): string => (Object.hasOwn(own, key) ? `training.${key}` : key)
  const bag: Yaml = { ...Object.fromEntries(moved), ...own }
  if (typeof bag['loss_type'] === 'string') bag['loss_type'] = bag['loss_type'].split(',').map((name) => name.trim())
  for (const [key, note] of Object.entries(CUT_ELSEWHERE)) {
    if (!Object.hasOwn(bag, key)) continue
    translated.push({ from: where(key), to: '', note: `${key} ${note}` })
    delete bag[key]
  }
  const { keys, notes } = translateRemovedKeys(bag)
  for (const note of notes) {
    const from = note.split(' ')[0] ?? ''
    const to = /read as (\w+)/.exec(note)?.[1] ?? ''
    const isKnown = to === '' || Object.hasOwn(trainingSchema.shape, to)
    if (!isKnown && !Object.hasOwn(bag, to)) delete keys[to]
    translated.push({ from: where(from), to: to !== '' && isKnown ? `training.${to}` : '', note: isKnown ? note : `${from} has no effect here and is ignored` })
  }
  // The default weights belong to the default losses.
  if (keys['loss_type'] !== undefined && keys['loss_weights'] === undefined) keys['loss_weights'] = null
  const rest = Object.fromEntries(Object.entries(recipe).filter(([key]) => !moved.some(([name]) => name === key)))
  return Object.keys(keys).length > 0 || isMap(recipe['training']) ? { ...rest, training: keys } : rest
}

function describeIssue(issue: z.core.$ZodIssue, given: Yaml): RecipeIssue[] {
  const path = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(path.filter((step) => !/^\d+$/.test(step)))
    return issue.keys.map((key) => {
      const elsewhere = path.length === 0 ? ['training', ...Object.keys(recipeSchema.shape)].find((group) => keysAt([group]).includes(key)) : Object.hasOwn(recipeSchema.shape, key) ? '' : undefined
      const hint = elsewhere === undefined ? `did you mean "${nearestKey(key, known) ?? ''}"?` : elsewhere === '' ? `it belongs at the top level` : `it belongs under ${elsewhere} (${elsewhere}.${key})`
      return { path: [...path, key].join('.'), message: `unknown key "${key}"; ${hint}` }
    })
  }
  const value = issue.path.reduce<unknown>((at, step) => (typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[step] : undefined), given)
  if (value === undefined) return [{ path: path.join('.'), message: `expected this key (${plain(issue.message)}), found none; add it` }]
  return [{ path: path.join('.'), message: `${plain(issue.message)}, got ${show(value)}` }]
}

/** Keys of the schema's object at a path; none where there is no object. */
function keysAt(path: readonly string[]): string[] {
  let schema: unknown = recipeSchema
  for (const step of path) schema = shapeOf(schema)?.[step]
  return Object.keys(shapeOf(schema) ?? {})
}

function shapeOf(schema: unknown): Record<string, unknown> | null {
  let at = schema as { shape?: Record<string, unknown>; def?: { innerType?: unknown; element?: unknown } } | undefined
  while (at !== undefined && at.shape === undefined) at = (at.def?.innerType ?? at.def?.element) as typeof at
  return at?.shape ?? null
}

const plain = (message: string): string => message.replace(/^Invalid (input|option): /, '').replace(/, received \w+$/, '').replace(/^E/, 'e').replace(/^T/, 't')

const isScored = ({ type, reaction }: Pick<EvaluationConfig, 'type' | 'reaction'>): boolean => type === 'dsat-rate' && reaction === 'scorer'

/** What no key can tell alone. */
function checkTogether(recipe: Recipe): RecipeIssue[] {
  const issues: RecipeIssue[] = []
  const add = (path: string, message: string): void => void issues.push({ path, message })
  const { training: { loss_type: types, loss_weights: weights } } = recipe
  if (weights !== null && weights.length !== types.length) add('training.loss_weights', `expected ${types.length} weights, one for each of ${types.join(', ')}, got ${weights.length}`)
  const { engine, device, torch } = recipe
  if (!DEVICES_OF[engine].includes(device)) add('device', `expected ${DEVICES_OF[engine].join(' or ')} with engine ${engine}, got ${device}`)
  if (engine === 'embedded' && !isDeepStrictEqual(torch, PLAIN_TORCH)) add('torch', `its settings are read by engine torch alone, got engine ${engine}; set engine: torch, or leave them out`)
  if (torch.load_in_4bit && !recipe.training.use_peft) add('torch.load_in_4bit', 'expected training.use_peft: true (an adapter on the quantized model), got false')
  if (torch.use_vllm && torch.load_in_4bit) add('torch.use_vllm', 'expected false with load_in_4bit, got true: vLLM would draw from other weights than those that are trained')
  if (torch.use_vllm && device === 'mps') add('torch.use_vllm', 'expected device cuda or cpu, got mps; vLLM does not compute there')
  if (!torch.use_vllm && torch.vllm_tensor_parallel_size > 1) add('torch.vllm_tensor_parallel_size', `${torch.vllm_tensor_parallel_size} is read with torch.use_vllm: true alone; set it, or leave this out`)
  if (torch.num_processes % torch.vllm_tensor_parallel_size > 0) add('torch.vllm_tensor_parallel_size', `expected a divisor of torch.num_processes ${torch.num_processes}, got ${torch.vllm_tensor_parallel_size}`)
  if (recipe.recipe === 'iterative-dpo' && recipe.reward === 'judge' && recipe.judge === null) add('judge', 'expected base_url and model of the judge (reward: judge), found none; add them, the key stays in DRIFT_JUDGE_API_KEY')
  if (recipe.token_budget !== null && recipe.training.max_steps > 0) add('token_budget', `expected training.max_steps -1 with it, got ${recipe.training.max_steps}: both say when a round ends`)
  const { truncation_side: side, reply_from: from } = recipe.sampling
  if (recipe.prompt_style === 'chat' && side === 'right') add('sampling.truncation_side', 'expected left with prompt_style chat, got right: a chat prompt without its end asks for nothing; set prompt_style: paper')
  if (recipe.prompt_style === 'chat' && from === 'last-marker') add('sampling.reply_from', 'expected completion with prompt_style chat, got last-marker: a chat prompt holds no "Assistant: "; set prompt_style: paper')
  if (recipe.pairs_per_round !== null && recipe.holdout_pairs >= recipe.pairs_per_round) add('holdout_pairs', `expected fewer than pairs_per_round ${recipe.pairs_per_round}, got ${recipe.holdout_pairs}; nothing would be left to train on`)
  recipe.tripwires.forEach(({ above, below }, i) => {
    if (above !== null && below !== null && above < below) add(`tripwires.${i}`, `expected above to be at least below, got above ${above} and below ${below}: every value would trip`)
  })
  const scorers = [...new Set(recipe.evaluation.filter(isScored).map(({ scorer_dataset }) => scorer_dataset))]
  recipe.evaluation.forEach(({ dataset, temperatures, ...evaluation }, i) => {
    if (isScored(evaluation) && evaluation.scorer_dataset === null) add(`evaluation.${i}.scorer_dataset`, 'expected a feedback dataset that the scorer learns from (type: dsat-rate), got none; or set reaction: simulated-user, where rows carry a task of the built-in world')
    if (isScored(evaluation) && scorers.length > 1) add(`evaluation.${i}.scorer_dataset`, `expected one scorer for all evaluations of a run, got ${scorers.join(' and ')}`)
    if (recipe.evaluation.findIndex((other) => other.dataset === dataset) !== i) add(`evaluation.${i}.dataset`, `${dataset} is evaluated twice; put all temperatures into one item`)
    if (new Set(temperatures).size !== temperatures.length) add(`evaluation.${i}.temperatures`, `expected different temperatures, got ${temperatures.join(', ')}`)
  })
  return issues
}

function checkAgainstWorkspace(recipe: Recipe, { path, db }: { path: string; db: ReadableDb }): RecipeIssue[] {
  const issues: RecipeIssue[] = []
  const add = (where: string, message: string): void => void issues.push({ path: where, message })
  const inWorkspace = (name: string): string => (isAbsolute(name) ? name : join(path, name))

  const model = recipe.model_name_or_path
  try {
    const folder = findModel(model, path)
    if (folder === null && isOffline(process.env)) throw new UsageError(`expected a folder, or a model of the Hub that is here already (HF_HUB_OFFLINE is set), got ${model}`)
    // A model that is still to be fetched is checked when the run has fetched it.
    const config = folder === null ? null : readModelConfig(folder)
    const context = config?.max_position_embeddings ?? Infinity
    const samplings = [...(recipe.recipe === 'dpo' ? [] : [{ where: 'sampling', ...recipe.sampling }]), ...recipe.evaluation.map((evaluation, i) => ({ where: `evaluation.${i}`, ...evaluation }))]
    for (const { where, max_new_tokens: length } of samplings) if (length >= context) add(`${where}.max_new_tokens`, `expected room for a prompt within the model's context of ${context} tokens, got ${length}`)
    if (recipe.training.use_peft && config) checkTargets(recipe, config, model, add)
  } catch (error) {
    add('model_name_or_path', (error as Error).message)
  }

  if (recipe.torch.deepspeed !== null) checkDeepspeed(recipe, path, (message) => add('torch.deepspeed', message))
  const dataset = (where: string, name: string, kind: DatasetKind): Dataset | null => {
    const found = getDataset(db, name)
    if (found !== null && found.kind !== kind) add(where, `expected a dataset of kind ${kind}, got ${name} of kind ${found.kind}`)
    if (found !== null) return found
    if (existsSync(inWorkspace(name))) return null
    const names = listDatasets(db).map((one) => one.name)
    add(where, `expected a dataset of the workspace or a file, got "${name}", which is neither. ${names.length === 0 ? 'The workspace has no datasets: make one with `drift dataset build`' : `Nearest dataset: "${nearestKey(name, names)}"`}`)
    return null
  }
  const logs = dataset('dataset', recipe.dataset, recipe.recipe === 'dpo' ? 'preference' : 'feedback')
  if (logs?.kind === 'feedback') {
    for (const label of neededLabels(recipe)) {
      if (logs.statistics.some((row) => row.label === label && row.value === 0)) add('dataset', `expected ${label} replies, which ${recipe.recipe} learns from; ${recipe.dataset} has none. Run the signals or label some, then build the dataset again`)
    }
  }
  if (recipe.warm_start !== null && recipe.recipe !== 'dpo') dataset('warm_start.dataset', recipe.warm_start.dataset, 'preference')
  recipe.evaluation.forEach((evaluation, i) => {
    const prompts = dataset(`evaluation.${i}.dataset`, evaluation.dataset, 'prompts')
    if (!isScored(evaluation) && prompts?.kind === 'prompts' && !pageOfDatasetRows(db, prompts.name, 0, 1).rows[0]?.task) add(`evaluation.${i}.dataset`, `expected rows with a task that a program can verify (type: ${evaluation.type}), ${evaluation.dataset} has none; set type: dsat-rate with a scorer_dataset`)
    if (isScored(evaluation) && evaluation.scorer_dataset !== null) dataset(`evaluation.${i}.scorer_dataset`, evaluation.scorer_dataset, 'feedback')
    if (evaluation.heldout_pairs !== null) dataset(`evaluation.${i}.heldout_pairs`, evaluation.heldout_pairs, 'preference')
  })
  return issues
}

/** Layers that the adapter is to go to, before a model is loaded. */
function checkTargets({ training }: Recipe, config: ModelConfig, model: string, add: (where: string, message: string) => void): void {
  try {
    planAdapter(adapterOf(training), { folder: model, modelType: config.model_type, decoder: decoderConfig(config) })
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    add('training.lora_target_modules', error.message.replace(/^lora_target_modules: /, ''))
  }
}

/** The file is there, and says nothing that the recipe contradicts. */
function checkDeepspeed({ torch, training }: Recipe, workspace: string, add: (message: string) => void): void {
  try {
    const { deepspeed } = placeDeepspeed(torch, workspace)
    if (deepspeed !== null) for (const issue of deepspeedIssues(readDeepspeed(deepspeed), training, torch)) add(issue)
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    add(error.message.replace(/^deepspeed: /, ''))
  }
}

/** The recipe with the place of its DeepSpeed configuration in full, for a script that is started elsewhere. */
export function withWholePaths(yaml: string, recipe: Recipe, workspace: string): string {
  const { deepspeed } = placeDeepspeed(recipe.torch, workspace)
  if (deepspeed === recipe.torch.deepspeed) return yaml
  const document = parseDocument(yaml)
  document.setIn(['torch', 'deepspeed'], deepspeed)
  return document.toString({ lineWidth: 0 })
}

/** Labels a recipe cannot do without. */
function neededLabels({ recipe, reward }: Recipe): string[] {
  const { rows } = PAIR_SOURCES[recipe]
  if (rows === 'requests') return reward === 'learned' ? ['dissatisfied', 'satisfied'] : []
  return rows === 'pairs' ? [] : [rows]
}

export function isMap(value: unknown): value is Yaml {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}
