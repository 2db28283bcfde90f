/**
 * The safetensors format (https://github.com/huggingface/safetensors#format): 8 bytes little-endian
 * header length, a JSON header, then the tensors' bytes without gaps. Knows no models.
 *
 * A file is hostile until checked: every size is compared with the file's before anything is allocated.
 */
import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { openPlainFile } from './entries.ts'
import { InputError } from './input-error.ts'
import { checkDepth, findRepeatedKey } from './json-file.ts'

/** `data` is row-major in `shape`; f16 and bf16 are widened to f32 when read. */
export type Tensor = { name: string; shape: number[]; data: Float32Array }

/** The reference implementation's own limit on the header. */
const MAX_HEADER_BYTES = 100_000_000
/** One read or write call moves at most this much (Node refuses 2 GiB and more). */
const CHUNK_BYTES = 1 << 28

const READABLE_DTYPES: Record<string, number> = { F32: 4, F16: 2, BF16: 2 }

type Entry = { name: string; dtype: string; shape: number[]; begin: number; end: number }

/**
 * Reads every tensor of one file, in the order of their bytes.
 * @throws InputError for anything that is not a complete, gapless safetensors file of F32, F16 or BF16 tensors.
 */
export function readSafetensors(file: string): Map<string, Tensor> {
  const descriptor = openPlainFile(file, 'a safetensors file')
  try {
    const { entries, dataStart } = readHeader(descriptor, file)
    const tensors = new Map<string, Tensor>()
    for (const entry of entries) {
      tensors.set(entry.name, { name: entry.name, shape: entry.shape, data: readTensor(descriptor, entry, dataStart, file) })
    }
    return tensors
  } finally {
    closeSync(descriptor)
  }
}

/** The names a file holds, without reading its tensors. */
export function readSafetensorsNames(file: string): string[] {
  const descriptor = openPlainFile(file, 'a safetensors file')
  try {
    return readHeader(descriptor, file).entries.map(entry => entry.name)
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Writes tensors as F32, sorted by name, so equal tensors give equal bytes. The file appears whole or
 * not at all (temporary file, fsync, rename).
 */
export function writeSafetensors(file: string, tensors: Iterable<Tensor>, metadata: Record<string, string> = { format: 'pt' }): void {
  const sorted = [...tensors].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  const header = encodeHeader(sorted, metadata)
  const temporary = `${file}.tmp-${process.pid}`
  try {
    const descriptor = openSync(temporary, 'w')
    try {
      writeFully(descriptor, header)
      for (const { data } of sorted) writeFully(descriptor, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(temporary, file)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  syncFolder(dirname(file))
}

/** Makes a rename in `folder` survive a power loss; not every platform allows it. */
export function syncFolder(folder: string): void {
  if (process.platform === 'win32') return
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function encodeHeader(tensors: Tensor[], metadata: Record<string, string>): Uint8Array {
  const header = new Map<string, unknown>()
  const sortedMetadata = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1))
  if (sortedMetadata.length > 0) header.set('__metadata__', Object.fromEntries(sortedMetadata))
  let offset = 0
  for (const { name, shape, data } of tensors) {
    if (header.has(name)) throw new Error(`tensor "${name}" is to be written twice`)
    const elements = shape.reduce((a, b) => a * b, 1)
    if (elements !== data.length) throw new Error(`tensor "${name}": shape [${shape}] wants ${elements} numbers, got ${data.length}`)
    header.set(name, { dtype: 'F32', shape, data_offsets: [offset, offset + data.byteLength] })
    offset += data.byteLength
  }
  // Not JSON.stringify of one object: that would move integer-like tensor names to the front.
  const json = `{${[...header].map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`).join(',')}}`
  const bytes = Buffer.from(json, 'utf8')
  const padded = Math.ceil(bytes.length / 8) * 8
  const out = Buffer.alloc(8 + padded, 0x20)
  out.writeBigUInt64LE(BigInt(padded), 0)
  bytes.copy(out, 8)
  return out
}

function readHeader(descriptor: number, file: string): { entries: Entry[]; dataStart: number } {
  const fileBytes = fstatSync(descriptor).size
  if (fileBytes < 8) throw new InputError(`${file} is too short for a safetensors file: expected at least 8 bytes, got ${fileBytes}; copy or download it again`)
  const prefix = Buffer.alloc(8)
  readFully(descriptor, prefix, 0, file)
  const declared = prefix.readBigUInt64LE(0)
  const room = Math.min(fileBytes - 8, MAX_HEADER_BYTES)
  if (declared > BigInt(room)) {
    throw new InputError(`${file}: the header claims ${declared} bytes, but at most ${room} are possible in this file of ${fileBytes}; it is truncated or no safetensors file`)
  }
  const headerBytes = Number(declared)
  const buffer = Buffer.alloc(headerBytes)
  readFully(descriptor, buffer, 8, file)
  let header: unknown
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(buffer)
    checkDepth(text, file)
    header = JSON.parse(text)
  } catch (error) {
    if (error instanceof InputError) throw error
    throw new InputError(`${file}: the safetensors header is no JSON (${(error as Error).message.split('\n')[0]}); copy or download it again`)
  }
  if (!isRecord(header)) throw new InputError(`${file}: expected the safetensors header to be an object, got ${describe(header)}`)
  const repeated = findRepeatedKey(text)
  if (repeated !== undefined) throw new InputError(`${file}: the safetensors header holds the key ${describe(repeated)} twice; which is meant cannot be known, save the model again`)
  const entries: Entry[] = []
  for (const [name, value] of Object.entries(header)) if (name !== '__metadata__') entries.push(checkEntry(name, value, file))
  const dataStart = 8 + headerBytes
  checkLayout(entries, fileBytes - dataStart, file)
  return { entries, dataStart }
}

function checkEntry(name: string, value: unknown, file: string): Entry {
  const where = `${file}, tensor "${name}"`
  if (!isRecord(value)) throw new InputError(`${where}: expected {dtype, shape, data_offsets}, got ${describe(value)}`)
  const { dtype, shape, data_offsets: offsets } = value
  if (typeof dtype !== 'string' || !Object.hasOwn(READABLE_DTYPES, dtype)) {
    throw new InputError(`${where}: dtype ${describe(dtype)} is not supported, expected ${Object.keys(READABLE_DTYPES).join(', ')}; save the model in float32 or bfloat16`)
  }
  if (!Array.isArray(shape) || !shape.every(isSize)) throw new InputError(`${where}: expected a shape of whole numbers, got ${describe(shape)}`)
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) throw new InputError(`${where}: expected data_offsets [begin, end], got ${describe(offsets)}`)
  const [begin, end] = offsets as [number, number]
  const bytes = shape.reduce((product, size) => product * size, READABLE_DTYPES[dtype] ?? 0)
  if (end - begin !== bytes) throw new InputError(`${where}: shape [${shape}] of ${dtype} takes ${bytes} bytes, its offsets [${begin}, ${end}] hold ${end - begin}`)
  return { name, dtype, shape: shape as number[], begin, end }
}

/** Sorts entries by position; the format allows neither overlaps nor holes nor bytes beyond the file. */
function checkLayout(entries: Entry[], dataBytes: number, file: string): void {
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end)
  let expected = 0
  for (const { name, begin, end } of entries) {
    if (end > dataBytes) throw new InputError(`${file}, tensor "${name}": its bytes end at ${end}, the file holds ${dataBytes}; it is truncated, copy or download it again`)
    if (begin !== expected) {
      throw new InputError(`${file}, tensor "${name}": expected its bytes to begin at ${expected}, got ${begin} (${begin < expected ? 'tensors overlap' : 'a hole in the file'}); copy or download it again`)
    }
    expected = end
  }
  if (expected !== dataBytes) throw new InputError(`${file}: ${dataBytes - expected} bytes behind the last tensor belong to none; copy or download it again`)
}

function readTensor(descriptor: number, entry: Entry, dataStart: number, file: string): Float32Array {
  const bytes = entry.end - entry.begin
  if (entry.dtype === 'F32') {
    const data = new Float32Array(bytes / 4)
    readFully(descriptor, new Uint8Array(data.buffer), dataStart + entry.begin, file)
    return data
  }
  const data = new Float32Array(bytes / 2)
  const widen = entry.dtype === 'BF16' ? widenBfloat16 : widenFloat16
  // Through a buffer that stays in the cache, so that halves cross the memory bus once and are never held whole.
  halfBuffer ??= new Uint16Array(HALF_BUFFER_LENGTH)
  for (let done = 0; done < data.length; done += HALF_BUFFER_LENGTH) {
    const halves = halfBuffer.subarray(0, Math.min(HALF_BUFFER_LENGTH, data.length - done))
    readFully(descriptor, new Uint8Array(halves.buffer, 0, halves.byteLength), dataStart + entry.begin + 2 * done, file)
    widen(halves, data.subarray(done, done + halves.length))
  }
  return data
}

/** 128 KB, 256 KB widened: fits the caches of a core, and larger reads are no faster. */
const HALF_BUFFER_LENGTH = 1 << 16
let halfBuffer: Uint16Array | undefined

/** bfloat16 is the upper half of a float32. */
function widenBfloat16(halves: Uint16Array, out: Float32Array): void {
  const words = new Int32Array(out.buffer, out.byteOffset, out.length)
  for (let i = 0; i < halves.length; i++) words[i] = halves[i]! << 16
}

/**
 * IEEE binary16, exactly: its bits moved to float32's places mean 2^-112 of its value, subnormals included.
 * Infinities and NaN, which no usable checkpoint has, are set by themselves.
 */
function widenFloat16(halves: Uint16Array, out: Float32Array): void {
  const words = new Int32Array(out.buffer, out.byteOffset, out.length)
  let special = 0
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i]!
    words[i] = ((half & 0x8000) << 16) | ((half & 0x7fff) << 13)
    // Carries into bit 15 from the largest exponent alone.
    special |= (half & 0x7c00) + 0x400
  }
  for (let i = 0; i < out.length; i++) out[i]! *= 2 ** 112
  if ((special & 0x8000) === 0) return
  halves.forEach((half, i) => {
    if ((half & 0x7c00) === 0x7c00) words[i] = ((half & 0x8000) << 16) | 0x7f800000 | ((half & 0x3ff) << 13)
  })
}

function readFully(descriptor: number, target: Uint8Array, position: number, file: string): void {
  let done = 0
  while (done < target.length) {
    const read = readSync(descriptor, target, done, Math.min(CHUNK_BYTES, target.length - done), position + done)
    if (read === 0) throw new InputError(`${file} ended at byte ${position + done} while it was read, expected ${position + target.length}: is something writing it?`)
    done += read
  }
}

function writeFully(descriptor: number, source: Uint8Array): void {
  let done = 0
  while (done < source.length) done += writeSync(descriptor, source, done, Math.min(CHUNK_BYTES, source.length - done))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isSize(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function describe(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}
