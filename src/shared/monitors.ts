/** What is measured of a policy at the end of each round, on the same pairs and prompts for every method. */

export type Probe = {
  /** -1 is the base, 0 the warm start. */
  round: number
  beta: number
  pairs: ProbePair[]
  /** Norm of the mean of the pairs' gradients; null where gradients were not measured. */
  meanNorm: number | null
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
  /** Of the pair's own DPO gradient over all weights, against the base; null where it was not measured. */
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
