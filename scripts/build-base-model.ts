/**
 * Makes the built-in experiment's base model from a seed: world, data, tokenizer, initial weights, two
 * stages of training, probe. `npm run build:base-model -- [--seed N] [--output DIR]`. Everything but the
 * seconds in PROBE.json is a function of the options; the number of threads is one, because sums in
 * another order round differently. Progress goes to stderr.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { makeRng, type Rng } from '../src/core/rng.ts'
import { ITEMS } from '../src/core/world/items.ts'
import type { ChatMessage } from '../src/core/world/log.ts'
import { drawStage1, drawStage2, type TrainingDialogue } from '../src/core/world/pretraining.ts'
import { PROBE_CONDITIONS, probeConversations, selectProbeCases, summarizeProbe, summarizeSamples, type ProbeCondition, type ProbeFigures, type SampleFigures } from '../src/core/world/probe.ts'
import { drawRequests } from '../src/core/world/request.ts'
import { makeWorld } from '../src/core/world/world.ts'
import { loadRenderer, type Renderer } from '../src/engine/chat-template.ts'
import { embeddedEngine } from '../src/engine/embedded.ts'
import type { Model, TokenSequence, TrainConfig } from '../src/engine/engine.ts'
import { writeSafetensors, type Tensor } from '../src/engine/safetensors.ts'
import { trainBpe } from '../src/engine/tokenizer/train-bpe.ts'

const SPECIAL_TOKENS = { pad: '<pad>', user: '<user>', asst: '<asst>', end: '<end>' }
const [PAD, USER, ASST, END] = [0, 1, 2, 3]
const MODEL = { hidden: 128, layers: 3, heads: 4, intermediate: 384, positions: 512, vocabulary: 1024 }
const ITEM_REPEATS = 400
const PROBE_SETTINGS = { requests: 300, samples: 8, probeSamples: 4, seed: 5 }

/** A space before every text, so that a word is the same token wherever it stands. Two roles only: others are refused. */
const CHAT_TEMPLATE = `{%- for message in messages -%}
{%- if message.role == 'user' -%}
{{- '<user> ' + message.content | trim -}}
{%- elif message.role == 'assistant' -%}
{{- '<asst> ' + message.content | trim + '<end>' -}}
{%- else -%}
{{- raise_exception('this model knows the roles user and assistant only, got ' + message.role) -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<asst>' -}}
{%- endif -%}
`

const stage = (examples: number, batch: number, learningRate: number, seed: number): { examples: number; config: TrainConfig } => ({
  examples,
  config: {
    optim: 'adamw_torch',
    learning_rate: learningRate,
    weight_decay: 0,
    adam_beta1: 0.9,
    adam_beta2: 0.98,
    adam_epsilon: 1e-8,
    max_grad_norm: 1,
    lr_scheduler_type: 'cosine',
    warmup_steps: 100,
    min_lr_rate: 0.03,
    per_device_train_batch_size: batch,
    gradient_accumulation_steps: 1,
    gradient_checkpointing: false,
    num_train_epochs: 1,
    max_steps: -1,
    seed,
  },
})

const say = (line: string): void => void process.stderr.write(`${line}\n`)

/** Ids of a dialogue as the chat template writes it, with loss on what the model is to write (its `<end>` included). */
function encodeDialogue(dialogue: TrainingDialogue, encode: (text: string) => number[]): TokenSequence {
  const ids: number[] = []
  const lossMask: number[] = []
  for (const { role, content, loss } of dialogue) {
    const turn = role === 'user' ? [USER, ...encode(` ${content}`)] : [ASST, ...encode(` ${content}`), END]
    ids.push(...turn)
    lossMask.push(...turn.map((_, i) => (loss && i > 0 ? 1 : 0)))
  }
  return { ids, lossMask }
}

/** Embeddings N(0, .02), matrices N(0, 1/sqrt(fan in)), output projections half of that, norms 1. */
function initialWeights(vocabulary: number, rng: Rng): Tensor[] {
  const { hidden, intermediate, layers } = MODEL
  const normal = (name: string, shape: [number, number], deviation: number): Tensor => {
    const stream = rng.fork(name)
    return { name, shape, data: Float32Array.from({ length: shape[0] * shape[1] }, () => stream.normal() * deviation) }
  }
  const ones = (name: string): Tensor => ({ name, shape: [hidden], data: new Float32Array(hidden).fill(1) })
  const matrix = (name: string, rows: number, columns: number, scale = 1): Tensor => normal(name, [rows, columns], scale / Math.sqrt(columns))
  const tensors = [normal('model.embed_tokens.weight', [vocabulary, hidden], 0.02), ones('model.norm.weight')]
  for (let i = 0; i < layers; i++) {
    const at = `model.layers.${i}.`
    tensors.push(
      ones(`${at}input_layernorm.weight`),
      ones(`${at}post_attention_layernorm.weight`),
      matrix(`${at}self_attn.q_proj.weight`, hidden, hidden),
      matrix(`${at}self_attn.k_proj.weight`, hidden, hidden),
      matrix(`${at}self_attn.v_proj.weight`, hidden, hidden),
      matrix(`${at}self_attn.o_proj.weight`, hidden, hidden, 0.5),
      matrix(`${at}mlp.gate_proj.weight`, intermediate, hidden),
      matrix(`${at}mlp.up_proj.weight`, intermediate, hidden),
      matrix(`${at}mlp.down_proj.weight`, hidden, intermediate, 0.5),
    )
  }
  return tensors
}

/** Writes the untrained model: a complete Hugging Face folder. */
function writeInitialModel(folder: string, texts: string[], rng: Rng): void {
  const tokenizer = trainBpe(texts, { vocabSize: MODEL.vocabulary, specialTokens: Object.values(SPECIAL_TOKENS) })
  const vocabulary = Object.keys(tokenizer.model.vocab).length
  const files: Record<string, unknown> = {
    'config.json': {
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      vocab_size: vocabulary,
      hidden_size: MODEL.hidden,
      intermediate_size: MODEL.intermediate,
      num_hidden_layers: MODEL.layers,
      num_attention_heads: MODEL.heads,
      num_key_value_heads: MODEL.heads,
      head_dim: MODEL.hidden / MODEL.heads,
      hidden_act: 'silu',
      rms_norm_eps: 1e-5,
      rope_theta: 10000,
      rope_parameters: { rope_theta: 10000, rope_type: 'default' },
      max_position_embeddings: MODEL.positions,
      attention_bias: false,
      attention_dropout: 0,
      mlp_bias: false,
      initializer_range: 0.02,
      tie_word_embeddings: true,
      use_cache: true,
      bos_token_id: null,
      eos_token_id: END,
      pad_token_id: PAD,
      dtype: 'float32',
      torch_dtype: 'float32',
    },
    'generation_config.json': { do_sample: true, temperature: 1, top_k: 0, top_p: 1, max_new_tokens: 48, eos_token_id: END, pad_token_id: PAD },
    'tokenizer.json': tokenizer,
    'tokenizer_config.json': {
      tokenizer_class: 'PreTrainedTokenizerFast',
      eos_token: SPECIAL_TOKENS.end,
      pad_token: SPECIAL_TOKENS.pad,
      model_max_length: MODEL.positions,
      clean_up_tokenization_spaces: false,
      padding_side: 'left',
    },
  }
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), `${JSON.stringify(content, null, 2)}\n`)
  writeFileSync(join(folder, 'chat_template.jinja'), CHAT_TEMPLATE)
  writeSafetensors(join(folder, 'model.safetensors'), initialWeights(vocabulary, rng))
}

type StageFigures = { examples: number; tokens: number; steps: number; loss: number; seconds: number; tokensPerSecond: number }

/** One stage; stops early where the loss is no number or has not moved after 300 steps. */
async function trainStage(name: string, model: Model, rows: TokenSequence[], config: TrainConfig): Promise<StageFigures> {
  const began = performance.now()
  const steps = Math.ceil(rows.length / config.per_device_train_batch_size)
  const tokens = rows.reduce((sum, row) => sum + row.ids.length, 0)
  let loss = Number.NaN
  let done = 0
  await model.trainLanguageModel(rows, config, {
    onStep: (metrics) => {
      done = metrics.step
      loss = Number.isNaN(loss) ? metrics.loss : 0.98 * loss + 0.02 * metrics.loss
      if (!Number.isFinite(metrics.loss)) throw new Error(`${name}, step ${metrics.step}: loss is ${metrics.loss}; lower the learning rate (${config.learning_rate})`)
      if (metrics.step === 300 && loss > 3) throw new Error(`${name}: smoothed loss is still ${loss.toFixed(2)} after 300 steps, expected below 3; change the learning rate (${config.learning_rate})`)
      if (metrics.step % 100 === 0 || metrics.step === steps) {
        const seconds = (performance.now() - began) / 1000
        say(`${name} ${metrics.step}/${steps}  loss ${loss.toFixed(3)}  grad_norm ${metrics.grad_norm.toFixed(2)}  ${seconds.toFixed(0)} s  ${((tokens * metrics.step) / steps / seconds).toFixed(0)} tokens/s`)
      }
    },
  })
  const seconds = (performance.now() - began) / 1000
  return { examples: rows.length, tokens, steps: done, loss, seconds, tokensPerSecond: tokens / seconds }
}

/** `n` replies per conversation; sample seeds follow from `seed` and the place, so the order of batches does not matter. */
async function sampleReplies(model: Model, renderer: Renderer, conversations: ChatMessage[][], n: number, seed: string, greedy = false): Promise<string[][]> {
  const rng = makeRng(seed)
  const requests = conversations.flatMap((messages) => {
    const promptIds = renderer.renderPrompt(messages).ids
    return Array.from({ length: n }, () => ({ promptIds, seed: rng.int(2 ** 32) }))
  })
  const texts: string[] = []
  for await (const batch of model.sample(requests, { temperature: 1, top_p: 1, max_new_tokens: 48, greedy, batch_size: 64, eosIds: [END] })) {
    for (const { index, completionIds } of batch) texts[index] = renderer.tokenizer.decode(completionIds, { skipSpecial: true }).trim()
  }
  return conversations.map((_, i) => texts.slice(i * n, (i + 1) * n))
}

type BaseFigures = { unconditioned: SampleFigures; greedy: SampleFigures; probe: ProbeFigures }

/** Score, pass rate and probe on validation requests: all that the choice of a base may look at. */
async function measure(model: Model, renderer: Renderer, worldSeed: number, settings: typeof PROBE_SETTINGS): Promise<BaseFigures> {
  const requests = drawRequests({ worldSeed, split: 'validation', n: settings.requests })
  const specs = requests.map(({ spec }) => spec)
  const prompts = requests.map(({ text }): ChatMessage[] => [{ role: 'user', content: text }])
  const replies = await sampleReplies(model, renderer, prompts, settings.samples, `probe ${settings.seed}/first`)
  const greedy = await sampleReplies(model, renderer, prompts, 1, 'greedy', true)
  const cases = selectProbeCases(requests, replies.map((samples) => samples[0] ?? ''), settings.seed)
  const samples = {} as Record<ProbeCondition, string[][]>
  for (const condition of PROBE_CONDITIONS) {
    samples[condition] = await sampleReplies(model, renderer, probeConversations(cases, condition), settings.probeSamples, `probe ${settings.seed}/${condition}`)
  }
  return { unconditioned: summarizeSamples(specs, replies), greedy: summarizeSamples(specs, greedy), probe: summarizeProbe(cases, samples) }
}

/** What stage 1 taught: score and pass rate on a few validation requests, before stage 2 makes the model mediocre. */
async function measureKnowledge(model: Model, renderer: Renderer, worldSeed: number): Promise<SampleFigures> {
  const requests = drawRequests({ worldSeed, split: 'validation', n: 100 })
  const replies = await sampleReplies(model, renderer, requests.map(({ text }) => [{ role: 'user', content: text }]), 2, 'knowledge')
  return summarizeSamples(requests.map(({ spec }) => spec), replies)
}

type Stage1 = { stage1: StageFigures; knowledge: SampleFigures }
const STAGE1_FIGURES = 'STAGE1.json'

const round = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, part: unknown) => (typeof part === 'number' && !Number.isInteger(part) ? Number(part.toPrecision(4)) : part)))

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      output: { type: 'string', default: join(import.meta.dirname, '..', 'resources', 'base-model') },
      threads: { type: 'string', default: '2' },
      'revision-floor': { type: 'string' },
      'ignores-feedback': { type: 'boolean', default: false },
      stage1: { type: 'string' },
      examples: { type: 'string', default: '110000,60000' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(
      'npm run build:base-model -- [options]\n' +
        '  --seed N            world, data, weights and order (1)\n' +
        '  --output DIR        model folder to write (resources/base-model)\n' +
        '  --threads N         (2)\n' +
        '  --revision-floor P  attention to what feedback does not name; unset: as high as to what it names\n' +
        '  --ignores-feedback  revisions as careless as first replies: a negative control\n' +
        '  --stage1 DIR        keeps stage 1 there, or takes it: the bases of a seed share it\n' +
        '  --examples A,B      dialogues of stage 1 and 2 (110000,60000)\n',
    )
    return
  }
  const seed = Number(values.seed)
  const threads = Number(values.threads)
  const revisionFloor = values['revision-floor'] === undefined ? null : Number(values['revision-floor'])
  const [examples1 = 0, examples2 = 0] = values.examples.split(',').map(Number)
  for (const [name, value] of Object.entries({ seed, threads, examples1, examples2 })) {
    if (!Number.isInteger(value) || value < 0) throw new Error(`${name}: expected a whole number, got ${value}; see --help`)
  }
  const output = resolve(values.output)

  const began = performance.now()
  const world = makeWorld(seed, { revisionFloor, heedsFeedback: !values['ignores-feedback'] })
  const rng = makeRng(`world ${seed}`)
  const stages = { stage1: stage(examples1, 40, 3e-3, rng.fork('order/stage 1').int(2 ** 31)), stage2: stage(examples2, 32, 2e-3, rng.fork('order/stage 2').int(2 ** 31)) }
  const dialogues = { stage1: drawStage1(world, examples1), stage2: drawStage2(world, examples2) }
  // Tokenizer and stage 1 follow from the seed alone, whatever the world's options.
  const texts = [...dialogues.stage1.slice(0, 3000), ...drawStage2(makeWorld(seed), Math.min(5000, examples2))].flatMap((dialogue) => dialogue.map(({ content }) => ` ${content}`))
  const items = ` ${ITEMS.map((item) => item.name).join(' ')}`

  const initial = mkdtempSync(join(tmpdir(), 'drift-base-'))
  try {
    writeInitialModel(initial, [...texts, ...new Array<string>(ITEM_REPEATS).fill(items)], rng.fork('weights'))
    const renderer = loadRenderer(initial)
    const { encode } = renderer.tokenizer
    const rows = { stage1: dialogues.stage1.map((dialogue) => encodeDialogue(dialogue, encode)), stage2: dialogues.stage2.map((dialogue) => encodeDialogue(dialogue, encode)) }
    const dataSeconds = (performance.now() - began) / 1000
    say(`data: ${rows.stage1.length} + ${rows.stage2.length} dialogues, vocabulary ${renderer.tokenizer.vocabSize}, ${dataSeconds.toFixed(0)} s`)

    const kept = values.stage1 === undefined ? null : resolve(values.stage1)
    const taken = kept !== null && existsSync(join(kept, STAGE1_FIGURES))
    const model = await embeddedEngine.load(taken ? kept : initial, { threads })
    const learn = async (): Promise<Stage1> => ({ stage1: await trainStage('stage 1', model, rows.stage1, stages.stage1.config), knowledge: await measureKnowledge(model, renderer, seed) })
    const { stage1, knowledge } = taken ? (JSON.parse(readFileSync(join(kept, STAGE1_FIGURES), 'utf8')) as Stage1) : await learn()
    say(`after stage 1: score ${knowledge.score.toFixed(3)}  pass ${knowledge.pass.toFixed(3)}`)
    if (kept !== null && !taken) {
      await model.save(kept)
      writeFileSync(join(kept, STAGE1_FIGURES), JSON.stringify({ stage1, knowledge }))
    }
    const stage2 = await trainStage('stage 2', model, rows.stage2, stages.stage2.config)
    const figures = await measure(model, renderer, seed, PROBE_SETTINGS)
    await model.save(output)
    await model.dispose()
    const { unconditioned, greedy, probe } = figures
    const report = round({
      score: unconditioned.score,
      pass: unconditioned.pass,
      greedyScore: greedy.score,
      greedyPass: greedy.pass,
      probe: probe.probe,
      trainingSeconds: stage1.seconds + stage2.seconds,
      dataSeconds,
      threads,
      seed,
      revisionFloor,
      heedsFeedback: world.options.heedsFeedback,
      split: 'validation',
      settings: PROBE_SETTINGS,
      training: { stage1: { ...stage1, ...pickRecipe(stages.stage1.config), after: knowledge }, stage2: { ...stage2, ...pickRecipe(stages.stage2.config) } },
      figures,
    })
    writeFileSync(join(output, 'PROBE.json'), `${JSON.stringify(report, null, 2)}\n`)
    say(`score ${unconditioned.score.toFixed(3)}  pass ${unconditioned.pass.toFixed(3)}  greedy ${greedy.score.toFixed(3)}/${greedy.pass.toFixed(3)}  probe ${probe.probe.toFixed(3)} (n=${probe.n})`)
    process.stdout.write(`${JSON.stringify({ model_path: output, score: unconditioned.score, pass: unconditioned.pass, probe: probe.probe })}\n`)
  } finally {
    rmSync(initial, { recursive: true, force: true })
  }
}

function pickRecipe({ learning_rate, per_device_train_batch_size }: TrainConfig): Pick<TrainConfig, 'learning_rate' | 'per_device_train_batch_size'> {
  return { learning_rate, per_device_train_batch_size }
}

await main()
