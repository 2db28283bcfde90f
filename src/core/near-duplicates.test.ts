import { expect, test } from 'vitest'
import { jaccard, nearDuplicates, normalized, shingles } from './near-duplicates.ts'
import { makeRng } from './rng.ts'

const words = (seed: string, count: number): string[] => {
  const rng = makeRng(seed)
  return Array.from({ length: count }, () => `w${rng.int(5000)}`)
}

test('texts that differ in case, width and punctuation alone are one', () => {
  expect(normalized('  Hello,   WORLD!  ')).toBe(normalized('hello world'))
  expect(normalized('ｈｅｌｌｏ world')).toBe('hello world')
  expect(nearDuplicates(['Hello, world!', 'something else', 'hello   WORLD'], { seed: 1 })).toEqual([0, 1, 0])
  expect(nearDuplicates(['?', '!', '?'], { seed: 1 })).toEqual([0, 1, 0])
})

test('similarity is the share of shingles that two texts have in common', () => {
  expect(jaccard(shingles('a b c d e'), shingles('a b c d f'))).toBe(2 / 4)
  expect(jaccard(shingles('a b c'), shingles('x y z'))).toBe(0)
})

test('a long text with a word changed is found among a thousand others, whatever the seed', () => {
  const texts = Array.from({ length: 1000 }, (_, i) => words(`text ${i}`, 80).join(' '))
  const changed = texts[417]!.split(' ')
  changed[40] = 'changed'
  for (const seed of [1, 2, 3]) {
    const first = nearDuplicates([...texts, changed.join(' ')], { seed })
    expect(first[1000]).toBe(417)
    expect(first.slice(0, 1000)).toEqual(texts.map((_, i) => i))
  }
})

test('half a text is no near-duplicate', () => {
  const long = words('half', 60)
  expect(nearDuplicates([long.join(' '), long.slice(0, 30).join(' ')], { seed: 1 })).toEqual([0, 1])
})

test('scripts without spaces are compared letter by letter', () => {
  const text = '机器学习是人工智能的一个分支它研究如何让计算机从数据中学习规律并用来预测'
  expect(nearDuplicates([text, `${text}吧`], { seed: 1 })).toEqual([0, 0])
})
