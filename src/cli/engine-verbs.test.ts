import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { goldenSets } from '../../tests/support/golden-sets.ts'
import { readModelFolder } from '../engine/model-folder.ts'
import { shuffledBatches } from '../engine/train.ts'
import { UsageError } from '../shared/errors.ts'
import { parseKeyArguments, runSample, runScore, runTokenize, runTrain, sampleSeed } from './engine-verbs.ts'
import type { SampleArgs, TrainArgs, VerbIo } from './engine-verbs.ts'

const golden = goldenSets()[1]!
const model = golden.folder
const pairs = join(model, 'golden', 'pairs.jsonl')

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'engine-verbs-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

type Row = Record<string, unknown>
function outside(signal: AbortSignal = new AbortController().signal): VerbIo & { rows: Row[]; notes: string[] } {
  const rows: Row[] = []
  const notes: string[] = []
  return { rows, notes, signal, writeRow: async row => void rows.push(row as Row), note: text => void notes.push(text) }
}

function write(name: string, rows: unknown[] | string): string {
  const path = join(folder, name)
  const text = typeof rows === 'string' ? rows : rows.map(row => `${JSON.stringify(row)}\n`).join('')
  writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text)
  return path
}

const sampleArgs = (prompts: string, change: Partial<SampleArgs> = {}): SampleArgs => ({ model, prompts, engine: 'embedded', n: 1, temperature: 1, topP: 1, seed: 42, greedy: false, batchSize: 64, maxNewTokens: 8, ...change })
const trainArgs = (change: Partial<TrainArgs> = {}): TrainArgs => ({ model, data: pairs, output: join(folder, 'out'), engine: 'embedded', keys: { max_steps: '2', max_length: 'none', logging_steps: '1' }, ...change })

describe('tokenize', () => {
  test('gives ids in input order, from gzip too, whatever characters stand in the lines', async () => {
    const io = outside()
    await runTokenize({ model, input: write('texts.jsonl.gz', [{ text: 'a\u2028b' }, { text: '' }, { text: '<|eot|>', other: 1 }]) }, io)
    expect(io.rows).toHaveLength(3)
    expect(io.rows[1]).toEqual({ ids: [] })
    expect((io.rows[2]?.ids as number[])).toHaveLength(1)
  })

  test('names the file and line of a bad row', async () => {
    const input = write('texts.jsonl', '{"text": "a"}\n\n{"txt": 1}\n')
    await expect(runTokenize({ model, input }, outside())).rejects.toThrow(`${input} line 3: expected {"text": a string}, got {"txt":1}`)
    await expect(runTokenize({ model, input: write('x.jsonl', 'hello\n') }, outside())).rejects.toThrow('line 1: expected a JSON object')
    await expect(runTokenize({ model, input: join(folder, 'absent') }, outside())).rejects.toThrow(UsageError)
  })
})

describe('score', () => {
  test('has the shape and the figures of the reference', async () => {
    const io = outside()
    await runScore({ model, data: pairs, engine: 'embedded' }, io)
    const expected = golden.read('score.json') as { chosen: { text: string; token_logps: number[]; logp: number } }[]
    expect(io.rows).toHaveLength(expected.length)
    for (const [i, { chosen }] of expected.entries()) {
      const got = (io.rows[i] as typeof expected[number]).chosen
      expect(Object.keys(got)).toEqual(['text', 'prompt_ids', 'completion_ids', 'token_logps', 'logp'])
      expect(got.text).toBe(chosen.text)
      expect(Math.abs(got.logp - chosen.logp)).toBeLessThan(1e-3)
      for (const [t, logp] of chosen.token_logps.entries()) expect(Math.abs((got.token_logps[t] ?? NaN) - logp)).toBeLessThan(1e-4)
    }
  })

  test('lists the rows that cannot be used', async () => {
    const rows = [{ prompt: 'a', chosen: 'b', rejected: 'c' }, { prompt: 'a', chosen: 'b' }, { prompt: [], chosen: 'b', rejected: 'c' }, { prompt: [{ content: 'x' }], chosen: 'b', rejected: 'c' }, { prompt: 'x '.repeat(5000), chosen: 'b', rejected: 'c' }]
    await expect(runScore({ model, data: write('p.jsonl', rows), engine: 'embedded' }, outside())).rejects.toThrow(/4 of 5 rows cannot be used: line 2: expected "rejected".* line 3: .*empty list.* line 4: .*\{role, content\}.*; and 1 more/)
    await expect(runScore({ model, data: write('e.jsonl', []), engine: 'embedded' }, outside())).rejects.toThrow('an empty file')
  })
})

describe('sample', () => {
  const prompts = [{ prompt: [{ role: 'user', content: 'Hello' }] }, { prompt: 'Hello' }, { prompt_ids: [5, 6, 7] }]

  test('is ordered by prompt then sample, and the same whatever is decoded together', async () => {
    const file = write('prompts.jsonl', prompts)
    const [first, second] = [outside(), outside()]
    await runSample(sampleArgs(file, { n: 2 }), first)
    await runSample(sampleArgs(file, { n: 2, batchSize: 1 }), second)
    expect(first.rows.map(row => [row.prompt_index, row.sample_index])).toEqual([[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]])
    expect(second.rows).toEqual(first.rows)
    expect(first.rows[0]?.completion_ids).not.toEqual(first.rows[1]?.completion_ids)
  })

  test('a sampled eos stands in the ids and not in the text', async () => {
    const io = outside()
    await runSample(sampleArgs(write('prompts.jsonl', prompts.slice(0, 1)), { n: 60, maxNewTokens: 64 }), io)
    const stopped = io.rows.filter(row => row.finish_reason === 'stop')
    expect(stopped.length).toBeGreaterThan(0)
    for (const row of stopped) {
      expect((row.completion_ids as number[]).at(-1)).toBe(1)
      expect(row.text).not.toContain('<|eot|>')
    }
  })

  test('a stop text ends the completion wherever tokens part it, and is not shown', async () => {
    const file = write('prompts.jsonl', prompts.slice(0, 1))
    const [free, stopped] = [outside(), outside()]
    await runSample(sampleArgs(file, { n: 4, maxNewTokens: 40 }), free)
    // Two characters out of the middle of what is drawn.
    const texts = free.rows.map(row => row.text as string)
    const stop = texts[0]?.slice(10, 12) ?? ''
    await runSample(sampleArgs(file, { n: 4, maxNewTokens: 40, stop: [stop] }), stopped)
    expect(stopped.rows.map(row => row.text)).toEqual(texts.map(text => (text.includes(stop) ? text.slice(0, text.indexOf(stop)) : text)))
    expect(stopped.rows[0]?.finish_reason).toBe('stop')
    expect((stopped.rows[0]?.completion_ids as number[]).length).toBeLessThan((free.rows[0]?.completion_ids as number[]).length)
  })

  test('filters reach the engine, which says what it cannot use', async () => {
    const file = write('prompts.jsonl', prompts)
    const [greedy, first] = [outside(), outside()]
    await runSample(sampleArgs(file, { greedy: true }), greedy)
    await runSample(sampleArgs(file, { topK: 1 }), first)
    expect(first.rows).toEqual(greedy.rows)
    const penalised = outside()
    await runSample(sampleArgs(file, { greedy: true, repetitionPenalty: 1e6 }), penalised)
    for (const row of penalised.rows) expect(new Set(row.completion_ids as number[]).size).toBe((row.completion_ids as number[]).length)
    await expect(runSample(sampleArgs(file, { minP: 2 }), outside())).rejects.toThrow('min_p: expected a number from 0 to 1, got 2')
    await expect(runSample(sampleArgs(file, { int8: true }), outside())).rejects.toThrow('int8 weights: expected rows of a multiple of 32 numbers')
  })

  test('seeds belong to samples', () => {
    const seeds = new Set(Array.from({ length: 1000 }, (_, i) => sampleSeed(42, i % 50, Math.floor(i / 50))))
    expect(seeds.size).toBe(1000)
    expect(sampleSeed(42, 1, 11)).not.toBe(sampleSeed(42, 11, 1))
  })

  test('a prompt that does not fit, ids that do not exist and no prompt at all are refused', async () => {
    const config = JSON.parse(readFileSync(join(model, 'config.json'), 'utf8')) as { max_position_embeddings: number }
    const long = Array.from({ length: config.max_position_embeddings }, () => 5)
    await expect(runSample(sampleArgs(write('a.jsonl', [{ prompt_ids: long }])), outside())).rejects.toThrow('leaves no room')
    await expect(runSample(sampleArgs(write('a.jsonl', [{ prompt_ids: long.slice(4) }])), outside())).rejects.toThrow('expected at most 4, got 8')
    await expect(runSample(sampleArgs(write('b.jsonl', [{ prompt_ids: [99999] }])), outside())).rejects.toThrow('outside the model\'s vocabulary')
    await expect(runSample(sampleArgs(write('c.jsonl', [{ text: 'x' }])), outside())).rejects.toThrow('line 1: expected "prompt"')
  })

  test('without --max-new-tokens completions end where the context does', async () => {
    const io = outside()
    const config = JSON.parse(readFileSync(join(model, 'config.json'), 'utf8')) as { max_position_embeddings: number }
    const { maxNewTokens: _, ...args } = sampleArgs(write('a.jsonl', [{ prompt_ids: Array.from({ length: config.max_position_embeddings - 3 }, () => 5) }]))
    await runSample(args, io)
    expect((io.rows[0]?.completion_ids as number[]).length).toBeLessThanOrEqual(3)
    expect(io.notes[0]).toContain('completions end after 3 tokens')
  })
})

describe('train', () => {
  test('reports each step as it ends and writes a model that scores differently', async () => {
    const io = outside()
    await runTrain(trainArgs({ keys: { ...trainArgs().keys, learning_rate: '1e-3', optim: 'rmsprop' } }), io)
    expect(io.rows.map(row => row.step ?? row.model_path)).toEqual([1, 2, join(folder, 'out')])
    expect(io.rows[0]).toMatchObject({ 'rewards/margins': 0, epoch: 1 })
    expect(io.rows[0]?.loss).toBeCloseTo(Math.LN2, 5)
    const [before, after] = [outside(), outside()]
    await runScore({ model, data: pairs, engine: 'embedded' }, before)
    await runScore({ model: join(folder, 'out'), data: pairs, engine: 'embedded' }, after)
    expect((after.rows[0] as { chosen: { logp: number } }).chosen.logp).not.toBe((before.rows[0] as { chosen: { logp: number } }).chosen.logp)
  })

  test('keys come from a YAML file too; rows that do not fit are dropped and named', async () => {
    const io = outside()
    const config = write('train.yaml', 'beta: 0.3\nlearning_rate: 1.0e-4\nmax_steps: 1\nlogging_steps: 1\n')
    const long = { prompt: 'x '.repeat(200), chosen: 'b', rejected: 'c' }
    const data = write('pairs.jsonl', [...golden.readLines('pairs.jsonl'), long])
    await runTrain(trainArgs({ config, data, keys: { max_length: '100' } }), io)
    expect(io.rows).toHaveLength(2)
    expect(io.notes.join('\n')).toContain('1 of 7 rows dropped, because the prompt alone fills max_length 100 (line 7)')
  })

  test('use_peft writes an adapter whose reference is the model; --adapter goes on from it', async () => {
    const [first, second, third] = [outside(), outside(), outside()]
    const [begun, continued] = [join(folder, 'begun'), join(folder, 'continued')]
    const keys = { ...trainArgs().keys, learning_rate: '1e-2', lr_scheduler_type: 'constant' }
    await runTrain(trainArgs({ output: begun, keys: { ...keys, use_peft: 'true', lora_r: '4', lora_target_modules: 'all-linear' } }), first)
    expect(first.rows[0]).toMatchObject({ 'rewards/margins': 0 })
    expect(first.rows.at(-1)).toEqual({ model_path: begun })
    expect(JSON.parse(readFileSync(join(begun, 'adapter_config.json'), 'utf8'))).toMatchObject({ base_model_name_or_path: model, r: 4, lora_alpha: 32 })
    expect(existsSync(join(begun, 'model.safetensors'))).toBe(false)
    await runTrain(trainArgs({ output: continued, adapter: begun, keys }), second)
    // Its own start is the reference.
    expect(second.rows[0]).toMatchObject({ 'rewards/margins': 0 })
    expect(second.rows[0]?.['logps/chosen']).not.toBe(first.rows[0]?.['logps/chosen'])
    const prompts = write('prompts.jsonl', [{ prompt_ids: [5, 6, 7] }])
    await runSample({ ...sampleArgs(prompts), adapter: continued }, third)
    expect((third.rows[0]?.completion_ids as number[]).length).toBeGreaterThan(0)
  })

  test('numbers that stop being finite leave the last good weights, say which step and lines, and fail', async () => {
    const io = outside()
    const keys = { ...trainArgs().keys, per_device_train_batch_size: '3', learning_rate: '1e30', lr_scheduler_type: 'constant' }
    const failure = await runTrain(trainArgs({ keys }), io).then(() => null, (error: unknown) => error as Error & { exitCode?: number })
    const order = shuffledBatches(6, 3, 42, 0)[1] ?? []
    expect(failure?.message).toBe(`training diverged at step 2: expected finite numbers, got NaN or infinity in a batch of ${pairs} lines ${order.map(index => index + 1).join(', ')}; the weights of step 1 are in ${join(folder, 'out')}. Lower learning_rate, or look at these pairs`)
    // Neither bad usage nor an interruption: the command ends with 1.
    expect(failure?.exitCode).toBeUndefined()
    expect(io.rows.map(({ step }) => step)).toEqual([1, 1])
    expect(io.rows.at(-1)).toEqual({ model_path: join(folder, 'out'), step: 1 })
    expect(readModelFolder(join(folder, 'out')).weights.size).toBe(readModelFolder(model).weights.size)
  })

  test('an adapter that diverged is kept as an adapter; before the first step there is nothing to keep', async () => {
    const keys = { ...trainArgs().keys, per_device_train_batch_size: '3', learning_rate: '1e36', use_peft: 'true', lora_target_modules: 'all-linear' }
    await expect(runTrain(trainArgs({ keys }), outside())).rejects.toThrow('the weights of step 1 are in')
    expect(existsSync(join(folder, 'out', 'adapter_model.safetensors'))).toBe(true)
    const beta = { ...trainArgs().keys, beta: '1e39' }
    await expect(runTrain(trainArgs({ output: join(folder, 'none'), keys: beta }), outside())).rejects.toThrow('diverged at step 1: expected finite numbers, got NaN or infinity in a batch of')
    expect(existsSync(join(folder, 'none'))).toBe(false)
  })

  test('an interruption leaves no folder', async () => {
    const controller = new AbortController()
    const io = { ...outside(controller.signal), writeRow: async () => controller.abort() }
    await expect(runTrain(trainArgs({ keys: { ...trainArgs().keys, max_steps: '50' } }), io)).rejects.toThrow('abort')
    expect(existsSync(join(folder, 'out'))).toBe(false)
  })

  test('what cannot be done is refused before anything is computed', async () => {
    await expect(runTrain(trainArgs({ adapter: join(folder, 'x') }), outside())).rejects.toThrow('expected an adapter folder')
    await expect(runScore({ model, data: pairs, adapter: model, engine: 'embedded' }, outside())).rejects.toThrow('this is a model folder')
    await expect(runTrain(trainArgs({ adapter: join(model, 'golden', 'lora-init'), keys: { use_peft: 'true' } }), outside())).rejects.toThrow('expected --adapter (to continue that adapter) or --use_peft (to start one), got both')
    await expect(runTrain(trainArgs({ engine: 'torch', device: 'webgpu' }), outside())).rejects.toThrow('device webgpu: expected cpu, cuda, mps with the torch engine')
    await expect(runTrain(trainArgs({ keys: { betta: '1' } }), outside())).rejects.toThrow('did you mean "beta"')
    await expect(runTrain(trainArgs({ config: write('list.yaml', '- a\n') }), outside())).rejects.toThrow('expected "key: value" lines')
    write('out', 'a file')
    await expect(runTrain(trainArgs(), outside())).rejects.toThrow('expected a folder to write the model to')
  })
})

test('keys on the command line: --key value, --key=value, --key for true, dashes as underscores', () => {
  expect(parseKeyArguments(['--max_steps', '-1', '--beta=0.2', '--logging-first-step', '--loss_type', 'sigmoid,sft'])).toEqual({ max_steps: '-1', beta: '0.2', logging_first_step: 'true', loss_type: 'sigmoid,sft' })
  expect(() => parseKeyArguments(['stray'])).toThrow('expected --key value, got "stray"')
})
