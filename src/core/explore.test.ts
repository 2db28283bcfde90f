import { describe, expect, it } from 'vitest'
import { explore, type ExploredSample } from './explore.ts'

/** `narrow` always gives one of two good answers, `wide` one of eight; both pass on half of their samples. */
const samples: ExploredSample[] = [1, 2].flatMap((seed) => Array.from({ length: 12 }, (_, prompt) => [['base', -1, 1], ['narrow', 1, 2], ['wide', 1, 8]].flatMap(([method, round, kinds]) => Array.from({ length: 16 }, (_, i): ExploredSample => {
  const pass = method === 'base' ? i < 4 : i % 2 === 0
  const kind = Math.floor(i / 2 + seed) % Number(kinds)
  const answer = `plan${prompt} alpha${kind} beta${kind % 3} gamma${kind % 4} delta${kind >> 1}`
  return { method: String(method), seed, round: Number(round), prompt, text: pass ? answer : `nothing of use ${i}`, answer, pass, reward: pass ? 1 : 0.2 }
})))).flat(2)
const finals = new Map([['base', -1], ['narrow', 1], ['wide', 1]])

describe('exploration', () => {
  const result = explore(samples, finals, { k: 16 })
  const of = (key: string) => result.methods.find((method) => method.key === key)!

  it('finds more distinct answers in who is wider, at equal numbers of passing ones', () => {
    expect(result.rarefiedOver).toEqual({ prompts: 12, passes: 4 })
    expect(of('wide').rarefied!.estimate).toBeGreaterThan(of('narrow').rarefied!.estimate + 1)
    expect(of('base').rarefied!.estimate).toBeCloseTo(1, 10)
  })
  it('does not take passing for exploring', () => {
    expect(of('wide').passAtK.at(-1)!.value.estimate).toBe(1)
    expect(of('wide').passAtK.map(({ value }) => value.estimate)).toEqual(of('narrow').passAtK.map(({ value }) => value.estimate))
  })
  it('covers more of the good answers, and repeats itself less', () => {
    expect(of('wide').coverage!.estimate).toBeGreaterThan(of('narrow').coverage!.estimate)
    expect(of('wide').selfBleu.estimate).toBeLessThan(of('narrow').selfBleu.estimate)
  })
  it('lays samples of all rounds on one plane, the same each time', () => {
    expect(result.map).toMatchObject({ seed: 1, of: 12 * 48 })
    expect(new Set(result.map.points.map(({ round }) => round))).toEqual(new Set([-1, 1]))
    expect(explore(samples, finals, { k: 16 })).toEqual(result)
  })
  it('leaves out seeds that are not complete, and says how many it stands on', () => {
    const partial = samples.filter(({ seed, method, prompt }) => !(seed === 2 && method === 'wide' && prompt === 3))
    expect(explore(partial, finals, { k: 16 }).seeds).toBe(1)
    expect(explore([], new Map(), { k: 16 })).toMatchObject({ seeds: 0, methods: [] })
  })
})
