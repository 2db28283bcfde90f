/** The verifier `requests`: what `core/verifiers.ts` calls for tasks of the built-in world. */
import type { Verdict } from '../verifiers.ts'
import { verifyReply } from './reply.ts'
import { parseRequest, validItems } from './request.ts'

/**
 * Verifies a reply against a request of the built-in world.
 * `taskScore` is 0 as soon as an item is unknown, off category or repeated; `checks` are strict (0 or 1),
 * absent for unstated constraints; `items` are the reply's entries in order, valid or not;
 * `solutionSize` is |V|: an answer is any n of that many items.
 * @param spec the JSON of `metadata.task.spec`
 * @throws when `spec` is no request, naming the field.
 */
export function verifyRequests(spec: unknown, reply: string): Verdict {
  const request = parseRequest(spec)
  const { reward, taskScore, pass, graded, failed, entries } = verifyReply(request, reply)
  const checks = Object.fromEntries(Object.keys(graded).map((check) => [check, (failed as string[]).includes(check) ? 0 : 1]))
  return { reward, taskScore, pass, checks, items: entries, solutionSize: validItems(request).length }
}
