/** docs/study.md and its figures, from the study's workspaces as far as they are. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { init, use } from 'echarts/core'
import { LineChart } from 'echarts/charts'
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components'
import { SVGRenderer } from 'echarts/renderers'
import { SHIPPED_BASE } from '../src/backend/demo/base.ts'
import { readExplored } from '../src/backend/comparisons/explore-runs.ts'
import { comparedRuns, runIdsOfGroup } from '../src/backend/storage/comparisons.ts'
import { openWorkspace, type ReadableDb } from '../src/backend/storage/open.ts'
import { readProbes } from '../src/backend/storage/run-stages.ts'
import { BASE_ROUND, type ComparedRun, type EvaluationSample, labelOf, type Measure, promptFigures, WARM_START_ROUND } from '../src/core/comparison.ts'
import { equalPasses } from '../src/core/explore.ts'
import { gradientFigures } from '../src/core/probe-figures.ts'
import { makeRng } from '../src/core/rng.ts'
import { edgesOf } from '../src/core/sweep.ts'
import { clipped, crossedInterval, type Difference, type Grid, holm, mean, pairedDifference, SHARE } from '../src/core/statistics.ts'
import type { Interval } from '../src/shared/types.ts'
import { BASES, bestCell, GRID, isWhole, noiseGroup, STUDY, type SweepRow } from './study-plan.ts'

const DOCS = join(import.meta.dirname, '..', 'docs')
const FINAL = STUDY.size.iterations

/** Of the base model's PROBE.json. */
type BaseFigures = { score: number; pass: number; greedyScore: number; probe: number; figures: { probe: { contentOverBare: number; contentOverForeign: number } } }

/** A finished group: figures[method][round][temperature] as seeds x prompts, and what else its runs left. */
type Group = {
  grid(method: string, round: number, temperature: number, measure: Measure): Grid
  margins(method: string, round: number): Grid
  /** Mean norm of the probe pairs' own gradients, over seeds; null where it was not measured. */
  norm(method: string, round: number): number | null
  ledger(method: string): { samples: number; tokens: number }
  /** Distinct good answers at equal numbers of passing ones, DRIFT minus the rival, prompt by prompt; mean number drawn. */
  distinct(rival: string): { difference: number[]; passes: number }
}

/** Null where a run of it is missing or not done. */
function readGroup(db: ReadableDb, group: string, methods: readonly string[]): Group | null {
  const { runs } = comparedRuns(db, runIdsOfGroup(db, group))
  if (runs.length < methods.length * STUDY.seeds.length || runs.some(({ status }) => status !== 'done')) return null
  const figures = new Map<ComparedRun, Map<string, ReturnType<typeof promptFigures>[]>>()
  for (const run of runs) {
    const cells = Map.groupBy(run.samples, ({ round, temperature }) => `${round}/${temperature}`)
    figures.set(run, new Map([...cells].map(([key, samples]) => [key, byPrompt(samples).map(promptFigures)])))
  }
  const { samples, finals } = readExplored(db, runIdsOfGroup(db, group))
  const probes = new Map(runs.map((run) => [run, readProbes(db, run.id)]))
  // The base and the warm start are the same for every method of a seed.
  const of = (method: string): ComparedRun[] => runs.filter((run) => run.method === (method === 'base' || method === 'warm-start' ? methods[0] : method)).sort((a, b) => a.seed - b.seed)
  return {
    grid: (method, round, temperature, measure) => of(method).map((run) => figures.get(run)!.get(`${round}/${temperature}`)!.map((one) => one[measure])),
    margins: (method, round) => of(method).map(({ heldout }) => heldout.find((one) => one.round === round)!.margins),
    norm(method, round) {
      const norms = of(method).flatMap((run) => (probes.get(run) ?? []).filter((probe) => probe.round === round).map((probe) => gradientFigures(probe)?.norm.estimate))
      return norms.length > 0 && norms.every((norm) => norm !== undefined) ? mean(norms as number[]) : null
    },
    ledger: (method) => ({ samples: mean(of(method).map(({ ledger }) => ledger.samplesDrawn)), tokens: mean(of(method).map(({ ledger }) => ledger.trainedTokens)) }),
    distinct(rival) {
      const two = new Map([...finals].filter(([method]) => method === 'drift' || method === rival))
      const place = [...two.keys()].indexOf('drift')
      const rows = equalPasses(samples.filter(({ method, round }) => two.get(method) === round), two)
      return { difference: rows.map(({ values }) => values[place]! - values[1 - place]!), passes: mean(rows.map(({ m }) => m)) }
    },
  }
}

function byPrompt(samples: readonly EvaluationSample[]): EvaluationSample[][] {
  return [...Map.groupBy(samples, ({ promptIndex }) => promptIndex)].sort(([a], [b]) => a - b).map(([, of]) => of)
}

type BaseStudy = { name: string; title: string; figures: BaseFigures; sweep: SweepRow[]; race: Group; noise: { share: number; group: Group }[] }

function readBase(output: string, { name, title, build }: (typeof BASES)[number]): BaseStudy | null {
  const path = join(output, name)
  if (!existsSync(join(path, 'sweep.json'))) return null
  const workspace = openWorkspace(path, { create: false })
  try {
    const sweep = JSON.parse(readFileSync(join(path, 'sweep.json'), 'utf8')) as SweepRow[]
    const race = isWhole(sweep) ? readGroup(workspace.db, 'race', STUDY.methods) : null
    if (race === null) return null
    const noise = build !== null ? [] : STUDY.noise.flatMap((share) => {
      const group = readGroup(workspace.db, noiseGroup(share), STUDY.noisy)
      return group === null ? [] : [{ share, group }]
    })
    const folder = build === null ? SHIPPED_BASE : join(output, 'bases', name)
    return { name, title, figures: JSON.parse(readFileSync(join(folder, 'PROBE.json'), 'utf8')) as BaseFigures, sweep, race, noise }
  } finally {
    workspace.close()
  }
}

const options = (name: string) => ({ random: makeRng(`study/${name}`).next, resamples: 4000 })
const minus = (name: string, a: Grid, b: Grid): Difference => pairedDifference(a, b, options(name))
const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3).replace(/^0/, '')}`
const plain = (value: number): string => value.toFixed(3).replace(/^0/, '')
const between = ({ estimate, low, high }: Interval): string => `${signed(estimate)} [${signed(low)}, ${signed(high)}]`
/** The first `words` columns are text, the others figures. */
const table = (head: readonly string[], rows: readonly (readonly string[])[], words = 1): string => [head, head.map((_, i) => (i < words ? '---' : '---:')), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

type Seen = 'seen' | 'not seen' | 'not distinguishable'
const whenAbove = ({ low, high }: Interval): Seen => (low > 0 ? 'seen' : high < 0 ? 'not seen' : 'not distinguishable')

/** The declared family of a base: DRIFT minus each competitor, task score at T = 1 after the last round; Holm over it. */
function primary({ name, race }: BaseStudy): { rival: string; difference: Interval; p: number; seen: Seen }[] {
  const found = ['iterative-dpo', 'spin'].map((rival) => ({ rival, ...minus(`${name}/${rival}`, race.grid('drift', FINAL, 1, 'score'), race.grid(rival, FINAL, 1, 'score')) }))
  const adjusted = holm(found.map(({ p }) => p))
  return found.map(({ rival, difference }, i) => ({ rival, difference, p: adjusted[i]!, seen: adjusted[i]! > 0.05 ? 'not distinguishable' : whenAbove(difference) }))
}

/** Each claim of the paper on one base: what is measured, and when it counts as seen. */
function claims(study: BaseStudy): { claim: string; rule: string; seen: Seen; figure: string }[] {
  const { name, race } = study
  const score = (method: string, round: number): Grid => race.grid(method, round, 1, 'score')
  const overBase = minus(`${name}/base`, score('drift', FINAL), score('base', BASE_ROUND)).difference
  const overRounds = (method: string): Interval => minus(`${name}/${method}/rounds`, score(method, FINAL), score(method, 1)).difference
  const held = overRounds('drift')
  const falls = ['iterative-dpo', 'spin'].map((method) => ({ method, difference: overRounds(method) }))
  const kept = minus(`${name}/margins`, race.margins('drift', FINAL), race.margins('drift', 1)).difference
  const wider = ['iterative-dpo', 'spin'].map((rival) => ({ rival, difference: minus(`${name}/margins/${rival}`, race.margins('drift', FINAL), race.margins(rival, FINAL)).difference }))
  const norms = ['drift', 'iterative-dpo', 'spin'].map((method) => ({ method, first: race.norm(method, WARM_START_ROUND), last: race.norm(method, FINAL) }))
  const drift = norms[0]!
  const share = drift.first === null || drift.last === null ? null : drift.last / drift.first
  const diverse = ['iterative-dpo', 'spin'].map((rival) => ({ rival, difference: crossedInterval([race.distinct(rival).difference], options(`${name}/distinct/${rival}`)) }))
  const all = (seen: readonly Seen[]): Seen => (seen.every((one) => one === 'seen') ? 'seen' : seen.some((one) => one === 'not seen') ? 'not seen' : 'not distinguishable')
  const line = (rows: readonly { rival?: string; method?: string; difference: Interval }[]): string => rows.map((row) => `${labelOf(row.rival ?? row.method!)} ${between(row.difference)}`).join('; ')
  return [
    { claim: 'DRIFT improves on its base', rule: 'task score at T = 1, last round minus base', seen: whenAbove(overBase), figure: between(overBase) },
    ...primary(study).map(({ rival, difference, p, seen }) => ({ claim: `DRIFT is ahead of ${labelOf(rival)}`, rule: 'the declared comparison: task score at T = 1, last round, Holm over both', seen, figure: `${between(difference)}, p ${p < 0.001 ? '< .001' : plain(p)}` })),
    { claim: 'DRIFT holds over the rounds', rule: 'last round minus first; not seen where it is below', seen: held.high < 0 ? 'not seen' : 'seen', figure: between(held) },
    { claim: 'the baselines peak at the first round and fall', rule: 'last round minus first, below zero for both', seen: all(falls.map(({ difference }) => whenAbove({ estimate: -difference.estimate, low: -difference.high, high: -difference.low }))), figure: line(falls) },
    { claim: 'DRIFT keeps its margins', rule: 'margin on common held-out pairs against the base, last round minus first, not below zero', seen: kept.high < 0 ? 'not seen' : 'seen', figure: between(kept) },
    { claim: 'and they are wider than the baselines\'', rule: 'the same margin at the last round, DRIFT minus each', seen: all(wider.map(({ difference }) => whenAbove(difference))), figure: line(wider) },
    { claim: 'gradients do not vanish', rule: 'mean norm of the probe pairs\' gradients at the last round, at least half of that after the warm start', seen: share === null ? 'not distinguishable' : share >= 0.5 ? 'seen' : 'not seen', figure: norms.map(({ method, first, last }) => `${labelOf(method)} ${first?.toFixed(2) ?? '?'} → ${last?.toFixed(2) ?? '?'}`).join('; ') },
    { claim: 'high-reward answers are more diverse', rule: 'distinct good answers at equal numbers of passing ones (rarefied), DRIFT minus each; intervals over prompts', seen: all(diverse.map(({ difference }) => whenAbove(difference))), figure: line(diverse) },
  ]
}

const rounds = Array.from({ length: FINAL + 1 }, (_, round) => round)
const trajectory = (study: BaseStudy, method: string): number[] => rounds.map((round) => mean(study.race.grid(method, round, 1, 'score').map(mean)))

function describeBase(study: BaseStudy): string {
  const { name, title, race, sweep } = study
  const best = (method: string): string => {
    const { learning_rate, reference } = bestCell(sweep, method)
    return `${learning_rate}, ${reference}`
  }
  const rowOf = (method: string, round: number): string[] => {
    const score = (temperature: number): Interval => clipped(crossedInterval(race.grid(method, round, temperature, 'score'), options(`${name}/${method}/${temperature}`)), SHARE)
    const average = (measure: Measure): string => mean(race.grid(method, round, 1, measure).map(mean)).toFixed(2)
    const trained = method !== 'base' && method !== 'warm-start'
    const at = score(1)
    return [
      labelOf(method), trained ? best(method) : '', `${plain(at.estimate)} [${plain(at.low)}, ${plain(at.high)}]`, plain(score(0).estimate), average('pass'), average('distinct'), average('coverage'), average('itemEntropy'), average('length'),
      trained ? mean(race.margins(method, round).map(mean)).toFixed(2) : '', race.norm(method, round)?.toFixed(2) ?? '', trained ? String(Math.round(race.ledger(method).samples)) : '',
    ]
  }
  const contrast = (a: string, b: string): string[] => {
    const at = (temperature: number): string => between(minus(`${name}/${a}/${b}/${temperature}`, race.grid(a, FINAL, temperature, 'score'), race.grid(b, b === 'base' ? BASE_ROUND : b === 'warm-start' ? WARM_START_ROUND : FINAL, temperature, 'score')).difference)
    return [`${labelOf(a)} − ${labelOf(b)}`, at(1), at(0)]
  }
  return [
    `### ${name}: ${title}`,
    table(['after the last round', 'cell of the sweep', 'score, T = 1', 'T = 0', 'pass', 'distinct', 'coverage', 'item bits', 'tokens', 'held-out margin', 'pair gradient', 'samples drawn'], [rowOf('base', BASE_ROUND), rowOf('warm-start', WARM_START_ROUND), ...STUDY.methods.map((method) => rowOf(method, FINAL))], 2),
    table(['score at T = 1 after', 'warm start', ...rounds.slice(1).map((round) => `round ${round}`)], STUDY.methods.map((method) => [labelOf(method), ...trajectory(study, method).map(plain)])),
    table(['difference at the last round', 'T = 1', 'T = 0'], [['drift', 'base'], ['drift', 'warm-start'], ['drift', 'iterative-dpo'], ['drift', 'spin'], ['spin', 'warm-start'], ['iterative-dpo', 'warm-start'], ['drift', 'drift-unguided'], ['drift', 'drift-own-rejected'], ['drift', 'drift-sft'], ['drift', 'drift-frozen']].map(([a, b]) => contrast(a!, b!))),
    describeSweep(sweep),
  ].join('\n\n')
}

/** Final score of each cell on the sweep's requests; a best cell at the grid's edge may not be the best there is. */
function describeSweep(sweep: readonly SweepRow[]): string {
  const cells = STUDY.grid.map(({ learning_rate, reference }) => ({ learning_rate, reference, title: `${learning_rate}, ${reference}` }))
  const edge = STUDY.methods.filter((method) => edgesOf(GRID, bestCell(sweep, method)).length > 0)
  const rows = STUDY.methods.map((method) => {
    const best = bestCell(sweep, method)
    return [labelOf(method), ...cells.map((cell) => {
      const score = plain(sweep.find((row) => row.method === method && row.learning_rate === cell.learning_rate && row.reference === cell.reference)!.score)
      return cell.learning_rate === best.learning_rate && cell.reference === best.reference ? `**${score}**` : score
    })]
  })
  return `${table(['sweep, one seed', ...cells.map(({ title }) => title)], rows)}${edge.length > 0 ? `\n\nAt the edge of the grid, so perhaps not at their best: ${edge.map(labelOf).join(', ')}.` : ''}`
}

const COLOURS: Record<string, string> = { drift: '#2563eb', spin: '#d97706', 'iterative-dpo': '#059669', 'drift-unguided': '#9ca3af', 'drift-own-rejected': '#7c3aed', 'drift-sft': '#db2777', 'drift-frozen': '#0891b2' }

/** Score by round, a panel for each base, on one scale. */
function plotRounds(studies: readonly BaseStudy[]): string {
  use([LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer])
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: 300 * studies.length + 40, height: 330 })
  const all = studies.flatMap((study) => STUDY.methods.flatMap((method) => trajectory(study, method)))
  const scale = { min: Math.floor(10 * Math.min(...all)) / 10, max: Math.ceil(10 * Math.max(...all)) / 10 }
  const left = (i: number): number => 50 + 300 * i
  chart.setOption({
    animation: false,
    backgroundColor: '#fff',
    legend: { data: STUDY.methods.map(labelOf), bottom: 0, itemWidth: 18 },
    title: studies.map(({ name }, i) => ({ text: name, left: left(i) - 6, top: 4, textStyle: { fontSize: 13 } })),
    grid: studies.map((_, i) => ({ left: left(i), width: 240, top: 34, bottom: 78 })),
    xAxis: studies.map((_, gridIndex) => ({ gridIndex, type: 'value' as const, min: 0, max: FINAL, interval: 1, name: 'round (0: warm start)', nameLocation: 'middle' as const, nameGap: 24 })),
    yAxis: studies.map((_, gridIndex) => ({ gridIndex, type: 'value' as const, ...scale })),
    series: studies.flatMap((study, i) => STUDY.methods.map((method) => ({ type: 'line' as const, name: labelOf(method), xAxisIndex: i, yAxisIndex: i, data: trajectory(study, method).map((value, round) => [round, value]), symbolSize: 4, itemStyle: { color: COLOURS[method]! }, lineStyle: { width: method === 'drift' ? 2.5 : 1.5 } }))),
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  return svg
}

function describeNoise({ name, noise }: BaseStudy): string {
  const rows = noise.flatMap(({ share, group }) => STUDY.noisy.map((method): string[] => {
    const final = group.grid(method, FINAL, 1, 'score')
    return [`${Math.round(100 * share)} %`, labelOf(method), plain(mean(final.map(mean))), between(minus(`${name}/${share}/${method}/base`, final, group.grid('base', BASE_ROUND, 1, 'score')).difference), share === 0 ? '' : between(minus(`${name}/${share}/${method}/clean`, final, noise[0]!.group.grid(method, FINAL, 1, 'score')).difference)]
  }))
  return table(['false complaints', 'method', 'score, T = 1', 'minus base', 'minus the same at 0 %'], rows, 2)
}

export function writeStudyReport(output: string): void {
  const studies = BASES.flatMap((base) => readBase(output, base) ?? [])
  if (studies.length === 0) return void process.stderr.write('no race of the study is finished yet, nothing to report\n')
  const missing = BASES.filter(({ name }) => !studies.some((study) => study.name === name))
  const verdicts = studies.map(claims)
  const noisy = studies.find(({ noise }) => noise.length > 0)
  const parts = [
    '# The built-in study',
    'Does the paper\'s case for DRIFT hold in a small world where requests, users, rewards and all good answers are known? Written by `npm run study` (`scripts/study.ts`), which makes every figure here anew; nothing is chosen after looking. The world and its limits are those of the built-in experiment: a model of 0.8 million parameters, simulated users, one task. It can show that a mechanism works or fails here, not that it does on a large model.',
    `**Set-up.** ${BASES.length} bases, each frozen by its probe before any method ran on it. On every base each method had the same grid (${STUDY.grid.length} cells: learning rate x reference), on ${STUDY.sweepSize.testPrompts} sweep requests and log ${STUDY.sweepSeed}, which no figure below uses. Then seeds ${STUDY.seeds[0]} to ${STUDY.seeds.at(-1)} (${STUDY.seeds.length}), ${STUDY.size.users} users a log, ${FINAL} rounds of ${STUDY.size.pairsPerRound} pairs, ${STUDY.size.testPrompts} test requests, ${STUDY.size.k} samples each at T = 1 and one at T = 0, ${STUDY.size.heldoutPrompts} requests for held-out pairs. Equal pairs, not equal compute: samples drawn are a column. Declared before the start: task score at T = 1 after the last round, DRIFT minus iterative DPO (learned reward) and minus SPIN; Holm over the two. All else is exploratory. Intervals: crossed bootstrap over seeds and prompts, 95 %, widened for six seeds.`,
    ...(missing.length > 0 ? [`**Not finished**: ${missing.map(({ name }) => name).join(', ')}. \`npm run study\` goes on where it was stopped.`] : []),
    '## The bases',
    table(['base', '', 'probe', 'words over "not good."', 'over another\'s words', 'score, T = 1', 'T = 0', 'pass'], studies.map(({ name, title, figures }) => [name, title, signed(figures.probe), signed(figures.figures.probe.contentOverBare), signed(figures.figures.probe.contentOverForeign), plain(figures.score), plain(figures.greedyScore), plain(figures.pass)]), 2),
    'The probe is the score of replies that saw the user\'s words minus that of replies that did not, on validation requests.',
    '## The paper\'s claims',
    table(['claim', 'counts as seen', ...studies.map(({ name }) => name)], verdicts[0]!.map(({ claim, rule }, i) => [claim, rule, ...verdicts.map((of) => `**${of[i]!.seen}** ${of[i]!.figure}`)]), Infinity),
    '## Rounds', '![Task score at T = 1 by round](study-rounds.svg)',
    '## Figures', ...studies.map(describeBase),
    ...(noisy ? ['## False complaints', `On ${noisy.name}: of the ${STUDY.complaints} complaints a log holds, so many are turns that pleased their user, taken for complaints and gone from the satisfied. The warm start's pairs are left as they are.`, describeNoise(noisy)] : []),
    '## Limits',
    '- One architecture, one size, one kind of task; users complain by rule. Bases of one seed share knowledge and differ in what feedback taught them.\n- At T = 0 the bases are good already, so part of any gain at T = 1 is sharpening; both are shown.\n- Distinct and coverage in the figures rise with the pass rate by themselves; the claim on diversity is rarefied. Answers count as sets of items.\n- The sweep tunes the learning rate and the reference alone; beta, epochs and batch are shared.\n- Six seeds are six logs, samplings and orders on one set of weights; only the bases vary the weights.',
  ]
  writeFileSync(join(DOCS, 'study-rounds.svg'), plotRounds(studies))
  writeFileSync(join(DOCS, 'study.md'), `${parts.join('\n\n')}\n`)
}
