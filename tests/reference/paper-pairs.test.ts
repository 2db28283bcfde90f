/**
 * The paper's presets against the public script's rules: 200 rows, a stub sampler whose tokens are characters, and what
 * scripts/reference_pairs.py makes of them by the rules alone. The policy's prompts are cut and its replies taken by the
 * lab itself.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { stringify } from 'yaml'
import type { LabContext } from '../../src/backend/lab/context.ts'
import { sampleStage } from '../../src/backend/lab/sampling.ts'
import { fitPrompt, type Text } from '../../src/backend/lab/text.ts'
import { Usage } from '../../src/backend/lab/usage.ts'
import { parseRecipe, requireRecipe } from '../../src/backend/recipe-file.ts'
import { RECIPE_PRESETS } from '../../src/backend/recipe-presets.ts'
import { readLog } from '../../src/backend/storage/runs.ts'
import { readFeedbackRow } from '../../src/core/dataset-rows.ts'
import type { Model, SampleRequest } from '../../src/engine/engine.ts'
import type { Lab, Logs, Policy } from '../../src/recipes/lab.ts'
import { recipes } from '../../src/recipes/index.ts'
import type { Recipe } from '../../src/shared/recipe.ts'
import type { Pair } from '../../src/shared/types.ts'
import { fakeEngine, fakeText } from '../support/fake-engine.ts'
import { aLabWorkspace, queueRun } from '../support/lab-workspace.ts'

type Reference = { instruction: string; limit: number; rows: { row: Record<string, unknown>; text: string; cut_text: string | null; reply: string; chosen: string; held_out: boolean }[] }
const reference = JSON.parse(readFileSync(new URL('./pairs.json', import.meta.url), 'utf8')) as Reference
const MARKER = 'Assistant: '
const EOS = 0
const idsOf = (text: string): number[] => Array.from(text, (character) => character.codePointAt(0)!)
const textOf = (ids: readonly number[]): string => ids.filter((id) => id !== EOS).map((id) => String.fromCodePoint(id)).join('')
/** A character is a token, as where the fixture was made. */
const text: Text = { ...fakeText, renderer: { ...fakeText.renderer, tokenizer: { ...fakeText.renderer.tokenizer, decode: textOf }, renderPrompt: (prompt) => ({ text: String(prompt), ids: idsOf(String(prompt)) }) } }
const LOGS: Logs = { dissatisfied: reference.rows.map(({ row }) => readFeedbackRow(row)), satisfied: [], requests: [], seedPairs: [] }

/** The method as a run plays it. `shown` is what the policy saw. */
async function play(preset: keyof typeof RECIPE_PRESETS, sampling: Partial<Recipe['sampling']> = {}): Promise<{ shown: string[]; held: Pair[]; trained: Pair[]; log: string[] }> {
  const read = requireRecipe(parseRecipe(RECIPE_PRESETS[preset]))
  const recipe: Recipe = { ...read, iterations: 1, warm_start: null, sampling: { ...read.sampling, ...sampling } }
  const workspace = aLabWorkspace()
  const shown: string[] = []
  const model = {
    *sample(requests: SampleRequest[]) {
      yield requests.map(({ promptIds }, index) => {
        const { reply } = reference.rows[shown.length]!
        shown.push(textOf(promptIds))
        return { index, completionIds: [...idsOf(reply), EOS], finishReason: 'stop', entropy: 0, logp: -1 }
      })
    },
  } as unknown as Model
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  const context: LabContext = {
    workspace, lease: queueRun(workspace, stringify(recipe)), recipe, text, engine: fakeEngine({ replies: [] }), threads: 1, computedBy: 'stub', usage: new Usage(LOGS), signal: stop.signal, now: () => 0,
    models: { use: () => Promise.resolve(model) } as unknown as LabContext['models'], pause: () => {}, tell: () => {},
  }
  const policy = (name: string): Policy => ({ name, folder: name, hash: name })
  const [all, trained]: [Pair[], Pair[]] = [[], []]
  const lab: Lab = {
    base: policy('base'),
    draw: (_stage, rows) => rows,
    train(stage, _start, _reference, pairs) {
      trained.push(...pairs)
      return Promise.resolve(policy(stage))
    },
    sample: () => Promise.reject(new Error('DRIFT resamples')),
    resample: async (stage, by, prompts, settings) => (await sampleStage(context, stage, by, prompts, settings)).drawn,
    trainReward: () => Promise.reject(new Error('DRIFT has no reward model')),
    reward: () => Promise.reject(new Error('DRIFT has no reward model')),
    evaluate(round, _policy, pairs) {
      if (round === 1) all.push(...pairs)
      return Promise.resolve()
    },
  }
  await recipes.drift.run(lab, LOGS, recipe)
  return { shown, held: all.slice(0, all.length - trained.length), trained, log: readLog(workspace.db, context.lease.runId).map((line) => line.text) }
}

const asPublic = ({ prompt, chosen, rejected }: Pair) => ({ prompt, chosen, rejected: [{ role: 'assistant', content: rejected }] })

describe.each(['paper-7b', 'paper-14b'] as const)('%s', (preset) => {
  it('shows the policy the public script\'s text, cut where it is cut there', async () => {
    const { shown } = await play(preset)
    expect(shown).toEqual(reference.rows.map(({ text: whole, cut_text: cut }) => cut ?? whole))
    expect(requireRecipe(parseRecipe(RECIPE_PRESETS[preset])).improve_instruction).toBe(reference.instruction)
  })

  it('makes the public script\'s 200 pairs: the first 100 held out, the others trained on, in the order of the rows', async () => {
    const { held, trained } = await play(preset)
    const pairs = (isHeld: boolean) => reference.rows.filter(({ held_out: out }) => out === isHeld).map(({ row, chosen }) => ({ prompt: row['prompt'], chosen, rejected: row['rejected'] }))
    expect([pairs(true).length, pairs(false).length]).toEqual([100, 100])
    expect(held.map(asPublic)).toEqual(pairs(true))
    expect(trained.map(asPublic)).toEqual(pairs(false))
  })

  it('says how many prompts lost their instruction, and how many replies are other than what was generated', async () => {
    const { log } = await play(preset)
    // The seven replies that hold the marker, and the nine prompts whose end, the marker, was cut.
    expect(log).toContain('round-1/sample: 9 of 200 prompts were longer than 2048 tokens and lost their end, with it the instruction, as in the public script (truncation_side right)')
    expect(log).toContain('round-1/sample: 16 of 200 replies are not what was generated but what follows the last "Assistant: " of prompt and reply (reply_from last-marker)')
  })
})

it('without the two keys, as in every other recipe, the instruction stays and a reply is what was generated', async () => {
  const { shown, held, trained } = await play('paper-7b', { truncation_side: 'left', reply_from: 'completion' })
  const pairs = [...held, ...trained]
  reference.rows.forEach(({ text: whole, cut_text: cut, reply, chosen }, i) => {
    expect(pairs[i]!.chosen).toBe(reply.trim())
    expect(whole.endsWith(shown[i]!) && shown[i]!.endsWith(`${reference.instruction}\n${MARKER}`)).toBe(true)
    expect(chosen === reply.trim()).toBe(cut === null && !reply.includes(MARKER))
    if (cut !== null) expect([...shown[i]!].length).toBe([...cut].length)
  })
  expect(reference.rows.filter(({ cut_text: cut, reply }) => cut !== null || reply.includes(MARKER)).length).toBe(16)
})

it('a chat prompt keeps its end whichever side is asked for', () => {
  const prompt = [{ role: 'user' as const, content: 'a long request to the assistant' }]
  expect(fitPrompt(prompt, 20, fakeText.renderer, 'right')).toEqual(fitPrompt(prompt, 20, fakeText.renderer))
})
