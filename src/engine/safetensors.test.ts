import { mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { InputError } from './input-error.ts'
import { readSafetensors, readSafetensorsNames, writeSafetensors } from './safetensors.ts'

let folder: string
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'safetensors-'))))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const file = () => join(folder, 'model.safetensors')

function layOut(header: unknown, data: Uint8Array = new Uint8Array()): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json, data])
}

function read(bytes: Uint8Array): ReturnType<typeof readSafetensors> {
  writeFileSync(file(), bytes)
  return readSafetensors(file())
}

const entry = (dtype: string, shape: unknown, offsets: unknown) => ({ dtype, shape, data_offsets: offsets })

describe('reading', () => {
  test('float16 is widened exactly, subnormals, infinities and NaN included', () => {
    const halves = Uint16Array.of(0x0001, 0x03ff, 0x0400, 0x3c00, 0xbc00, 0x7bff, 0x7c00, 0xfc00, 0x7e00, 0x8000)
    const data = read(layOut({ a: entry('F16', [10], [0, 20]) }, new Uint8Array(halves.buffer))).get('a')?.data
    expect(data).toEqual(Float32Array.of(2 ** -24, 1023 * 2 ** -24, 2 ** -14, 1, -1, 65504, Infinity, -Infinity, NaN, -0))
  })

  test('bfloat16 is the upper half of a float32', () => {
    const bits = Uint16Array.of(0x3f80, 0xc049, 0x7f80, 0x0001)
    const data = read(layOut({ a: entry('BF16', [2, 2], [0, 8]) }, new Uint8Array(bits.buffer))).get('a')?.data
    expect(data).toEqual(Float32Array.of(1, -3.140625, Infinity, 9.183549615799121e-41))
  })

  test('every half is widened exactly, also across the buffer it goes through', () => {
    const count = 2 ** 16 * 2 + 7
    const bits = Uint16Array.from({ length: count }, (_, i) => i)
    for (const dtype of ['F16', 'BF16'] as const) {
      const data = read(layOut({ a: entry(dtype, [count], [0, 2 * count]) }, new Uint8Array(bits.buffer))).get('a')!.data
      const halves = new DataView(bits.buffer)
      const words = new Float32Array(Uint32Array.from(bits, half => half << 16).buffer)
      for (let i = 0; i < count; i++) if (!Object.is(data[i], dtype === 'F16' ? halves.getFloat16(2 * i, true) : words[i])) expect(`${dtype} ${i}: ${data[i]}`).toBe('exact')
      expect(data).toHaveLength(count)
    }
  })

  test('scalars and empty tensors are read', () => {
    const tensors = read(layOut({ scalar: entry('F32', [], [0, 4]), empty: entry('F32', [0, 3], [4, 4]) }, new Uint8Array(Float32Array.of(7).buffer)))
    expect(tensors.get('scalar')).toEqual({ name: 'scalar', shape: [], data: Float32Array.of(7) })
    expect(tensors.get('empty')?.data).toHaveLength(0)
  })

  test.each<[string, Uint8Array, string]>([
    ['an empty file', new Uint8Array(), 'too short'],
    ['a header of 2^60 bytes', Buffer.from('0000000000000010', 'hex'), 'claims 1152921504606846976 bytes'],
    ['a header longer than the file', layOut({}).subarray(0, 9), 'truncated'],
    ['a header that is no JSON', layOut('{"a":'), 'no JSON'],
    ['a header that is no UTF-8', layOut('\xff').with(8, 0xff), 'no JSON'],
    ['a header that is a list', layOut([]), 'to be an object'],
    ['an entry that is no object', layOut({ a: 1 }), 'tensor "a": expected {dtype'],
    ['an unsupported dtype', layOut({ a: entry('I64', [1], [0, 8]) }, new Uint8Array(8)), 'dtype "I64" is not supported, expected F32, F16, BF16'],
    ['a dtype that is a name of Object.prototype', layOut({ a: entry('constructor', [1], [0, 4]) }, new Uint8Array(4)), 'not supported'],
    ['a negative size', layOut({ a: entry('F32', [-1], [0, 4]) }, new Uint8Array(4)), 'whole numbers'],
    ['a size that is no number', layOut({ a: entry('F32', ['2'], [0, 8]) }, new Uint8Array(8)), 'whole numbers'],
    ['a shape that is larger than its bytes', layOut({ a: entry('F32', [2 ** 40, 2 ** 40], [0, 4]) }, new Uint8Array(4)), 'offsets [0, 4] hold 4'],
    ['offsets in reverse', layOut({ a: entry('F32', [1], [4, 0]) }, new Uint8Array(4)), 'hold -4'],
    ['offsets outside the file', layOut({ a: entry('F32', [4], [0, 16]) }, new Uint8Array(8)), 'its bytes end at 16, the file holds 8'],
    ['overlapping tensors', layOut({ a: entry('F32', [2], [0, 8]), b: entry('F32', [2], [4, 12]) }, new Uint8Array(12)), 'tensors overlap'],
    ['a key that is there twice', layOut('{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}', new Uint8Array(4)), 'holds the key "a" twice'],
    ['a dtype that is there twice', layOut('{"a":{"dtype":"F16","dtype" : "BF16","shape":[2],"data_offsets":[0,4]}}', new Uint8Array(4)), 'holds the key "dtype" twice'],
    ['a header nested without end', layOut('['.repeat(100_000)), 'nested at most 200 deep'],
    ['a size that is no whole number', layOut({ a: entry('F32', [1.5], [0, 6]) }, new Uint8Array(6)), 'whole numbers'],
    ['a hole', layOut({ a: entry('F32', [1], [4, 8]) }, new Uint8Array(8)), 'a hole'],
    ['bytes that belong to no tensor', layOut({ a: entry('F32', [1], [0, 4]) }, new Uint8Array(8)), '4 bytes behind the last tensor'],
  ])('%s is refused', (_, bytes, message) => {
    expect(() => read(bytes)).toThrow(InputError)
    expect(() => read(bytes)).toThrow(message)
    expect(() => read(bytes)).toThrow(file())
  })

  test('a missing file and a folder are refused', () => {
    expect(() => readSafetensors(join(folder, 'absent'))).toThrow('ENOENT')
    symlinkSync('round', join(folder, 'round'))
    expect(() => readSafetensors(join(folder, 'round'))).toThrow('ELOOP): its links lead round in a circle')
    symlinkSync('gone', join(folder, 'nowhere'))
    expect(() => readSafetensors(join(folder, 'nowhere'))).toThrow('it is a link to a file that is not there')
    for (const name of ['round', 'nowhere']) unlinkSync(join(folder, name))
    expect(() => readSafetensors(folder)).toThrow(InputError)
  })

  test('a mutated file is read or refused, nothing else', () => {
    const whole = layOut({ __metadata__: { format: 'pt' }, a: entry('F32', [2, 2], [0, 16]), b: entry('BF16', [3], [16, 22]) }, new Uint8Array(22))
    const change = fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255) })
    fc.assert(fc.property(fc.array(change, { maxLength: 6 }), fc.nat(whole.length), (changes, cut) => {
      const bytes = Uint8Array.from(whole)
      for (const { at, byte } of changes) bytes[at] = byte
      try {
        read(bytes.subarray(0, changes.length % 2 ? whole.length : cut))
      } catch (error) {
        expect(error).toBeInstanceOf(InputError)
      }
    }), { seed: 1, numRuns: 500 })
  })
})

describe('writing', () => {
  const tensors = [
    { name: 'b.weight', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
    { name: '7', shape: [1], data: Float32Array.of(NaN) },
    { name: 'a', shape: [], data: Float32Array.of(-0) },
  ]

  test('what was written is read back', () => {
    writeSafetensors(file(), tensors)
    expect(readSafetensors(file())).toEqual(new Map([tensors[1]!, tensors[2]!, tensors[0]!].map(tensor => [tensor.name, tensor])))
    expect(readSafetensorsNames(file())).toEqual(['7', 'a', 'b.weight'])
  })

  test('the same tensors in any order give the same bytes', () => {
    writeSafetensors(file(), tensors, { format: 'pt', b: '1', a: '2' })
    const first = readFileSync(file())
    writeSafetensors(file(), tensors.toReversed(), { a: '2', b: '1', format: 'pt' })
    expect(readFileSync(file())).toEqual(first)
  })

  test('data begins at a multiple of 8 bytes and the header says what Transformers looks for', () => {
    writeSafetensors(file(), tensors)
    const bytes = readFileSync(file())
    const header = Number(bytes.readBigUInt64LE(0))
    expect(header % 8).toBe(0)
    expect(JSON.parse(bytes.subarray(8, 8 + header).toString())).toMatchObject({ __metadata__: { format: 'pt' }, a: { dtype: 'F32', shape: [], data_offsets: [4, 8] } })
  })

  test('a wrong shape or a repeated name leaves no file behind', () => {
    rmSync(file(), { force: true })
    expect(() => writeSafetensors(file(), [{ name: 'a', shape: [3], data: new Float32Array(2) }])).toThrow('wants 3 numbers, got 2')
    expect(() => writeSafetensors(file(), [tensors[0]!, tensors[0]!])).toThrow('twice')
    expect(readdirSync(folder)).toEqual([])
  })
})
