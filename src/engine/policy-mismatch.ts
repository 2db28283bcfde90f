/** KL divergence between the model in float32 and what decoding drew from, where the two differ (int8 weights). */
import type { PolicyMismatch, SampledCompletion, SampleRequest } from './engine.ts'
import { packRows, RopeTables } from './packing.ts'
import type { PackedRow } from './packing.ts'
import { nextTokenArrays } from './prefill.ts'
import type { Sampler } from './sampler.ts'
import { scoringBatches } from './score.ts'

/** Numbers kept to compare with: 340 distributions of 49,152 tokens, 64 MB. */
const MAX_KEPT = 2 ** 24

/** Keeps the distributions that some completions are drawn from, spread evenly over the requests. */
export class MismatchMeter {
  private readonly vocabulary: number
  private readonly every: number
  private readonly kept = new Map<number, Float32Array[]>()
  private room: number

  constructor(vocabulary: number, requests: number, maxNewTokens: number) {
    this.vocabulary = vocabulary
    this.room = Math.max(1, Math.floor(MAX_KEPT / vocabulary))
    this.every = Math.ceil((requests * maxNewTokens) / this.room)
  }

  /** @param logps at temperature 1; copied. Tokens of a request in their order, without the first: that one is drawn in float32. */
  record(index: number, logps: Float32Array): void {
    if (index % this.every !== 0 || this.room === 0) return
    this.room--
    const list = this.kept.get(index)
    if (list) list.push(logps.slice())
    else this.kept.set(index, [logps.slice()])
  }

  /** Computes the same completions in float32. NaN where no token was drawn behind a first one. */
  async measure(sampler: Sampler, requests: readonly SampleRequest[], completions: readonly SampledCompletion[]): Promise<PolicyMismatch> {
    const { config } = sampler
    const rows = [...this.kept].map(([index, drawnFrom]) => ({ drawnFrom, row: scoredRow(requests[index]?.promptIds ?? [], completions[index]?.completionIds ?? [], drawnFrom.length) }))
    const rope = new RopeTables(config)
    let [sum, tokens] = [0, 0]
    for (const batch of scoringBatches(rows, config)) {
      const { feeds, starts, predictions } = packRows(batch.map(({ row }) => row), config, 0)
      const { logps } = nextTokenArrays(predictions, config)
      const inverseTemperature = { data: Float32Array.of(1), dims: [1] }
      await sampler.prefill.run({ ...sampler.weights, ...rope.feeds(Math.max(...batch.map(({ row }) => row.ids.length))), ...feeds, inverseTemperature }, { logps })
      batch.forEach(({ drawnFrom }, b) => {
        drawnFrom.forEach((drawn, t) => {
          const from = ((starts[b] ?? 0) + t) * this.vocabulary
          sum += divergence(logps.data.subarray(from, from + this.vocabulary), drawn)
          tokens++
        })
      })
    }
    return { klPerToken: sum / tokens, tokens }
  }
}

/** The row in which tokens 1 … count of the completion are predicted. */
function scoredRow(promptIds: readonly number[], completionIds: readonly number[], count: number): PackedRow {
  const ids = [...promptIds, ...completionIds.slice(0, count)]
  return { ids, trunk: ids.length, branches: [], predictions: Array.from({ length: count }, (_, t) => ({ at: promptIds.length + t, labels: [] })) }
}

/** Σ p · (log p - log q) in nats. */
export function divergence(logP: Float32Array, logQ: Float32Array): number {
  let sum = 0
  for (let i = 0; i < logP.length; i++) {
    const logp = logP[i] as number
    const p = Math.exp(logp)
    if (p > 0) sum += p * (logp - (logQ[i] as number))
  }
  return sum
}
