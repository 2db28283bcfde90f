/**
 * The line protocol with the torch engine's worker (`resources/torch-engine/drift_torch/protocol.py`): one JSON object
 * per line, a reply for each request, in order. Every request is a bounded piece of work (a batch, a step, a token), so
 * to cancel is to ask for no more. Whoever changes a message changes the version on both sides.
 */
import { z } from 'zod'
import type { PackedRow } from '../packing.ts'

export const PROTOCOL_VERSION = 3

/** float32 numbers as base64 of their little-endian bytes. */
export const floats = z.base64().transform(text => {
  const bytes = Buffer.from(text, 'base64')
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
})

export function encodeFloats(values: Float32Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64')
}

const error = z.object({ kind: z.enum(['input', 'memory', 'internal']), message: z.string() })
/** In bytes; `peak` is since the worker last began a piece of work, which `since` counts. */
const memory = z.object({ held: z.number(), peak: z.number(), since: z.int() }).optional()
export const replySchema = z.union([z.object({ id: z.int(), result: z.record(z.string(), z.unknown()), memory }), z.object({ id: z.int(), error, memory })])
export type WorkerError = z.infer<typeof error>

/** What each request is answered with. */
export const results = {
  hello: z.object({ protocol: z.int(), torch: z.string(), transformers: z.string(), /** Versions, where they are there. */ vllm: z.string().nullable(), deepspeed: z.string().nullable(), processes: z.int() }),
  load: z.object({ model: z.int() }),
  /** Bytes that the device still has; null where it is the machine's own memory. */
  free: z.object({ bytes: z.number().nullable() }),
  /** Label log-probabilities [R, columns] of packed rows, or a reward per row. */
  run: z.object({ values: floats }),
  trainBegin: z.object({ trained: z.int() }),
  predictions: z.object({ logps: floats, entropy: floats, meanLogit: floats, maxLogp: floats }),
  rewards: z.object({ rewards: floats }),
  /** Null: not finite. */
  norm: z.object({ norm: z.number().nullable() }),
  sampleStep: z.object({ ids: z.array(z.int()), entropy: floats, logps: floats }),
  /** Of vLLM: what has ended, log-probabilities of all its tokens one after another, and whether an eos ended it. */
  poll: z.object({ indices: z.array(z.int()), ids: z.array(z.array(z.int())), logps: floats, stopped: z.array(z.boolean()) }),
  nothing: z.object({}),
}

/** A row of a batch as `packing.py` reads it. */
export type WireRow = { ids: number[]; trunk: number; branches: number[]; at: number[]; labels: number[][] }

export function wireRow({ ids, trunk, branches, predictions }: PackedRow): WireRow {
  return { ids, trunk, branches, at: predictions.map(({ at }) => at), labels: predictions.map(({ labels }) => labels) }
}

/** Predictions of row i are `starts[i]` … `starts[i + 1]` - 1. */
export function startsOf(rows: readonly PackedRow[]): number[] {
  const starts = [0]
  for (const { predictions } of rows) starts.push((starts.at(-1) ?? 0) + predictions.length)
  return starts
}
