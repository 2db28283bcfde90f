/**
 * One offline HTML file of a comparison: figures as inline SVG, tables, settings, fairness ledger, answers side by
 * side, limits stated. Pure: comparison in, text out. Loads nothing, runs no script; all content is escaped.
 */
import { type Comparison, declaredWords, type Exploration, familyOf, isBase, type Measured, type MethodComparison, type PromptAnswers } from '../shared/comparison.ts'
import { REGIME_WORDS, settingWords } from '../shared/race.ts'
import { VERDICT_WORDS } from './gradient-verdict.ts'
import { moreWords } from './power.ts'
import { scoredBy } from './scored-by.ts'
import { leftOut } from './sweep.ts'
import type { Verdict } from '../shared/monitors.ts'
import type { FairnessLedger, Interval } from '../shared/types.ts'
import { labelOf } from './comparison.ts'
import { placeOf } from './fnv.ts'

/** The map of answers with what its points' `method` counts in, and the figures beside it: null until a last round of every method is evaluated. */
export type ReportExploration = { embedding: string; methods: readonly string[]; map: Exploration['map']; figures: Omit<Exploration, 'embedding' | 'map'> | null }
/** What takes seconds to make; no exploration where nothing was sampled at T > 0. */
export type ReportParts = { exploration: ReportExploration | null; gradients: readonly { key: string; verdict: Verdict }[] }
export type ReportInput = ReportParts & { comparison: Comparison; answers: PromptAnswers[]; settings: { run: string; yaml: string }[]; version: string; machine: string; createdAt: string }

/** As the interface has them (`tokens.css`), by method: on light and on dark paper. */
const COLOURS: Record<string, [light: string, dark: string]> = { base: ['#6b7280', '#9aa2ae'], 'warm-start': ['#8a6d3b', '#c9a86a'], drift: ['#0b62c4', '#56b4e9'], 'drift-unguided': ['#4a7fd6', '#8fb4ff'], 'drift-own-rejected': ['#7a5fd0', '#b3a0f5'], 'drift-sft': ['#a2559f', '#d69ad2'], 'drift-frozen': ['#2f4f8f', '#6f93d6'], 'iterative-dpo-judge': ['#8a6c14', '#d3bb62'], 'iterative-dpo': ['#b4540a', '#f0a03c'], 'iterative-dpo-oracle': ['#8a4a10', '#d6a06c'], spin: ['#00795c', '#2fc093'], other: ['#444444', '#a4abb6'] }
const variables = (paper: 0 | 1): string => Object.entries(COLOURS).map(([method, colours]) => `--${method}:${colours[paper]}`).join(';')
const DASHES: Record<string, string> = { base: '2 3', 'warm-start': '6 3', drift: '', 'drift-unguided': '4 2', 'drift-own-rejected': '8 2 2 2', 'drift-sft': '1 2', 'drift-frozen': '12 2', 'iterative-dpo-judge': '2 2 6 2', 'iterative-dpo': '8 3', 'iterative-dpo-oracle': '3 3', spin: '10 3 2 3' }
const SETTING_DASHES = ['9 3', '6 3 1 3', '3 2', '1 3', '12 3 3 3', '5 5', '2 2 8 2']
const colourOf = (method: string): string => `var(--${familyOf(method) in COLOURS ? familyOf(method) : 'other'})`
/** Settings of one method share its colour; their dashes differ. */
const dashOf = (method: string): string => DASHES[method] ?? (method === familyOf(method) ? '' : SETTING_DASHES[placeOf(method, SETTING_DASHES.length)]!)

const escape = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)
const fixed = (value: number, digits = 3): string => (Number.isFinite(value) ? value.toFixed(digits).replace('-', '−') : '–')
const withInterval = ({ estimate, low, high }: Interval, digits = 3): string => `${fixed(estimate, digits)} <span class="ci">[${fixed(low, digits)}, ${fixed(high, digits)}]</span>`

export function renderReport({ comparison, exploration, gradients, answers, settings, version, machine, createdAt }: ReportInput): string {
  const { evaluation } = comparison
  const sections = [
    `<h1>${escape(comparison.title)}</h1><p class="headline">${escape(comparison.headline)}</p>`,
    comparison.cautions.length ? `<ul class="cautions">${comparison.cautions.map((caution) => `<li>${escape(caution)}</li>`).join('')}</ul>` : '',
    `<p class="note">Evaluation: ${evaluation.prompts} prompts of “${escape(evaluation.dataset)}”, ${evaluation.k} samples each at T &gt; 0 and one greedy answer at T = 0, scored by ${scoredBy(evaluation.measured)}. Intervals: 95 %, crossed seed × prompt bootstrap, widened for few of either by Student’s t; on simulated worlds they covered the truth in 92.5 to 99.8 % of cases (three to six seeds; most where nothing but sampling noise differs), with one seed in 94.0 to 95.2 %. ${comparison.claim === 'checkpoints' ? 'Fewer than six seeds: figures speak of these checkpoints.' : ''}</p>`,
    probeSection(comparison),
    ...evaluation.temperatures.map((temperature) => scoreSection(comparison, temperature)),
    raceSection(comparison),
    sweepSection(comparison),
    differencesSection(comparison),
    testsSection(comparison),
    curvesSection(comparison),
    exploration === null ? '' : mapSection(exploration),
    exploration === null ? '' : foundSection(inOrder(exploration.figures?.methods ?? [], comparison), exploration),
    gradientsSection(inOrder(gradients, comparison)),
    mechanismSection(comparison.methods),
    ledgerSection(comparison.methods),
    answersSection(answers),
    `<h2>Settings</h2>${settings.map(({ run, yaml }) => `<details><summary>${escape(run)}</summary><pre>${escape(yaml)}</pre></details>`).join('')}`,
    `<h2>How to read this</h2><ul>
<li>${MEASURES[comparison.evaluation.measured.measure]}</li>
<li><b>Distinct</b>: different passing answers among the samples of a prompt; <b>coverage</b>: share of the solution space reached by passing samples. Both rise mechanically with the pass rate: read them with entropy.</li>
<li><b>Effect size</b>: Cohen's d<sub>z</sub>, mean over standard deviation of the prompts' differences, seeds averaged. <b>p, prompts flipped</b> and <b>seeds flipped</b>: two-sided sign-flip permutation tests; the first speaks of these checkpoints, the second (from six seeds on) of the method. <b>McNemar</b>: prompts that one side alone passes with its single reply. <b>Needed</b>: how many more prompts, or seeds, give an 80 % chance of an interval without zero, were the true difference as large as the one seen.</li>
<li><b>pass@k</b>: chance that k answers to a prompt hold one that passes. <b>Distinct at equal passes</b>: different passing answers among as many passing ones as the method with fewest has. <b>Self-BLEU</b>: how like one another the answers to a prompt are; 1 where all are equal.</li>
<li><b>Held-out margin</b>: β·((log p(better) − log p(worse)) minus the same under the base), on one common pair set no method trained on.</li>
<li>Primary family (Holm-adjusted): ${comparison.declared === null ? `DRIFT minus each competing method, ${comparison.evaluation.measured.measure}, final round` : 'what was declared before the start'}. All else is exploratory. “Not distinguishable” is not “equal”.</li>
<li>A built-in world is small and simulated: it shows a mechanism, it does not predict a gain on other data.</li></ul>`,
    `<footer>DRIFT Workbench ${escape(version)} · ${escape(machine)} · ${escape(createdAt)}</footer>`,
  ]
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"><title>${escape(comparison.title)}</title><style>${STYLE}</style></head><body><main>${sections.join('\n')}</main></body></html>\n`
}

/** What was declared and what was held equal, where the runs are a race's. */
function raceSection({ race, declared }: Comparison): string {
  if (race === null || declared === null) return ''
  const pairs = declared.pairs.map(([a, b]) => `${escape(labelOf(a))} minus ${escape(labelOf(b))}`).join(', ')
  return `<h2>Declared before the start</h2><p>${pairs}, in ${declaredWords(declared)}, final round. Budget: ${REGIME_WORDS[race.regime]}.</p><ul>${race.fairness.map(({ words }) => `<li>${escape(words)}</li>`).join('')}</ul>`
}

/** What a sweep tried and chose, before the race's own runs; its cost stands apart from theirs. */
function sweepSection({ race }: Comparison): string {
  const sweep = race?.sweep ?? null
  if (sweep === null) return ''
  const { methods, dataset, seeds } = sweep
  const rows = (methods[0]?.cells ?? []).map(({ setting }, i) => `<tr><td>${escape(settingWords(setting))}</td>${methods.map(({ cells, chosen }) => `<td>${chosen === i ? '<b>' : ''}${cells[i]!.score === null ? leftOut(cells[i]!) : fixed(cells[i]!.score!)}${chosen === i ? ' ✓</b>' : ''}</td>`).join('')}</tr>`)
  return `<h2>Settings, chosen on other requests</h2><p>The same ${rows.length} settings for every method, scored by ${declaredWords(sweep)} on ${escape(dataset)} after the last round, seed ${seeds.join(', ')}; ✓ is what the race ran with.</p><table><thead><tr><th></th>${methods.map(({ method }) => `<th>${escape(labelOf(method))}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table><h3>What the sweep used, all its runs together (not in the ledger below)</h3><table><tbody>${LEDGER.map(([key, label]) => `<tr><td>${label}</td>${methods.map(({ ledger }) => `<td>${Math.round(ledger[key]).toLocaleString('en-US')}</td>`).join('')}</tr>`).join('')}</tbody></table>`
}

function probeSection({ probe }: Comparison): string {
  if (!probe) return ''
  return `<p class="note">Probe, before any method ran: replies shown the user's feedback score ${fixed(probe.conditioned)}, without it ${fixed(probe.unconditioned)}: gain ${fixed(probe.gain)}. ${probe.gain < 0.05 ? 'The base does not use feedback: no gain from DRIFT is to be expected.' : 'The base uses feedback, so DRIFT has something to teach from.'}</p>`
}

/** With a capital, as titles begin. */
const titleOf = ({ evaluation: { measured: { measure } } }: Comparison): string => measure.charAt(0).toUpperCase() + measure.slice(1)

const MEASURES: Record<Measured['measure'], string> = {
  'task score': '<b>Task score</b>: share of the stated checks that are strictly met; 0 as soon as an item is unknown, off category or repeated. <b>Pass</b>: everything is met.',
  'content rate': '<b>Content rate</b>: one minus the DSAT rate, how likely a reply is not to dissatisfy its user. <b>Pass</b>: more likely content than not.',
}

function scoreSection(comparison: Comparison, temperature: number): string {
  const { methods, evaluation: { measured: { measure } } } = comparison
  const rows = methods.flatMap((method) => {
    const figures = method.byTemperature.find((of) => of.temperature === temperature)?.rounds.at(-1)
    return figures ? [{ method, figures }] : []
  })
  if (rows.length === 0) return ''
  const low = Math.min(...rows.map(({ figures }) => figures.score.low))
  const high = Math.max(...rows.map(({ figures }) => figures.score.high))
  const pad = Math.max(0.02, (high - low) * 0.08)
  const [from, to] = [Math.max(0, low - pad), Math.min(1, high + pad)]
  // Names that tell settings apart are long.
  const left = Math.max(190, ...rows.map(({ method }) => method.label.length * 6.5 + 10))
  const x = (value: number): number => left + ((value - from) / (to - from)) * (670 - left)
  const plot = rows
    .map(({ method, figures }, i) => {
      const y = 18 + i * 26
      return `<text x="${left - 10}" y="${y + 4}" text-anchor="end">${escape(method.label)}</text><line x1="${x(figures.score.low)}" x2="${x(figures.score.high)}" y1="${y}" y2="${y}" stroke="${colourOf(method.key)}" stroke-width="2"/><circle cx="${x(figures.score.estimate)}" cy="${y}" r="4.5" fill="${colourOf(method.key)}"/><text x="${x(figures.score.high) + 8}" y="${y + 4}" class="value">${fixed(figures.score.estimate)}</text>`
    })
    .join('')
  const height = rows.length * 26 + 34
  const ticks = ticksBetween(from, to).map((tick) => `<line class="grid" x1="${x(tick)}" x2="${x(tick)}" y1="4" y2="${height - 22}"/><text x="${x(tick)}" y="${height - 8}" text-anchor="middle">${fixed(tick, 2)}</text>`).join('')
  const spread = temperature > 0
  return `<h2>${titleOf(comparison)} at T = ${temperature}, final round</h2><svg viewBox="0 0 740 ${height}" role="img" aria-label="${titleOf(comparison)} per method with 95 % intervals">${ticks}${plot}</svg>
<table><thead><tr><th>method</th><th>seeds</th><th>${measure}</th><th>pass</th>${spread ? '<th>distinct</th><th>coverage</th><th>item entropy, bits</th><th>token entropy, nats</th>' : ''}<th>tokens</th></tr></thead><tbody>${rows
    .map(({ method, figures }) => `<tr><td>${escape(method.label)}${method.upperBound ? ' <em>upper bound</em>' : ''}</td><td>${method.seeds.length}</td><td>${withInterval(figures.score)}</td><td>${withInterval(figures.pass)}</td>${spread ? `<td>${withInterval(figures.distinct, 2)}</td><td>${withInterval(figures.coverage, 2)}</td><td>${withInterval(figures.itemEntropy, 2)}</td><td>${figures.tokenEntropy === null ? '–' : fixed(figures.tokenEntropy, 2)}</td>` : ''}<td>${fixed(figures.length, 1)}</td></tr>`)
    .join('')}</tbody></table>`
}

function differencesSection({ differences, evaluation: { measured: { measure } } }: Comparison): string {
  const rows = differences.filter((difference) => difference.measure === 'score' || difference.measure === 'pass')
  if (rows.length === 0) return ''
  const family = rows.filter(({ primary }) => primary).length
  return `<h2>Paired differences, final round</h2><table><thead><tr><th>difference</th><th>measure</th><th>T</th><th>estimate [95 %]</th><th>p</th><th>p, Holm</th><th>verdict</th><th>n</th></tr></thead><tbody>${rows
    .map((d) => `<tr${d.primary ? ' class="primary"' : ''}><td>${escape(labelOf(d.a))} − ${escape(labelOf(d.b))}</td><td>${d.measure === 'score' ? measure : 'pass'}</td><td>${d.temperature}</td><td>${withInterval(d.difference)}</td><td>${fixed(d.p, 4)}</td><td>${d.pAdjusted === null ? '' : fixed(d.pAdjusted, 4)}</td><td>${d.verdict}</td><td>${d.seeds} × ${d.prompts}</td></tr>`)
    .join('')}</tbody></table><p class="note">${family === 0 ? 'None is of the primary family: all are exploratory.' : `Bold rows are the primary family: Holm over its ${countOf(family, 'difference')}.`}</p>`
}

const pValue = (p: number | null): string => (p === null ? '–' : p < 0.001 ? '&lt; 0.001' : fixed(p, p < 0.1 ? 3 : 2))
const countOf = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`

/** How each difference was tested, and what would decide an open one; those outside the primary family folded where there is one. */
function testsSection({ differences, evaluation: { measured: { measure } } }: Comparison): string {
  const rows = differences.filter((difference) => difference.measure === 'score' || difference.measure === 'pass')
  if (rows.length === 0) return ''
  const table = (of: Comparison['differences']): string => {
    const passes = of.some(({ mcnemar }) => mcnemar !== null)
    return `<div class="wide"><table><thead><tr><th>difference</th><th>measure</th><th>T</th><th>effect size</th><th>p, prompts flipped</th><th>p, seeds flipped</th>${passes ? '<th>McNemar</th>' : ''}<th>verdict</th><th>needed: prompts</th><th>needed: seeds</th></tr></thead><tbody>${of
      .map((d) => `<tr><td>${escape(labelOf(d.a))} − ${escape(labelOf(d.b))}</td><td>${d.measure === 'score' ? measure : 'pass'}</td><td>${d.temperature}</td><td>${d.effectSize === null ? '–' : fixed(d.effectSize, 2)}</td><td>${pValue(d.permutation.prompts)}</td><td>${pValue(d.permutation.seeds)}</td>${passes ? `<td>${d.mcnemar === null ? '–' : `${d.mcnemar.onlyA} : ${d.mcnemar.onlyB}, p ${pValue(d.mcnemar.p)}`}</td>` : ''}<td>${d.verdict}</td><td>${moreWords(d, 'prompts')}</td><td>${moreWords(d, 'seeds')}</td></tr>`)
      .join('')}</tbody></table></div>`
  }
  const [primary, others] = [rows.filter((d) => d.primary), rows.filter((d) => !d.primary)]
  const folded = others.length === 0 ? '' : `<details><summary>Tests of the ${countOf(others.length, 'exploratory difference')}</summary>${table(others)}</details>`
  return `<h2>Tests of each difference</h2>${primary.length === 0 ? table(others) : `${table(primary)}${folded}`}`
}

function curvesSection(comparison: Comparison): string {
  const { methods, evaluation } = comparison
  const temperature = Math.max(...evaluation.temperatures)
  const scores = methods.map((method) => ({ method, points: (method.byTemperature.find((of) => of.temperature === temperature)?.rounds ?? []).map((r) => ({ x: r.round, y: r.score })) }))
  const margins = methods.map((method) => ({ method, points: method.heldout.map((h) => ({ x: h.round, y: h.margin })) }))
  const norms = methods.map((method) => ({ method, points: method.gradNorm.map((g) => ({ x: g.round, y: { estimate: g.mean, low: g.mean, high: g.mean } })) }))
  return `<h2>Round by round</h2><div class="grid2">${lineChart(`${titleOf(comparison)} at T = ${temperature} by round (0 = warm start)`, scores)}${lineChart('Margin on common held-out pairs, against the base', margins)}${lineChart('Gradient norm before clipping, mean of the round', norms)}</div>`
}

function lineChart(title: string, series: { method: MethodComparison; points: { x: number; y: Interval }[] }[]): string {
  const drawn = series.filter(({ points }) => points.length > 0)
  const all = drawn.flatMap(({ points }) => points)
  if (all.length === 0) return ''
  const [x0, x1] = [Math.min(...all.map((p) => p.x)), Math.max(...all.map((p) => p.x))]
  const [y0, y1] = [Math.min(...all.map((p) => p.y.low)), Math.max(...all.map((p) => p.y.high))]
  const px = (x: number): number => 44 + ((x - x0) / Math.max(1, x1 - x0)) * 210
  const py = (y: number): number => 190 - ((y - y0) / (y1 - y0 || 1)) * 165
  const grid = ticksBetween(y0, y1).map((tick) => `<line class="grid" x1="44" x2="254" y1="${py(tick)}" y2="${py(tick)}"/><text x="40" y="${py(tick) + 4}" text-anchor="end">${fixed(tick, 2)}</text>`).join('')
  const xs = Array.from({ length: x1 - x0 + 1 }, (_, i) => x0 + i).map((x) => `<text x="${px(x)}" y="208" text-anchor="middle">${x === -1 ? 'base' : x}</text>`).join('')
  // Direct labels, pushed apart so that close ends stay readable.
  const labels = drawn.map(({ method, points }) => ({ method, y: py(points.at(-1)!.y.estimate), x: px(points.at(-1)!.x) })).sort((a, b) => a.y - b.y)
  labels.forEach((label, i) => { if (i > 0) label.y = Math.max(label.y, labels[i - 1]!.y + 12) })
  const width = Math.max(400, ...labels.map(({ method, x }) => x + 8 + method.label.length * 6.5))
  const lines = drawn
    .map(({ method, points }) => {
      const colour = colourOf(method.key)
      const bars = points.map((p) => `<line x1="${px(p.x)}" x2="${px(p.x)}" y1="${py(p.y.low)}" y2="${py(p.y.high)}" stroke="${colour}" stroke-opacity=".45"/><circle cx="${px(p.x)}" cy="${py(p.y.estimate)}" r="2.8" fill="${colour}"/>`).join('')
      return `<polyline fill="none" stroke="${colour}" stroke-width="1.8" stroke-dasharray="${dashOf(method.key)}" points="${points.map((p) => `${px(p.x)},${py(p.y.estimate)}`).join(' ')}"/>${bars}`
    })
    .join('')
  return `<figure><figcaption>${escape(title)}</figcaption><svg viewBox="0 0 ${width} 214" role="img" aria-label="${escape(title)}">${grid}${xs}${lines}${labels.map((l) => `<text x="${l.x + 8}" y="${l.y + 4}" fill="${colourOf(l.method.key)}">${escape(l.method.label)}</text>`).join('')}</svg></figure>`
}

const PANEL = 150

/** A row of panels per method, one per round on the same plane; the base's answers grey behind each. A dot is a path without length, round at its ends: a tenth of a circle's text. */
function mapSection({ embedding, methods, map }: ReportExploration): string {
  const trained = methods.filter((key) => !isBase(key) && map.points.some((point) => methods[point.method] === key))
  const rounds = [...new Set(map.points.map(({ round }) => round))].filter((round) => round >= 0).sort((a, b) => a - b)
  if (trained.length === 0) return ''
  const left = Math.max(130, ...trained.map((key) => labelOf(key).length * 6.5 + 12))
  const [xs, ys] = [map.points.map(({ x }) => x), map.points.map(({ y }) => y)]
  const scale = (values: number[]) => {
    const [low, high] = values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity])
    return (value: number): string => (6 + ((value - low) / (high - low || 1)) * (PANEL - 18)).toFixed(1)
  }
  // As everywhere in the interface y grows upwards.
  const [px, py] = [scale(xs), scale(ys.map((y) => -y))]
  const dots = (points: Exploration['map']['points'], style: string): string => (points.length === 0 ? '' : `<path fill="none" stroke-linecap="round" ${style} d="${points.map(({ x, y }) => `M${px(x)} ${py(-y)}h0`).join('')}"/>`)
  const base = map.points.filter((point) => isBase(methods[point.method]!))
  const panels = trained.flatMap((key, row) => rounds.map((round, column) => {
    const own = map.points.filter((point) => methods[point.method] === key && point.round === round)
    if (own.length === 0) return ''
    const stroke = `stroke="${colourOf(key)}"`
    return `<g transform="translate(${left + column * PANEL} ${20 + row * PANEL})"><rect class="panel" width="${PANEL - 6}" height="${PANEL - 6}"/><use href="#base-answers"/>${dots(own.filter(({ pass }) => !pass), `${stroke} stroke-width="2.6" stroke-opacity=".5"`)}${dots(own.filter(({ pass }) => pass), `${stroke} stroke-width="4" stroke-opacity=".9"`)}</g>`
  }))
  const heads = rounds.map((round, column) => `<text x="${left + column * PANEL + 4}" y="13">${round === 0 ? 'warm start' : `round ${round}`}</text>`).join('')
  const names = trained.map((key, row) => `<text x="${left - 8}" y="${20 + row * PANEL + PANEL / 2}" text-anchor="end" style="fill:${colourOf(key)}">${escape(labelOf(key))}</text>`).join('')
  const width = left + rounds.length * PANEL
  return `<h2>Where the answers lie</h2><div class="wide"><svg viewBox="0 0 ${width} ${20 + trained.length * PANEL}" style="max-width:${width}px" role="img" aria-label="Map of answers: a row per method, a panel per round"><defs>${base.length > 0 ? dots(base, 'id="base-answers" class="behind" stroke-width="2.6"') : '<g id="base-answers"/>'}</defs>${heads}${names}${panels.join('')}</svg></div>
<p class="note">A dot is an answer of seed ${map.seed}, heavy where it passes; grey: the base's. ${map.points.length.toLocaleString('en-US')} of ${map.of.toLocaleString('en-US')} answers, all rounds on one plane. Likeness is ${escape(embedding)}. ${escape(map.projection)}${map.trustworthiness === null ? '' : `; trustworthiness ${fixed(map.trustworthiness, 2)} (1: the 15 nearest on the plane are the nearest in the embedding)`}${map.refit === null ? '' : `; laid out again from another start, ${Math.round(100 * map.refit.overlap)} % of an answer's 15 nearest stay the same (trustworthiness ${fixed(map.refit.trustworthiness, 2)}): read neighbourhoods, not places`}. Near is alike; distances between far clusters and their sizes mean little.</p>`
}

/** As the comparison's other tables have their methods. */
const inOrder = <T extends { key: string }>(rows: readonly T[], { methods }: Comparison): T[] => methods.flatMap(({ key }) => rows.filter((row) => row.key === key))

/** What was found beside how often it passed. */
function foundSection(methods: Exploration['methods'], { figures }: ReportExploration): string {
  if (figures === null) return ''
  const { k, seeds, prompts, rarefiedOver } = figures
  const ks = methods[0]?.passAtK.map((one) => one.k) ?? []
  return `<h2>What was found, final round</h2><div class="wide"><table><thead><tr><th>method</th>${ks.map((one) => `<th>pass@${one}</th>`).join('')}<th>distinct at equal passes</th><th>self-BLEU</th></tr></thead><tbody>${methods
    .map(({ label, passAtK, rarefied, selfBleu }) => `<tr><td>${escape(label)}</td>${passAtK.map(({ value }) => `<td>${withInterval(value, 2)}</td>`).join('')}<td>${rarefied === null ? 'too few pass' : withInterval(rarefied, 2)}</td><td>${withInterval(selfBleu, 2)}</td></tr>`)
    .join('')}</tbody></table></div>
<p class="note">${countOf(seeds, 'seed')} × ${prompts} prompts × ${k} samples. Distinct answers over the ${countOf(rarefiedOver.prompts, 'prompt')} where every method here passes at least twice${rarefiedOver.prompts === 0 ? '' : ` (${fixed(rarefiedOver.passes, 1)} passing answers drawn on average)`}, intervals over prompts.</p>`
}

function gradientsSection(gradients: ReportParts['gradients']): string {
  if (gradients.length === 0) return ''
  return `<h2>Does it still teach?</h2><table><thead><tr><th>method</th><th class="words">verdict on its gradients</th><th class="words">because</th></tr></thead><tbody>${gradients
    .map(({ key, verdict }) => `<tr><td>${escape(labelOf(key))}</td><td class="words"><b>${escape(VERDICT_WORDS[verdict.state])}</b></td><td class="words">${escape(verdict.because)}</td></tr>`)
    .join('')}</tbody></table>`
}

function mechanismSection(methods: MethodComparison[]): string {
  const rows = methods.flatMap((method) => method.trainingPairs.map((pairs) => ({ method, pairs, gradNorm: method.gradNorm.find((g) => g.round === pairs.round), heldout: method.heldout.find((h) => h.round === pairs.round) })))
  if (rows.length === 0) return ''
  const optional = (value: number | null | undefined): string => (value === null || value === undefined ? '–' : fixed(value, 2))
  return `<h2>Mechanism</h2><table><thead><tr><th>method</th><th>round</th><th>chosen score</th><th>rejected score</th><th>pairs ordered right</th><th>held-out margin</th><th>held-out accuracy</th><th>gradient norm, first → last quarter</th></tr></thead><tbody>${rows
    .map(({ method, pairs, gradNorm, heldout }) => `<tr><td>${escape(method.label)}</td><td>${pairs.round}</td><td>${optional(pairs.chosenScore)}</td><td>${optional(pairs.rejectedScore)}</td><td>${optional(pairs.pairAccuracy)}</td><td>${heldout ? withInterval(heldout.margin, 2) : '–'}</td><td>${heldout ? withInterval(heldout.accuracy, 2) : '–'}</td><td>${gradNorm ? `${fixed(gradNorm.first, 2)} → ${fixed(gradNorm.last, 2)}` : '–'}</td></tr>`)
    .join('')}</tbody></table>`
}

const LEDGER: [keyof FairnessLedger, string][] = [['signals', 'signals consumed'], ['uniquePrompts', 'unique prompts'], ['samplesDrawn', 'samples drawn'], ['rewardQueries', 'reward queries'], ['generatedTokens', 'generated tokens'], ['scoredTokens', 'scored tokens'], ['trainedTokens', 'trained tokens'], ['optimizerSteps', 'optimizer steps'], ['seconds', 'seconds']]

function ledgerSection(methods: MethodComparison[]): string {
  const trained = methods.filter((method) => method.runs.length > 0)
  if (trained.length === 0) return ''
  const perRun = (method: MethodComparison, key: keyof FairnessLedger): string => Math.round(method.ledger[key] / method.runs.length).toLocaleString('en-US')
  return `<h2>Fairness ledger, per run</h2><table><thead><tr><th></th>${trained.map((method) => `<th>${escape(method.label)}</th>`).join('')}</tr></thead><tbody>${LEDGER.filter(([key]) => key !== 'scoredTokens' || trained.some(({ ledger }) => ledger.scoredTokens > 0)).map(([key, label]) => `<tr><td>${label}</td>${trained.map((method) => `<td>${perRun(method, key)}</td>`).join('')}</tr>`).join('')}</tbody></table>`
}

/** Of each method its last round. */
const finalCells = ({ cells }: PromptAnswers): PromptAnswers['cells'] => [...new Map(cells.map((cell) => [cell.method, cell])).values()]

function answersSection(answers: PromptAnswers[]): string {
  if (answers.length === 0) return ''
  return `<h2>Answers side by side</h2><p class="note">Seed ${answers[0]?.seed}; the first sample of each method's final round, with the mean score over its samples.</p>${answers
    .map((row) => `<section class="prompt"><p class="user">${escape(row.prompt.at(-1)?.content ?? '')}</p><div class="answers">${finalCells(row)
      .map((cell) => `<div><h3 style="color:${colourOf(cell.method)}">${escape(labelOf(cell.method))} <small>${fixed(cell.score, 2)}, ${cell.passes} of ${cell.n} pass</small></h3><pre class="${cell.answers[0]?.pass ? 'pass' : ''}">${escape(cell.answers[0]?.text ?? '')}</pre></div>`)
      .join('')}</div></section>`)
    .join('')}`
}

/** About four round values inside [low, high]. */
function ticksBetween(low: number, high: number): number[] {
  const raw = (high - low) / 4 || 1
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw)!
  const ticks: number[] = []
  for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-9; tick += step) ticks.push(tick)
  return ticks
}

const STYLE = `:root{color-scheme:light dark;--ink:#1b1f24;--soft:#59636e;--line:#d8dee4;--paper:#fff;--tint:#f6f8fa;--pass:#00795c;${variables(0)}}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9da7b3;--line:#343b44;--paper:#0f1318;--tint:#181d24;--pass:#2fc093;${variables(1)}}}
body{margin:0;background:var(--paper);color:var(--ink);font:14px/1.5 system-ui,sans-serif;font-variant-numeric:tabular-nums}main{max-width:1060px;margin:0 auto;padding:32px 24px 64px}
h1{font-size:22px;margin:0 0 8px}h2{font-size:16px;margin:36px 0 8px}h3{font-size:13px;margin:0 0 4px}.headline{font-size:18px;margin:0 0 12px}.note,.ci,small,footer{color:var(--soft)}.ci{white-space:nowrap}
.cautions{border-left:3px solid #b7791f;margin:0 0 12px;padding:6px 12px 6px 28px;background:var(--tint)}table{border-collapse:collapse;width:100%;font-size:13px}th{font-weight:600;text-align:right;vertical-align:bottom}td{text-align:right}th:first-child,td:first-child{text-align:left}th,td{padding:4px 8px;border-bottom:1px solid var(--line)}th.words,td.words{text-align:left}.primary td{font-weight:600}
svg{width:100%;height:auto;font-size:11.5px;fill:var(--ink)}svg text.value{font-weight:600}.grid{stroke:var(--line)}.panel{fill:none;stroke:var(--line)}.behind{stroke:var(--soft);stroke-opacity:.45}.wide{overflow-x:auto}.wide td{white-space:nowrap}.grid2{display:grid;grid-template-columns:repeat(auto-fit,minmax(320px,1fr));gap:16px}figure{margin:0}figcaption{font-weight:600;font-size:13px}
.prompt{border-top:1px solid var(--line);padding:12px 0}.user{font-weight:600;margin:0 0 8px}.answers{display:grid;grid-template-columns:repeat(auto-fill,minmax(190px,1fr));gap:12px}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--tint);padding:8px;margin:0;font:12.5px/1.45 ui-monospace,monospace;border-left:3px solid transparent}pre.pass{border-left-color:var(--pass)}footer{margin-top:48px;font-size:12px}`
