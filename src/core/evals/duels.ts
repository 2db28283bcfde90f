/** Blind duels: two models' answers to the same requests, decided by a person who does not know whose is whose. */
import type { DecidedPair, DuelResult } from '../../shared/duel.ts'
import type { FeedbackRow, ReplyOrigin } from '../../shared/types.ts'
import { mcnemarTest } from '../paired-tests.ts'
import { makeRng } from '../rng.ts'
import { SHARE } from '../statistics.ts'
import type { ModelOutput } from './alpaca-files.ts'
import { meanInterval } from './intervals.ts'

export type DuelPair = Pick<DecidedPair, 'prompt' | 'a' | 'b' | 'originA' | 'originB'> & { aIsLeft: boolean }
export type Decision = Pick<DecidedPair, 'winner' | 'reasons'>
/** `origin` is null where nobody knows where the answer was given. */
export type DuelAnswer = Pick<ModelOutput, 'instruction' | 'output'> & { origin: ReplyOrigin | null }

/** Requests both have answered, differently, in a seeded order with seeded sides. */
export function pairUp(a: readonly DuelAnswer[], b: readonly DuelAnswer[], seed: number): DuelPair[] {
  const rng = makeRng(`duel/${seed}`)
  const answers = new Map(b.map((answer) => [answer.instruction, answer]))
  const shared = a.flatMap(({ instruction, output, origin }) => {
    const other = answers.get(instruction)
    return other === undefined || other.output === output ? [] : [{ prompt: instruction, a: output, b: other.output, originA: origin, originB: other.origin }]
  })
  return rng.fork('order').shuffled(shared).map((pair) => ({ ...pair, aIsLeft: rng.next() < 0.5 }))
}

/** Shares are of a; a tie counts half. Null where nothing is decided; bounds are NaN where every pair ended alike. */
export function duelResult(decisions: readonly Decision[]): DuelResult | null {
  if (decisions.length === 0) return null
  const count = (winner: Decision['winner']): number => decisions.filter((decision) => decision.winner === winner).length
  const [winsA, winsB, ties] = [count('a'), count('b'), count('tie')]
  const values = decisions.map(({ winner }) => (winner === 'a' ? 1 : winner === 'b' ? 0 : 0.5))
  const share = meanInterval(values, makeRng('duel/share').next, 100, 0, SHARE)
  // Resamples of one and the same outcome never differ: that is no certainty.
  const oneSided = values.every((value) => value === values[0])
  return { winsA, winsB, ties, share: oneSided ? { estimate: share.estimate, low: Number.NaN, high: Number.NaN } : share, p: mcnemarTest(winsA, winsB) }
}

/**
 * What lost, as rows of dissatisfaction: the reply with the reasons it lost for and where it was given. A tie says nothing against a reply.
 * `idOf` is the identity of request and reply.
 */
export function lossRows(pairs: readonly (DuelPair & Decision)[], idOf: (prompt: string, reply: string) => string): FeedbackRow[] {
  return pairs.flatMap(({ prompt, a, b, originA, originB, winner, reasons }): FeedbackRow[] => {
    if (winner === 'tie') return []
    const [reply, origin] = winner === 'a' ? [b, originB] : [a, originA]
    return [{ prompt: [{ role: 'user', content: prompt }], reply, label: 'dissatisfied', userFeedback: reasons.length === 0 ? null : `The other answer is better: ${reasons.join(', ')}.`, conversationId: idOf(prompt, reply), turnIndex: 2, task: null, ...(origin === null ? {} : { origin }) }]
  })
}
