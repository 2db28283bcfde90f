/** Tasks whose answers a program can check. A conversation names its verifier in `metadata.task`. */
import type { VerifiableTask } from '../shared/types.ts'
import { verifyRequests } from './world/verifier.ts'

export type Verdict = {
  /** Graded, 0..1: for ranking. */
  reward: number
  /** The figure evaluations report, 0..1. */
  taskScore: number
  /** A high-reward answer: everything asked is met. */
  pass: boolean
  /** Graded value of each check that was asked for; met when 1. */
  checks: Partial<Record<string, number>>
  /** What the answer is made of (world: items), for distinct answers, coverage and entropy. */
  items: string[]
  /** How many items a perfect answer may draw from; null where unknown. */
  solutionSize: number | null
}

const verifiers: Record<string, (spec: unknown, reply: string) => Verdict> = { requests: verifyRequests }

export function verify(task: VerifiableTask, reply: string): Verdict {
  const verifier = verifiers[task.verifier]
  if (!verifier) throw new Error(`verifier "${task.verifier}" is not known; expected one of ${Object.keys(verifiers).join(', ')}`)
  return verifier(task.spec, reply)
}
