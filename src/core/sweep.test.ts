import { describe, expect, it } from 'vitest'
import { bestCell, cellScore, edgesOf, gridCells, sharedPrompts } from './sweep.ts'

const grid = { 'training.learning_rate': [1e-4, 3e-4, 8e-4], reference: ['base', 'round-start'] }

describe('a grid', () => {
  it('is every combination, the last key changing fastest', () => {
    expect(gridCells(grid)).toEqual([1e-4, 3e-4, 8e-4].flatMap((rate) => ['base', 'round-start'].map((reference) => ({ 'training.learning_rate': rate, reference }))))
  })
  it.each<[number, string[]]>([[1e-4, ['training.learning_rate']], [3e-4, []], [8e-4, ['training.learning_rate']]])('has an edge where a number is its smallest or largest: %d', (rate, edges) => {
    expect(edgesOf(grid, { 'training.learning_rate': rate, reference: 'base' })).toEqual(edges)
  })
})

describe('the choice', () => {
  it('is the best score, of equals the first, and none where there is no score', () => {
    expect(bestCell([{ score: 0.2 }, { score: null }, { score: 0.4 }, { score: 0.4 + 1e-12 }, { score: 0.3 }])).toBe(2)
    expect(bestCell([{ score: null }])).toBeNull()
  })
  it('does not compare a setting on fewer seeds than the others', () => {
    expect(cellScore([0.2, 0.4])).toBeCloseTo(0.3, 12)
    expect(cellScore([0.9, null])).toBeNull()
  })
})

describe('requests of sweep and test', () => {
  const row = (content: string, conversationId: string | null = null) => ({ prompt: [{ role: 'user' as const, content }], task: null, conversationId })
  it('are shared by text, whatever its case and spaces, or by conversation', () => {
    expect(sharedPrompts([row('Name a fruit.'), row('Sing', 'c1'), row('Other')], [row('name  a fruit.'), row('Dance', 'c1')])).toBe(2)
    expect(sharedPrompts([row('Other')], [row('name a fruit')])).toBe(0)
  })
})
