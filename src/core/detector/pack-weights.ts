/**
 * Weights as text: for each weight that is not 0 the gap to the one before (7 bits a byte, the high bit says that
 * more follow) and the weight in steps of `scale` (one signed byte), all in base64.
 */

export type PackedWeights = { scale: number; packed: string }

/** `scale` where the weights are multiples of it and come back exactly; by default a 127th of the largest. */
export function packWeights(weights: Float32Array, scale: number = weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0) / 127): PackedWeights {
  const bytes: number[] = []
  let last = -1
  for (const [i, weight] of weights.entries()) {
    const level = scale === 0 ? 0 : Math.round(weight / scale)
    if (level === 0) continue
    let gap = i - last
    last = i
    for (; gap > 127; gap >>>= 7) bytes.push((gap & 127) | 128)
    bytes.push(gap, level & 255)
  }
  return { scale, packed: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')) }
}

/** Throws a RangeError where the text is not what `packWeights` made for as many weights. */
export function unpackWeights({ scale, packed }: PackedWeights, size: number): Float32Array {
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0))
  const weights = new Float32Array(size)
  let i = -1
  for (let k = 0; k < bytes.length; ) {
    let gap = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[k++]
      if (byte === undefined || shift > 28) throw new RangeError('weights: cut off within a gap')
      gap += (byte & 127) * 2 ** shift
      if (byte < 128) break
    }
    i += gap
    const level = bytes[k++]
    if (gap < 1 || i >= size || level === undefined) throw new RangeError(`weights: expected an entry below ${size}, got ${i}`)
    weights[i] = ((level << 24) >> 24) * scale
  }
  return weights
}
