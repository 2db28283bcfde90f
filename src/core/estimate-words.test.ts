import { describe, expect, it } from 'vitest'
import { answersWords, judgingWords, raceWords } from './estimate-words.ts'

describe('the estimate of a race', () => {
  const check = { sweepRuns: 0, runs: 18, lanes: 2, seconds: 130, memoryBytes: 3_200_000_000, diskBytes: 1_200_000_000 }
  it('says runs, how many at a time, time, memory of those together, and disk', () => {
    expect(raceWords(check)).toBe('18 runs, 2 at a time · about 2:10 in all · memory 3.2 GB at most together · disk 1.2 GB')
    expect(raceWords({ ...check, sweepRuns: 1, runs: 1, lanes: 1 })).toBe('1 run of the sweep, then 1 run, 1 at a time · about 2:10 in all · memory 3.2 GB at most · disk 1.2 GB')
  })
  it('says what is not known', () => {
    expect(raceWords({ ...check, seconds: null, memoryBytes: null, diskBytes: null })).toBe('18 runs, 2 at a time · time not measured on this machine yet · memory not known until the models are here')
  })
})

describe('the estimate of answers', () => {
  const estimate = { answers: 805, maxNewTokens: 2048, time: { seconds: 2110, basis: 'earlier', atMost: false }, memoryBytes: 1_200_000_000, diskBytes: 14_000_000 } as const
  it('says how many, time and where that is known from, memory and disk', () => {
    expect(answersWords(estimate)).toBe('805 answers of at most 2,048 tokens · about 35:10, as earlier answers took · memory about 1.2 GB · disk at most 14 MB')
    expect(answersWords({ ...estimate, time: { seconds: 61, basis: 'measured', atMost: true } })).toContain(' · at most about 1:01, measured just now · ')
    expect(answersWords({ ...estimate, answers: 1, maxNewTokens: 1, time: { seconds: 61, basis: 'measured', atMost: false } })).toMatch(/^1 answer of at most 1 token · about 1:01, measured just now · /)
  })
  it('says what is not known', () => {
    expect(answersWords({ ...estimate, time: null, memoryBytes: null })).toBe('805 answers of at most 2,048 tokens · time not measured on this machine yet · memory as vLLM is set to take it · disk at most 14 MB')
  })
})

it('the estimate of a judge says calls, tokens, cost and time where they are known', () => {
  const estimate = { answers: 1200, calls: 1190, cached: 10, promptTokens: 1_400_000, completionTokens: 1190, seconds: 95 }
  expect(judgingWords(estimate, 2.804)).toBe('1,190 calls (10 replies are here already), about 1,400,000 tokens in, at most 1,190 out, at most about 2.80, about 1:35')
  expect(judgingWords({ ...estimate, calls: 1, seconds: null }, null)).toBe('1 call (10 replies are here already), about 1,400,000 tokens in, at most 1,190 out, time unknown before the first replies')
})
