/** The tensors of a checkpoint under the names the decoder knows, and whether they can be its weights. */
import { InputError } from '../input-error.ts'
import type { Tensor } from '../safetensors.ts'
import { EMBEDDING, expectedWeights, LM_HEAD } from './decoder.ts'
import type { DecoderConfig } from './decoder.ts'

/** What the network without its head (AutoModel) is saved as: the same names without `model.`. */
const BARE = /^(embed_tokens|layers|norm)\./
/** Tensors that would take part in the computation if the configuration knew them; others (rotary tables, value heads) never do. */
const TAKES_PART = /^(model\..+|lm_head)\.(weight|bias)$/

/**
 * Names without `model.` get it. In a tied model one of embedding and head may be stored, or both where they are
 * equal; Transformers 4 and 5 read unequal ones differently, so they are refused.
 * @returns the tensors by the decoder's names; a stored head of a tied model is left out.
 * @throws InputError also for tensors that the configuration does not describe (biases, norms, further layers).
 */
export function nameWeights(config: DecoderConfig, weights: ReadonlyMap<string, Tensor>, folder: string): Map<string, Tensor> {
  const named = new Map<string, Tensor>()
  const isBare = !weights.has(EMBEDDING)
  for (const [stored, tensor] of weights) {
    const name = isBare && BARE.test(stored) ? `model.${stored}` : stored
    if (named.has(name)) throw new InputError(`${folder}: expected the tensor "${name}" once, found it with and without its prefix "model."; save the model again`)
    named.set(name, name === stored ? tensor : { ...tensor, name })
  }
  if (config.tied) tieHead(named, folder)
  const known = new Set([...expectedWeights(config).map(({ name }) => name), LM_HEAD])
  for (const name of named.keys()) {
    if (TAKES_PART.test(name) && !known.has(name)) {
      throw new InputError(`${folder}: the weights hold the tensor "${name}", which the model that config.json describes does not have; do config.json and the weights belong together?`)
    }
  }
  return named
}

function tieHead(weights: Map<string, Tensor>, folder: string): void {
  const [embedding, head] = [weights.get(EMBEDDING), weights.get(LM_HEAD)]
  if (!head) return
  weights.delete(LM_HEAD)
  if (!embedding) weights.set(EMBEDDING, { ...head, name: EMBEDDING })
  else if (!hasEqualBits(embedding, head)) {
    throw new InputError(`${folder}: config.json ties the head to the embedding (tie_word_embeddings true), but "${LM_HEAD}" differs from "${EMBEDDING}"; set tie_word_embeddings to false to use both, or remove "${LM_HEAD}"`)
  }
}

function hasEqualBits(a: Tensor, b: Tensor): boolean {
  const bytes = ({ data }: Tensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  return a.shape.length === b.shape.length && a.shape.every((size, i) => size === b.shape[i]) && bytes(a).equals(bytes(b))
}

/** @throws InputError naming `where`, with what to do, unless the tensor has this shape and finite numbers. */
export function checkTensor(tensor: Tensor, shape: readonly number[], where: string, advice: { misshapen: string; damaged: string }): void {
  if (tensor.shape.length !== shape.length || tensor.shape.some((dim, i) => dim !== shape[i])) throw new InputError(`${where}: expected shape [${shape.join(', ')}], got [${tensor.shape.join(', ')}]; ${advice.misshapen}`)
  const bad = findNonFinite(tensor.data)
  if (bad >= 0) throw new InputError(`${where}: expected finite numbers, got ${tensor.data[bad]} at index ${bad}; ${advice.damaged}`)
}

const EXPONENT = 0x7f800000
const BLOCK = 4096

/** Index of the first NaN or infinity, or -1. */
export function findNonFinite(data: Float32Array): number {
  const bits = new Int32Array(data.buffer, data.byteOffset, data.length)
  for (let start = 0; start < bits.length; start += BLOCK) {
    const end = Math.min(start + BLOCK, bits.length)
    // Only the exponent of NaN and infinity, all ones, carries into the sign.
    let carried = 0
    for (let i = start; i < end; i++) carried |= (bits[i]! & EXPONENT) + 0x800000
    if (carried >= 0) continue
    for (let i = start; i < end; i++) if ((bits[i]! & EXPONENT) === EXPONENT) return i
  }
  return -1
}
