import { expect, it } from 'vitest'
import { duelResult, lossRows, pairUp, type Decision } from './duels.ts'

const outputs = (generator: string, ...texts: string[]) => texts.map((output, i) => ({ instruction: `do ${i}`, output, origin: { run: generator, round: 2, prompt: i, sample: 0, temperature: 0 } }))

it('pairs what both answered differently, with sides and order from the seed alone', () => {
  const a = outputs('a', ...Array.from({ length: 40 }, (_, i) => `a${i}`))
  const b = outputs('b', ...Array.from({ length: 30 }, (_, i) => (i === 7 ? 'a7' : `b${i}`)))
  const pairs = pairUp(a, b, 1)
  expect(pairs).toHaveLength(29)
  expect(pairUp(a, b, 1)).toEqual(pairs)
  expect(pairUp(a, b, 2)).not.toEqual(pairs)
  expect(pairs.map(({ prompt }) => prompt)).not.toEqual(a.slice(0, 29).map(({ instruction }) => instruction))
  // Whatever the order, each answer keeps its own origin.
  for (const { prompt, a, b, originA, originB } of pairs) expect([originA, originB]).toMatchObject([{ run: 'a', prompt: Number(a.slice(1)) }, { run: 'b', prompt: Number(b.slice(1)) }].map((origin) => ({ ...origin, prompt: Number(prompt.slice(3)) })))
  const left = pairs.filter(({ aIsLeft }) => aIsLeft).length
  expect(left).toBeGreaterThan(5)
  expect(left).toBeLessThan(24)
})

it('counts a tie half and tells whether wins are more than chance', () => {
  const decided = (winner: Decision['winner'], n: number): Decision[] => Array.from({ length: n }, () => ({ winner, reasons: [] }))
  expect(duelResult([])).toBeNull()
  expect(duelResult(decided('a', 3))).toMatchObject({ share: { estimate: 100, low: Number.NaN }, p: expect.closeTo(0.25, 12) as number })
  expect(duelResult([...decided('a', 9), ...decided('b', 3), ...decided('tie', 4)])).toMatchObject({ winsA: 9, winsB: 3, ties: 4, share: { estimate: expect.closeTo(68.75, 9) as number }, p: expect.closeTo(0.146, 3) as number })
  // Few decisions widen an interval; no share is above all of them.
  expect(duelResult([...decided('a', 9), ...decided('b', 1)])!.share).toMatchObject({ estimate: 90, high: 100 })
})

it('losses become rows of dissatisfaction, with the reasons as the words; ties do not', () => {
  const originB = { run: 'spin', round: 2, prompt: 4, sample: 0, temperature: 0 }
  const pair = { prompt: 'do', a: 'A', b: 'B', aIsLeft: true, originA: null, originB }
  expect(lossRows([{ ...pair, winner: 'a', reasons: ['too little detail', 'low quality'] }, { ...pair, winner: 'b', reasons: [] }, { ...pair, winner: 'tie', reasons: [] }], (prompt, reply) => `${prompt}/${reply}`)).toEqual([
    { prompt: [{ role: 'user', content: 'do' }], reply: 'B', label: 'dissatisfied', userFeedback: 'The other answer is better: too little detail, low quality.', conversationId: 'do/B', turnIndex: 2, task: null, origin: originB },
    expect.not.objectContaining({ origin: expect.anything() as unknown }),
  ])
})
