/**
 * The verbs that use an engine on files, without a workspace: tokenize, score, inspect, sample, train. JSON lines on
 * stdout, everything else on stderr. Each verb is a function of its arguments and its outside world (`VerbIo`).
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { parse as parseYaml } from 'yaml'
import { hash32 } from '../core/rng.ts'
import { loadRenderer } from '../engine/chat-template.ts'
import type { RenderedPair, Renderer } from '../engine/chat-template.ts'
import { checkAdapterFolder } from '../engine/adapter-folder.ts'
import type { Device, EngineName } from '../engine/device.ts'
import type { LoadOptions, Model, PolicyMismatch, SampleRequest, SampleSettings } from '../engine/engine.ts'
import { gigabytes } from '../engine/memory.ts'
import { resolveModel } from '../engine/hub.ts'
import { checkModelTarget, readEosIds, readModelConfig } from '../engine/model-folder.ts'
import { openEngine } from '../engine/open-engine.ts'
import { createStopCheck, cutAtStop } from '../engine/stop-strings.ts'
import { PLAIN_TORCH } from '../engine/torch/options.ts'
import type { TorchOptions } from '../engine/torch/options.ts'
import { loadTokenizer } from '../engine/tokenizer/tokenizer.ts'
import { UsageError } from '../shared/errors.ts'
import { stopText, withEngine } from './engine-options.ts'
import { registerInspectVerb } from './inspect-verb.ts'
import { keepDivergedModel } from './diverged.ts'
import { interruption } from './interruption.ts'
import { describe, readJsonRows } from './json-rows.ts'
import type { JsonRow } from './json-rows.ts'
import { countSteps, metricWindow } from './metric-window.ts'
import { aboveZero, numberWithin, positiveInteger, topP, wholeNumber } from './option-values.ts'
import { checkText, isBadInput, readPairs } from './pair-rows.ts'
import { readTrainingKeys, toDpoConfig, toLoraSettings } from './training-keys.ts'

export type VerbIo = {
  /** One JSON line on stdout; resolves when more may be written. */
  writeRow(row: unknown): Promise<void>
  /** One line on stderr. */
  note(text: string): void
  signal: AbortSignal
}

export type TokenizeArgs = { model: string; input: string }
export type ScoreArgs = { model: string; data: string; adapter?: string; engine: EngineName; device?: Device }
export type SampleArgs = {
  model: string; prompts: string; adapter?: string; engine: EngineName; device?: Device
  n: number; temperature: number; topP: number; seed: number; greedy: boolean; batchSize: number
  /** Left out: 256, or what the longest prompt leaves of the model's context. */
  maxNewTokens?: number
  topK?: number; minP?: number; repetitionPenalty?: number
  /** Texts that end a completion; the text that is shown ends before them. */
  stop?: string[]
  int8?: boolean
  /** The torch engine's: `Model.serve`. */
  useVllm?: boolean
}
export type TrainArgs = {
  model: string; data: string; output: string; adapter?: string; engine: EngineName; device?: Device
  /** YAML file of training keys. */
  config?: string
  /** `--key value` of TRL, as text. */
  keys: Record<string, string>
}

const MAX_NEW_TOKENS = 256
/** Pairs scored in one call; rows are printed as each call ends. */
const SCORED_PAIRS = 8

/** {text} to {ids}, in input order, no special tokens added. */
export async function runTokenize(args: TokenizeArgs, io: VerbIo): Promise<void> {
  const tokenizer = loadTokenizer(await resolveModel(args.model, io))
  for await (const { file, line, value } of readJsonRows(args.input)) {
    io.signal.throwIfAborted()
    if (typeof value.text !== 'string') throw new UsageError(`${file} line ${line}: expected {"text": a string}, got ${describe(value)}`)
    await io.writeRow({ ids: tokenizer.encode(value.text) })
  }
}

/** Log-probabilities of both sides of every pair. */
export async function runScore(args: ScoreArgs, io: VerbIo): Promise<void> {
  const options = adapterOption(args.adapter)
  args = { ...args, model: await resolveModel(args.model, io) }
  const { max_position_embeddings: context } = readModelConfig(args.model)
  const pairs = await readPairs(args.data, loadRenderer(args.model), { context, maxLength: null, truncationMode: 'keep_start', maxPromptLength: null, maxCompletionLength: null }, io.note)
  const model = await loadModel(args, options, io)
  try {
    for await (const { pair, chosen, rejected } of scorePairs(model, pairs, io.signal)) {
      await io.writeRow({ chosen: scoredSide(pair.chosenText, pair.promptIds, pair.chosenIds, chosen), rejected: scoredSide(pair.rejectedText, pair.promptIds, pair.rejectedIds, rejected) })
    }
  } finally {
    await model.dispose()
  }
}

/** `n` completions of every prompt, ordered by prompt, then sample. */
export async function runSample(args: SampleArgs, io: VerbIo): Promise<void> {
  const options = adapterOption(args.adapter)
  args = { ...args, model: await resolveModel(args.model, io) }
  const config = readModelConfig(args.model)
  const renderer = loadRenderer(args.model)
  const prompts = await readPrompts(args.prompts, renderer, { context: config.max_position_embeddings, vocabulary: config.vocab_size })
  const maxNewTokens = limitNewTokens(args.maxNewTokens, Math.max(...prompts.map(ids => ids.length)), config.max_position_embeddings, io.note)
  const eosIds = readEosIds(resolve(args.model), config)
  const requests = prompts.flatMap((promptIds, promptIndex) => Array.from({ length: args.n }, (_, sampleIndex): SampleRequest => ({ promptIds, seed: sampleSeed(args.seed, promptIndex, sampleIndex) })))
  if (args.useVllm && args.engine !== 'torch') throw new UsageError('--use-vllm: expected --engine torch, got embedded; add it, or leave --use-vllm out')
  if (args.useVllm && args.int8) throw new UsageError('--int8: expected engine embedded, got --use-vllm; leave one of them out')
  const model = await loadModel(args, options, io, args.useVllm ? { ...PLAIN_TORCH, use_vllm: true } : undefined)
  try {
    const decode = (ids: readonly number[]): string => renderer.tokenizer.decode([...ids], { skipSpecial: true })
    const stops = args.stop ?? []
    const settings: SampleSettings = {
      temperature: args.temperature, top_p: args.topP, top_k: args.topK ?? 0, min_p: args.minP ?? 0, repetition_penalty: args.repetitionPenalty ?? 1,
      max_new_tokens: maxNewTokens, greedy: args.greedy || args.temperature === 0, batch_size: args.batchSize, eosIds,
      ...(stops.length > 0 && { stop: createStopCheck(decode, stops) }), ...(args.int8 && { weights: 'int8' }),
    }
    const onPolicyMismatch = ({ klPerToken, tokens }: PolicyMismatch): void => io.note(tokens === 0 ? 'int8: no token was drawn with 8-bit weights' : `int8: KL(float32 || int8) is ${klPerToken.toPrecision(3)} nats per token over ${tokens} tokens of these completions`)
    for await (const batch of model.serve?.(requests, settings, io.signal) ?? model.sample(requests, settings, io.signal, { onPolicyMismatch })) {
      for (const { index, completionIds, finishReason } of batch) {
        const shown = eosIds.includes(completionIds.at(-1) ?? -1) ? completionIds.slice(0, -1) : completionIds
        await io.writeRow({
          prompt_index: Math.floor(index / args.n), sample_index: index % args.n,
          completion_ids: completionIds, text: cutAtStop(decode(shown), stops), finish_reason: finishReason,
        })
      }
    }
  } finally {
    await model.dispose()
  }
}

/** DPO as TRL's DPOTrainer; the reference is the model as it was loaded, with its adapter if it has one (a new one adds nothing yet). */
export async function runTrain(args: TrainArgs, io: VerbIo): Promise<void> {
  const options = adapterOption(args.adapter)
  const { keys, notes, torch } = readTrainingKeys(args.config === undefined ? {} : readYamlKeys(args.config), args.keys, args.engine)
  for (const text of notes) io.note(text)
  const newAdapter = toLoraSettings(keys)
  if (newAdapter && args.adapter !== undefined) throw new UsageError('expected --adapter (to continue that adapter) or --use_peft (to start one), got both')
  checkModelTarget(args.output)
  args = { ...args, model: await resolveModel(args.model, io) }
  const { max_position_embeddings: context } = readModelConfig(args.model)
  const limits = { context, maxLength: keys.max_length, truncationMode: keys.truncation_mode, maxPromptLength: keys.max_prompt_length, maxCompletionLength: keys.max_completion_length }
  const pairs = await readPairs(args.data, loadRenderer(args.model), limits, io.note)
  const model = await loadModel(args, newAdapter ? { newAdapter } : options, io, torch)
  try {
    if (args.engine === 'embedded') io.note(`the embedded engine computes in float32 on ${model.device}`)
    const steps = countSteps(pairs.length, keys)
    io.note(`${pairs.length} pairs, ${steps} steps; scoring the reference`)
    const reference = await scoreReference(model, pairs, io.signal)
    const report = metricWindow(keys, steps)
    const output = resolve(args.output)
    const training = model.trainDpo(pairs, reference, toDpoConfig(keys), {
      signal: io.signal,
      onStart: ({ memory, threads }) => io.note(`about ${gigabytes(memory.total)} of memory (weights ${gigabytes(memory.weights)}, gradients ${gigabytes(memory.gradients)}, optimizer ${gigabytes(memory.optimizer)}, activations ${gigabytes(memory.activations)}), ${model.device === 'cpu' ? `${threads} thread${threads === 1 ? '' : 's'}` : 'the device\'s own memory is not checked'}`),
      async onStep(metrics) {
        const row = report(metrics)
        if (row) await io.writeRow(row)
      },
    })
    await training.catch((error: unknown) => keepDivergedModel(error, model, output, pairs.map(({ line }) => line), args.data, io))
    await model.save(output)
    await io.writeRow({ model_path: output })
  } finally {
    if (io.signal.aborted) io.note('interrupted; no model was written')
    await model.dispose()
  }
}

/** The seed of one sample: independent of batch size and of how many prompts or samples there are. */
export function sampleSeed(seed: number, promptIndex: number, sampleIndex: number): number {
  return hash32(`${seed}/${promptIndex}/${sampleIndex}`)
}

async function* scorePairs(model: Model, pairs: RenderedPair[], signal: AbortSignal): AsyncGenerator<{ pair: RenderedPair; chosen: Float32Array; rejected: Float32Array }> {
  for (let start = 0; start < pairs.length; start += SCORED_PAIRS) {
    const batch = pairs.slice(start, start + SCORED_PAIRS)
    const logps = await model.score(batch.flatMap(({ promptIds, chosenIds, rejectedIds }) => [{ promptIds, completionIds: chosenIds }, { promptIds, completionIds: rejectedIds }]), signal)
    for (const [i, pair] of batch.entries()) {
      const chosen = logps[2 * i]
      const rejected = logps[2 * i + 1]
      if (!chosen || !rejected) throw new Error(`the engine scored ${logps.length} rows of ${2 * batch.length}`)
      yield { pair, chosen, rejected }
    }
  }
}

async function scoreReference(model: Model, pairs: RenderedPair[], signal: AbortSignal): Promise<{ chosen: Float64Array; rejected: Float64Array }> {
  const reference = { chosen: new Float64Array(pairs.length), rejected: new Float64Array(pairs.length) }
  let i = 0
  for await (const { chosen, rejected } of scorePairs(model, pairs, signal)) {
    reference.chosen[i] = sum(chosen)
    reference.rejected[i] = sum(rejected)
    i++
  }
  return reference
}

function scoredSide(text: string, promptIds: number[], completionIds: number[], logps: Float32Array): Record<string, unknown> {
  return { text, prompt_ids: promptIds, completion_ids: completionIds, token_logps: [...logps], logp: sum(logps) }
}

/** In double precision. */
function sum(values: Float32Array): number {
  return values.reduce((total, value) => total + value, 0)
}

async function readPrompts(file: string, renderer: Renderer, limits: { context: number; vocabulary: number }): Promise<number[][]> {
  const prompts: number[][] = []
  for await (const row of readJsonRows(file)) {
    const where = `${file} line ${row.line}`
    const ids = promptIds(row, renderer, where)
    if (ids.length === 0) throw new UsageError(`${where}: expected a prompt of at least one token, got none`)
    if (ids.length >= limits.context) throw new UsageError(`${where}: the prompt has ${ids.length} tokens, which leaves no room in the model's context of ${limits.context}; shorten it`)
    const foreign = ids.find(id => id >= limits.vocabulary)
    if (foreign !== undefined) throw new UsageError(`${where}: token id ${foreign} is outside the model's vocabulary of ${limits.vocabulary}`)
    prompts.push(ids)
  }
  if (prompts.length === 0) throw new UsageError(`${file}: expected at least one prompt, got an empty file`)
  return prompts
}

/** @throws UsageError when more was asked for than fits behind the longest prompt. */
function limitNewTokens(asked: number | undefined, longestPrompt: number, context: number, note: (text: string) => void): number {
  const room = context - longestPrompt
  if (asked !== undefined && asked > room) {
    throw new UsageError(`--max-new-tokens: the longest prompt has ${longestPrompt} tokens, the model's context (max_position_embeddings) is ${context}: expected at most ${room}, got ${asked}`)
  }
  if (asked === undefined && room < MAX_NEW_TOKENS) note(`completions end after ${room} tokens, which is what the longest prompt (${longestPrompt}) leaves of the model's context (${context})`)
  return asked ?? Math.min(MAX_NEW_TOKENS, room)
}

function promptIds({ value }: JsonRow, renderer: Renderer, where: string): number[] {
  const { prompt, prompt_ids: ids, tools, chat_template_kwargs: variables } = value
  if (ids !== undefined) {
    if (!Array.isArray(ids) || !ids.every(id => Number.isSafeInteger(id) && id >= 0)) throw new UsageError(`${where}: expected "prompt_ids" to be a list of token ids, got ${describe(ids)}`)
    return ids as number[]
  }
  try {
    return renderer.renderPrompt(checkText(prompt, 'prompt'), { tools, ...(typeof variables === 'object' && variables !== null ? { chat_template_kwargs: variables as Record<string, unknown> } : {}) }).ids
  } catch (error) {
    throw isBadInput(error) ? new UsageError(`${where}: ${error.message}`) : error
  }
}

function readYamlKeys(file: string): Record<string, unknown> {
  let value: unknown
  try {
    value = parseYaml(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new UsageError(`expected a YAML file of training keys, could not read ${file}: ${(error as Error).message.split('\n')[0]}`)
  }
  if (value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value)) throw new UsageError(`${file}: expected "key: value" lines, got ${describe(value)}`)
  return value as Record<string, unknown>
}

/** An adapter folder that is none is refused before anything is read or computed. */
function adapterOption(adapter: string | undefined): LoadOptions {
  return adapter === undefined ? {} : { adapter: checkAdapterFolder(adapter) }
}

async function loadModel({ engine, model: folder, device = 'cpu' }: { engine: EngineName; model: string; device?: Device }, options: LoadOptions, io: VerbIo, torch?: TorchOptions): Promise<Model> {
  const loaded = await openEngine(engine, torch)
  if (device === 'webgpu') io.note('webgpu: comparing a training step with the CPU\'s, where this has not been done on this machine')
  const model = await loaded.load(resolve(folder), { ...options, device })
  if (device === 'webgpu') io.note(`computing on ${model.device}`)
  if (loaded.describe) io.note(`${await loaded.describe()}, on ${model.device}`)
  return model
}

/** Adds tokenize, score, inspect, sample and train. */
export function registerEngineVerbs(program: Command): void {
  program
    .command('tokenize')
    .description('token ids of texts, in input order, without added special tokens')
    .requiredOption('--model <dir>', 'model folder (its tokenizer.json is used)')
    .requiredOption('--input <file>', 'JSON lines {text}, plain or .gz')
    .option('--json', 'JSON lines on stdout (always so here)')
    .action(async (options: TokenizeArgs) => runTokenize(options, verbIo()))

  withEngine(program.command('score'))
    .description('log-probabilities of the completions of preference pairs, a row per pair in order')
    .requiredOption('--data <file>', 'JSON lines {prompt, chosen, rejected}: strings or message lists, plain or .gz')
    .option('--json', 'JSON lines on stdout (always so here)')
    .action(async (options: ScoreArgs) => runScore(options, verbIo()))

  registerInspectVerb(program, verbIo)

  withEngine(program.command('sample'))
    .description('completions of prompts, ordered by prompt, then sample; the same seed gives the same output')
    .requiredOption('--prompts <file>', 'JSON lines {prompt: text or messages} or {prompt_ids}, plain or .gz')
    .option('--n <count>', 'completions of each prompt', positiveInteger, 1)
    .option('--temperature <t>', 'softmax temperature; 0 is greedy', numberWithin(0, Infinity), 1)
    .option('--top-p <p>', 'smallest set of tokens with this probability is kept', topP, 1)
    .option('--top-k <count>', 'only this many of the likeliest tokens; 0 is all', wholeNumber, 0)
    .option('--min-p <share>', 'only tokens at least this share as likely as the likeliest', numberWithin(0, 1), 0)
    .option('--repetition-penalty <factor>', 'divides the logits of tokens that prompt or completion hold; 1 changes nothing', aboveZero, 1)
    .option('--stop <text>', 'ends a completion, text shown ends before it; may be given several times', stopText)
    .option('--max-new-tokens <count>', `longest completion (default: ${MAX_NEW_TOKENS}, or what the context leaves)`, positiveInteger)
    .option('--seed <number>', 'seed of the whole output', wholeNumber, 42)
    .option('--greedy', 'the most likely token always', false)
    .option('--batch-size <count>', 'sequences decoded together; part of what makes output repeatable', positiveInteger, 64)
    .option('--use-vllm', 'with --engine torch: by vLLM, which makes its batches itself; output is repeatable but for rounding', false)
    .option('--int8', 'decode with 8-bit weights; how far that is from float32 is measured and told', false)
    .option('--json', 'JSON lines on stdout (always so here)')
    .action(async (options: SampleArgs) => runSample(options, verbIo()))

  withEngine(program.command('train'))
    .description('direct preference optimization; any key of TRL 1.16\'s DPOConfig as --key value')
    .usage('--model <dir> --data <file> --output <dir> [--config file.yaml] [--key value …]')
    .requiredOption('--data <file>', 'JSON lines {prompt, chosen, rejected}: strings or message lists, plain or .gz')
    .requiredOption('--output <dir>', 'where the trained model folder is written (float32), or the adapter folder')
    .option('--config <file>', 'YAML file of the same keys; --key value wins')
    .option('--json', 'metric rows as JSON lines on stdout')
    .allowUnknownOption()
    .allowExcessArguments()
    .addHelpText('after', '\nKeys, with TRL\'s defaults: learning_rate 1e-6, beta 0.1, loss_type sigmoid, optim adamw_torch, lr_scheduler_type linear, warmup_steps 0,\n  per_device_train_batch_size 8, gradient_accumulation_steps 1, num_train_epochs 3, max_steps -1, max_length 1024, max_grad_norm 1, logging_steps 10, seed 42, …\nLosses: sigmoid, hinge, ipo, sigmoid_norm, robust, sft, combined by loss_weights. LoRA: use_peft true starts an adapter (lora_r 16, lora_alpha 32,\n  lora_target_modules q_proj,v_proj or all-linear, use_rslora), --adapter continues one; the output is then a PEFT adapter folder.\nLists are comma-separated, booleans true|false.')
    .action(async (options: Omit<TrainArgs, 'keys'> & { json?: true }, command: Command) => {
      const keys = parseKeyArguments(command.args)
      await runTrain({ ...options, keys }, verbIo(options.json ? JSON.stringify : describeRow))
    })
}

/** What commander does not know: `--key value`, `--key=value`, and `--key` alone for true. */
export function parseKeyArguments(args: readonly string[]): Record<string, string> {
  const keys: Record<string, string> = {}
  for (let i = 0; i < args.length; i++) {
    const match = /^--([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(args[i] ?? '')
    if (!match?.[1]) throw new UsageError(`expected --key value, got "${args[i]}"`)
    const next = args[i + 1]
    const takesNext = match[2] === undefined && next !== undefined && !/^--[A-Za-z]/.test(next)
    keys[match[1].replaceAll('-', '_')] = match[2] ?? (takesNext ? next : 'true')
    if (takesNext) i++
  }
  return keys
}

function verbIo(format: (row: unknown) => string = JSON.stringify): VerbIo {
  return {
    writeRow: row => new Promise((done, failed) => process.stdout.write(`${format(row)}\n`, error => (error ? failed(error) : done()))),
    note: text => void process.stderr.write(`${text}\n`),
    signal: interruption(),
  }
}

/** A metric row for people. */
function describeRow(row: unknown): string {
  const values = Object.entries(row as Record<string, unknown>)
  return values.map(([name, value]) => `${name} ${typeof value === 'number' ? Number(value.toPrecision(5)) : String(value)}`).join('  ')
}
