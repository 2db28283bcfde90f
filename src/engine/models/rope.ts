/** Rotary position tables as Transformers computes them (modeling_rope_utils.py), in float32 where it does. */
import { InputError } from '../input-error.ts'
import type { ModelConfig } from '../model-config.ts'

export type RopeTable = { cos: Float32Array; sin: Float32Array; dims: [positions: number, half: number] }

/**
 * Radians per position for each of the head_dim / 2 planes.
 * @throws InputError for a rope type that is not default, linear or llama3, or a missing setting of it.
 */
export function inverseFrequencies({ rope, head_dim: headDim }: ModelConfig): Float32Array {
  const plain = Float32Array.from({ length: headDim / 2 }, (_, i) => 1 / rope.theta ** ((2 * i) / headDim))
  const setting = (key: string): number => {
    const value = rope.parameters[key]
    if (typeof value !== 'number' || !(value > 0)) throw new InputError(`config.json: rope type ${rope.type}: expected "${key}" to be a positive number, got ${JSON.stringify(value)}`)
    return value
  }
  const partial = rope.parameters.partial_rotary_factor
  if (partial != null && partial !== 1) throw new InputError(`config.json: "partial_rotary_factor" ${JSON.stringify(partial)} is not supported, expected 1`)
  switch (rope.type) {
    case 'default':
      return plain
    case 'linear':
      return plain.map(frequency => frequency / setting('factor'))
    case 'llama3':
      return llama3(plain, setting('factor'), setting('low_freq_factor'), setting('high_freq_factor'), setting('original_max_position_embeddings'))
    default:
      throw new InputError(`config.json: rope type "${rope.type}" is not supported, expected default, linear or llama3; choose another model`)
  }
}

/** Llama 3.1: long waves are slowed by `factor`, short ones stay, those between are mixed. */
function llama3(plain: Float32Array, factor: number, lowFactor: number, highFactor: number, context: number): Float32Array {
  return plain.map(frequency => {
    const wavelength = (2 * Math.PI) / frequency
    if (wavelength < context / highFactor) return frequency
    if (wavelength > context / lowFactor) return frequency / factor
    const smooth = (context / wavelength - lowFactor) / (highFactor - lowFactor)
    return ((1 - smooth) * frequency) / factor + smooth * frequency
  })
}

/** cos and sin of position·frequency for positions 0 … positions - 1. */
export function ropeTable(frequencies: Float32Array, positions: number): RopeTable {
  const half = frequencies.length
  const cos = new Float32Array(positions * half)
  const sin = new Float32Array(positions * half)
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(position * (frequencies[i] ?? 0))
      cos[position * half + i] = Math.cos(angle)
      sin[position * half + i] = Math.sin(angle)
    }
  }
  return { cos, sin, dims: [positions, half] }
}
