/**
 * Compares runs on what they share (design section 7). Facts in, figures with intervals out; knows no SQL.
 * The primary family is what was declared with the group; where nothing was, DRIFT minus each competing method, task
 * score at the final round, at every evaluated temperature. Holm-adjusted. Everything else is exploratory. Runs come with
 * the keys they are pooled under (arms.ts): one run a method and seed.
 */
import { type Comparison, type Declaration, declaredTemperatures, familyOf, isBase, isStart, isWarmStart, type Measured, type MethodComparison, type MethodKey, type PairedDifference, type RoundFigures, withSetting } from '../shared/comparison.ts'
import type { Regime, Sweep } from '../shared/race.ts'
import type { FairnessLedger, Interval, RunStatus } from '../shared/types.ts'
import { fairness, type Spent } from './fairness.ts'
import { edgeWords } from './sweep.ts'
import { mcnemarTest, signFlipTest } from './paired-tests.ts'
import { effectSize, needed, promptMeans } from './power.ts'
import { makeRng } from './rng.ts'
import { type BootstrapOptions, clipped, crossedInterval, entropyBits, type Grid, holm, mean, pairedDifference, SHARE } from './statistics.ts'

export const BASE_ROUND = -1
export const WARM_START_ROUND = 0
/** From this many seeds on a result speaks of the method, below it of these checkpoints. */
export const SEEDS_FOR_METHOD_CLAIM = 6

/** One verified sample of an evaluation. Round -1 is the base, 0 the warm start. */
export type EvaluationSample = {
  run: string
  round: number
  temperature: number
  promptIndex: number
  score: number
  pass: boolean
  items: string[]
  solutionSize: number | null
  tokens: number
  entropy: number | null
}

/** Of the gradient norms of a round's steps: their mean, and that of the first and the last quarter. */
export type Norms = { mean: number; first: number; last: number }

export type ComparedRun = {
  id: string
  method: MethodKey
  /** Keys of the base and the warm start it began at; a warm start's own run has it for its method. */
  base: MethodKey
  warmStart: MethodKey | null
  seed: number
  status: RunStatus
  rounds: number
  dataset: string
  k: number
  samples: EvaluationSample[]
  heldout: { round: number; margins: number[] }[]
  gradNorms: ({ round: number } & Norms)[]
  trainingPairs: { round: number; /** Made in the round, held-out ones too. */ pairs: number; chosenScore: number | null; rejectedScore: number | null; pairAccuracy: number | null }[]
  ledger: FairnessLedger
}

/** Figures of one prompt at one round: means over its samples, or counts among them. */
export type PromptFigures = { score: number; pass: number; distinct: number; coverage: number; itemEntropy: number; tokenEntropy: number | null; length: number }
export type Measure = Exclude<keyof PromptFigures, 'tokenEntropy'>

export const METHOD_LABELS: Record<string, string> = {
  base: 'base',
  'warm-start': 'warm start',
  drift: 'DRIFT',
  'drift-unguided': 'unguided DRIFT',
  'drift-own-rejected': 'guided against own sample',
  'drift-sft': 'SFT on guided samples',
  'drift-frozen': 'DRIFT with frozen chosen',
  'iterative-dpo': 'iterative DPO',
  'iterative-dpo-oracle': 'iterative DPO (oracle)',
  'iterative-dpo-judge': 'iterative DPO (judge)',
  spin: 'SPIN',
  dpo: 'DPO',
}
const METHOD_ORDER = Object.keys(METHOD_LABELS)
const isUpperBound = (method: MethodKey): boolean => familyOf(method).endsWith('-oracle')
const isDrift = (method: MethodKey): boolean => familyOf(method) === 'drift'
/** `DRIFT (learning_rate 0.0003)`; a race's own names stay as they are. */
export const labelOf = (method: MethodKey): string => withSetting(METHOD_LABELS[familyOf(method)] ?? familyOf(method), method)

export function promptFigures(samples: readonly EvaluationSample[]): PromptFigures {
  const passing = samples.filter((sample) => sample.pass)
  const answers = new Set(passing.map((sample) => [...new Set(sample.items)].sort().join('|')))
  const reached = new Set(passing.flatMap((sample) => sample.items))
  const counts = new Map<string, number>()
  for (const item of samples.flatMap((sample) => sample.items)) counts.set(item, (counts.get(item) ?? 0) + 1)
  const solutionSize = samples[0]?.solutionSize ?? null
  return {
    score: mean(samples.map((sample) => sample.score)),
    pass: passing.length / samples.length,
    distinct: answers.size,
    coverage: solutionSize === null ? 0 : reached.size / solutionSize,
    itemEntropy: entropyBits(counts.values()),
    tokenEntropy: meanOfTold(samples.map((sample) => sample.entropy)),
    length: mean(samples.map((sample) => sample.tokens)),
  }
}

/** Null where one is not told: a mean of some is not the mean of all. */
function meanOfTold(values: readonly (number | null)[]): number | null {
  const told = values.filter((value) => value !== null)
  return told.length < values.length ? null : mean(told)
}

const SHARES: readonly Measure[] = ['score', 'pass', 'coverage']
const within = (measure: Measure, value: Interval): Interval => (SHARES.includes(measure) ? clipped(value, SHARE) : value)

const TASK_SCORE: Measured = { measure: 'task score', reaction: null, scorer: null }

/** seed → figures per prompt, for one method at one round and temperature; seeds whose evaluation is unfinished are absent. */
type Cell = Map<number, PromptFigures[]>

export function compareRuns(runs: readonly ComparedRun[], options: { group?: string | null; title?: string; temperatures: number[]; prompts: number; measured?: Measured; heldoutPairs?: number | null; probe?: Comparison['probe']; race?: { declared: Declaration; regime: Regime; sweep?: Sweep | null } | null; cautions?: readonly string[]; resamples?: number }): Comparison {
  const temperatures = [...options.temperatures].sort((a, b) => b - a)
  const measured = options.measured ?? TASK_SCORE
  const twice = runs.find((run, i) => runs.findIndex(({ method, seed }) => method === run.method && seed === run.seed) < i)
  if (twice) throw new Error(`comparison: expected one run of ${twice.method} with seed ${twice.seed}, got ${twice.id} as a further one`)
  const cells = new Map<MethodKey, Map<string, Cell>>()
  const cellOf = (method: MethodKey, round: number, temperature: number): Cell | undefined => cells.get(method)?.get(`${round}/${temperature}`)
  const put = (method: MethodKey, round: number, temperature: number, seed: number, figures: PromptFigures[]): void => {
    const own = cells.get(method) ?? new Map<string, Cell>()
    cells.set(method, own)
    own.set(`${round}/${temperature}`, (own.get(`${round}/${temperature}`) ?? new Map<number, PromptFigures[]>()).set(seed, figures))
  }
  for (const run of runs) {
    for (const [key, samples] of groupBy(run.samples, (sample) => `${sample.round}/${sample.temperature}`)) {
      const [round, temperature] = key.split('/').map(Number) as [number, number]
      const byPrompt = groupBy(samples, (sample) => String(sample.promptIndex))
      if (byPrompt.size !== options.prompts) continue // evaluation still going
      const figures = [...byPrompt.entries()].sort((a, b) => Number(a[0]) - Number(b[0])).map(([, of]) => promptFigures(of))
      if (round === BASE_ROUND) put(run.base, BASE_ROUND, temperature, run.seed, figures)
      else {
        if (round === WARM_START_ROUND && run.warmStart !== null) put(run.warmStart, WARM_START_ROUND, temperature, run.seed, figures)
        if (run.method !== run.warmStart) put(run.method, round, temperature, run.seed, figures)
      }
    }
  }

  const bootstrap = (name: string) => ({ random: makeRng(`comparison/${name}`).next, resamples: options.resamples ?? 4000 })
  const interval = (name: string, grid: Grid): Interval => crossedInterval(grid, bootstrap(name))
  const gridOf = (cell: Cell, measure: Measure, seeds = [...cell.keys()].sort((a, b) => a - b)): number[][] => seeds.map((seed) => cell.get(seed)!.map((figures) => figures[measure]))

  const present = [...new Set(runs.flatMap(({ base, warmStart, method }) => [base, ...(warmStart === null ? [] : [warmStart]), method]))]
    .filter((method) => cells.has(method))
    .sort((a, b) => order(a) - order(b))
  /** The runs that begin at a base or a warm start, else a method's own. */
  const runsAt = (key: MethodKey): ComparedRun[] => runs.filter((run) => run.method === key || run.base === key || run.warmStart === key)

  const methods = present.map((key): MethodComparison => {
    const uniqueRounds = [...new Set([...cells.get(key)!.keys()].map((cell) => Number(cell.split('/')[0])))].sort((a, b) => a - b)
    const trained = runs.filter((run) => run.method === key)
    return {
      key,
      label: labelOf(key),
      seeds: [...new Set(runsAt(key).map((run) => run.seed))].sort((a, b) => a - b),
      runs: trained.map((run) => run.id),
      upperBound: isUpperBound(key),
      byTemperature: temperatures.map((temperature) => ({
        temperature,
        rounds: uniqueRounds.flatMap((round): RoundFigures[] => {
          const cell = cellOf(key, round, temperature)
          if (!cell) return []
          const figure = (measure: Measure): Interval => within(measure, interval(`${key}/${round}/${temperature}/${measure}`, gridOf(cell, measure)))
          return [{ round, score: figure('score'), pass: figure('pass'), distinct: figure('distinct'), coverage: figure('coverage'), itemEntropy: figure('itemEntropy'), tokenEntropy: meanOfTold([...cell.keys()].sort((a, b) => a - b).map((seed) => meanOfTold(cell.get(seed)!.map((one) => one.tokenEntropy)))), length: mean(gridOf(cell, 'length').map(mean)) }]
        }),
      })),
      heldout: isBase(key) ? [] : perRound(isWarmStart(key) ? firstPerSeed(runsAt(key)) : trained, (run) => run.heldout.filter(({ round }) => !isWarmStart(key) || round === WARM_START_ROUND)).map(({ round, of }) => ({
        round,
        margin: interval(`${key}/${round}/margin`, of.map(({ margins }) => margins)),
        accuracy: clipped(interval(`${key}/${round}/accuracy`, of.map(({ margins }) => margins.map((margin) => (margin > 0 ? 1 : 0)))), SHARE),
      })),
      gradNorm: perRound(trained, (run) => run.gradNorms).map(({ round, of }) => ({ round, mean: mean(of.map((norms) => norms.mean)), first: mean(of.map(({ first }) => first)), last: mean(of.map(({ last }) => last)) })),
      trainingPairs: perRound(trained, (run) => run.trainingPairs).map(({ round, of }) => ({ round, chosenScore: meanOrNull(of.map((o) => o.chosenScore)), rejectedScore: meanOrNull(of.map((o) => o.rejectedScore)), pairAccuracy: meanOrNull(of.map((o) => o.pairAccuracy)) })),
      ledger: sumLedgers(trained.map((run) => run.ledger)),
    }
  })

  const finalRound = (method: MethodKey): number => (isBase(method) ? BASE_ROUND : isWarmStart(method) ? WARM_START_ROUND : Math.max(...runs.filter((run) => run.method === method).map((run) => run.rounds)))
  const compared = methods.map((method) => method.key)
  const trainedKeys = compared.filter((key) => !isStart(key))
  const baseOf = (key: MethodKey): MethodKey => (isBase(key) ? key : runsAt(key)[0]!.base)
  const warmStartOf = (key: MethodKey): MethodKey | null => (isWarmStart(key) ? key : (runs.find((run) => run.method === key)?.warmStart ?? null))
  const contrasts: { a: MethodKey; b: MethodKey }[] = []
  const contrast = (a: MethodKey, b: MethodKey | null): void => {
    if (b === null || a === b || !compared.includes(a) || !compared.includes(b) || baseOf(a) !== baseOf(b)) return
    if (!contrasts.some((one) => one.a === a && one.b === b)) contrasts.push({ a, b })
  }
  for (const key of compared) contrast(key, baseOf(key))
  for (const key of trainedKeys) contrast(key, warmStartOf(key))
  // DRIFT minus everybody; without it the first method stands in its place.
  const leads = trainedKeys.some(isDrift) ? trainedKeys.filter(isDrift) : trainedKeys.slice(0, 1)
  for (const lead of leads) for (const key of trainedKeys) if (!contrasts.some(({ a, b }) => a === key && b === lead)) contrast(lead, key)
  // What a race calls the base and the warm start are those of the method they are set against.
  const startNamed = (key: MethodKey, of: MethodKey): MethodKey => (!compared.includes(of) ? key : key === 'base' ? baseOf(of) : key === 'warm-start' ? (warmStartOf(of) ?? key) : key)
  const declared = options.race ? { ...options.race.declared, pairs: options.race.declared.pairs.map(([a, b]): [MethodKey, MethodKey] => [startNamed(a, b), startNamed(b, a)]) } : null
  for (const [a, b] of declared?.pairs ?? []) contrast(a, b)

  const differences: PairedDifference[] = []
  for (const { a, b } of contrasts) {
    for (const temperature of temperatures) {
      const cellA = cellOf(a, finalRound(a), temperature)
      const cellB = cellOf(b, finalRound(b), temperature)
      const seeds = [...(cellA?.keys() ?? [])].filter((seed) => cellB?.has(seed)).sort((x, y) => x - y)
      if (!cellA || !cellB || seeds.length === 0) continue
      for (const measure of ['score', 'pass', 'distinct', 'coverage'] as const) {
        if (temperature === 0 && (measure === 'distinct' || measure === 'coverage')) continue // one greedy sample has no spread
        const grids = { a: gridOf(cellA, measure, seeds), b: gridOf(cellB, measure, seeds) }
        const once = measure === 'pass' && [...grids.a, ...grids.b].every((row) => row.every((value) => value === 0 || value === 1))
        differences.push({ a, b, temperature, measure, primary: isPrimary(declared, a, b, temperature, measure), ...describeDifference(grids, once, bootstrap(`${a}-${b}/${temperature}/${measure}`)) })
      }
    }
  }
  const family = differences.filter((difference) => difference.primary)
  const adjusted = holm(family.map((difference) => difference.p))
  family.forEach((difference, i) => {
    difference.pAdjusted = adjusted[i]!
    if (difference.pAdjusted > 0.05) difference.verdict = 'not distinguishable'
  })
  for (const difference of differences) if (difference.verdict !== 'not distinguishable') difference.needed = null

  const seeds = new Set(runs.map((run) => run.seed))
  const finished = runs.length > 0 && runs.every((run) => run.status === 'done')
  const comparison: Comparison = {
    group: options.group ?? null,
    title: options.title ?? options.group ?? `${runs.length} runs`,
    headline: '',
    claim: seeds.size >= SEEDS_FOR_METHOD_CLAIM ? 'methods' : 'checkpoints',
    methods,
    differences,
    declared: options.race?.declared ?? null,
    race: options.race ? { regime: options.race.regime, fairness: fairness(options.race.regime, spentBy(runs, methods)), sweep: options.race.sweep ?? null } : null,
    evaluation: { dataset: runs[0]?.dataset ?? '', prompts: options.prompts, k: runs[0]?.k ?? 0, temperatures, heldoutPairs: options.heldoutPairs ?? null, measured },
    probe: options.probe ?? null,
    cautions: [...(options.cautions ?? []), ...undecidable(declared, family), ...unpaired(contrasts, differences, methods), ...cautionsOf(runs, methods, seeds.size, options.probe ?? null, options.race != null), ...reactionCaution(measured)],
    finished,
  }
  for (const { equal, words } of comparison.race?.fairness ?? []) if (!equal) comparison.cautions.push(words)
  for (const { method, cells, chosen, edges } of comparison.race?.sweep?.methods ?? []) if (chosen !== null && edges.length > 0) comparison.cautions.push(edgeWords(labelOf(method), cells[chosen]!.setting, edges))
  comparison.headline = headlineOf(comparison, declared)
  return comparison
}

/** Nobody reacted: who stands in for the user, and how far that can be trusted. */
function reactionCaution({ reaction, scorer }: Measured): string[] {
  if (reaction === null) return []
  if (reaction === 'simulated-user') return ['Dissatisfaction is that of the built-in world’s simulated user, who complains by rule about what was violated: no person reacted.']
  return [`Dissatisfaction is estimated by a scorer of replies, learned from logged reactions${scorer === null ? '' : ` (AUC ${scorer.auc.toFixed(2)} on ${scorer.replies} replies it did not see)`}: no user reacted to these answers, and a policy can learn to please the scorer.`]
}

/** Without a declaration the family is DRIFT against its competitors; an upper bound is none. */
function isPrimary(declared: Declaration | null, a: MethodKey, b: MethodKey, temperature: number, measure: PairedDifference['measure']): boolean {
  if (declared === null) return measure === 'score' && isDrift(a) && !isStart(b) && !isDrift(b) && !isUpperBound(b)
  return measure === declared.metric && declaredTemperatures(declared).includes(temperature) && declared.pairs.some(([x, y]) => x === a && y === b)
}

/** Declared contrasts that these runs cannot answer. */
function undecidable(declared: Declaration | null, family: readonly PairedDifference[]): string[] {
  if (declared === null) return []
  const asked = declared.pairs.flatMap(([a, b]) => declaredTemperatures(declared).map((temperature) => ({ a, b, temperature })))
  const open = asked.filter(({ a, b, temperature }) => !family.some((d) => d.a === a && d.b === b && d.temperature === temperature))
  return open.map(({ a, b, temperature }) => `Declared before the start and not answered here: ${labelOf(a)} minus ${labelOf(b)} at T = ${temperature}; both need a finished final round at that temperature.`)
}

/** Contrasts of methods that have figures each, but on no seed together. */
function unpaired(contrasts: readonly { a: MethodKey; b: MethodKey }[], differences: readonly PairedDifference[], methods: readonly MethodComparison[]): string[] {
  const seedsOf = (key: MethodKey): number[] => methods.find((method) => method.key === key)!.seeds
  const apart = contrasts.filter(({ a, b }) => !differences.some((d) => d.a === a && d.b === b) && !seedsOf(a).some((seed) => seedsOf(b).includes(seed)))
  return apart.map(({ a, b }) => `${labelOf(a)} and ${labelOf(b)} have no seed in common (${seedsOf(a).join(', ')} and ${seedsOf(b).join(', ')}): nothing pairs them. Run one of them with a seed of the other.`)
}

/** `once`: every prompt has one reply, so that passing is yes or no. */
function describeDifference({ a, b }: { a: number[][]; b: number[][] }, once: boolean, options: BootstrapOptions): Omit<PairedDifference, 'a' | 'b' | 'temperature' | 'measure' | 'primary'> {
  const { difference, p } = pairedDifference(a, b, options)
  const grid = a.map((row, s) => row.map((value, prompt) => value - b[s]![prompt]!))
  const byPrompt = promptMeans(grid)
  const permutation = { prompts: signFlipTest(byPrompt, options), seeds: grid.length >= SEEDS_FOR_METHOD_CLAIM ? signFlipTest(grid.map(mean), options) : null }
  const won = (sign: number): number => grid.flat().filter((value) => value === sign).length
  const [onlyA, onlyB] = [won(1), won(-1)]
  return {
    difference, p, pAdjusted: null, verdict: verdictOf(difference), seeds: grid.length, prompts: byPrompt.length, permutation,
    mcnemar: once ? { onlyA, onlyB, p: grid.length === 1 ? mcnemarTest(onlyA, onlyB) : permutation.prompts } : null,
    effectSize: effectSize(grid),
    needed: needed(grid),
  }
}

function verdictOf({ low, high }: Interval): PairedDifference['verdict'] {
  return low > 0 ? 'ahead' : high < 0 ? 'behind' : 'not distinguishable'
}

/** Differences of the headline beside the declared ones; tables have all. */
const SAID = 8

/**
 * Who is ahead of what, at the sampling temperature, in one or two sentences: what was declared first, in its own
 * measure; then DRIFT, or where there is none the first method, against its base and the others.
 */
export function headlineOf(comparison: Comparison, declared: Declaration | null = comparison.declared): string {
  const { temperatures, measured: { measure } } = comparison.evaluation
  const trained = comparison.methods.filter(({ key }) => !isStart(key))
  const warmest = Math.max(...(declared ? declaredTemperatures(declared).filter((one) => temperatures.includes(one)) : temperatures))
  const metric = declared?.metric ?? 'score'
  const find = (a: MethodKey, b: MethodKey): PairedDifference | undefined => comparison.differences.find((d) => d.a === a && d.b === b && d.temperature === warmest && d.measure === metric)
  const asked = (declared?.pairs ?? []).flatMap(([a, b]) => find(a, b) ?? [])
  const lead = trained.find(({ key }) => isDrift(key)) ?? trained[0]
  const ofLead = lead === undefined ? [] : comparison.differences.filter((d) => d.a === lead.key && d.temperature === warmest && d.measure === metric && (isBase(d.b) || (!isStart(d.b) && !isUpperBound(d.b))))
  const said = [...asked, ...ofLead.filter((d) => !asked.includes(d)).slice(0, SAID)]
  if (said.length === 0) return comparison.methods.length < 2 ? 'No finished evaluation yet.' : `${comparison.methods.map((method) => method.label).join(', ')}: no two of them can be set against each other yet.`
  const amount = (d: PairedDifference): string => `${signed(d.difference.estimate)} [${signed(d.difference.low)}, ${signed(d.difference.high)}]`
  const where = `${metric === 'pass' ? 'pass rate' : measure} at T = ${warmest}`
  const verdict = (d: PairedDifference): string => (d.verdict === 'not distinguishable' ? `not distinguishable from ${labelOf(d.b)} (${amount(d)})` : `${d.verdict === 'ahead' ? 'ahead of' : 'behind'} ${labelOf(d.b)} by ${amount(d)}`)
  const sentences = [...Map.groupBy(said, ({ a }) => a)].map(([a, [first, ...others]], i) => {
    const opening = i > 0 ? `${labelOf(a)} is ${verdict(first!)}` : first!.verdict === 'not distinguishable' ? `${labelOf(a)} and ${labelOf(first!.b)} are not distinguishable in ${where} (${amount(first!)})` : `${labelOf(a)} is ${verdict(first!)} ${where}`
    return `${opening}${others.length > 0 ? `; it is ${others.map(verdict).join(' and ')}` : ''}`
  })
  const { seeds, prompts } = said[0]!
  return `${sentences.join('; ')}; n = ${seeds} ${seeds === 1 ? 'seed' : 'seeds'} × ${prompts} prompts.`
}

/** What each competitor used, a run on average. */
function spentBy(runs: readonly ComparedRun[], methods: readonly MethodComparison[]): Spent[] {
  return methods.filter(({ key, upperBound }) => !isStart(key) && !upperBound).map(({ key, label, ledger, runs: { length } }) => ({
    key,
    label,
    ledger: Object.fromEntries(Object.entries(ledger).map(([name, value]) => [name, value / length])) as FairnessLedger,
    pairs: runs.filter(({ method }) => method === key).reduce((sum, { trainingPairs }) => sum + trainingPairs.reduce((count, { pairs }) => count + pairs, 0), 0) / length,
  }))
}

function cautionsOf(runs: readonly ComparedRun[], methods: readonly MethodComparison[], seeds: number, probe: Comparison['probe'], declared: boolean): string[] {
  const cautions: string[] = []
  const open = runs.filter((run) => run.status !== 'done')
  if (open.length > 0) cautions.push(`${open.length} of ${runs.length} runs have not finished (${open.map((run) => `${run.id}: ${run.status}`).slice(0, 4).join(', ')}${open.length > 4 ? ', …' : ''}); figures cover what is complete.`)
  if (seeds < SEEDS_FOR_METHOD_CLAIM) cautions.push(`${seeds} ${seeds === 1 ? 'seed' : 'seeds'}: the intervals speak of these checkpoints, not of the methods (six seeds or more are needed).`)
  const rivals = methods.filter((method) => !isStart(method.key))
  const samples = rivals.map((method) => method.ledger.samplesDrawn / Math.max(1, method.runs.length))
  if (!declared && rivals.length > 1 && Math.max(...samples) > 1.1 * Math.min(...samples)) {
    cautions.push(`Equal pairs, not equal compute: samples drawn per run differ (${rivals.map((method, i) => `${method.label} ${Math.round(samples[i]!)}`).join(', ')}).`)
  }
  if (methods.some((method) => method.upperBound)) cautions.push('Iterative DPO with the oracle reward trains on what the evaluation measures: an upper bound, not a competitor.')
  if (probe && probe.gain < 0.05) cautions.push(`The base gains only ${probe.gain.toFixed(3)} from being shown feedback; below about 0.05 no gain from DRIFT is to be expected.`)
  for (const method of methods) {
    const falls = method.trainingPairs.filter((pairs, i) => i > 0 && pairs.chosenScore !== null && (method.trainingPairs[i - 1]!.chosenScore ?? 0) - pairs.chosenScore > 0.05)
    for (const fall of falls) cautions.push(`${method.label}: the quality of its chosen replies fell in round ${fall.round} (to ${fall.chosenScore!.toFixed(2)}), an early sign of over-optimisation.`)
  }
  return cautions
}

const order = (method: MethodKey): number => (METHOD_ORDER.includes(familyOf(method)) ? METHOD_ORDER.indexOf(familyOf(method)) : METHOD_ORDER.length)
const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`

function firstPerSeed(runs: readonly ComparedRun[]): ComparedRun[] {
  return [...new Map([...runs].reverse().map((run) => [run.seed, run])).values()].sort((a, b) => a.seed - b.seed)
}

/** @param values of the steps, in their order. */
export function normsOver(values: readonly number[]): Norms {
  const quarter = Math.max(1, Math.round(values.length / 4))
  return { mean: mean(values), first: mean(values.slice(0, quarter)), last: mean(values.slice(-quarter)) }
}

function meanOrNull(values: (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : mean(known)
}

function perRound<T extends { round: number }>(runs: readonly ComparedRun[], of: (run: ComparedRun) => T[]): { round: number; of: T[] }[] {
  const all = groupBy(runs.flatMap(of), (entry) => String(entry.round))
  return [...all.entries()].map(([round, entries]) => ({ round: Number(round), of: entries })).sort((a, b) => a.round - b.round)
}

export function sumLedgers(ledgers: readonly FairnessLedger[]): FairnessLedger {
  const total: FairnessLedger = { signals: 0, uniquePrompts: 0, samplesDrawn: 0, rewardQueries: 0, generatedTokens: 0, scoredTokens: 0, trainedTokens: 0, optimizerSteps: 0, seconds: 0 }
  for (const ledger of ledgers) for (const key of Object.keys(total) as (keyof FairnessLedger)[]) total[key] += ledger[key]
  return total
}

function groupBy<T>(values: readonly T[], key: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const value of values) {
    const k = key(value)
    const group = groups.get(k)
    if (group) group.push(value)
    else groups.set(k, [value])
  }
  return groups
}
