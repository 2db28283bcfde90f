/**
 * Which runs are seeds of one setting (design section 7): only those are pooled. A method that occurs with several
 * settings becomes several, named by what differs (`drift, learning_rate 0.0003`); one base and one warm start keep
 * their plain keys. Recipes in, keys out.
 */
import type { MethodKey } from '../shared/comparison.ts'
import { decidingTraining, type Recipe } from '../shared/recipe.ts'
import type { RunStatus } from '../shared/types.ts'
import { labelOf } from './comparison.ts'
import { flattenSettings } from './flat-settings.ts'

export type ArmRun = { id: string; method: MethodKey; seed: number; status: RunStatus; recipe: Recipe }
/** Keys of a run's own figures, of its base's and of its warm start's; DPO that is nobody's warm start has none. */
export type Arm = { method: MethodKey; base: MethodKey; warmStart: MethodKey | null }

/** What a run is watched and measured with, and how fast; none of it changes what it learns. */
const NO_SETTINGS = ['seed', 'threads', 'save_total_limit', 'canary_steps', 'canary_prompts', 'tripwires', 'evaluation', 'judge.concurrency', 'judge.prompt_price', 'judge.completion_price']
/** Keys whose names may hold the seed: each seed has logs, or a base, of its own. */
const NAMED_BY_SEED = ['dataset', 'warm_start.dataset', 'model_name_or_path']

type Flat = ReadonlyMap<string, string>
const isDpo = ({ recipe }: ArmRun): boolean => recipe.recipe === 'dpo'

/** @returns by run, the arm of each that counts, and what a reader must be told. */
export function armsOf(runs: readonly ArmRun[]): { arms: Map<string, Arm>; cautions: string[] } {
  const named = namesWithoutSeed(runs)
  const flat = (run: ArmRun, settings: object): Flat => new Map(flattenSettings(settings).filter(([key]) => !NO_SETTINGS.some((no) => key === no || key.startsWith(`${no}.`))).map(([key, value]) => [key, NAMED_BY_SEED.includes(key) ? named(value, run.seed) : value]))
  const startOf = (run: ArmRun): Flat => flat(run, startSettings(run.recipe))

  const bases = variantsOf(runs, (run) => flat(run, { model_name_or_path: run.recipe.model_name_or_path }))
  // A DPO run is the others' warm start where it makes the same one, and by itself what it always was called.
  const made = new Set(runs.filter((run) => !isDpo(run)).map((run) => idOf(startOf(run))))
  if (made.size === 0 && new Set(runs.map((run) => idOf(startOf(run)))).size === 1) made.add(idOf(startOf(runs[0]!)))
  const starts = variantsOf(runs.filter((run) => made.has(idOf(startOf(run)))), startOf)
  const familyOfRun = (run: ArmRun): MethodKey => (run.method !== 'warm-start' ? run.method : starts.has(run.id) ? 'warm-start' : 'dpo')
  const families = Map.groupBy(runs.filter((run) => familyOfRun(run) !== 'warm-start'), familyOfRun)
  const own = new Map([...families].map(([family, of]) => [family, variantsOf(of, (run) => (isDpo(run) ? startOf(run) : flat(run, withStartRate(run.recipe))))]))

  const arms = new Map<string, Arm>()
  for (const run of runs) {
    const warmStart = starts.has(run.id) ? keyOf('warm-start', starts.get(run.id)!) : null
    const family = familyOfRun(run)
    arms.set(run.id, { method: family === 'warm-start' ? warmStart! : keyOf(family, own.get(family)!.get(run.id)!), base: keyOf('base', bases.get(run.id)!), warmStart })
  }
  const cautions = told(bases, (n, list) => `The runs start from ${n} base models (${list}): each method is compared with its own base, and with methods on the same one.`)
  // What differs in the base alone is said with the bases.
  const isSaid = (words: ReadonlyMap<string, string>): boolean => [...words].every(([id, word]) => word === bases.get(id))
  for (const [family, words] of own) if (!isSaid(words)) cautions.push(...told(words, (n, list) => `${labelOf(family)} stands here with ${n} settings, each a method of its own: ${list}.`))
  if (!isSaid(starts)) cautions.push(...told(starts, (n, list) => `The runs have ${n} warm starts (${list}): each method is compared with its own.`))

  for (const same of Map.groupBy(runs, (run) => `${run.seed} ${arms.get(run.id)!.method}`).values()) {
    const kept = same.find(({ status }) => status === 'done') ?? same[0]!
    for (const run of same) {
      if (run === kept) continue
      arms.delete(run.id)
      cautions.push(`${run.id} is left out: it has the settings and the seed (${run.seed}) of ${kept.id}, so it is no further seed. Choose it without ${kept.id} to see its figures.`)
    }
  }
  return { arms, cautions }
}

const keyOf = (family: MethodKey, words: string): MethodKey => (words === '' ? family : `${family}, ${words}`)
const idOf = (flat: Flat): string => JSON.stringify([...flat].sort(([a], [b]) => (a < b ? -1 : 1)))

function told(words: ReadonlyMap<string, string>, say: (n: number, list: string) => string): string[] {
  const different = [...new Set(words.values())]
  return different.length > 1 ? [say(different.length, different.join('; '))] : []
}

/** Without a learning rate of its own the warm start has that of training, written or not. */
const withStartRate = (recipe: Recipe): Recipe => (recipe.warm_start === null ? recipe : { ...recipe, warm_start: { ...recipe.warm_start, learning_rate: recipe.warm_start.learning_rate ?? recipe.training.learning_rate } })

/** What decides the policy that the rounds start from, for DPO the one it ends with. */
function startSettings({ recipe, model_name_or_path, dataset, warm_start, training, prompt_style, engine, device, torch }: Recipe): object {
  const made = (of: string, own: Partial<Recipe['training']>): object => ({ model_name_or_path, dataset: of, training: decidingTraining({ ...training, ...own }), prompt_style, engine, device, torch })
  if (recipe === 'dpo') return made(dataset, {})
  if (warm_start === null) return { model_name_or_path, warm_start: 'none' }
  const { num_train_epochs, learning_rate = training.learning_rate } = warm_start
  return made(warm_start.dataset, { num_train_epochs, learning_rate })
}

/** Names that only one seed uses, with `{seed}` in the place of that seed's number: `feedback-7` of seed 7, but no `model-7b`. */
function namesWithoutSeed(runs: readonly ArmRun[]): (value: string, seed: number) => string {
  const users = new Map<string, Set<number>>()
  for (const { seed, recipe } of runs) {
    for (const name of [recipe.dataset, recipe.warm_start?.dataset, recipe.model_name_or_path]) if (name !== undefined) users.set(name, (users.get(name) ?? new Set()).add(seed))
  }
  return (value, seed) => ((users.get(JSON.parse(value) as string)?.size ?? 0) > 1 ? value : value.replace(new RegExp(`(?<![\\d.])${seed}(?![\\dA-Za-z]|\\.\\d)`, 'g'), '{seed}'))
}

/** So many differing keys are named; the settings of a comparison list all. */
const NAMED = 2

/** What tells the settings of these runs apart, in words, by run; '' where all have the same. */
function variantsOf(runs: readonly ArmRun[], settingsOf: (run: ArmRun) => Flat): Map<string, string> {
  const groups = [...Map.groupBy(runs.map((run) => ({ run, flat: settingsOf(run) })), ({ flat }) => idOf(flat)).values()]
  if (groups.length < 2) return new Map(runs.map(({ id }) => [id, '']))
  const flats = groups.map(([first]) => first!.flat)
  const follows = (key: string): boolean => key === 'warm_start.learning_rate' && flats.every((flat) => flat.get(key) === flat.get('training.learning_rate'))
  const differing = [...new Set(flats.flatMap((flat) => [...flat.keys()]))].filter((key) => new Set(flats.map((flat) => flat.get(key))).size > 1 && !follows(key))
  const wordsOf = (keys: readonly string[]): string[] => flats.map((flat) => words(flat, keys))
  // Named are the first keys that together tell all apart, and no fewer than NAMED where more differ.
  let keys: string[] = []
  for (const key of differing) if (new Set(wordsOf([...keys, key])).size > new Set(wordsOf(keys)).size) keys.push(key)
  keys = [...keys, ...differing.filter((key) => !keys.includes(key)).slice(0, Math.max(0, NAMED - keys.length))]
  const found = wordsOf(keys)
  return new Map(groups.flatMap((group, i) => group.map(({ run }) => [run.id, found[i]!] as const)))
}

/** As a race writes a setting, training and sampling being understood; a base model needs no word before it. */
function words(flat: Flat, keys: readonly string[]): string {
  const said = keys.filter((key) => flat.has(key)).map((key) => {
    const value: unknown = JSON.parse(flat.get(key)!)
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    return key === 'model_name_or_path' ? text : `${key.replace(/^(training|sampling)\./, '')} ${text}`
  })
  return said.join(', ') || 'other'
}
