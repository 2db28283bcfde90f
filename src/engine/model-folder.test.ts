import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { goldenSets } from '../../tests/support/golden-sets.ts'
import { InputError } from './input-error.ts'
import { checkModelTarget, parseModelConfig, readModelFolder, writeModelFolder } from './model-folder.ts'

const golden = goldenSets()[0]!.folder
let root: string
let model: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'model-folder-'))
  model = join(root, 'model')
  mkdirSync(model)
  for (const name of readdirSync(golden)) if (name !== 'golden') cpSync(join(golden, name), join(model, name))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const editJson = (file: string, change: (json: Record<string, unknown>) => void) => {
  const json = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  change(json)
  writeFileSync(file, JSON.stringify(json))
}

describe('configuration', () => {
  const base = { model_type: 'llama', vocab_size: 64, hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 4, intermediate_size: 64 }

  test('defaults are those of Transformers', () => {
    expect(parseModelConfig(base, 'x')).toMatchObject({
      num_key_value_heads: 4, head_dim: 8, rms_norm_eps: 1e-6, max_position_embeddings: 2048, tie_word_embeddings: false, rope: { theta: 10000, type: 'default', parameters: {} },
    })
    expect(parseModelConfig({ ...base, model_type: 'qwen3' }, 'x').head_dim).toBe(128)
  })

  test('rope settings of Transformers 4 and 5 are the same thing', () => {
    const expected = { theta: 5e5, type: 'llama3', parameters: { factor: 8, original_max_position_embeddings: 2048 } }
    expect(parseModelConfig({ ...base, rope_parameters: { rope_theta: 5e5, rope_type: 'llama3', factor: 8 } }, 'x').rope).toEqual(expected)
    expect(parseModelConfig({ ...base, rope_theta: 5e5, rope_scaling: { rope_type: 'llama3', factor: 8 } }, 'x').rope).toEqual(expected)
    expect(parseModelConfig({ ...base, rope_theta: 5e5, rope_scaling: { type: 'llama3', factor: 8 } }, 'x').rope).toEqual(expected)
    expect(parseModelConfig({ ...base, rope_theta: 1e6, rope_scaling: null }, 'x').rope).toEqual({ theta: 1e6, type: 'default', parameters: {} })
  })

  test.each<[string, Record<string, unknown>, string]>([
    ['another architecture', { model_type: 'gpt2' }, 'model_type "gpt2" is not supported, expected llama, qwen2, qwen3'],
    ['a missing size', { hidden_size: undefined }, '"hidden_size" to be a positive whole number, got undefined'],
    ['heads that do not divide', { num_key_value_heads: 3 }, 'no multiple'],
    ['a quantised model', { quantization_config: { bits: 4 } }, 'quantised'],
    ['another activation', { hidden_act: 'gelu' }, '"hidden_act": expected "silu" or "swish", got "gelu"'],
    ['a sliding window', { use_sliding_window: true, sliding_window: 128 }, 'sliding-window'],
  ])('%s is refused', (_, change, message) => {
    expect(() => parseModelConfig({ ...base, ...change }, 'config.json')).toThrow(message)
  })
})

describe('reading', () => {
  test.each<[string, () => void, string]>([
    ['no folder', () => rmSync(model, { recursive: true }), 'does not exist'],
    ['an empty folder', () => readdirSync(model).forEach(name => rmSync(join(model, name))), 'expected a model folder with config.json and model.safetensors'],
    ['a file', () => (rmSync(model, { recursive: true }), writeFileSync(model, 'x')), 'got a file'],
    ['no weights', () => rmSync(join(model, 'model.safetensors')), 'expected model.safetensors or model.safetensors.index.json'],
    ['pickled weights', () => (rmSync(join(model, 'model.safetensors')), writeFileSync(join(model, 'pytorch_model.bin'), '')), 'found only pytorch_model.bin; convert'],
    ['truncated weights', () => truncateSync(join(model, 'model.safetensors'), 20_000), 'truncated'],
    ['a broken config.json', () => writeFileSync(join(model, 'config.json'), '{'), 'expected JSON'],
    ['a config.json that is a list', () => writeFileSync(join(model, 'config.json'), '[]'), 'got a list'],
    ['a wrong eos', () => editJson(join(model, 'generation_config.json'), json => (json.eos_token_id = 'x')), '"eos_token_id" to be an id'],
  ])('%s is refused, with what was looked for', (_, damage, message) => {
    damage()
    expect(() => readModelFolder(model)).toThrow(InputError)
    expect(() => readModelFolder(model)).toThrow(message)
    expect(() => readModelFolder(model)).toThrow(model)
  })

  test('generation_config names the ids that end a completion, config.json where it is silent', () => {
    editJson(join(model, 'generation_config.json'), json => (json.eos_token_id = [3, 5]))
    expect(readModelFolder(model).eosIds).toEqual([3, 5])
    rmSync(join(model, 'generation_config.json'))
    editJson(join(model, 'config.json'), json => (json.eos_token_id = 4))
    expect(readModelFolder(model).eosIds).toEqual([4])
  })

  test('shards are read through their index, and a damaged index is refused', () => {
    const whole = readModelFolder(model)
    const sharded = join(root, 'sharded')
    writeModelFolder(sharded, model, whole.weights, {}, 40_000)
    expect(existsSync(join(sharded, 'model.safetensors'))).toBe(false)
    expect(new Map([...readModelFolder(sharded).weights].sort())).toEqual(new Map([...whole.weights].sort()))
    const index = join(sharded, 'model.safetensors.index.json')
    const placed = (change: (map: Record<string, unknown>) => void) => editJson(index, json => change(json.weight_map as Record<string, unknown>))
    placed(map => (map['absent.weight'] = Object.values(map)[0]))
    expect(() => readModelFolder(sharded)).toThrow('places the tensor "absent.weight"')
    placed(map => (delete map['absent.weight'], (map['model.norm.weight'] = 'model-00009-of-00009.safetensors')))
    expect(() => readModelFolder(sharded)).toThrow('names the shard model-00009-of-00009.safetensors, which is not in')
    placed(map => (map['model.norm.weight'] = '../model/model.safetensors'))
    expect(() => readModelFolder(sharded)).toThrow('inside the folder')
  })

  test('half precision is read as the numbers that it holds, in one file or in shards', () => {
    const whole = readModelFolder(model)
    const halves = [...whole.weights.values()].map(({ name, shape, data }) => ({ name, shape, bits: Uint16Array.from(new Uint32Array(data.buffer, data.byteOffset, data.length), bits => bits >>> 16) }))
    const layOut = (tensors: typeof halves): Buffer => {
      let offset = 0
      const header = Object.fromEntries(tensors.map(({ name, shape, bits }) => [name, { dtype: 'BF16', shape, data_offsets: [offset, (offset += bits.byteLength)] }]))
      const json = Buffer.from(JSON.stringify(header))
      const prefix = Buffer.alloc(8)
      prefix.writeBigUInt64LE(BigInt(json.length))
      return Buffer.concat([prefix, json, ...tensors.map(({ bits }) => Buffer.from(bits.buffer))])
    }
    const wanted = new Map(halves.map(({ name, bits }) => [name, new Float32Array(Uint32Array.from(bits, half => half << 16).buffer)]))
    const read = () => new Map([...readModelFolder(model).weights].map(([name, { data }]) => [name, data]))
    writeFileSync(join(model, 'model.safetensors'), layOut(halves))
    expect(read()).toEqual(wanted)
    rmSync(join(model, 'model.safetensors'))
    const shards = [halves.slice(0, 3), halves.slice(3)].map((tensors, i) => ({ tensors, name: `model-0000${i + 1}-of-00002.safetensors` }))
    for (const { tensors, name } of shards) writeFileSync(join(model, name), layOut(tensors))
    writeFileSync(join(model, 'model.safetensors.index.json'), JSON.stringify({ weight_map: Object.fromEntries(shards.flatMap(({ tensors, name }) => tensors.map(tensor => [tensor.name, name]))) }))
    expect(read()).toEqual(wanted)
    cpSync(join(model, shards[0]!.name), join(model, shards[1]!.name))
    expect(() => readModelFolder(model)).toThrow('in one shard, found it in model-00002-of-00002.safetensors and in another')
  })

  test('links that lead nowhere are told, not taken for absent files', () => {
    rmSync(join(model, 'generation_config.json'))
    symlinkSync('generation_config.json', join(model, 'generation_config.json'))
    expect(() => readModelFolder(model)).toThrow('(ELOOP): its links lead round in a circle')
    unlinkSync(join(model, 'generation_config.json'))
    symlinkSync('../../blobs/0123', join(model, 'generation_config.json'))
    expect(() => readModelFolder(model)).toThrow('(ENOENT): it is a link to a file that is not there; copy or download the folder again')
  })

  test('mutated configuration is read or refused, nothing else', () => {
    const text = readFileSync(join(model, 'config.json'))
    fc.assert(fc.property(fc.array(fc.record({ at: fc.nat(text.length - 1), byte: fc.nat(255) }), { maxLength: 8 }), changes => {
      const bytes = Uint8Array.from(text)
      for (const { at, byte } of changes) bytes[at] = byte
      writeFileSync(join(model, 'config.json'), bytes)
      try {
        readModelFolder(model)
      } catch (error) {
        expect(error).toBeInstanceOf(InputError)
      }
    }), { seed: 1, numRuns: 200 })
  })
})

describe('writing', () => {
  test('a folder written is the folder read, float32, with its companions', () => {
    const { weights } = readModelFolder(model)
    const target = join(root, 'deep', 'er', 'copy')
    writeModelFolder(target, model, weights, { architectures: ['X'] })
    expect(readdirSync(target).sort()).toEqual(readdirSync(model).sort())
    expect(readFileSync(join(target, 'model.safetensors'))).toEqual(readFileSync(join(golden, 'model.safetensors')))
    expect(JSON.parse(readFileSync(join(target, 'config.json'), 'utf8'))).toMatchObject({ architectures: ['X'], dtype: 'float32' })
    expect(readdirSync(join(root, 'deep', 'er'))).toEqual(['copy'])
  })

  test('numbers in config.json keep their spelling', () => {
    writeFileSync(join(model, 'config.json'), readFileSync(join(model, 'config.json'), 'utf8').replace(/"rms_norm_eps": [^,]*/, '"rms_norm_eps": 1e-05, "factor": 8.0'))
    writeModelFolder(join(root, 'copy'), model, readModelFolder(model).weights)
    const written = readFileSync(join(root, 'copy', 'config.json'), 'utf8')
    expect(written).toContain('"rms_norm_eps": 1e-05')
    expect(written).toContain('"factor": 8.0')
  })

  test('a model is replaced, also by itself; a read-only source gives a writable copy', () => {
    chmodSync(join(model, 'tokenizer.json'), 0o444)
    const { weights } = readModelFolder(model)
    const [first] = weights.values()
    first!.data.fill(1)
    writeModelFolder(model, model, weights)
    writeModelFolder(model, model, weights)
    expect(readModelFolder(model).weights.get(first!.name)?.data[0]).toBe(1)
    expect(readdirSync(root)).toEqual(['model'])
  })

  test('a folder that holds something else is never touched', () => {
    mkdirSync(join(root, 'home'))
    writeFileSync(join(root, 'home', 'thesis.tex'), 'x')
    expect(() => writeModelFolder(join(root, 'home'), model, new Map())).toThrow('holds other files (thesis.tex)')
    expect(() => checkModelTarget(join(root, 'home', 'thesis.tex'))).toThrow('got a file')
    expect(() => checkModelTarget(join(root, 'absent'))).not.toThrow()
  })

  test('a failed write leaves nothing, and the leftovers of a killed writer go', () => {
    mkdirSync(join(root, '.copy.tmp-999999999'))
    expect(() => writeModelFolder(join(root, 'copy'), model, new Map([['a', { name: 'a', shape: [2], data: new Float32Array(1) }]]))).toThrow('wants 2 numbers')
    expect(readdirSync(root)).toEqual(['model'])
  })
})
