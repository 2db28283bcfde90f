import { describe, expect, it } from 'vitest'
import { makeRng } from '../rng.ts'
import { PROBE_CONDITIONS, probeConversations, selectProbeCases, summarizeProbe, summarizeSamples, type ProbeCondition } from './probe.ts'
import { drawRequests } from './request.ts'
import { makeWorld } from './world.ts'
import { FULL_ATTENTION, writeFirstReply, writeReply } from './writer.ts'

const world = makeWorld(1)
const requests = drawRequests({ worldSeed: 1, split: 'validation', n: 200 })
const rng = makeRng('probe test')
const mediocre = (): string[] => requests.map(({ spec }) => writeFirstReply(world, spec, rng))
const cases = selectProbeCases(requests, mediocre(), 5)

describe('the probe', () => {
  it('takes the requests whose user wrote that they were dissatisfied', () => {
    expect(cases.length).toBeGreaterThan(70)
    expect(cases.length).toBeLessThan(130)
    for (const { reaction } of cases) expect(reaction).toMatchObject({ dsat: true, sat: false })
    expect(() => selectProbeCases(requests, ['one'], 5)).toThrow('expected 200 replies, got 1')
  })

  it('shows the model what each condition says', () => {
    const [first, second] = cases
    const last = (condition: ProbeCondition): string => probeConversations(cases, condition)[0]?.at(-1)?.content ?? ''
    expect(probeConversations(cases, 'unconditioned')[0]).toEqual([{ role: 'user', content: first?.request.text }])
    expect(probeConversations(cases, 'guided')[0]?.map(({ role }) => role)).toEqual(['user', 'assistant', 'user'])
    expect(last('guided')).toBe(`${first?.reaction.text} please give an improved reply.`)
    expect(last('feedback')).toBe(first?.reaction.text)
    expect(last('bare')).toBe('not good. please give an improved reply.')
    expect(last('foreign')).toBe(`${second?.reaction.text} please give an improved reply.`)
  })

  it('is the guided minus the unconditioned task score, per kind as well', () => {
    const same = cases.map(({ request }) => [writeFirstReply(world, request.spec, rng), writeFirstReply(world, request.spec, rng)])
    const perfect = cases.map(({ request }) => [writeReply(world, request.spec, FULL_ATTENTION, rng, { slip: 0 })])
    const samples = Object.fromEntries(PROBE_CONDITIONS.map((condition) => [condition, condition === 'guided' ? perfect : same])) as Record<ProbeCondition, string[][]>
    const figures = summarizeProbe(cases, samples)
    const { unconditioned, guided } = figures.conditions
    expect(guided).toMatchObject({ score: 1, pass: 1, reward: 1, samples: cases.length })
    expect(unconditioned.samples).toBe(2 * cases.length)
    expect(figures.probe).toBeCloseTo(1 - unconditioned.score, 12)
    expect(figures.contentOverBare).toBeCloseTo(figures.probe, 12)
    const kinds = Object.values(figures.byKind)
    expect(kinds.reduce((sum, { n }) => sum + n, 0)).toBe(cases.length)
    expect(kinds.reduce((sum, { n, probe }) => sum + n * probe, 0) / cases.length).toBeCloseTo(figures.probe, 12)
  })

  it('averages over all samples and refuses to average none', () => {
    const spec = { cat: 'games', n: 2 } as const
    expect(summarizeSamples([spec], [['coup and uno.', 'coup and chess.']])).toEqual({ score: 0.5, pass: 0.5, reward: (1 + 0.75) / 2, samples: 2 })
    expect(() => summarizeSamples([], [])).toThrow('got none')
  })
})
