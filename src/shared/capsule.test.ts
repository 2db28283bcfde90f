import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { WRITING_CALLS } from './capsule.ts'

const renderer = join(import.meta.dirname, '..', 'renderer')
const sources = readdirSync(renderer, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(vue|ts)$/.test(file) && !file.endsWith('.test.ts')).map((file) => readFileSync(join(renderer, file), 'utf8'))
const named = (pattern: RegExp): Set<string> => new Set(sources.flatMap((text) => [...text.matchAll(pattern)].map((match) => match[1]!)))
/** Of these each is the way back from another, offered by a toast that only the other brings. */
const UNDO = ['conversations.undoTag']

describe('what changes the workspace', () => {
  const marked = named(/(?:v-writes="'|writes="|writes: ')([a-z]+\.[A-Za-z]+)'?"?/g)
  const called = [...named(/'([a-z]+\.[A-Za-z]+)'/g)].filter((name) => (WRITING_CALLS as ReadonlySet<string>).has(name))

  it('is marked at a control, an action or a dialog, so that a capsule locks it', () => {
    expect(called.length).toBeGreaterThan(30)
    expect(called.filter((name) => !marked.has(name) && !UNDO.includes(name))).toEqual([])
  })
  it('is marked by calls that the backend refuses too', () => {
    // Reads the guidelines, and replaces them where it is given a text.
    expect([...marked].filter((name) => !(WRITING_CALLS as ReadonlySet<string>).has(name))).toEqual(['review.guidelines'])
  })
})
