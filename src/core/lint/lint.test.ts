import { expect, test } from 'vitest'
import type { LintKind } from '../../shared/datasets.ts'
import type { FeedbackRow, Message, Pair } from '../../shared/types.ts'
import { noProvenance } from '../datasets.ts'
import { makeRng } from '../rng.ts'
import type { Finding, ModelLimits } from './finding.ts'
import { fixRows, lintFor, lintRows } from './index.ts'
import { guessLanguage } from './languages.ts'
import { findPersonalData, maskConversation, maskPersonalData } from './personal-data.ts'

const asked = (content: string): Message[] => [{ role: 'user', content }]
const pair = (chosen: string, rejected: string, prompt = 'How do bees find their way home?'): Pair => ({ prompt: asked(prompt), chosen, rejected, task: null, provenance: noProvenance })
const reply = (text: string, label: FeedbackRow['label']): FeedbackRow => ({ prompt: asked('q'), reply: text, label, userFeedback: 'thanks', conversationId: 'c', turnIndex: 2, task: null })
const rowsFound = (found: Finding | null): number[] => found?.rows.map(({ row }) => row) ?? []
const only = (kind: LintKind, rows: (Pair | FeedbackRow)[], model: ModelLimits | null = null): number[] => rowsFound(lintFor(kind, rows, model))

const WORDS = 'river stone cloud garden winter letter music window bridge candle forest mirror silver shadow travel market doctor farmer island pepper'.split(' ')
const sentence = (seed: string, words: number): string => {
  const rng = makeRng(seed)
  return `${Array.from({ length: words }, () => rng.pick(WORDS)).join(' ')} and that is what the letter says.`
}
const clean = Array.from({ length: 40 }, (_, i) => pair(sentence(`c${i}`, 20), sentence(`r${i}`, 20), sentence(`p${i}`, 12)))

test('clean pairs give no finding, under a model neither', () => {
  expect(lintRows(clean, null)).toEqual([])
  expect(lintRows(clean, { maxLength: 200, specialTokens: ['<|im_end|>'], tokens: clean.map(() => ({ prompt: 20, chosen: 30, rejected: 30, ended: true })) })).toEqual([])
  expect(lintRows([reply(sentence('a', 20), 'satisfied'), reply(sentence('b', 20), 'dissatisfied')], null)).toEqual([])
})

test('identical sides, whatever their case and punctuation; nearly identical ones apart', () => {
  const long = sentence('long', 60)
  const rows = [pair('By the sun.', 'by the sun'), pair(long, `${long} Indeed it does.`), pair('By the sun.', 'By smell, mostly.')]
  expect(only('identical-sides', rows)).toEqual([0])
  expect(only('near-identical-sides', rows)).toEqual([1])
})

test('an empty reply', () => {
  expect(only('empty-reply', [pair('x', ' \n'), pair('x', 'y'), reply('', 'dissatisfied')])).toEqual([0, 2])
})

test('what one pair chooses and another rejects for the same prompt', () => {
  expect(only('contradiction', [pair('a', 'b'), pair('b', 'c'), pair('b', 'd', 'another question')])).toEqual([1])
})

test('length skew of the set, and its fix brings the median within bounds', () => {
  const skewed = [...clean, ...Array.from({ length: 60 }, (_, i) => pair(sentence(`l${i}`, 40 + i), sentence(`s${i}`, 20), `p${i}`))]
  const found = lintFor('length-skew', skewed, null)
  expect(found?.summary).toMatch(/^The median chosen reply is 2\.\d\d times as long as its rejected one \(n = 100\)/)
  expect(rowsFound(found).every((row) => row >= 40)).toBe(true)
  expect(lintFor('length-skew', fixRows(skewed, found!, null), null)).toBeNull()
  expect(only('length-skew', skewed.map((row) => ({ ...row, chosen: row.rejected, rejected: row.chosen }))).length).toBeGreaterThan(0)
  expect(only('length-skew', skewed.slice(-19)), 'a few pairs say nothing').toEqual([])
})

test('refusals among the replies that are to be learned, not among rejected ones, not sympathy', () => {
  const refusal = 'I’m sorry, but I can’t help with that request.'
  const rows = [pair(refusal, 'x'), pair('x', refusal), pair("I'm sorry to hear that. Try restarting it.", 'x'), pair("As an AI language model, I don't have opinions.", 'x'), pair("I can't stress enough how good this is.", 'x'), reply(refusal, 'satisfied'), reply(refusal, 'dissatisfied')]
  expect(only('refusal', rows)).toEqual([0, 3, 5])
})

test('sides in two languages, where both are plain', () => {
  const english = 'The bees remember the position of the sun and they follow it back to the hive.'
  const german = 'Die Bienen merken sich den Stand der Sonne und sie fliegen mit ihr zu dem Stock zurück.'
  expect([guessLanguage(english), guessLanguage(german), guessLanguage('蜜蜂记住太阳的位置并跟随它回到蜂巢里去'), guessLanguage('ミツバチは太陽の位置を覚えています'), guessLanguage('Пчёлы помнят положение солнца'), guessLanguage('kiwi, fig')]).toEqual(['English', 'German', 'Chinese', 'Japanese', 'Cyrillic', null])
  expect(only('language-flip', [pair(english, german), pair(english, english), pair(english, 'kiwi'), pair(`\`\`\`py\nimport die, und, der\n\`\`\` ${english}`, english)])).toEqual([0])
})

test('template text anywhere, also the next turn in a reply; the fix takes it out', () => {
  const rows = [pair('Sure.<|im_end|>', 'No.'), pair('Sure.\nUser: and then?\nAssistant: then', 'No.'), pair('Sure.', 'No.', '[INST] hi [/INST]'), pair('a < b | c > d and x</b>', 'User: is a word here')]
  const found = lintFor('template-text', rows, null)!
  expect(rowsFound(found)).toEqual([0, 1, 2])
  const fixed = fixRows(rows, found, null)
  expect(fixed.map(({ chosen, prompt }) => [chosen, prompt[0]?.content])).toEqual([['Sure.', rows[0]!.prompt[0]!.content], ['Sure.', rows[0]!.prompt[0]!.content], ['Sure.', 'hi'], [rows[3]!.chosen, rows[0]!.prompt[0]!.content]])
  expect(lintFor('template-text', fixed, null)).toBeNull()
  expect(only('template-text', [pair('Sure. <stop>', 'No.')], { maxLength: 9, tokens: [], specialTokens: ['<stop>'] })).toEqual([0])
})

test('under a model: what max_length cuts, and replies that its template does not end', () => {
  const row = { prompt: 10, chosen: 20, rejected: 5, ended: true }
  const model: ModelLimits = { maxLength: 32, specialTokens: [], tokens: [row, { ...row, rejected: 23 }, { ...row, prompt: 40 }, { ...row, ended: false }] }
  const rows = clean.slice(0, 4)
  expect(lintFor('truncation', rows, model)).toMatchObject({ severity: 'error', rows: [{ row: 1, found: '33 tokens of 32' }, { row: 2, found: 'the prompt alone has 40 tokens of 32' }] })
  expect(lintFor('truncation', rows.slice(0, 2), model)?.severity).toBe('warning')
  expect(only('missing-eos', rows, model)).toEqual([3])
})

test('personal data by kind; numbers, versions and local addresses are none', () => {
  const kinds = (text: string): string[] => findPersonalData(text).map(({ kind, start, end }) => `${kind} ${text.slice(start, end)}`)
  expect(kinds('write to ana.b+x@mail.co.uk or +49 151 2345 6789, (415) 555-2671')).toEqual(['email ana.b+x@mail.co.uk', 'phone +49 151 2345 6789', 'phone (415) 555-2671'])
  expect(kinds('card 4111 1111 1111 1111 from 81.2.69.142 or 2001:db8:85a3:0:0:8a2e:370:7334')).toEqual(['card 4111 1111 1111 1111', 'ip 81.2.69.142', 'ip 2001:db8:85a3:0:0:8a2e:370:7334'])
  expect(kinds(`sk-${'a1'.repeat(12)} AKIA${'Z'.repeat(16)} ghp_${'x'.repeat(36)}`)).toHaveLength(3)
  expect(kinds('-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----')).toHaveLength(1)
  expect(kinds('555.123.4567 or 555 123 4567, (415) 555.2671.')).toEqual(['phone 555.123.4567', 'phone 555 123 4567', 'phone (415) 555.2671'])
  for (const none of ['100 200 3000.5', '555.123 4567', '4111 1111 1111 1112', '0000 0000 0000 0000', 'version 1.2.3 or v10.20.30.40', '192.168.1.20 and 127.0.0.1 and 999.1.1.1', 'in 1998-2004 about 3,141,592,653 of 2026-11-27', 'user@example.com', 'a @mention and 10 000 000 people', '12:30:45']) expect(kinds(none), none).toEqual([])
  expect(maskPersonalData('mail ana@mail.de, card 4111-1111-1111-1111.')).toBe('mail [email], card [card].')
  expect([[5, 8], [0, 8], [12, 18], [0, 4], [16, 17]].map(([start, end]) => maskPersonalData('mail ana@mail.de, now', { start: start!, end: end! }))).toEqual(['[email]', 'mail [email]', '[email], ', 'mail', ','])
})

test('personal data in the prompt, a reply or the user’s words is masked in all of them', () => {
  const rows = [{ ...pair('ask bo@mail.de', 'x', 'I am ana@mail.de'), provenance: { ...noProvenance, userFeedback: 'call +49 151 2345 6789' } }, pair('x', 'y')]
  const found = lintFor('personal-data', rows, null)!
  expect(found.rows).toEqual([{ row: 0, found: '2 × email, phone' }])
  expect(fixRows(rows, found, null)).toMatchObject([{ prompt: [{ content: 'I am [email]' }], chosen: 'ask [email]', provenance: { userFeedback: 'call [phone]' } }, rows[1]!])
})

test('duplicates keep the first; near-duplicates are told apart from equal rows', () => {
  const long = sentence('dup', 60)
  const rows = [pair(long, 'no'), pair('x', 'y'), pair('X!', 'y'), pair(`${long} Truly.`, 'no')]
  expect(only('duplicate', rows)).toEqual([2])
  expect(only('near-duplicate', rows)).toEqual([3])
  expect(fixRows(rows, lintFor('duplicate', rows, null)!, null)).toEqual([rows[0], rows[1], rows[3]])
})

test('the gravest findings come first', () => {
  const rows = [pair('a', 'A'), pair('a', 'A'), ...clean]
  expect(lintRows(rows, null).map(({ kind, severity }) => [kind, severity])).toEqual([['identical-sides', 'error'], ['contradiction', 'error'], ['duplicate', 'warning']])
})

test('street addresses are found with a house number and a full word for street alone', () => {
  const found = (text: string): string[] => findPersonalData(text).filter(({ kind }) => kind === 'address').map(({ start, end }) => text.slice(start, end))
  expect(found('I live at 12 Oak Street, he in the Lindenallee 4b.')).toEqual(['12 Oak Street', 'Lindenallee 4b'])
  expect(found('Sesame Street had 12 episodes; 3 Main Ideas; turn 5 St. Johns; version 2 Drive; die Hauptstraße')).toEqual([])
})

test('a conversation is masked in its messages and its metadata, and not changed itself', () => {
  const conversation = { id: 'c', source: 's', model: null, language: null, createdAt: null, messages: [{ role: 'user' as const, content: 'write to ana@firma.de' }], metadata: { user: { mail: 'bo@firma.de', age: 3 }, tags: ['8.8.8.8', null] } }
  expect(maskConversation(conversation)).toMatchObject({ id: 'c', messages: [{ content: 'write to [email]' }], metadata: { user: { mail: '[email]', age: 3 }, tags: ['[ip]', null] } })
  expect(conversation.messages[0]!.content).toContain('ana@')
})
