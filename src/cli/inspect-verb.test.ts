import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { goldenSets } from '../../tests/support/golden-sets.ts'
import { putRandomModel } from '../../tests/support/real-models.ts'
import { DPO } from '../../tests/reference/train-config.ts'
import { embeddedEngine } from '../engine/embedded.ts'
import type { InspectedPair } from '../engine/inspect.ts'
import { runScore } from './engine-verbs.ts'
import type { VerbIo } from './engine-verbs.ts'
import { inspectRow, runInspect } from './inspect-verb.ts'
import type { InspectArgs } from './inspect-verb.ts'
import { escapeText, tokenTable, widthOf } from './token-table.ts'

type Token = { id: number; text: string; logp: number | null; ref_logp?: number; log_ratio?: number; template?: true; cut?: true }
type Side = { tokens: Token[]; logp: number; ref_logp?: number; log_ratio?: number }
type Row = { index: number; beta: number; margin: number | null; weight: number | null; dropped: string | null; cut_by: unknown; prompt: { tokens: Token[] }; chosen: Side; rejected: Side }

const BASE = join(import.meta.dirname, '..', '..', 'resources', 'base-model')
const golden = goldenSets()[0]!
let folder: string
/** Random weights under the base's tokenizer. */
let random: string
let pairs: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'inspect-verb-'))
  random = join(folder, 'random')
  putRandomModel(random, 3)
  pairs = write('pairs.jsonl', Array.from({ length: 11 }, (_, i) => pair(`${i} games for a café 🎲`, `- coup\n${'- uno\n'.repeat(i)}`, `- chess ${'x'.repeat(i)}`)))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const pair = (prompt: string, chosen: string, rejected: string) => ({ prompt: [{ role: 'user', content: prompt }], chosen: [{ role: 'assistant', content: chosen }], rejected: [{ role: 'assistant', content: rejected }] })
function write(name: string, rows: unknown[]): string {
  const path = join(folder, name)
  writeFileSync(path, rows.map(row => `${JSON.stringify(row)}\n`).join(''))
  return path
}
function outside(): VerbIo & { rows: unknown[]; notes: string[] } {
  const rows: unknown[] = []
  const notes: string[] = []
  return { rows, notes, signal: new AbortController().signal, writeRow: async row => void rows.push(row), note: text => void notes.push(text) }
}
async function inspect(change: Partial<InspectArgs> = {}): Promise<{ rows: Row[]; notes: string[] }> {
  const io = outside()
  await runInspect({ model: BASE, data: pairs, beta: 0.1, maxLength: null, truncationMode: 'keep_start', ...change }, embeddedEngine, io)
  return { rows: io.rows.map(row => inspectRow(row as InspectedPair & { index: number }) as Row), notes: io.notes }
}
async function score(model: string, data = pairs): Promise<Record<'chosen' | 'rejected', { prompt_ids: number[]; completion_ids: number[]; token_logps: number[]; logp: number }>[]> {
  const io = outside()
  await runScore({ model, data, engine: 'embedded' }, io)
  return io.rows as never
}

describe('drift inspect', () => {
  test('has the ids and log-probabilities of drift score, under policy and reference', async () => {
    const [{ rows }, own, its] = [await inspect({ reference: random }), await score(BASE), await score(random)]
    expect(rows).toHaveLength(11)
    for (const [i, row] of rows.entries()) {
      for (const side of ['chosen', 'rejected'] as const) {
        const { tokens, logp, ref_logp: refLogp, log_ratio: ratio } = row[side]
        expect(row.prompt.tokens.map(({ id }) => id)).toEqual(own[i]?.[side].prompt_ids)
        expect(tokens.map(({ id }) => id)).toEqual(own[i]?.[side].completion_ids)
        for (const [t, token] of tokens.entries()) {
          expect(Math.abs((token.logp ?? NaN) - (own[i]?.[side].token_logps[t] ?? NaN))).toBeLessThan(1e-6)
          expect(Math.abs((token.ref_logp ?? NaN) - (its[i]?.[side].token_logps[t] ?? NaN))).toBeLessThan(1e-6)
          expect(token.log_ratio).toBe((token.logp ?? NaN) - (token.ref_logp ?? NaN))
        }
        expect(Math.abs(logp - (own[i]?.[side].logp ?? NaN))).toBeLessThan(1e-6)
        expect(Math.abs((refLogp ?? NaN) - (its[i]?.[side].logp ?? NaN))).toBeLessThan(1e-6)
        expect(ratio).toBe(logp - (refLogp ?? NaN))
      }
      const margin = 0.1 * ((row.chosen.log_ratio ?? NaN) - (row.rejected.log_ratio ?? NaN))
      expect(row.margin).toBeCloseTo(margin, 12)
      expect(row.weight).toBeCloseTo(0.1 / (1 + Math.exp(margin)), 12)
    }
  })

  test('without a reference has the policy\'s columns alone', async () => {
    const { rows: [row] } = await inspect({ index: 3 })
    expect(row).toMatchObject({ index: 3, margin: null, weight: null, cut_by: null })
    expect(Object.keys(row?.chosen.tokens[0] ?? {})).toEqual(['id', 'text', 'logp'])
    expect(row?.prompt.tokens[0]).toEqual({ id: 1, text: '<user>', logp: null, template: true })
  })

  test('shows an adapter against the model without it, or against the reference that is named', async () => {
    const adapter = join(folder, 'adapter')
    const model = await embeddedEngine.load(BASE, { newAdapter: { r: 4, lora_alpha: 8, target_modules: 'all-linear', use_rslora: false, seed: 1 } })
    await model.save(adapter)
    // B is zero: the policy is the model itself.
    expect((await inspect({ adapter, index: 3 })).rows[0]).toMatchObject({ margin: 0, chosen: { log_ratio: 0 } })
    await model.trainDpo([{ promptIds: [1, 40, 41], chosenIds: [50, 51], rejectedIds: [60, 61] }], { chosen: Float64Array.of(-9), rejected: Float64Array.of(-9) }, { ...DPO, learning_rate: 3e-2, num_train_epochs: 5 })
    await model.save(adapter)
    await model.dispose()
    const [{ rows: [own] }, { rows: [same] }, { rows: [other] }, { rows: [plain] }] = [await inspect({ adapter, index: 3 }), await inspect({ adapter, index: 3, reference: BASE }), await inspect({ adapter, index: 3, reference: random }), await inspect({ index: 3 })]
    expect(own?.chosen.ref_logp).toBe(plain?.chosen.logp)
    expect(own?.chosen.logp).not.toBe(plain?.chosen.logp)
    expect(own?.margin).not.toBe(0)
    expect(same).toEqual(own)
    expect(other?.chosen.logp).toBe(own?.chosen.logp)
    expect(other?.chosen.ref_logp).not.toBe(own?.chosen.ref_logp)
    await expect(inspect({ adapter: BASE })).rejects.toThrow('this is a model folder')
  })

  test('takes one row by its place, or the first ones', async () => {
    expect((await inspect({ limit: 2 })).rows.map(({ index }) => index)).toEqual([0, 1])
    await expect(inspect({ index: 11 })).rejects.toThrow('--index: expected a row of')
    await expect(inspect({ data: write('bad.jsonl', [{ prompt: 'a', chosen: 'b' }]) })).rejects.toThrow('expected "rejected"')
  })

  test('cuts as training does and says by which rule; a pair it would leave out is named', async () => {
    const { rows: [row] } = await inspect({ index: 10, maxLength: 30 })
    expect(row?.cut_by).toEqual({ max_length: 30, truncation_mode: 'keep_start' })
    const kept = row?.chosen.tokens.filter(({ cut }) => !cut) ?? []
    expect((row?.prompt.tokens.length ?? 0) + kept.length).toBe(30)
    expect(row?.chosen.logp).toBeCloseTo(kept.reduce((sum, { logp }) => sum + (logp ?? NaN), 0), 10)
    const { rows: [none], notes } = await inspect({ index: 10, maxLength: 4 })
    expect(none?.dropped).toContain('fills max_length 4')
    expect(notes.join()).toContain('line 11: training leaves the pair out')
  })

  test('what the model cannot hold and a reference with other tokens are refused, with file and line', async () => {
    await expect(inspect({ data: write('long.jsonl', [pair('x '.repeat(3000), 'a', 'b')]) })).rejects.toThrow(/long\.jsonl line 1: .*max_position_embeddings.* set a smaller --max_length/)
    await expect(inspect({ reference: golden.folder })).rejects.toThrow('makes other token ids of this pair')
  })
})

describe('the table for people', () => {
  const token = (text: string, change: Partial<InspectedPair['prompt'][number]> = {}): InspectedPair['prompt'][number] => ({ id: 7, text, template: false, cut: false, logp: -1, refLogp: -1.5, ...change })
  const side = (...tokens: InspectedPair['prompt']): InspectedPair['chosen'] => ({ tokens, logps: -1, refLogps: -1.5, logRatio: 0.5 })
  const shown: InspectedPair = { prompt: [token('<user>', { template: true, logp: null, refLogp: null })], chosen: side(token(' a\u001b[31mb'), token('漢字'), token('')), rejected: side(token('x'.repeat(300), { cut: true, logp: null })), limit: { tokens: 4, rule: 'max_length', mode: 'keep_start' }, dropped: null, lostPromptEnd: '', beta: 0.1, margin: 0.05, weight: 0.0488 }

  test('is plain without colour, and no line is wider than the terminal', () => {
    const table = tokenTable(shown, 0, { colour: false, width: 90 })
    expect(table).not.toContain('\u001b')
    for (const line of table.split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(90)
    expect(table).toContain('cut by max_length 4 (keep_start)')
    expect(table).toMatch(/·a\\u\{1b\}\[31mb +7 +-1\.0000 +-1\.5000 +\+0\.5000/)
    expect(table).toContain('margin +0.0500, DPO weight 0.0488 (beta 0.1)')
  })

  test('colours what the policy made more and less likely differently', () => {
    const colours = (ratio: number): string => /48;5;(\d+)m/.exec(tokenTable({ ...shown, chosen: side(token('a', { logp: ratio, refLogp: 0 })) }, 0, { colour: true, width: 90 }))?.[1] ?? ''
    expect(new Set([colours(-3), colours(-0.6), colours(0), colours(0.6), colours(3)]).size).toBe(5)
  })

  test('shows nothing that could steer a terminal', () => {
    expect(escapeText('a\n\t\u0007\u001b\u202e\u2028b')).toBe('a\\n\\t\\u{7}\\u{1b}\\u{202e}\\u{2028}b')
  })
})
