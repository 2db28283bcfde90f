import { expect, test } from 'vitest'
import { groupNearDuplicates } from './near-duplicate-groups.ts'
import { jaccard, NEAR, nearDuplicates, shingles, sketcher } from './near-duplicates.ts'
import { makeRng } from './rng.ts'

/** Texts of random words, of which some are earlier ones with a few words changed. */
function someTexts(count: number, seed: number): string[] {
  const rng = makeRng(seed)
  const word = (): string => `w${rng.int(4000)}`
  const texts: string[] = []
  for (let i = 0; i < count; i++) {
    const copied = i > 0 && rng.int(4) === 0 ? texts[rng.int(i)]!.split(' ') : null
    const words = copied ?? Array.from({ length: 20 + rng.int(60) }, word)
    for (let change = rng.int(3); copied !== null && change > 0; change--) words[rng.int(words.length)] = word()
    texts.push(words.join(' '))
  }
  return texts
}

function grouped(texts: readonly string[]): number[] {
  const sketch = sketcher(1)
  const steps = groupNearDuplicates(Uint32Array.from(texts.flatMap((text) => [...sketch(shingles(text))])), (text) => shingles(texts[text]!))
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return [...value]
  }
}

test('groups are those of all pairs compared by exact similarity', () => {
  const texts = someTexts(400, 7)
  const of = texts.map(shingles)
  // Every pair, no sketch: the transitive closure of "nearly equal".
  const exact = texts.map((_, i) => i)
  for (let changed = true; changed; ) {
    changed = false
    for (let i = 0; i < texts.length; i++) for (let j = 0; j < i; j++) {
      if (exact[i] === exact[j] || jaccard(of[i]!, of[j]!) < NEAR) continue
      exact[i] = exact[j] = Math.min(exact[i]!, exact[j]!)
      changed = true
    }
  }
  expect(new Set(exact).size).toBeLessThan(350)
  expect(grouped(texts)).toEqual(exact)
})

test('groups are those that datasets find', () => {
  const texts = someTexts(300, 3)
  expect(grouped(texts)).toEqual(nearDuplicates(texts, { seed: 1 }))
})

test('a large bucket of equal texts is one group', () => {
  const texts = Array.from({ length: 300 }, (_, i) => (i % 100 === 99 ? `quite another text number ${i} with words of its own` : 'the very same words in every one of these texts'))
  expect(new Set(grouped(texts)).size).toBe(4)
})

test('nothing at all is no group', () => expect(grouped([])).toEqual([]))
