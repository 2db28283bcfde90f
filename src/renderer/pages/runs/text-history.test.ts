import { describe, expect, it } from 'vitest'
import { edited, endOfChange, historyOf, redo, undo, type TextHistory } from './text-history.ts'

const typed = (history: TextHistory, ...texts: string[]): TextHistory => texts.reduce(edited, history)

describe('undo of a text', () => {
  it('takes back a word at a time, and whole edits whole', () => {
    const history = typed(historyOf('a: 1\n'), 'a: 1\nb', 'a: 1\nbe', 'a: 1\nbet', 'a: 1\nbet ', 'preset\n')
    const back = [undo(history), undo(undo(history)), undo(undo(undo(history)))]
    expect(back.map(({ now }) => now)).toEqual(['a: 1\nbet ', 'a: 1\nbet', 'a: 1\n'])
    expect(undo(back[2]!)).toEqual(back[2])
  })

  it('takes characters at two places for two edits', () => {
    const history = typed(historyOf('beta: 0.25\n'), 'beta: 0.5\n', 'beta: 0.5\n#', 'beta: 0.5\n#m')
    expect(undo(history).now).toBe('beta: 0.5\n')
    expect(undo(undo(history)).now).toBe('beta: 0.25\n')
  })

  it('takes a word back that was typed and shortened again', () => {
    expect(undo(typed(historyOf('a '), 'a b', 'a bc', 'a b', 'a bd')).now).toBe('a ')
  })

  it('is itself undone, until something else is typed', () => {
    const history = undo(typed(historyOf('one'), 'two', 'three'))
    expect(redo(history).now).toBe('three')
    expect(redo(redo(history)).now).toBe('three')
    expect(redo(edited(history, 'four')).now).toBe('four')
    expect(undo(edited(history, 'four')).now).toBe('two')
  })

  it('does not count a text that did not change', () => {
    expect(undo(typed(historyOf('one'), 'one', 'one')).now).toBe('one')
    expect(typed(historyOf('one'), 'one').past).toEqual([])
  })

  it('begins a new edit after an undo, although a character was typed', () => {
    const history = edited(undo(typed(historyOf('a'), 'ab', 'abc')), 'ax')
    expect(undo(history).now).toBe('a')
  })
})

it('puts the caret behind what changed', () => {
  expect(endOfChange('a: 1\nb: 2\n', 'a: 15\nb: 2\n')).toBe('a: 15'.length)
  expect(endOfChange('a: 15\nb: 2\n', 'a: 1\nb: 2\n')).toBe('a: 1'.length)
  expect(endOfChange('aa', 'aaa')).toBe(3)
})
