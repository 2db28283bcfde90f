import { expect, it } from 'vitest'
import { CONVERSATION_SORTS } from '../../../shared/facets.ts'
import { figureText, firstOrder, nextOrder, SORT_NAMES } from './sorts.ts'

it('the menu has every sort', () => {
  expect([...SORT_NAMES].sort()).toEqual([...CONVERSATION_SORTS].sort())
})

it('names begin with A, all else with the most; a third click is as imported', () => {
  expect([firstOrder('source'), firstOrder('turns'), firstOrder('imported')]).toEqual([{ sort: 'source', desc: false }, { sort: 'turns', desc: true }, { sort: 'imported', desc: false }])
  const second = nextOrder(nextOrder({ sort: 'turns', desc: true }, 'source'), 'source')
  expect(second).toEqual({ sort: 'source', desc: true })
  expect(nextOrder(second, 'source')).toEqual({ sort: 'imported', desc: false })
})

it('figures read as what they are', () => {
  expect([figureText('share', 0.5), figureText('probability', 0.876), figureText('near', 1200), figureText('near', null), figureText('tag', undefined)]).toEqual(['50 %', '0.88', '1,200', '', ''])
})
