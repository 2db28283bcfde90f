/**
 * An engine without a network: eight weights, replies that are canned lines picked by weights and seed, and the real
 * training loop over a made-up gradient. Everything depends on everything it should, so that a wrong seed, batch or
 * checkpoint shows in the numbers; nothing depends on time.
 */
import { cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hash32 } from '../../src/core/rng.ts'
import type { Text } from '../../src/backend/lab/text.ts'
import type { Renderer } from '../../src/engine/chat-template.ts'
import { pairTokens } from '../../src/engine/dpo-loss.ts'
import type { Engine, Model, PairGradients, SampledCompletion, TokenPair, TrainConfig, TrainHooks } from '../../src/engine/engine.ts'
import { readSafetensors, writeSafetensors } from '../../src/engine/safetensors.ts'
import { shuffledBatches, train, type TrainingTask } from '../../src/engine/train.ts'
import { hostUpdater } from '../../src/engine/updater.ts'
import type { Message } from '../../src/shared/types.ts'

const EOS = 0
const SIZE = 8

export type FakeEngineOptions = {
  /** What the policy may say. */
  replies: readonly string[]
  /** Called before anything is computed or written; throws to play a kill. */
  tick?(what: string): void
}

/** Characters are tokens; a message is its role's initial, its text and an end. */
export const fakeText: Text = { renderer: fakeRenderer(), context: 4096, eosIds: [EOS] }

function fakeRenderer(): Renderer {
  // UTF-16 units, so that a cut can go wrong.
  const encode = (text: string): number[] => text.split('').map((unit) => (unit === '\u0000' ? EOS : unit.charCodeAt(0)))
  const render = (messages: readonly Message[], generate: boolean): string => messages.map(({ role, content }) => `${role[0]}:${content}\u0000`).join('') + (generate ? 'a:' : '')
  const both = (text: string) => ({ text, ids: encode(text) })
  return {
    tokenizer: {
      encode,
      encodeWithSpecialTokens: encode,
      decode: (ids, options) => ids.filter((id) => !options?.skipSpecial || id !== EOS).map((id) => String.fromCharCode(id)).join(''),
      vocabSize: 65_536, bosId: null, eosId: EOS, padId: null, specialTokens: {},
    },
    renderMessages: (messages, options) => both(render(messages as Message[], options?.addGenerationPrompt ?? false)),
    renderPrompt: (prompt) => both(typeof prompt === 'string' ? prompt : render(prompt as Message[], true)),
    renderPair({ prompt, chosen, rejected }) {
      const start = render((prompt ?? []) as Message[], true)
      const side = (messages: unknown): string => `${(messages as Message[])[0]?.content ?? ''}\u0000`
      return { chosenText: start + side(chosen), rejectedText: start + side(rejected), promptIds: encode(start), chosenIds: encode(side(chosen)), rejectedIds: encode(side(rejected)), lostPromptEnd: '' }
    },
  }
}

/** A model folder the fake engine loads; different salts are different models. */
export function writeFakeModel(folder: string, salt = 1): void {
  mkdirSync(folder, { recursive: true })
  // A family that exists, so that recipes naming the folder are accepted; nobody builds it.
  writeFileSync(join(folder, 'config.json'), `${JSON.stringify({ model_type: 'llama', vocab_size: 256, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 1, intermediate_size: 8, max_position_embeddings: 4096 })}\n`)
  writeSafetensors(join(folder, 'model.safetensors'), [{ name: 'w', shape: [SIZE], data: Float32Array.from({ length: SIZE }, (_, i) => Math.sin(salt * 7 + i)) }])
}

export function fakeEngine(options: FakeEngineOptions): Engine {
  const tick = options.tick ?? (() => {})
  return {
    name: 'embedded',
     
    async load(folder, { threads = 1 } = {}) {
      tick('load')
      return new FakeModel(folder, threads, options.replies, tick)
    },
  }
}

class FakeModel implements Model {
  readonly folder: string
  readonly threads: number
  readonly device = 'cpu'
  private readonly weights: Map<string, Float32Array>
  private readonly replies: readonly string[]
  private readonly tick: (what: string) => void

  constructor(folder: string, threads: number, replies: readonly string[], tick: (what: string) => void) {
    this.folder = folder
    this.threads = threads
    this.replies = replies
    this.tick = tick
    this.weights = new Map([...readSafetensors(join(folder, 'model.safetensors'))].map(([name, { data }]) => [name, data]))
  }

   
  async score(rows: { promptIds: number[]; completionIds: number[] }[]): Promise<Float32Array[]> {
    this.tick('score')
    return rows.map(({ promptIds, completionIds }) => Float32Array.from(completionIds, (id, t) => -1 - Math.abs(Math.sin(id * this.at(t) + promptIds.length))))
  }

   
  async *sample(requests: { promptIds: number[]; seed: number }[], settings: { temperature: number; greedy: boolean; max_new_tokens: number; batch_size: number }): AsyncGenerator<SampledCompletion[]> {
    const mark = this.mark()
    for (let from = 0; from < requests.length; from += settings.batch_size) {
      this.tick('sample')
      const batch = requests.slice(from, from + settings.batch_size)
      // As with a real engine, a sample also depends, ever so little, on the batch it is decoded in.
      const company = batch.length
      yield batch.map(({ promptIds, seed }, i): SampledCompletion => {
        const key = hash32(`${mark}/${promptIds.join(' ')}/${settings.greedy ? 'greedy' : `${seed}/${settings.temperature}`}`)
        const whole = [...(this.replies[key % this.replies.length] ?? '')].map((character) => character.charCodeAt(0))
        const stops = whole.length < settings.max_new_tokens
        const completionIds = stops ? [...whole, EOS] : whole.slice(0, settings.max_new_tokens)
        return { index: from + i, completionIds, finishReason: stops ? 'stop' : 'length', entropy: (key % 1000) / 1000 + company * 1e-9, logp: -(key % 77) }
      })
    }
  }

  trainDpo(pairs: TokenPair[], reference: { chosen: Float64Array; rejected: Float64Array }, config: TrainConfig & { beta: number }, hooks?: TrainHooks): Promise<void> {
    const signalOf = (i: number): number => Math.sin((pairs[i]?.chosenIds.length ?? 0) * 3 + (pairs[i]?.rejectedIds.length ?? 0) + (reference.chosen[i] ?? NaN) - (reference.rejected[i] ?? NaN))
    return this.train(pairs.length, (i) => pairTokens(pairs[i]!), signalOf, config, hooks)
  }

  trainLanguageModel(): Promise<void> {
    throw new Error('fake engine: no language modelling')
  }

  trainReward(rows: { ids: number[]; label: 0 | 1 }[], config: TrainConfig, hooks?: TrainHooks): Promise<void> {
    if (!this.weights.has('score.weight')) this.weights.set('score.weight', Float32Array.of((config.seed % 97) / 97))
    return this.train(rows.length, (i) => rows[i]?.ids.length ?? 0, (i) => ((rows[i]?.label ?? 0) - 0.5) * Math.cos(rows[i]?.ids.length ?? 0), config, hooks)
  }

   
  async reward(rows: number[][]): Promise<Float64Array> {
    this.tick('reward')
    const head = this.weights.get('score.weight')?.[0] ?? NaN
    return Float64Array.from(rows, (ids) => Math.sin(ids.length * 5 + (ids.at(-2) ?? 0) + head))
  }

  dpoGradients(): Promise<{ loss: number; gradients: Map<string, Float32Array> }> {
    throw new Error('fake engine: no gradients')
  }

  async pairGradients(pairs: TokenPair[], reference: { chosen: Float64Array; rejected: Float64Array }): Promise<PairGradients> {
    this.tick('gradients')
    const norms = Float64Array.from(pairs, ({ chosenIds, rejectedIds }, i) => 1 + Math.abs(Math.sin(chosenIds.length - rejectedIds.length + this.at(i))))
    return { norms, margins: Float64Array.from(pairs, (_, i) => (reference.rejected[i] ?? NaN) - (reference.chosen[i] ?? NaN)), meanNorm: norms.reduce((sum, norm) => sum + norm, 0) / (2 * norms.length) }
  }

   
  async save(folder: string): Promise<void> {
    this.tick('save')
    const draft = `${folder}.draft`
    rmSync(draft, { recursive: true, force: true })
    mkdirSync(draft, { recursive: true })
    cpSync(join(this.folder, 'config.json'), join(draft, 'config.json'))
    writeSafetensors(join(draft, 'model.safetensors'), [...this.weights].map(([name, data]) => ({ name, shape: [data.length], data })))
    rmSync(folder, { recursive: true, force: true })
    renameSync(draft, folder)
    this.tick('saved')
  }

  async dispose(): Promise<void> {}

  private train(count: number, tokensOf: (i: number) => number, signalOf: (i: number) => number, config: TrainConfig, hooks: TrainHooks = {}): Promise<void> {
    const parameters = [...this.weights].map(([name, weight]) => ({ name, weight, gradient: new Float32Array(weight.length) }))
    const task: TrainingTask = {
      noun: 'examples',
      updater: async (config, state) => hostUpdater(parameters, config, state),
      weights: this.weights,
      batches: (epoch) => shuffledBatches(count, config.per_device_train_batch_size, config.seed, epoch),
      tokens: (indices) => indices.reduce((sum, i) => sum + tokensOf(i), 0),
      run: (batches, b) => {
        this.tick('step')
        const indices = batches[b] ?? []
        const signals = indices.map(signalOf)
        for (const { weight, gradient } of parameters) for (const [k] of weight.entries()) gradient[k] = (b === 0 ? 0 : (gradient[k] ?? 0)) + signals.reduce((sum, signal) => sum + signal * Math.cos((weight[k] ?? 0) + k), 0) / indices.length
        return Promise.resolve({ loss: Math.abs(signals.reduce((sum, signal) => sum + signal, 0)), metrics: { 'rewards/margins': signals[0] ?? 0 }, details: { pairIndices: [...indices], margins: signals } })
      },
    }
    const { onCheckpoint } = hooks
    const ticking = Object.defineProperties({}, Object.getOwnPropertyDescriptors(hooks)) as TrainHooks
    if (onCheckpoint) {
      ticking.onCheckpoint = async (state) => {
        this.tick('checkpoint')
        await onCheckpoint(state)
        this.tick('checkpointed')
      }
    }
    return train(task, config, ticking)
  }

  private at(i: number): number {
    return this.weights.get('w')?.[i % SIZE] ?? NaN
  }

  private mark(): string {
    return [...(this.weights.get('w') ?? [])].map((value) => value.toPrecision(9)).join(',')
  }
}
