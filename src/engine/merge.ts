/** An adapter's additions put into the weights they add to: one model that computes what both did. */
import type { Adapter } from './adapter-folder.ts'
import { lowRankName } from './models/decoder.ts'
import type { Tensor } from './safetensors.ts'

/**
 * W + scale·B·A of every layer the adapter adds to, the sum taken in float64 and rounded to float32 once; all other
 * weights are those given, not copies. The adapter's own matrices are left out.
 * @param weights of the model, by Hugging Face names; those of the adapter may be among them.
 */
export function mergeAdapter(weights: ReadonlyMap<string, Tensor>, { lowRank, tensors }: Pick<Adapter, 'lowRank' | 'tensors'>): Map<string, Tensor> {
  const merged = new Map([...weights].filter(([name]) => !tensors.has(name)))
  for (const layer of lowRank.modules) {
    const name = `${layer}.weight`
    const [weight, a, b] = [merged.get(name), tensors.get(lowRankName(layer, 'A')), tensors.get(lowRankName(layer, 'B'))]
    if (!weight || !a || !b) throw new Error(`expected "${name}" and both matrices of its adapter, got ${[weight, a, b].map(tensor => tensor?.name ?? 'none').join(', ')}`)
    merged.set(name, { ...weight, data: addProduct(weight.data, a.data, b.data, lowRank) })
  }
  return merged
}

/** Row by row, so that the float64 sums are those of one row alone. */
function addProduct(weight: Float32Array, a: Float32Array, b: Float32Array, { rank, scale }: { rank: number; scale: number }): Float32Array {
  const columns = a.length / rank
  const rows = b.length / rank
  const result = new Float32Array(weight.length)
  const sums = new Float64Array(columns)
  for (let row = 0; row < rows; row++) {
    sums.fill(0)
    for (let k = 0; k < rank; k++) {
      const factor = b[row * rank + k] as number
      const from = k * columns
      for (let i = 0; i < columns; i++) sums[i] = (sums[i] as number) + factor * (a[from + i] as number)
    }
    const at = row * columns
    for (let i = 0; i < columns; i++) result[at + i] = (weight[at + i] as number) + scale * (sums[i] as number)
  }
  return result
}
