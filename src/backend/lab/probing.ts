/**
 * The lab's probe: what a policy is like at the end of a round, on pairs and prompts that are the same for every
 * method, round and seed, so that its figures can be laid beside one another.
 */
import { hash32, makeRng } from '../../core/rng.ts'
import { distinctShare, loopShare } from '../../core/repetition.ts'
import type { LoraSettings, PairGradients, SampleRequest, TokenPair } from '../../engine/engine.ts'
import type { Policy } from '../../recipes/lab.ts'
import type { Canary, Probe, ProbeReply } from '../../shared/monitors.ts'
import { adapterOf, type Recipe, wholeTraining } from '../../shared/recipe.ts'
import type { Message, Pair } from '../../shared/types.ts'
import { readProbes } from '../storage/run-stages.ts'
import { type LabContext, log } from './context.ts'
import { BASE_ROUND, type EvaluationData, type RatedEvaluation } from './evaluating.ts'
import { runStage } from './journal.ts'
import { drawBatch, fitPrompts } from './sampling.ts'
import { type PairLogps, scorePairs, sum } from './scores.ts'
import { type ChosenSample, natsMoved } from './stale.ts'
import { watchProbes } from './wires.ts'

export const PROBE_PAIRS = 32
/** Of the probe's prompts, those that are shown answered again and again. */
export const CANARIES = 4

export const canary = (prompt: readonly Message[], reply: string): Canary => ({ prompt: prompt.at(-1)?.content ?? '', reply })

/** Drawn by the data set's name alone: neither method nor seed of the run changes the probe. */
export function probePairs<Evaluation extends EvaluationData>(evaluations: readonly Evaluation[]): { dataset: string; source: Evaluation; /** Places of the probe's among all held-out pairs of the source. */ order: number[]; pairs: Pair[] } | null {
  const source = evaluations.find(({ heldout }) => heldout.length > 0)
  const dataset = source?.config.heldout_pairs
  if (source === undefined || dataset == null) return null
  const { heldout } = source
  const order = makeRng(`probe/${dataset}`).shuffled(heldout.map((_, i) => i)).slice(0, PROBE_PAIRS)
  return { dataset, source, order, pairs: order.map((i) => heldout[i]!) }
}

/** Nothing where the recipe names no held-out pairs. */
export async function probeStage(context: LabContext, round: number, policy: Policy, base: Policy, evaluations: readonly RatedEvaluation[], chosen: readonly ChosenSample[]): Promise<void> {
  const probe = probePairs(evaluations)
  if (probe === null) return
  const { recipe: { training, sampling } } = context
  const { dataset, source, order, pairs } = probe
  const key = round === BASE_ROUND ? 'base/probe' : `round-${round}/probe`
  const { max_new_tokens: maxNewTokens } = sampling
  const adapter = probeAdapter(training)
  const inputs = { probe: pairs.map(({ prompt, chosen, rejected }) => [prompt, chosen, rejected]), policy: policy.hash, base: base.hash, beta: training.beta, maxLength: training.max_length, maxNewTokens, ...(chosen.length > 0 && { chosen }) }
  await runStage<Omit<Probe, 'round'>>(context, {
    key,
    kind: 'evaluate',
    round,
    startsFrom: policy.name,
    inputs: { ...inputs, adapter: adapter ?? false },
    // Gradients of adapters were not measured at first.
    ...(adapter && { formerInputs: { ...inputs, adapter: true } }),
    async work({ tell }) {
      const total = pairs.length * 3
      tell(0, total)
      // The evaluation has scored all held-out pairs under this policy and the base: the probe's are among them.
      const all = source.heldoutTokens()
      const fitting = all.flatMap((pair, i) => (pair ? [i] : []))
      const places = order.map((i) => fitting.indexOf(i)).filter((place) => place >= 0)
      const pick = (values: Float64Array): Float64Array => Float64Array.from(places, (place) => values[place]!)
      const scoresOf = async (of: Policy): Promise<PairLogps> => {
        const { chosen: better, rejected } = await scorePairs(context, of, fitting.map((i) => all[i]!), () => {})
        return { chosen: pick(better), rejected: pick(rejected) }
      }
      const tokens = places.map((place) => all[fitting[place]!]!)
      const dropped = pairs.length - tokens.length
      if (dropped > 0) log(context, 'warning', `${key}: ${dropped} of the probe's ${pairs.length} pairs of ${dataset} are left out, because their prompt alone fills max_length ${training.max_length}`)
      const [reference, own] = [await scoresOf(base), await scoresOf(policy)]
      tell(pairs.length, total)
      const { norms, meanNorm } = await gradientsOf(context, policy, adapter, tokens, reference)
      tell(pairs.length * 2, total)
      const now = await (await context.models.use(policy.folder)).score([...chosen], context.signal)
      const moved = chosen.map((sample, i) => natsMoved(sum(now[i]!), sample))
      const { replies, canaries } = await answer(context, key, policy, base, pairs, maxNewTokens)
      const { beta } = training
      const margin = (i: number): number => beta * (own.chosen[i]! - own.rejected[i]! - reference.chosen[i]! + reference.rejected[i]!)
      return {
        result: {
          beta,
          pairs: tokens.map((_, i) => ({ chosen: own.chosen[i]!, rejected: own.rejected[i]!, margin: margin(i), norm: norms[i] ?? null })),
          meanNorm,
          ...(adapter && { over: adapterWords(adapter) }),
          replies,
          canaries,
          moved,
        },
        summary: { pairs: tokens.length, replies: replies.length },
      }
    },
  })
  watchProbes(context, key, readProbes(context.workspace.db, context.lease.runId).filter((one) => one.round <= round))
}

/** The same for every method, round and seed, so that what changes is the policy: PEFT draws A and begins with B = 0. */
const probeAdapter = (training: Recipe['training']): LoraSettings | null => (training.use_peft ? { ...adapterOf(training), seed: hash32('probe/adapter') } : null)

const adapterWords = ({ r, target_modules: targets }: LoraSettings): string => `a new adapter of rank ${r} on ${targets === null ? 'the layers PEFT chooses' : Array.isArray(targets) ? targets.join(', ') : 'all linear layers'}`

/**
 * Over all weights, or over an adapter as the next round would begin it on the policy: what is trained there. An
 * adapter's training never holds the gradients of all weights, so those are not asked of the machine then.
 */
async function gradientsOf({ models, recipe: { training, seed }, signal }: LabContext, { folder }: Policy, adapter: LoraSettings | null, pairs: TokenPair[], reference: PairLogps): Promise<PairGradients> {
  const config = { ...wholeTraining(training), loss_type: ['sigmoid' as const], loss_weights: null, seed }
  if (adapter === null) return (await models.use(folder)).pairGradients(pairs, reference, config, signal)
  const model = await models.takeWithAdapter(folder, adapter)
  try {
    return await model.pairGradients(pairs, reference, config, signal)
  } finally {
    await model.dispose()
  }
}

/** A reply of the policy to each of the probe's prompts, with its log-ratio to the base, and some of them greedily. */
async function answer(context: LabContext, key: string, policy: Policy, base: Policy, pairs: readonly Pair[], maxNewTokens: number): Promise<Pick<Probe, 'replies' | 'canaries'>> {
  const prompts = fitPrompts(context, key, pairs.map(({ prompt }) => prompt), { max_prompt_tokens: Infinity, max_new_tokens: maxNewTokens })
  const requests = prompts.map((promptIds, i): SampleRequest => ({ promptIds, seed: hash32(`probe/${i}`) }))
  // Few, and the engine has just scored with this model: a server is not started for them.
  const draw = async (of: readonly SampleRequest[], temperature: number) => drawBatch(context.text, await context.models.use(policy.folder), of, { top_p: 1, max_new_tokens: maxNewTokens, batch_size: PROBE_PAIRS, temperature })
  const drawn = await draw(requests, 1)
  const greedy = await draw(requests.slice(0, CANARIES), 0)
  const model = await context.models.use(base.folder)
  const underBase = await model.score(drawn.map(({ completionIds }, i) => ({ promptIds: prompts[i] ?? [], completionIds })), context.signal)
  const replies = drawn.map(({ completionIds, tokens, entropy, logp }, i): ProbeReply => ({
    tokens, entropy, logRatio: logp - sum(underBase[i] ?? new Float32Array()), distinct2: distinctShare(completionIds, 2), repeated: loopShare(completionIds),
  }))
  return { replies, canaries: greedy.map(({ text }, i) => canary(pairs[i]?.prompt ?? [], text)) }
}
