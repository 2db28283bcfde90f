import { describe, expect, it } from 'vitest'
import type { RunStage } from '../../../shared/types.ts'
import { diagramOf, type DiagramRecipe } from './run-diagram.ts'

const stage = (key: string, startsFrom: string, status: RunStage['status'] = 'done') => ({ key, startsFrom, status })
const recipe = (changes: Partial<DiagramRecipe>): DiagramRecipe => ({ recipe: 'drift', reference: 'round-start', dataset: 'feedback', warmStart: 'seed-pairs', ...changes })
const STAGES = [stage('warm-start/train', 'base'), stage('base/evaluate', 'base'), stage('round-1/sample', 'warm-start'), stage('round-1/train', 'warm-start'), stage('round-2/sample', 'round-1'), stage('round-2/train', 'round-1', 'running')]

describe('the diagram of a run', () => {
  it('says what every round started from, as its stages record it', () => {
    expect(diagramOf(recipe({}), STAGES)).toEqual([
      { policy: 'warm-start', from: 'base', reference: 'base', data: 'seed-pairs', chosen: 'as in the data', rejected: 'as in the data', resampled: null, status: 'done' },
      { policy: 'round-1', from: 'warm-start', reference: 'warm-start', data: 'dissatisfied replies of feedback', chosen: 'warm start, guided by feedback', rejected: 'the reply the user disliked', resampled: null, status: 'done' },
      { policy: 'round-2', from: 'round-1', reference: 'round-1', data: 'dissatisfied replies of feedback', chosen: 'round 1, guided by feedback', rejected: 'the reply the user disliked', resampled: null, status: 'running' },
    ])
  })

  it('measures rounds against the base where the recipe says so', () => {
    expect(diagramOf(recipe({ reference: 'base' }), STAGES).map(({ reference }) => reference)).toEqual(['base', 'base', 'base'])
  })

  it('says how many chosen replies were drawn and how many kept, where that was asked for', () => {
    const stages = STAGES.map((one) => (one.key === 'round-2/sample' ? { ...one, summary: { samples: 100, kept: 156 } } : one))
    expect(diagramOf(recipe({}), stages).map(({ resampled }) => resampled)).toEqual([null, null, '100 drawn, 156 kept'])
  })

  it.each([
    ['drift-unguided', STAGES, 'round 1, unguided', 'the reply the user disliked'],
    ['drift-own-rejected', [...STAGES, stage('round-2/sample-own', 'round-1')], 'round 1, guided by feedback', 'round 1, unguided'],
    ['drift-sft', STAGES, 'round 1, guided by feedback', 'none: SFT'],
    ['drift-frozen', [stage('round-0/sample', 'warm-start'), stage('round-2/train', 'round-1')], 'warm start, guided, once', 'the reply the user disliked'],
    ['spin', STAGES, 'the reply the user liked', 'round 1, unguided'],
    ['iterative-dpo', [stage('reward/train', 'warm-start'), ...STAGES], 'better of two by round 1', 'worse of two by round 1'],
  ] as const)('names the sides of %s', (name, stages, chosen, rejected) => {
    const last = diagramOf(recipe({ recipe: name }), stages).at(-1)
    expect([last?.policy, last?.chosen, last?.rejected]).toEqual(['round-2', chosen, rejected])
  })
})
