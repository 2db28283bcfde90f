import { describe, expect, it } from 'vitest'
import { findWords, markText, splitCode, withTurnsEscaped, withTurnsShown } from './message-parts.ts'

const show = (text: string): string[] => splitCode(text).map(({ kind, language, start, end }) => `${kind}${language && `:${language}`}|${text.slice(start, end)}`)

describe('splitCode', () => {
  it('keeps prose as it is, blank lines around fences aside', () => {
    expect(show('Look:\n\n```python\nprint(1)\n\nprint(2)\n```\n\n  done')).toEqual(['prose|Look:', 'code:python|print(1)\n\nprint(2)', 'prose|  done'])
  })
  it('lets a fence that was cut off reach to the end', () => {
    expect(show('a\n```\nhalf of')).toEqual(['prose|a', 'code|half of'])
    expect(show('a\n```')).toEqual(['prose|a', 'code|'])
  })
  it('closes a fence only with as many ticks', () => {
    expect(show('````md\n```js\n1\n```\n````')).toEqual(['code:md|```js\n1\n```'])
  })
  it('does not take inline code for a fence', () => {
    expect(show('use `a` or ```b``` here')).toEqual(['prose|use `a` or ```b``` here'])
  })
  it('loses no character of text without fences', () => {
    expect(show('<b>x</b>\n  y')).toEqual(['prose|<b>x</b>\n  y'])
  })
})

describe('markText', () => {
  it('cuts at marks and says which one holds', () => {
    const text = 'no, that is wrong'
    expect(markText(text, 0, text.length, [{ start: 4, end: 17, kind: 'dissatisfied' }])).toEqual([
      { text: 'no, ', mark: '' },
      { text: 'that is wrong', mark: 'dissatisfied' },
    ])
  })
  it('keeps a mark across blocks and lets the first of two win', () => {
    const marks = [
      { start: 0, end: 6, kind: 'a' },
      { start: 2, end: 8, kind: 'b' },
    ]
    expect(markText('abcdefghij', 4, 10, marks).map(({ text, mark }) => text + mark)).toEqual(['efa', 'ghb', 'ij'])
  })
})

describe('findWords', () => {
  it('finds every word, letter case aside', () => {
    expect(findWords('The cat, the CAT', 'cat').map(({ start }) => start)).toEqual([4, 13])
  })
})

it('shows what turns the direction of text, and keeps the length', () => {
  expect(withTurnsShown('\u202Etxt.exe\u202C \u2066turned\u2069')).toBe('⟲txt.exe⟲ ⟲turned⟲')
  expect(withTurnsShown('שלום\u200F! \u200E\u061C')).toBe('שלום⟲! ⟲⟲')
  expect(withTurnsShown('👩\u200D🔬 שלום')).toBe('👩\u200D🔬 שלום')
})

it('writes JSON without them that says the same', () => {
  const value = { 'a\u202E': '\u061Cb\\\u200F' }
  const json = withTurnsEscaped(JSON.stringify(value))
  expect(json).toContain('\\u202e')
  expect(withTurnsShown(json)).toBe(json)
  expect(JSON.parse(json)).toEqual(value)
})
