/** What sampling needs of a model, and how decoding reads its weights. */
import { totalmem } from 'node:os'
import type { Device } from './device.ts'
import type { DecoderConfig } from './models/decoder.ts'
import { codesName, quantize, scalesName } from './quantize.ts'
import type { Tensor } from './safetensors.ts'
import { buildDecodeGraph, decodeMatrices } from './sampling-graph.ts'
import type { DecodeWeights } from './sampling-graph.ts'
import { GraphSession } from './session.ts'
import type { DeviceFeeds } from './session.ts'

export type Sampler = { config: DecoderConfig; weights: DeviceFeeds; prefill: GraphSession; decode: () => Promise<GraphSession>; mode: DecodeWeights }

/** Smaller models gain nothing from another arrangement of their products. */
const LARGE_PARAMETERS = 5_000_000
/** From so many rows on, weights as left factors are as fast as a copy of them in the kernel's layout, which is in memory twice and takes a second to make. */
const SWAPPED_ROWS = 8
/** Making the copy takes as long as it saves in about as many steps, at any size. */
const FROZEN_STEPS = 100
/** Share of the machine's memory that the copy may take. */
const FROZEN_MEMORY = 1 / 4

/** A step is some hundred products of 20 to 100 microseconds: with threads that sleep in between a second one brings nothing at one row. */
const SPIN_US = 50

/**
 * The fastest way to decode that many rows at once for that many steps. At 135 million parameters one row takes 17 ms frozen and 24 shared,
 * 32 rows 58 ms swapped and 60 frozen. Depends on model, machine and request alone, never on what is free just now: the
 * ways differ in the last digits.
 */
export function decodeWeights(weights: ReadonlyMap<string, Tensor>, asked: { rows: number; steps: number }, memoryBytes = totalmem()): DecodeWeights {
  return decodeMode([...weights.values()].reduce((sum, { data }) => sum + data.length, 0), asked, memoryBytes)
}

/** The same of a model of so many parameters. */
export function decodeMode(parameters: number, { rows, steps }: { rows: number; steps: number }, memoryBytes: number): DecodeWeights {
  if (parameters < LARGE_PARAMETERS) return 'shared'
  return rows < SWAPPED_ROWS && steps >= FROZEN_STEPS && parameters * 4 <= memoryBytes * FROZEN_MEMORY ? 'frozen' : 'swapped'
}

/** @throws InputError where int8 is asked for and the model's matrices do not divide into blocks. */
export async function openDecodeSession(config: DecoderConfig, weights: ReadonlyMap<string, Tensor>, mode: DecodeWeights, { threads, device = 'cpu' }: { threads: number; device?: Device }): Promise<GraphSession> {
  const frozen = new Map<string, Float32Array | Uint8Array>()
  for (const { input, weight, shape } of decodeMatrices(config, mode)) {
    const data = weights.get(weight)?.data
    if (!data) throw new Error(`expected the weight "${weight}"`)
    if (mode === 'int8') {
      const { codes, scales } = quantize(weight, data, shape[1])
      frozen.set(codesName(input), codes).set(scalesName(input), scales)
    } else frozen.set(input, data)
  }
  return GraphSession.create(buildDecodeGraph(config, mode), threads, { device, frozen, fewRows: mode === 'swapped', spinUs: mode === 'shared' ? 0 : SPIN_US })
}
