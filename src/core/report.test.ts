import { expect, it } from 'vitest'
import { renderReport } from './report.ts'
import type { Comparison } from '../shared/comparison.ts'

const interval = (estimate: number) => ({ estimate, low: estimate - 0.1, high: estimate + 0.1 })
const figures = (round: number, score: number) => ({ round, score: interval(score), pass: interval(0.2), distinct: interval(2), coverage: interval(0.4), itemEntropy: interval(3), tokenEntropy: 0.7, length: 12 })
const ledger = { signals: 1, uniquePrompts: 2, samplesDrawn: 3, rewardQueries: 0, generatedTokens: 1200, scoredTokens: 0, trainedTokens: 5, optimizerSteps: 6, seconds: 7 }
const comparison: Comparison = {
  group: 'g', title: 'A <b>title</b>', headline: 'DRIFT is ahead of base by +0.24 [+0.19, +0.29].', claim: 'checkpoints',
  methods: [
    { key: 'base', label: 'base', seeds: [1], runs: [], upperBound: false, byTemperature: [{ temperature: 1, rounds: [figures(-1, 0.5)] }], heldout: [], gradNorm: [], trainingPairs: [], ledger },
    { key: 'drift', label: 'DRIFT', seeds: [1], runs: ['drift-1'], upperBound: false, byTemperature: [{ temperature: 1, rounds: [figures(0, 0.6), figures(1, 0.74)] }], heldout: [{ round: 1, margin: interval(0.4), accuracy: interval(0.8) }], gradNorm: [{ round: 1, mean: 0.5, first: 0.6, last: 0.4 }], trainingPairs: [{ round: 1, chosenScore: 0.8, rejectedScore: 0.4, pairAccuracy: 0.9 }], ledger },
  ],
  differences: [{ a: 'drift', b: 'base', temperature: 1, measure: 'score', difference: interval(0.24), p: 0.001, pAdjusted: null, primary: false, verdict: 'ahead', seeds: 1, prompts: 40, permutation: { prompts: 0.01, seeds: null }, mcnemar: null, effectSize: 0.5, needed: null }],
  declared: null,
  race: null,
  evaluation: { dataset: 'test', prompts: 40, k: 4, temperatures: [1], heldoutPairs: 10, measured: { measure: 'task score', reaction: null, scorer: null } },
  probe: { conditioned: 0.8, unconditioned: 0.5, gain: 0.3 }, cautions: ['1 seed'], finished: true,
}
const point = (method: number, round: number, pass: boolean, x: number) => ({ x, y: -x, method, round, prompt: 0, pass, reward: 1, text: '</svg><b>' })
const exploration = { embedding: 'lexical <words>', methods: ['base', 'drift'], map: { seed: 1, projection: 'UMAP, 15 neighbours', trustworthiness: 0.876, refit: { overlap: 0.614, trustworthiness: 0.871 }, of: 2000, points: [point(0, -1, true, -1), point(1, 1, true, 0), point(1, 1, false, 0.5), point(1, 2, true, 1)] }, figures: {
  k: 4, seeds: 1, prompts: 40, rarefiedOver: { prompts: 7, passes: 2.5 },
  methods: ['drift', 'base'].map((key) => ({ key, label: key, round: 1, passAtK: [1, 4].map((k) => ({ k, value: interval(k / 10) })), rarefied: key === 'base' ? null : interval(1.5), selfBleu: interval(0.62), coverage: null, density: null })),
} }
const gradients = [{ key: 'drift', verdict: { state: 'degenerating' as const, because: 'held-out margin −0.10 <fell>' } }]
const report = (text: string) => renderReport({ comparison, exploration, gradients, answers: [{ index: 0, seed: 1, prompt: [{ role: 'user', content: text }], cells: [{ run: 'drift-1', method: 'drift', base: 'base', warmStart: 'warm-start', round: 1, dataset: 'test', place: 0, temperature: 1, score: 0.7, passes: 1, n: 2, answers: [{ text, score: 1, pass: true }] }] }], settings: [{ run: 'drift-1', yaml: text }], version: '0.1.0', machine: 'test', createdAt: 'today' })

it('says what was found, with intervals, and the limits', () => {
  const html = report('a request')
  expect(html).toContain('DRIFT is ahead of base by +0.24')
  expect(html).toContain('0.740 <span class="ci">[0.640, 0.840]</span>')
  expect(html).toContain('<li>1 seed</li>')
  expect(html).toContain('covered the truth in 92.5 to 99.8 % of cases (three to six seeds')
  expect(html).toContain('1,200')
})

it('says of a race what was declared, and whether its budget held', () => {
  const line = { what: 'pairs trained on', values: [], equal: true, words: 'Held: pairs trained on per run differ by 0.0 % at most (DRIFT 512, SPIN 512).' }
  const html = renderReport({ comparison: { ...comparison, declared: { metric: 'score', temperature: 1, pairs: [['drift', 'spin']] }, race: { regime: 'equal-pairs', fairness: [line], sweep: null } }, exploration: null, gradients: [], answers: [], settings: [], version: '0.1.0', machine: 'test', createdAt: 'today' })
  expect(html).toContain('<h2>Declared before the start</h2><p>DRIFT minus SPIN, in score at T = 1, final round. Budget: every method trains on as many pairs.')
  expect(html).toContain('Held: pairs trained on per run differ by 0.0 % at most (DRIFT 512, SPIN 512).')
  expect(report('x')).not.toContain('Declared before the start</h2>')
})

it('loads nothing and runs nothing, whatever the content', () => {
  const html = report('<script>alert(1)</script><img src=x onerror=alert(1)> javascript:alert(1) "\' &')
  expect(html).not.toMatch(/<script|<img|<link|<iframe/)
  expect(html).not.toMatch(/(src|href)=["']?(https?:)?\/\//)
  expect(html).toContain('&#60;script&#62;alert(1)')
  expect(html).toContain("default-src 'none'")
})

it('draws the map of answers: a panel per round, the base behind, who passes heavier, and what its places mean', () => {
  const html = report('x')
  const svg = /<svg[^>]*aria-label="Map of answers[\s\S]*?<\/svg>/.exec(html)![0]
  expect([...svg.matchAll(/>(warm start|round \d)</g)].map(([, name]) => name)).toEqual(['round 1', 'round 2'])
  expect(svg.match(/class="panel"/g)).toHaveLength(2)
  // All on one scale, from -1 to 1 over the 132 units inside a panel.
  expect(svg).toContain('id="base-answers" class="behind" stroke-width="2.6" d="M6.0 6.0h0"')
  expect(svg).toMatch(/stroke-opacity="\.5" d="M105\.0 105\.0h0"/)
  expect(svg).toMatch(/stroke-opacity="\.9" d="M72\.0 72\.0h0"/)
  expect(html).toContain('4 of 2,000 answers, all rounds on one plane. Likeness is lexical &#60;words&#62;. UMAP, 15 neighbours; trustworthiness 0.88')
  expect(html).toContain("laid out again from another start, 61 % of an answer's 15 nearest stay the same (trustworthiness 0.87): read neighbourhoods, not places.")
  expect(html).toContain('distances between far clusters and their sizes mean little')
})

it('says how each difference was tested and what would decide it, the primary family first and the others folded', () => {
  const [own] = comparison.differences
  const primary = { ...own!, b: 'spin', primary: true, pAdjusted: 0.3, p: 0.15, effectSize: -0.25, seeds: 6, permutation: { prompts: 0.0004, seeds: 0.031 }, verdict: 'not distinguishable' as const, needed: { prompts: 1310, seeds: null } }
  const passes = { ...own!, measure: 'pass' as const, mcnemar: { onlyA: 9, onlyB: 2, p: 0.065 } }
  const html = renderReport({ comparison: { ...comparison, differences: [own!, passes, primary] }, exploration: null, gradients: [], answers: [], settings: [], version: '0.1.0', machine: 'test', createdAt: 'today' })
  const section = /<h2>Tests of each difference[\s\S]*?<\/details>/.exec(html)![0]
  const [shown, folded] = section.split('<details>') as [string, string]
  expect(shown).toContain('<td>DRIFT − SPIN</td><td>task score</td><td>1</td><td>−0.25</td><td>&lt; 0.001</td><td>0.031</td><td>not distinguishable</td><td>about 1,310 more</td><td>none is enough alone</td>')
  expect(shown).not.toContain('McNemar')
  expect(folded).toContain('Tests of the 2 exploratory differences')
  expect(folded).toContain('<td>9 : 2, p 0.065</td>')
  expect(html).toContain('Holm over its 1 difference.')
  expect(report('x')).toContain('None is of the primary family')
})

it('says what was found beside passing, and whether each method still teaches', () => {
  const html = report('x')
  const found = /<h2>What was found[\s\S]*?<\/p>/.exec(html)![0]
  expect(found).toContain('<th>pass@1</th><th>pass@4</th>')
  expect(found).toContain('<td>0.40 <span class="ci">[0.30, 0.50]</span></td><td>1.50 <span class="ci">[1.40, 1.60]</span></td><td>0.62')
  // In the order of the comparison.
  expect(found.indexOf('too few pass')).toBeLessThan(found.indexOf('1.50'))
  expect(found).toContain('1 seed × 40 prompts × 4 samples. Distinct answers over the 7 prompts where every method here passes at least twice (2.5 passing answers drawn on average)')
  expect(html).toContain('<b>Degenerating</b></td><td class="words">held-out margin −0.10 &#60;fell&#62;</td>')
  const without = renderReport({ comparison, exploration: { ...exploration, figures: null }, gradients: [], answers: [], settings: [], version: '0.1.0', machine: 'test', createdAt: 'today' })
  expect(without).toContain('Where the answers lie')
  expect(without).not.toMatch(/What was found, final|Does it still teach/)
})

it('has every method’s colour on light and on dark paper, none too dim to read', () => {
  const style = /<style>([\s\S]*?)<\/style>/.exec(report('x'))![1]!
  const [light, dark] = [/:root\{([^}]*)\}/.exec(style)![1]!, /prefers-color-scheme:dark\)\{:root\{([^}]*)\}/.exec(style)![1]!]
  for (const [paper, colours] of [['#ffffff', light], ['#0f1318', dark]] as const) {
    const own = new Map([...colours.matchAll(/--([\w-]+):(#[0-9a-f]{6})/g)].map(([, name, colour]) => [name!, colour!]))
    for (const method of [...KNOWN, 'other', 'pass']) expect([method, contrast(own.get(method)!, paper)], method).toEqual([method, expect.toSatisfy((ratio: number) => ratio >= 3.9)])
  }
  // Nothing is drawn in a colour of one paper alone.
  expect(report('x').replace(style, '')).not.toMatch(/#[0-9a-f]{6}/)
})

const KNOWN = ['base', 'warm-start', 'drift', 'drift-unguided', 'drift-own-rejected', 'drift-sft', 'drift-frozen', 'iterative-dpo', 'iterative-dpo-oracle', 'iterative-dpo-judge', 'spin']
/** WCAG's ratio of relative luminances. */
function contrast(a: string, b: string): number {
  const luminance = (colour: string): number => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i]!, 0)
  const [lighter, darker] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number]
  return (lighter + 0.05) / (darker + 0.05)
}
