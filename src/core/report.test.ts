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
const map = { embedding: 'lexical <words>', methods: ['base', 'drift'], map: { seed: 1, projection: 'UMAP, 15 neighbours', trustworthiness: 0.876, of: 2000, points: [point(0, -1, true, -1), point(1, 1, true, 0), point(1, 1, false, 0.5), point(1, 2, true, 1)] } }
const report = (text: string) => renderReport({ comparison, map, answers: [{ index: 0, seed: 1, prompt: [{ role: 'user', content: text }], cells: [{ run: 'drift-1', method: 'drift', base: 'base', warmStart: 'warm-start', round: 1, temperature: 1, score: 0.7, passes: 1, n: 2, answers: [{ text, score: 1, pass: true }] }] }], settings: [{ run: 'drift-1', yaml: text }], version: '0.1.0', machine: 'test', createdAt: 'today' })

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
  const html = renderReport({ comparison: { ...comparison, declared: { metric: 'score', temperature: 1, pairs: [['drift', 'spin']] }, race: { regime: 'equal-pairs', fairness: [line], sweep: null } }, map: null, answers: [], settings: [], version: '0.1.0', machine: 'test', createdAt: 'today' })
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
  expect(html).toContain('distances between far clusters and their sizes mean little')
})
