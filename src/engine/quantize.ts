/** 8-bit weights in the layout of onnxruntime's MatMulNBits: blocks of a row share a scale, 128 is zero. */
import { InputError } from './input-error.ts'

/** Weights that share a scale. */
export const QUANTIZED_BLOCK = 32

export function codesName(weight: string): string {
  return `${weight} codes`
}

export function scalesName(weight: string): string {
  return `${weight} scales`
}

/**
 * Rounds to the nearest of 255 steps between minus and plus the block's largest magnitude.
 * @param data [out, width] row by row, finite.
 * @throws InputError where rows do not divide into blocks.
 */
export function quantize(name: string, data: Float32Array, width: number): { codes: Uint8Array; scales: Float32Array } {
  if (width % QUANTIZED_BLOCK !== 0) throw new InputError(`int8 weights: expected rows of a multiple of ${QUANTIZED_BLOCK} numbers, "${name}" has rows of ${width}; sample this model in float32`)
  // Clamped: it rounds, and a scale too small for float32's full precision may put the largest beyond 255.
  const codes = new Uint8ClampedArray(data.length)
  const scales = new Float32Array(data.length / QUANTIZED_BLOCK)
  for (let block = 0, from = 0; from < data.length; block++, from += QUANTIZED_BLOCK) {
    let largest = 0
    for (let i = from; i < from + QUANTIZED_BLOCK; i++) largest = Math.max(largest, Math.abs(data[i] as number))
    const scale = Math.fround(largest / 127)
    scales[block] = scale
    // A block of zeros, or of numbers too small for a scale, is zero.
    const inverse = scale > 0 ? 1 / scale : 0
    for (let i = from; i < from + QUANTIZED_BLOCK; i++) codes[i] = 128 + (data[i] as number) * inverse
  }
  return { codes: new Uint8Array(codes.buffer), scales }
}
