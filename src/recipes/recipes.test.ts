/** What a reader asks of each method: where chosen and rejected come from, and what every round starts from. */
import { describe, expect, it } from 'vitest'
import { type Recipe, recipeSchema } from '../shared/recipe.ts'
import type { FeedbackRow, Pair } from '../shared/types.ts'
import { recipes } from './index.ts'
import type { Drawn, Lab, Logs, Policy } from './lab.ts'
import { guided, promptWithFeedback } from './prompts.ts'

const row = (name: string, label: FeedbackRow['label']): FeedbackRow => ({
  prompt: [{ role: 'user', content: `ask ${name}` }], reply: `logged ${name}`, label, userFeedback: label === 'neutral' ? null : `words ${name}`, conversationId: name, turnIndex: 2, task: null,
})
const rows = [row('d1', 'dissatisfied'), row('d2', 'dissatisfied'), row('s1', 'satisfied'), row('s2', 'satisfied'), row('n1', 'neutral')]
const seed: Pair = { prompt: [{ role: 'user', content: 'seed' }], chosen: 'better', rejected: 'worse', task: null, provenance: { conversationId: 'x', turnIndex: 2, userFeedback: null, round: null, policy: null, seed: null } }
const logs: Logs = { dissatisfied: rows.slice(0, 2), satisfied: rows.slice(2, 4), requests: rows, seedPairs: [seed] }

type Call = { verb: string; stage: string; policy?: string; reference?: string; pairs?: Pair[]; prompts?: string[]; n?: number; epochs?: number; learningRate?: number; losses?: string[] }

/** Notes what is asked; the replies of policy p to a prompt are "p says 1", "p says 2" … unless told otherwise. */
async function play(recipe: Recipe, replyOf = (policy: string, _prompt: string, i: number): string => `${policy} says ${i}`, rewardOf = (reply: string): number | null => reply.length): Promise<{ calls: Call[]; final: string }> {
  const calls: Call[] = []
  const keptOf = new Map<FeedbackRow, Drawn>()
  const policy = (name: string): Policy => ({ name, folder: name, hash: name })
  const lab: Lab = {
    base: policy('base'),
    draw: (stage, all, n) => {
      calls.push({ verb: 'draw', stage })
      return n === null ? all : all.slice(0, n)
    },
    train(stage, start, reference, pairs, training) {
      calls.push({ verb: 'train', stage, policy: start.name, reference: reference.name, pairs, epochs: training.num_train_epochs, learningRate: training.learning_rate, losses: training.loss_type })
      return Promise.resolve(policy(stage.replace('/train', '')))
    },
    sample(stage, from, prompts, sampling) {
      calls.push({ verb: 'sample', stage, policy: from.name, n: sampling.n, prompts: prompts.map(({ messages }) => (typeof messages === 'string' ? messages : messages.map(({ role, content }) => `${role}: ${content}`).join(' / '))) })
      return Promise.resolve(prompts.map(({ messages }) => Array.from({ length: sampling.n }, (_, i) => replyOf(from.name, typeof messages === 'string' ? messages : (messages[0]?.content ?? ''), i))))
    },
    async resample(stage, from, prompts, sampling, staleBeyond) {
      const kept = staleBeyond === null ? undefined : keptOf
      const stale = prompts.filter(({ about }) => !kept?.has(about))
      const replies = await this.sample(stage, from, stale, sampling)
      stale.forEach(({ about }, i) => keptOf.set(about, { replies: replies[i]!, by: from }))
      return prompts.map(({ about }) => keptOf.get(about)!)
    },
    trainReward(stage, start, satisfied, dissatisfied) {
      calls.push({ verb: 'trainReward', stage, policy: start.name, n: satisfied.length + dissatisfied.length })
      return Promise.resolve({ folder: stage })
    },
    reward: (_stage, _model, candidates) => Promise.resolve(candidates.map(({ reply }) => rewardOf(reply))),
    evaluate(round, from, pairs) {
      calls.push({ verb: 'evaluate', stage: String(round), policy: from.name, pairs })
      return Promise.resolve()
    },
  }
  const final = await recipes[recipe.recipe].run(lab, logs, recipe)
  return { calls, final: final.name }
}

const recipeOf = (changes: Record<string, unknown>): Recipe => recipeSchema.parse({ model_name_or_path: 'm', dataset: 'f', warm_start: { dataset: 's' }, ...changes })
const train = (calls: Call[]): Call[] => calls.filter(({ verb }) => verb === 'train')
const sides = (pairs: Pair[] | undefined): string[] => (pairs ?? []).map(({ prompt, chosen, rejected }) => `${prompt.map(({ content }) => content).join(' / ')} | ${chosen} > ${rejected}`)

describe.each(['drift', 'drift-unguided', 'drift-sft', 'spin', 'iterative-dpo'] as const)('%s', (name) => {
  it('warms up on the seed pairs, then starts every round from the policy of the one before', async () => {
    const { calls, final } = await play(recipeOf({ recipe: name }), (policy, prompt, i) => `${policy} ${prompt} ${'!'.repeat(i)}`)
    expect(train(calls).map(({ stage, policy }) => [stage, policy])).toEqual([['warm-start/train', 'base'], ['round-1/train', 'warm-start'], ['round-2/train', 'round-1']])
    expect(calls.filter(({ verb }) => verb === 'sample').map(({ stage, policy }) => [stage, policy])).toEqual([['round-1/sample', 'warm-start'], ['round-2/sample', 'round-1']])
    expect(calls.filter(({ verb }) => verb === 'evaluate').map(({ stage, policy }) => [stage, policy])).toEqual([['0', 'warm-start'], ['1', 'round-1'], ['2', 'round-2']])
    expect(train(calls)[0]?.pairs).toEqual([seed])
    expect(final).toBe('round-2')
  })

  it('measures against the round\'s start, or against the base where the recipe says so', async () => {
    expect(train((await play(recipeOf({ recipe: name }))).calls).map(({ reference }) => reference)).toEqual(['base', 'warm-start', 'round-1'])
    expect(train((await play(recipeOf({ recipe: name, reference: 'base' }))).calls).map(({ reference }) => reference)).toEqual(['base', 'base', 'base'])
  })

  it('trains the warm start for its own epochs, at its own rate where it has one', async () => {
    const recipe = recipeOf({ recipe: name, warm_start: { dataset: 's', num_train_epochs: 3, learning_rate: 0.5 }, training: { learning_rate: 0.25 } })
    expect(train((await play(recipe)).calls).map(({ epochs, learningRate }) => [epochs, learningRate])).toEqual([[3, 0.5], [1, 0.25], [1, 0.25]])
  })

  it('begins at the base without a warm start', async () => {
    expect(train((await play(recipeOf({ recipe: name, warm_start: null }))).calls)[0]).toMatchObject({ stage: 'round-1/train', policy: 'base' })
  })

  it('holds the first pairs out of training, and evaluates all of them', async () => {
    const { calls } = await play(recipeOf({ recipe: name, iterations: 1, warm_start: null, holdout_pairs: 1 }), (policy, prompt, i) => `${policy} ${prompt} ${'!'.repeat(i)}`)
    const all = calls.findLast(({ verb }) => verb === 'evaluate')?.pairs ?? []
    expect(train(calls)[0]?.pairs).toEqual(all.slice(1))
    expect(all.length).toBeGreaterThan(1)
  })
})

describe('drift', () => {
  it('prefers a fresh sample of the current policy to the logged reply the user disliked', async () => {
    const { calls } = await play(recipeOf({ recipe: 'drift' }))
    expect(sides(train(calls)[1]?.pairs)).toEqual(['ask d1 | warm-start says 0 > logged d1', 'ask d2 | warm-start says 0 > logged d2'])
    expect(sides(train(calls)[2]?.pairs)).toEqual(['ask d1 | round-1 says 0 > logged d1', 'ask d2 | round-1 says 0 > logged d2'])
  })

  it('shows the policy the disliked reply and the user\'s words when it samples, never when it trains', async () => {
    const { calls } = await play(recipeOf({ recipe: 'drift', improve_instruction: 'Improve it.' }))
    expect(calls.find(({ verb }) => verb === 'sample')?.prompts?.[0]).toBe('user: ask d1 / assistant: logged d1 / user: words d1 Improve it.')
    for (const { pairs } of train(calls).slice(1)) expect(JSON.stringify(pairs?.map(({ prompt }) => prompt))).not.toMatch(/words|Improve|logged/)
  })

  it('makes a pair of every sample and remembers whose words they came from', async () => {
    const { calls } = await play(recipeOf({ recipe: 'drift', sampling: { n: 2 }, pairs_per_round: 1, seed: 9 }))
    expect(sides(train(calls)[1]?.pairs)).toEqual(['ask d1 | warm-start says 0 > logged d1', 'ask d1 | warm-start says 1 > logged d1'])
    expect(train(calls)[1]?.pairs?.[0]?.provenance).toEqual({ conversationId: 'd1', turnIndex: 2, userFeedback: 'words d1', round: 1, policy: 'warm-start', seed: 9 })
  })

  it('keeps the replies of an earlier round that are not stale where the recipe says so, with who drew them', async () => {
    const { calls } = await play(recipeOf({ recipe: 'drift', resample_stale_only: 0.1 }))
    expect(calls.filter(({ verb }) => verb === 'sample').map(({ stage, prompts }) => [stage, prompts?.length])).toEqual([['round-1/sample', 2], ['round-2/sample', 0]])
    expect(sides(train(calls)[2]?.pairs)).toEqual(['ask d1 | warm-start says 0 > logged d1', 'ask d2 | warm-start says 0 > logged d2'])
    expect(train(calls)[2]?.pairs?.[0]?.provenance).toMatchObject({ round: 2, policy: 'warm-start' })
  })

  it('asks in the paper\'s raw text where the recipe says so: the system message first, the instruction last, no template', () => {
    const paper = { prompt_style: 'paper', improve_instruction: 'Improve it.' } as const
    expect(promptWithFeedback(rows[0]!, 'words d1', paper)).toBe('User: ask d1\nAssistant: logged d1\nUser: words d1\nSystem: Improve it.\nAssistant: ')
    const long: FeedbackRow = { ...rows[0]!, prompt: [{ role: 'system', content: 'Be kind.' }, { role: 'user', content: 'hi' }, { role: 'assistant', content: 'hello' }, { role: 'user', content: 'ask' }] }
    expect(promptWithFeedback(long, 'no', paper)).toBe('Be kind.\n\nUser: hi\nAssistant: hello\nUser: ask\nAssistant: logged d1\nUser: no\nSystem: Improve it.\nAssistant: ')
  })

  it('strips the white space around a reply to raw text, as the public script does, and leaves chat replies alone', async () => {
    const spaced = (): string => ' better\n'
    expect(train((await play(recipeOf({ recipe: 'drift', prompt_style: 'paper' }), spaced)).calls)[1]?.pairs?.[0]?.chosen).toBe('better')
    expect(train((await play(recipeOf({ recipe: 'drift' }), spaced)).calls)[1]?.pairs?.[0]?.chosen).toBe(' better\n')
  })

  it.each([
    ['instruction', 'user: ask d1 / assistant: logged d1 / user: Improve it.', 'instruction'],
    ['unguided', 'user: ask d1', 'unguided'],
    ['critique', 'user: ask d1 / assistant: logged d1 / user: too short Improve it.', 'critique'],
  ] as const)('samples a row without the user\'s words by %s where the recipe says so, and tells it', (without_feedback, text, stopgap) => {
    const asked = guided({ ...rows[0]!, userFeedback: null, critique: 'too short' }, recipeOf({ recipe: 'drift', without_feedback, improve_instruction: 'Improve it.' }))
    expect(typeof asked.messages === 'string' ? '' : asked.messages.map(({ role, content }) => `${role}: ${content}`).join(' / ')).toBe(text)
    expect(asked.stopgap).toBe(stopgap)
  })

  it('samples a row without words and critique unguided, and rows with words as ever', () => {
    const recipe = recipeOf({ recipe: 'drift', without_feedback: 'critique', improve_instruction: 'Improve it.' })
    expect(guided({ ...rows[0]!, userFeedback: null }, recipe)).toMatchObject({ messages: rows[0]!.prompt, stopgap: 'unguided' })
    expect(guided(rows[0]!, recipe).stopgap).toBeUndefined()
  })
})

describe('control arms of DRIFT: one thing is different', () => {
  const sampled = (calls: Call[]) => calls.filter(({ verb }) => verb === 'sample').map(({ stage, policy, prompts }) => [stage, policy, prompts?.[0]?.includes('words d1')])

  it('unguided: the policy sees the request alone', async () => {
    const { calls } = await play(recipeOf({ recipe: 'drift-unguided' }))
    expect(sampled(calls)).toEqual([['round-1/sample', 'warm-start', false], ['round-2/sample', 'round-1', false]])
    expect(sides(train(calls)[2]?.pairs)).toEqual(['ask d1 | round-1 says 0 > logged d1', 'ask d2 | round-1 says 0 > logged d2'])
  })

  it('own rejected: the guided sample against an unguided one of the same policy; equal ones fall out', async () => {
    const { calls } = await play(recipeOf({ recipe: 'drift-own-rejected', improve_instruction: 'I' }), (policy, prompt, i) => `${policy} to ${prompt} ${i}`)
    expect(train(calls)[1]?.pairs).toEqual([])
    const asked: string[] = []
    const told = await play(recipeOf({ recipe: 'drift-own-rejected' }), (policy) => `${policy} ${asked.push(policy)}`)
    expect(sampled(told.calls)).toEqual([['round-1/sample', 'warm-start', true], ['round-1/sample-own', 'warm-start', false], ['round-2/sample', 'round-1', true], ['round-2/sample-own', 'round-1', false]])
    expect(sides(train(told.calls)[2]?.pairs)).toEqual(['ask d1 | round-1 5 > round-1 7', 'ask d2 | round-1 6 > round-1 8'])
  })

  it('SFT: DRIFT\'s pairs, trained on the chosen side alone, after the same warm start', async () => {
    const [sft, drift] = await Promise.all([play(recipeOf({ recipe: 'drift-sft' })), play(recipeOf({ recipe: 'drift' }))])
    expect(train(sft.calls).map(({ pairs }) => pairs)).toEqual(train(drift.calls).map(({ pairs }) => pairs))
    expect(train(sft.calls).map(({ losses }) => losses)).toEqual([['sigmoid', 'sft'], ['sft'], ['sft']])
  })

  it('frozen: chosen are samples of the policy before round 1, the same in every round', async () => {
    let asked = 0
    const { calls } = await play(recipeOf({ recipe: 'drift-frozen' }), (policy) => `${policy} ${(asked += 1)}`)
    expect(sampled(calls)).toEqual([['round-0/sample', 'warm-start', true]])
    expect(sides(train(calls)[1]?.pairs)).toEqual(['ask d1 | warm-start 1 > logged d1', 'ask d2 | warm-start 2 > logged d2'])
    expect(sides(train(calls)[2]?.pairs)).toEqual(sides(train(calls)[1]?.pairs))
  })

  it('say in their files what they depart from', () => {
    for (const { source, deviations } of Object.values(recipes)) expect([source.length > 10, deviations.length > 0]).toEqual([true, true])
  })
})

describe('spin', () => {
  it('prefers the logged reply the user liked to an unguided sample', async () => {
    const { calls } = await play(recipeOf({ recipe: 'spin' }))
    expect(calls.find(({ verb }) => verb === 'sample')?.prompts).toEqual(['user: ask s1', 'user: ask s2'])
    expect(sides(train(calls)[1]?.pairs)).toEqual(['ask s1 | logged s1 > warm-start says 0', 'ask s2 | logged s2 > warm-start says 0'])
  })

  it('drops a sample that is the liked reply itself', async () => {
    const { calls } = await play(recipeOf({ recipe: 'spin' }), (_policy, prompt) => (prompt === 'ask s1' ? 'logged s1' : 'other'))
    expect(sides(train(calls)[1]?.pairs)).toEqual(['ask s2 | logged s2 > other'])
  })
})

describe('spin with its data mix', () => {
  it('trains on the previous round\'s pairs too, but never on pairs that were held out', async () => {
    const { calls } = await play(recipeOf({ recipe: 'spin', mix_previous: true, holdout_pairs: 1 }))
    expect(sides(train(calls)[1]?.pairs)).toEqual(['ask s2 | logged s2 > warm-start says 0'])
    expect(sides(train(calls)[2]?.pairs)).toEqual(['ask s2 | logged s2 > round-1 says 0', 'ask s2 | logged s2 > warm-start says 0'])
  })
})

describe('iterative-dpo', () => {
  it('drops a pair whose reward a judge could not give', async () => {
    const { calls } = await play(recipeOf({ recipe: 'iterative-dpo' }), (_policy, prompt, i) => `${prompt} ${i}`, (reply) => (reply.startsWith('ask d') ? null : Number(reply.at(-1))))
    expect(sides(train(calls)[1]?.pairs)).toEqual(['ask s1 | ask s1 1 > ask s1 0', 'ask s2 | ask s2 1 > ask s2 0', 'ask n1 | ask n1 1 > ask n1 0'])
  })

  it('ranks two unguided samples of every request by the reward', async () => {
    const { calls } = await play(recipeOf({ recipe: 'iterative-dpo' }), (policy, prompt, i) => `${policy} ${prompt}${'!'.repeat(i === 0 ? 3 : 1)}`, (reply) => -reply.length)
    expect(calls.find(({ verb }) => verb === 'sample')).toMatchObject({ n: 2, prompts: rows.map(({ prompt }) => `user: ${prompt[0]?.content}`) })
    expect(sides(train(calls)[1]?.pairs)[0]).toBe('ask d1 | warm-start ask d1! > warm-start ask d1!!!')
    expect(calls.find(({ verb }) => verb === 'trainReward')).toMatchObject({ policy: 'base', n: 4 })
  })

  it('drops ties and equal samples', async () => {
    const replyOf = (_policy: string, prompt: string, i: number): string => (prompt === 'ask d1' ? 'same' : prompt === 'ask d2' ? `tie${i}` : `${'long'.repeat(i)}`)
    const { calls } = await play(recipeOf({ recipe: 'iterative-dpo' }), replyOf)
    expect(train(calls)[1]?.pairs?.map(({ prompt }) => prompt[0]?.content)).toEqual(['ask s1', 'ask s2', 'ask n1'])
  })

  it('samples more requests than it wants pairs, and keeps as many as it wants', async () => {
    const { calls } = await play(recipeOf({ recipe: 'iterative-dpo', pairs_per_round: 2 }), (_policy, _prompt, i) => 'x'.repeat(i + 1))
    expect(calls.find(({ verb }) => verb === 'sample')?.prompts).toHaveLength(4) // ceil(2 x 1.6)
    expect(train(calls)[1]?.pairs).toHaveLength(2)
  })
})

describe('dpo', () => {
  it('is the warm start alone: the pairs of its dataset, from the base against the base', async () => {
    const { calls, final } = await play(recipeOf({ recipe: 'dpo' }))
    expect(train(calls)).toMatchObject([{ stage: 'warm-start/train', policy: 'base', reference: 'base', pairs: [seed] }])
    expect(calls.at(-1)).toMatchObject({ verb: 'evaluate', stage: '0', policy: 'warm-start' })
    expect(final).toBe('warm-start')
  })
})
