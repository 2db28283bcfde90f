import { describe, expect, it } from 'vitest'
import type { RunStage } from '../../../shared/types.ts'
import { describeStage, laneOf, stageName, tokensPerSecond } from './stages.ts'

const stage = (key: string, kind: RunStage['kind'], round: number, status: RunStage['status'] = 'done'): RunStage => ({ key, kind, round, status, startsFrom: null, startedAt: '', endedAt: null, seconds: 1, tokens: null, peakMemoryBytes: null, reusedFrom: null, summary: {} })
const kinds = (lane: ReturnType<typeof laneOf>) => lane.map(({ label, blocks }) => [label, blocks.map(({ kind, status }) => `${kind} ${status}`)])

describe('laneOf', () => {
  it('shows what is still to come, round by round', () => {
    const lane = laneOf({ recipe: 'drift', method: 'drift', rounds: 1, status: 'running' }, [stage('warm-start/train', 'train', 0), stage('round-0/evaluate', 'evaluate', 0, 'running')])
    expect(kinds(lane)).toEqual([
      ['warm start', ['train done', 'evaluate running']],
      ['round 1', ['sample waiting', 'train waiting', 'evaluate waiting']],
    ])
  })

  it('gives iterative DPO its reward stages, but the oracle no reward model to train', () => {
    expect(kinds(laneOf({ recipe: 'iterative-dpo', method: 'iterative-dpo', rounds: 1, status: 'running' }, [stage('reward/train', 'train', 0)]))[0]).toEqual(['warm start', ['reward done', 'train waiting', 'evaluate waiting']])
    expect(kinds(laneOf({ recipe: 'iterative-dpo', method: 'iterative-dpo-oracle', rounds: 1, status: 'queued' }, []))[0]).toEqual(['warm start', ['train waiting', 'evaluate waiting']])
  })

  it('lets the frozen arm sample once, before round 1', () => {
    expect(kinds(laneOf({ recipe: 'drift-frozen', method: 'drift-frozen', rounds: 1, status: 'queued' }, []))).toEqual([
      ['warm start', ['train waiting', 'evaluate waiting', 'sample waiting']],
      ['round 1', ['train waiting', 'evaluate waiting']],
    ])
  })

  it('promises nothing of a run that is over, and shows the base where it was evaluated', () => {
    expect(kinds(laneOf({ recipe: 'drift', method: 'drift', rounds: 2, status: 'failed' }, [stage('base/evaluate', 'evaluate', -1), stage('warm-start/train', 'train', 0)]))).toEqual([
      ['base', ['evaluate done']],
      ['warm start', ['train done']],
    ])
  })
})

it('tokensPerSecond is known of stages that ended and handled tokens', () => {
  expect(tokensPerSecond({ tokens: 900, seconds: 3 })).toBe(300)
  expect(tokensPerSecond({ tokens: 900, seconds: null })).toBeNull()
  expect(tokensPerSecond({ tokens: null, seconds: 3 })).toBeNull()
})

it('describeStage says in plain words what each method does while it samples', () => {
  const words = (recipe: string) => describeStage({ recipe, method: recipe }, stage('round-1/sample', 'sample', 1)).what
  expect(words('drift')).toContain('the user’s own words')
  expect(words('spin')).toContain('its own rejected')
  expect(words('iterative-dpo')).toContain('twice')
  expect(words('drift-unguided')).toContain('without having seen it')
})

it('names a stage by its round and what it does, so that no two of a run are called the same', () => {
  const names = [stage('base/probe', 'evaluate', -1), stage('reward/train', 'train', 0), stage('warm-start/train', 'train', 0), stage('round-1/sample', 'sample', 1), stage('round-1/sample-own', 'sample', 1)].map(stageName)
  expect(names).toEqual(['base · probe', 'warm start · train the reward', 'warm start · train', 'round 1 · sample', 'round 1 · own sample'])
})
