import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { goldenSets } from '../../tests/support/golden-sets.ts'
import { loadRenderer, makeChatTemplate, makeRenderer } from './chat-template.ts'
import type { PreferenceRow, Renderer } from './chat-template.ts'
import { embeddedEngine } from './embedded.ts'
import type { Model } from './engine.ts'
import { checkSameTokens, inspectPairs, layOutPair } from './inspect.ts'
import type { InspectedToken, LengthLimit, PairLayout } from './inspect.ts'

const BASE = join(import.meta.dirname, '..', '..', 'resources', 'base-model')
const base = loadRenderer(BASE)
const row: PreferenceRow = {
  prompt: [{ role: 'user', content: ' two board games for a café 🎲 night. ' }],
  chosen: [{ role: 'assistant', content: '- coup\n- uno' }],
  rejected: [{ role: 'assistant', content: 'user: no\n\n' }],
}
const joined = (tokens: readonly InspectedToken[]): string => tokens.map(({ text }) => text).join('')
const own = (tokens: readonly InspectedToken[]): string => joined(tokens.filter(({ template }) => !template))
const added = (tokens: readonly InspectedToken[]): string[] => tokens.filter(({ template }) => template).map(({ text }) => text)
const limit = (tokens: number, mode: LengthLimit['mode'] = 'keep_start'): LengthLimit => ({ tokens, rule: 'max_length', mode })
/** A renderer of the base's tokenizer with a template of the test's own. */
const withTemplate = (template: string): Renderer => makeRenderer(base.tokenizer, makeChatTemplate(template, {}, 'test'))

describe('template tokens', () => {
  test('are what the base model\'s template writes, and nothing of the messages', () => {
    const { prompt, chosen, rejected } = layOutPair(base, row, null)
    expect(added(prompt)).toEqual(['<user>', '<asst>'])
    expect(own(prompt)).toBe(' two board games for a café 🎲 night.')
    expect(added(chosen.tokens)).toEqual(['<end>'])
    expect(own(chosen.tokens)).toBe(' - coup\n- uno')
    expect(own(rejected.tokens)).toBe(' user: no')
  })

  test.each(goldenSets().map(({ name, folder, readLines }) => ({ name, folder, rows: readLines('pairs.jsonl') as PreferenceRow[] })))('of $name leave the messages\' texts', ({ folder, rows }) => {
    const renderer = loadRenderer(folder)
    for (const pair of rows) {
      const { prompt, chosen } = layOutPair(renderer, pair, null)
      const contents = [...(pair.prompt as { content: string }[]), ...(pair.chosen as { content: string }[])].map(({ content }) => content.trim())
      expect(own([...prompt, ...chosen.tokens]).replaceAll(/\s/g, '')).toBe(contents.join('').replaceAll(/\s/g, ''))
      expect(joined([...prompt, ...chosen.tokens])).toBe(renderer.renderPair(pair).chosenText)
      expect(added(chosen.tokens).join('')).toMatch(/^<.*>\s*$/)
    }
  })

  test('a text that repeats the template\'s own words stays the message\'s', () => {
    const renderer = withTemplate("{% for m in messages %}{{ m.role }}:\n{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:\n{% endif %}")
    const { prompt, chosen } = layOutPair(renderer, { prompt: [{ role: 'user', content: 'user:\nassistant:\nuser' }], chosen: [{ role: 'assistant', content: 'user' }], rejected: [{ role: 'assistant', content: 'x' }] }, null)
    expect(own(prompt)).toContain('user:\nassistant:\nuser')
    expect(added(prompt).join('')).toContain('user:')
    expect(own(chosen.tokens).trim()).toBe('user')
  })

  test('a template that changes a text, or looks into it, still leaves the text to the message', () => {
    const cut = withTemplate("{% for m in messages %}<{{ m.role }}>{{ m.content.split('</think>')[-1] }}<end>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}")
    const thinking = { ...row, chosen: [{ role: 'assistant', content: '<think>hm</think>- uno' }] }
    expect(own(layOutPair(cut, thinking, null).chosen.tokens)).toBe('- uno')
    const looks = withTemplate("{% for m in messages %}{% if 'uno' in m.content %}[game]{% endif %}<{{ m.role }}>{{ m.content }}<end>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}")
    expect(own(layOutPair(looks, row, null).chosen.tokens)).toBe('- coup\n- uno')
  })

  test('of plain strings are the end-of-sequence token alone', () => {
    const { prompt, chosen } = layOutPair(base, { prompt: 'two games:', chosen: ' coup', rejected: ' uno' }, null)
    expect(added(prompt)).toEqual([])
    expect(own(chosen.tokens)).toBe(' coup')
    expect(added(chosen.tokens)).toEqual(['<end>'])
  })
})

describe('what is cut', () => {
  const cutText = (tokens: readonly InspectedToken[]): string => joined(tokens.filter(({ cut }) => cut))
  const whole = layOutPair(base, row, null)

  test('is nothing where all fits', () => {
    const { limit: rule, dropped, fitted } = layOutPair(base, row, limit(512))
    expect([rule, dropped]).toEqual([null, null])
    expect(fitted?.chosenIds).toEqual(whole.chosen.tokens.map(({ id }) => id))
  })

  test('keep_start takes the end of each reply, as training does', () => {
    const tokens = whole.prompt.length + 3
    const { chosen, rejected, prompt, limit: rule, fitted } = layOutPair(base, row, limit(tokens))
    expect(rule).toEqual({ tokens, rule: 'max_length', mode: 'keep_start' })
    expect(cutText(prompt)).toBe('')
    for (const [side, ids] of [[chosen, fitted?.chosenIds], [rejected, fitted?.rejectedIds]] as const) expect(side.tokens.filter(({ cut }) => !cut).map(({ id }) => id)).toEqual(ids)
    expect(chosen.tokens.filter(({ cut }) => cut)).toHaveLength(chosen.tokens.length - 3)
  })

  test('keep_end takes the beginning of the prompt', () => {
    const even = { ...row, rejected: row.chosen }
    const laid = layOutPair(base, even, limit(whole.prompt.length + whole.chosen.tokens.length - 4, 'keep_end'))
    expect(laid.prompt.map(({ cut }) => cut)).toEqual(whole.prompt.map((_, i) => i < 4))
    expect(cutText(laid.chosen.tokens)).toBe('')
    expect(laid.fitted?.promptIds).toEqual(whole.prompt.slice(4).map(({ id }) => id))
  })

  test('a pair whose prompt fills the limit is dropped, and says so', () => {
    const { dropped, fitted, chosen, prompt } = layOutPair(base, row, limit(5))
    expect(dropped).toBe(`the prompt alone (${whole.prompt.length} tokens) fills max_length 5`)
    expect(fitted).toBeNull()
    expect(prompt.map(({ cut }) => cut)).toEqual(whole.prompt.map((_, i) => i >= 5))
    expect(chosen.tokens.every(({ cut }) => cut)).toBe(true)
  })
})

describe('figures', () => {
  const [one, other] = goldenSets()
  if (!one || !other) throw new Error('expected the two committed reference sets')
  let policy: Model
  let reference: Model
  beforeAll(async () => {
    policy = await embeddedEngine.load(BASE)
    reference = await embeddedEngine.load(one.folder)
  })
  afterAll(() => Promise.all([policy.dispose(), reference.dispose()]))

  test('are those of the reference implementation, token by token', async () => {
    const expected = one.read('score.json') as Record<'chosen' | 'rejected', { token_logps: number[]; logp: number }>[]
    const renderer = loadRenderer(one.folder)
    const layouts = (one.readLines('pairs.jsonl') as PreferenceRow[]).map(pair => layOutPair(renderer, pair, null))
    const pairs = await inspectPairs(layouts, { policy: reference, reference: null }, 0.1)
    for (const [i, pair] of pairs.entries()) {
      for (const side of ['chosen', 'rejected'] as const) {
        const { tokens, logps } = pair[side]
        expect(tokens).toHaveLength(expected[i]?.[side].token_logps.length ?? -1)
        for (const [t, { logp }] of tokens.entries()) expect(Math.abs((logp ?? NaN) - (expected[i]?.[side].token_logps[t] ?? NaN))).toBeLessThan(1e-4)
        expect(Math.abs((logps ?? NaN) - (expected[i]?.[side].logp ?? NaN))).toBeLessThan(1e-3)
      }
      expect([pair.margin, pair.weight, pair.chosen.refLogps]).toEqual([null, null, null])
    }
  })

  test('prompt tokens are scored by what stands before them, the first one by nothing', async () => {
    const layout = layOutPair(base, row, null)
    const [pair] = await inspectPairs([layout], { policy, reference: null }, 0.1)
    const ids = layout.prompt.map(({ id }) => id)
    const [last] = await policy.score([{ promptIds: ids.slice(0, -1), completionIds: ids.slice(-1) }])
    expect(pair?.prompt[0]?.logp).toBeNull()
    expect(pair?.prompt.at(-1)?.logp).toBeCloseTo(last?.[0] ?? NaN, 5)
  })

  test('margin and weight follow from the log-ratios; against itself a policy has margin 0 and half of beta', async () => {
    const layout = layOutPair(base, row, limit(40))
    const [same] = await inspectPairs([layout], { policy, reference: policy }, 0.2)
    expect([same?.margin, same?.weight]).toEqual([0, 0.1])
    // Another model with the same tokens: the numbers of ids are all that count here.
    const fitted = { promptIds: [5, 6], chosenIds: [7, 8, 9], rejectedIds: [9, 8] }
    const small = (ids: number[]): PairLayout['chosen'] => ({ tokens: ids.map(id => ({ id, text: '', template: false, cut: false, logp: null, refLogp: null })), logps: null, refLogps: null, logRatio: null })
    const bare: PairLayout = { prompt: small(fitted.promptIds).tokens, chosen: small(fitted.chosenIds), rejected: small(fitted.rejectedIds), limit: null, dropped: null, lostPromptEnd: '', fitted }
    const [pair] = await inspectPairs([bare], { policy, reference }, 0.2)
    const ratio = (side: 'chosen' | 'rejected'): number => (pair?.[side].tokens ?? []).reduce((total, { logp, refLogp }) => total + (logp ?? NaN) - (refLogp ?? NaN), 0)
    const margin = 0.2 * (ratio('chosen') - ratio('rejected'))
    expect(Math.abs(margin)).toBeGreaterThan(1e-3)
    expect(pair?.margin).toBeCloseTo(margin, 10)
    expect(pair?.weight).toBeCloseTo(0.2 / (1 + Math.exp(margin)), 10)
  })

  test('cut tokens have none and count for nothing; a dropped pair has none at all', async () => {
    const layouts = [layOutPair(base, row, limit(5)), layOutPair(base, row, limit(layOutPair(base, row, null).prompt.length + 2))]
    const [dropped, cut] = await inspectPairs(layouts, { policy, reference: policy }, 0.1)
    expect([dropped?.margin, dropped?.chosen.logps, dropped?.prompt[0]?.logp]).toEqual([null, null, null])
    const kept = cut?.chosen.tokens.filter(token => !token.cut) ?? []
    expect(kept).toHaveLength(2)
    expect(cut?.chosen.tokens.filter(token => token.cut).every(({ logp }) => logp === null)).toBe(true)
    expect(cut?.chosen.logps).toBeCloseTo(kept.reduce((total, { logp }) => total + (logp ?? NaN), 0), 10)
  })

  test('a reference that reads other tokens is refused', () => {
    expect(() => checkSameTokens(base, loadRenderer(one.folder), row, 'models/other')).toThrow('models/other makes other token ids of this pair')
    expect(() => checkSameTokens(base, loadRenderer(BASE), row, 'models/base')).not.toThrow()
  })
})
