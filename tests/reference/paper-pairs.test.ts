/**
 * The paper's presets against the public script's rules: 200 rows, a stub sampler, and what scripts/reference_pairs.py
 * makes of them by the rules alone. Where we deviate, the fixture shows what is gained.
 */
import { readFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { fitPrompt } from '../../src/backend/lab/text.ts'
import { parseRecipe, requireRecipe } from '../../src/backend/recipe-file.ts'
import { RECIPE_PRESETS } from '../../src/backend/recipe-presets.ts'
import { readFeedbackRow } from '../../src/core/dataset-rows.ts'
import type { Lab, Policy, SamplePrompt } from '../../src/recipes/lab.ts'
import { recipes } from '../../src/recipes/index.ts'
import type { Pair } from '../../src/shared/types.ts'

type Reference = { instruction: string; limit: number; rows: { row: Record<string, unknown>; text: string; cut_text: string | null; reply: string; chosen: string; held_out: boolean }[] }
const reference = JSON.parse(readFileSync(new URL('./pairs.json', import.meta.url), 'utf8')) as Reference
const MARKER = 'Assistant: '
/** The public script cuts the end of these, or takes for the reply what follows the marker within it. */
const deviates = ({ cut_text, reply }: Reference['rows'][number]): boolean => cut_text !== null || reply.includes(MARKER)

/** The method as a run plays it; the sampler's reply depends on every character it is shown. */
async function play(preset: 'paper-7b' | 'paper-14b'): Promise<{ shown: SamplePrompt['messages'][]; held: Pair[]; trained: Pair[] }> {
  const recipe = { ...requireRecipe(parseRecipe(RECIPE_PRESETS[preset])), iterations: 1, warm_start: null }
  const policy = (name: string): Policy => ({ name, folder: name, hash: name })
  const [shown, all, trained]: [SamplePrompt['messages'][], Pair[], Pair[]] = [[], [], []]
  const lab: Lab = {
    base: policy('base'),
    draw: (_stage, rows) => rows,
    train(stage, _start, _reference, pairs) {
      trained.push(...pairs)
      return Promise.resolve(policy(stage))
    },
    sample: () => Promise.reject(new Error('DRIFT resamples')),
    resample(_stage, by, prompts) {
      shown.push(...prompts.map(({ messages }) => messages))
      return Promise.resolve(prompts.map(({ messages }, i) => {
        const reply = ` Better ${crc32(String(messages))}.\n`
        return { replies: [i % 31 === 7 ? `Dialogue:\n${MARKER}hello\n${reply}` : reply], by }
      }))
    },
    trainReward: () => Promise.reject(new Error('DRIFT has no reward model')),
    reward: () => Promise.reject(new Error('DRIFT has no reward model')),
    evaluate(round, _policy, pairs) {
      if (round === 1) all.push(...pairs)
      return Promise.resolve()
    },
  }
  const dissatisfied = reference.rows.map(({ row }) => readFeedbackRow(row))
  await recipes.drift.run(lab, { dissatisfied, satisfied: [], requests: [], seedPairs: [] }, recipe)
  return { shown, held: all.slice(0, all.length - trained.length), trained }
}

const asPublic = ({ prompt, chosen, rejected }: Pair) => ({ prompt, chosen, rejected: [{ role: 'assistant', content: rejected }] })

describe.each(['paper-7b', 'paper-14b'] as const)('%s', (preset) => {
  it('shows the policy the public script\'s text, character by character', async () => {
    const { shown } = await play(preset)
    expect(shown).toEqual(reference.rows.map(({ text }) => text))
    expect(requireRecipe(parseRecipe(RECIPE_PRESETS[preset])).improve_instruction).toBe(reference.instruction)
  })

  it('holds out the first 100 pairs and trains on the others, in the order of the rows', async () => {
    const { held, trained } = await play(preset)
    const requests = (isHeld: boolean) => reference.rows.filter(({ held_out: out }) => out === isHeld).map(({ row }) => row['prompt'])
    expect(held.map(({ prompt }) => prompt)).toEqual(requests(true))
    expect(trained.map(({ prompt }) => prompt)).toEqual(requests(false))
  })

  it('makes the public script\'s pairs, but for cut prompts and replies that hold "Assistant: "', async () => {
    const { held, trained } = await play(preset)
    const pairs = [...held, ...trained]
    const same = reference.rows.flatMap((row, i) => (deviates(row) ? [] : [i]))
    expect(same.length).toBe(184)
    expect(same.map((i) => asPublic(pairs[i]!))).toEqual(same.map((i) => ({ prompt: reference.rows[i]!.row['prompt'], chosen: reference.rows[i]!.chosen, rejected: reference.rows[i]!.row['rejected'] })))
    reference.rows.forEach((row, i) => {
      if (!deviates(row)) return
      expect(pairs[i]!.chosen).toBe(row.reply.trim())
      expect(pairs[i]!.chosen.endsWith(row.chosen) || row.cut_text !== null).toBe(true)
    })
  })
})

it('cuts a prompt too long to as many tokens as the public script, but at its beginning: the instruction stays', () => {
  const characters = { renderPrompt: (prompt: string | readonly { content: string }[]) => ({ ids: [...String(prompt)].map((character) => character.codePointAt(0) ?? 0) }) }
  const long = reference.rows.flatMap(({ text, cut_text: shown }) => (shown === null ? [] : [{ text, shown }]))
  expect(long.length).toBe(9)
  for (const { text, shown } of long) {
    const { ids } = fitPrompt(text, reference.limit, characters as Parameters<typeof fitPrompt>[2])
    const ours = String.fromCodePoint(...ids)
    expect(ids.length).toBe([...shown].length)
    expect(text.endsWith(ours) && ours.endsWith(`${reference.instruction}\n${MARKER}`)).toBe(true)
    expect(shown.includes(reference.instruction)).toBe(false)
  }
})
