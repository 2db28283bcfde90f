/** What is measured of a policy at the end of each round, on the same pairs and prompts for every method. */

export type Probe = {
  /** -1 is the base, 0 the warm start. */
  round: number
  beta: number
  pairs: ProbePair[]
  /** Norm of the mean of the pairs' gradients; null where gradients were not measured. */
  meanNorm: number | null
  /** What gradients are over where that is not all weights, in words. */
  over?: string
  /** One reply to each pair's prompt, drawn by the policy at temperature 1. */
  replies: ProbeReply[]
  /** The same few prompts, answered greedily. */
  canaries: Canary[]
  /** Of chosen replies that this run's policy sampled for the round: mean log π of a token now, minus that when it was drawn. */
  moved: number[]
}

/** A prompt that is answered greedily again and again. */
export type Canary = { prompt: string; reply: string }

/** Answers to the canary prompts after a step of training. */
export type StepCanaries = { stage: string; step: number; canaries: Canary[] }

export type ProbePair = {
  /** log π of each side, summed over its tokens. */
  chosen: number
  rejected: number
  /** beta x (log-ratio of the policy minus that of the base). */
  margin: number
  /** Of the pair's own DPO gradient against the base, over all weights or those of the probe's `over`; null where it was not measured. */
  norm: number | null
}

export type ProbeReply = {
  tokens: number
  /** Mean entropy in nats of the distributions its tokens were drawn from. */
  entropy: number
  /** log π − log π_base of the reply: the mean over replies estimates KL(π ‖ π_base). */
  logRatio: number
  /** Different bigrams over all bigrams of its tokens; null below two tokens. */
  distinct2: number | null
  /** Share of its tokens in the longest loop (`core/repetition.ts`). */
  repeated: number
}

/** Of one round of a run, or of the same round of several seeds. */
export type RoundHealth = {
  round: number
  /** Margins that are finite numbers, of the pairs it trained on, each at its step. */
  pairs: number
  /** Ascending. Of many pairs each stands for `standsFor` neighbours in size. */
  margins: number[]
  standsFor: number
  /** Mean over all pairs of sigmoid(-margin), a pair's weight in the gradient of DPO's loss (Rafailov et al. 2023, section 4). */
  weight: number
  /** Mean gradient norm before clipping of the first and of the last quarter of its steps. */
  gradNormFirst: number
  gradNormLast: number
  /** Of all its pairs; null where no reward was measured. */
  chosenScore: number | null
  rejectedScore: number | null
  pairAccuracy: number | null
}

/** Whether a run still teaches; what each word means stands in `core/gradient-verdict.ts`. */
export type VerdictState = 'teaching' | 'saturated' | 'degenerating' | 'loud' | 'unknown'
export type Verdict = { state: VerdictState; /** The figures it rests on. */ because: string }
