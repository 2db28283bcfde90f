/** Stages of a run in the order a reader expects them: what is done, what runs, what is still to come, in words. Pure. */
import type { Run, RunStage } from '../../../shared/types.ts'
import { roundLabel } from '../../charts/by-round.ts'
import { methodStyle } from '../../charts/methods.ts'

export type ShownKind = RunStage['kind'] | 'probe'
export type Block = { key: string; kind: ShownKind; round: number; status: 'waiting' | 'running' | 'done'; stage: RunStage | null }
export type LaneRound = { round: number; label: string; blocks: Block[] }

const rewarded = (run: Pick<Run, 'recipe'>): boolean => run.recipe === 'iterative-dpo'

/** The kinds of stages a round of this recipe goes through. */
function expectedKinds(run: Pick<Run, 'recipe' | 'method'>, round: number): RunStage['kind'][] {
  if (round < 0) return []
  if (run.recipe === 'drift-frozen') return round === 0 ? ['train', 'evaluate', 'sample'] : ['train', 'evaluate']
  if (round === 0) return run.method === 'iterative-dpo' ? ['train', 'evaluate', 'reward'] : ['train', 'evaluate']
  return rewarded(run) ? ['sample', 'reward', 'train', 'evaluate'] : ['sample', 'train', 'evaluate']
}

/** `reward/train` is a training stage whose subject is the reward model: shown as reward. A probe is an evaluation of its own. */
export const shownKind = (stage: Pick<RunStage, 'key' | 'kind'>): ShownKind => (stage.key.startsWith('reward/') ? 'reward' : stage.key.endsWith('/probe') ? 'probe' : stage.kind)

/** One column per round; stages that have not begun stand as waiting. A finished run has no waiting ones. */
export function laneOf(run: Pick<Run, 'recipe' | 'method' | 'rounds' | 'status'>, stages: readonly RunStage[]): LaneRound[] {
  const over = run.status === 'done' || run.status === 'cancelled' || run.status === 'failed'
  const last = run.method === 'warm-start' ? 0 : run.rounds
  const rounds = new Set([...stages.map((stage) => stage.round), ...Array.from({ length: last + 1 }, (_, round) => round)])
  return [...rounds].sort((a, b) => a - b).map((round) => {
    const own = stages.filter((stage) => stage.round === round)
    const blocks: Block[] = own.map((stage) => ({ key: stage.key, kind: shownKind(stage), round, status: stage.status, stage }))
    if (!over) {
      for (const kind of expectedKinds(run, round)) {
        if (!blocks.some((block) => block.kind === kind)) blocks.push({ key: `${round}/${kind}/waiting`, kind, round, status: 'waiting', stage: null })
      }
    }
    return { round, label: roundLabel(round), blocks }
  }).filter(({ blocks }) => blocks.length > 0)
}

/** What a stage is doing, for somebody who does not know the method. */
export function describeStage(run: Pick<Run, 'method' | 'recipe'>, stage: Pick<RunStage, 'key' | 'kind' | 'round'>): { where: string; what: string } {
  const method = methodStyle(run.method).label
  const where = stage.round > 0 ? `${method}, round ${stage.round}` : method
  if (stage.key.startsWith('reward/')) return { where, what: 'A reward model learns from the replies users liked and disliked.' }
  if (shownKind(stage) === 'probe') return { where: stage.round < 0 ? 'Base' : where, what: 'Gradients, log-probabilities and replies are measured on pairs and prompts that are the same for every method.' }
  if (stage.round < 0) return { where: 'Base', what: 'The untrained base answers requests it has never seen; a verifier checks every answer.' }
  if (stage.kind === 'evaluate') return { where, what: 'The policy answers requests it has never seen; a verifier checks every answer.' }
  if (stage.kind === 'reward') return { where, what: 'The reward model scores both replies to each request; the better one becomes chosen.' }
  if (stage.kind === 'train') {
    return stage.round === 0
      ? { where: 'Warm start', what: 'The base learns from conversations in which a user disliked one reply and liked the next.' }
      : run.recipe === 'drift-sft' ? { where, what: 'The policy learns to write what it wrote under guidance, for the request alone; nothing is rejected.' }
      : { where, what: 'The policy learns to prefer the chosen reply over the rejected one, for the request alone.' }
  }
  if (stage.key.endsWith('/sample-own')) return { where, what: 'The policy answers the same requests without having seen the feedback; these replies will be rejected.' }
  if (stage.key === 'round-0/sample') return { where, what: 'The policy before round 1 is shown each disliked reply and the user’s own words, and writes a better one: chosen in every round.' }
  if (run.recipe === 'drift-unguided') return { where, what: 'The policy answers requests whose users disliked the logged reply, without having seen it; its replies will be chosen.' }
  if (run.recipe === 'drift' || run.recipe === 'drift-own-rejected' || run.recipe === 'drift-sft') return { where, what: 'The policy is shown a reply that a user disliked and the user’s own words, and writes a better one.' }
  if (run.recipe === 'spin') return { where, what: 'The policy answers requests whose users were satisfied; the reply they liked will be chosen, its own rejected.' }
  return { where, what: 'The policy answers each request twice; a reward will decide which reply is chosen.' }
}

/** What the progress of a stage counts. */
export function unitOf(stage: Pick<RunStage, 'key' | 'kind'>): string {
  if (stage.kind === 'train') return 'steps'
  return { sample: 'replies', reward: 'replies', evaluate: 'answers' }[stage.kind]
}

/** Trained or sampled tokens by the whole time of the stage; null while it goes on, and where it did neither. */
export function tokensPerSecond({ tokens, seconds }: Pick<RunStage, 'tokens' | 'seconds'>): number | null {
  return tokens === null || seconds === null || seconds <= 0 ? null : tokens / seconds
}

export const KIND_NAMES: Record<ShownKind, string> = { sample: 'sample', reward: 'reward', train: 'train', evaluate: 'evaluate', probe: 'probe' }

/** A stage by itself, as in a table. */
export const stageName = (stage: Pick<RunStage, 'key' | 'kind' | 'round'>): string => `${roundLabel(stage.round)} · ${stage.key.endsWith('/sample-own') ? 'own sample' : stage.key === 'reward/train' ? 'train the reward' : KIND_NAMES[shownKind(stage)]}`

/** Where lanes stand under one another and room is scarce. */
export const SHORT_NAMES: Record<ShownKind, string> = { sample: 'sample', reward: 'rank', train: 'train', evaluate: 'eval', probe: 'probe' }

/** What runs now, if anything. */
export const runningStage = (stages: readonly RunStage[]): RunStage | null => stages.findLast((stage) => stage.status === 'running') ?? null

/** Width of each round's column: the base is only evaluated, a round has three or four stages. */
export const laneTracks = (rounds: readonly number[]): string => rounds.map((round) => `minmax(0, ${round < 0 ? 0.42 : round === 0 ? 0.9 : 1.2}fr)`).join(' ')
