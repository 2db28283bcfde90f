/**
 * The probe: does a model use feedback? On requests whose first reply drew written dissatisfaction, the
 * task score of replies that saw the feedback, minus that of fresh replies to the request alone. It
 * predicts whether DRIFT can help: its chosen replies are such guided samples. Below about +.05 expect no gain.
 */
import { makeRng } from '../rng.ts'
import type { ChatMessage } from './log.ts'
import { verifyReply } from './reply.ts'
import type { RenderedRequest, Request } from './request.ts'
import { IMPROVE_LINES, react, type Reaction, type ReactionKind } from './user.ts'

export type ProbeCase = { request: RenderedRequest; reply: string; reaction: Reaction }

/**
 * What the model is shown. `unconditioned`: the request alone; `guided`: request, reply, feedback and the
 * improve line (as DRIFT samples); `feedback`: without the improve line; `bare`: a fixed "not good." with
 * it; `foreign`: another user's feedback with it. guided minus bare or foreign is what the words are worth.
 */
export const PROBE_CONDITIONS = ['unconditioned', 'guided', 'feedback', 'bare', 'foreign'] as const
export type ProbeCondition = (typeof PROBE_CONDITIONS)[number]

/** The requests whose reply drew written dissatisfaction. `replies` are T=1 samples, one per request. */
export function selectProbeCases(requests: readonly RenderedRequest[], replies: readonly string[], seed: number): ProbeCase[] {
  const rng = makeRng(`probe ${seed}`)
  return requests.flatMap((request, i) => {
    const reply = replies[i]
    if (reply === undefined) throw new Error(`selectProbeCases: expected ${requests.length} replies, got ${replies.length}`)
    const reaction = react(request.spec, verifyReply(request.spec, reply), rng.fork(`reaction ${i}`))
    return reaction.dsat ? [{ request, reply, reaction }] : []
  })
}

/** The conversations to sample from, one per case. */
export function probeConversations(cases: readonly ProbeCase[], condition: ProbeCondition): ChatMessage[][] {
  return cases.map(({ request, reply, reaction }, i) => {
    const first: ChatMessage = { role: 'user', content: request.text }
    if (condition === 'unconditioned') return [first]
    const foreign = cases[(i + 1) % cases.length]?.reaction.text ?? reaction.text
    const words = { guided: reaction.text, feedback: reaction.text, bare: 'not good.', foreign }[condition]
    const feedback = condition === 'feedback' ? words : `${words} ${IMPROVE_LINES[0]}`
    return [first, { role: 'assistant', content: reply }, { role: 'user', content: feedback }]
  })
}

export type SampleFigures = { score: number; pass: number; reward: number; samples: number }

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** Mean task score, pass rate and reward of replies; `replies[i]` are samples for `requests[i]`. */
export function summarizeSamples(requests: readonly Request[], replies: readonly (readonly string[])[]): SampleFigures {
  const verdicts = requests.flatMap((request, i) => (replies[i] ?? []).map((reply) => verifyReply(request, reply)))
  if (verdicts.length === 0) throw new Error('summarizeSamples: expected at least one sample, got none')
  return {
    score: mean(verdicts.map((verdict) => verdict.taskScore)),
    pass: mean(verdicts.map((verdict) => (verdict.pass ? 1 : 0))),
    reward: mean(verdicts.map((verdict) => verdict.reward)),
    samples: verdicts.length,
  }
}

export type ProbeFigures = {
  /** Dissatisfied requests. */
  n: number
  /** Of the replies that drew dissatisfaction. */
  rejected: SampleFigures
  conditions: Record<ProbeCondition, SampleFigures>
  /** Guided minus unconditioned score: the probe. */
  probe: number
  /** Guided minus bare, and minus foreign: what the content of the feedback is worth. */
  contentOverBare: number
  contentOverForeign: number
  /** The probe by kind of feedback. */
  byKind: Partial<Record<ReactionKind, { n: number; probe: number }>>
}

/** All probe figures, scored against the original request (refinements too: that is what the pair's prompt asks). */
export function summarizeProbe(cases: readonly ProbeCase[], samples: Record<ProbeCondition, readonly (readonly string[])[]>): ProbeFigures {
  const specs = cases.map(({ request }) => request.spec)
  const conditions = Object.fromEntries(PROBE_CONDITIONS.map((condition) => [condition, summarizeSamples(specs, samples[condition])])) as Record<ProbeCondition, SampleFigures>
  const byKind: ProbeFigures['byKind'] = {}
  for (const kind of ['correction', 'complaint', 'repeat', 'refinement'] as const) {
    const indices = cases.flatMap((probeCase, i) => (probeCase.reaction.kind === kind ? [i] : []))
    if (indices.length === 0) continue
    const score = (condition: ProbeCondition): number =>
      summarizeSamples(indices.map((i) => specs[i] as Request), indices.map((i) => samples[condition][i] ?? [])).score
    byKind[kind] = { n: indices.length, probe: score('guided') - score('unconditioned') }
  }
  const { guided, unconditioned, bare, foreign } = conditions
  return {
    n: cases.length,
    rejected: summarizeSamples(specs, cases.map(({ reply }) => [reply])),
    conditions,
    probe: guided.score - unconditioned.score,
    contentOverBare: guided.score - bare.score,
    contentOverForeign: guided.score - foreign.score,
    byKind,
  }
}
