/**
 * Replies of the built-in world: how one is laid out, how it is read, and how it is verified against a
 * request. The verifier is the world's ground truth: exact, and knows nothing of who wrote the reply.
 */
import type { Rng } from '../rng.ts'
import { ITEM_BY_NAME } from './items.ts'
import { ITEM_ASPECTS, itemFits, itemOfRequest, type Aspect, type Format, type Request, type Tone } from './request.ts'

export const REPLY_OPENERS: Record<Tone, readonly string[]> = {
  friendly: ['Sure thing!', 'Happy to help!', 'Ooh, fun!', 'Great question!'],
  formal: ['Certainly.', 'Here are my suggestions.', 'I would recommend the following.', 'Please see below.'],
  brief: [],
}

/** Lays out entries in a format, after an opener of the tone (brief: none). */
export function renderReply(entries: readonly string[], format: Format, tone: Tone, rng: Rng): string {
  const opener = tone === 'brief' ? '' : rng.pick(REPLY_OPENERS[tone])
  if (format === 'sentence') {
    const last = entries[entries.length - 1] ?? ''
    const sentence = entries.length > 1 ? `${entries.slice(0, -1).join(', ')} and ${last}.` : `${last}.`
    return opener === '' ? sentence : `${opener} ${sentence}`
  }
  const lines = entries.map((entry, i) => (format === 'bullets' ? `- ${entry}` : `${i + 1}. ${entry}`))
  return (opener === '' ? lines : [opener, ...lines]).join('\n')
}

/** `format` is null where the layout is broken (a line without its mark, a sentence without its full stop). */
export type ParsedReply = { tone: Tone; format: Format | null; entries: string[] }

export function parseReply(reply: string): ParsedReply {
  let rest = reply.trim()
  let tone: Tone = 'brief'
  for (const candidate of ['friendly', 'formal'] as const) {
    const opener = REPLY_OPENERS[candidate].find((text) => rest.startsWith(text))
    if (opener === undefined) continue
    tone = candidate
    rest = rest.slice(opener.length).trim()
    break
  }
  if (rest.startsWith('- ')) {
    const lines = rest.split('\n')
    return { tone, format: lines.every((line) => line.startsWith('- ')) ? 'bullets' : null, entries: lines.map((line) => line.slice(2).trim()) }
  }
  if (rest.startsWith('1. ')) {
    const lines = rest.split('\n')
    const valid = lines.every((line, i) => line.startsWith(`${i + 1}. `))
    return { tone, format: valid ? 'numbered' : null, entries: lines.map((line) => line.replace(/^\d+\. /, '').trim()) }
  }
  return { tone, format: rest.endsWith('.') ? 'sentence' : null, entries: rest.replace(/\.$/, '').split(/, | and /).map((entry) => entry.trim()) }
}

/** What is checked: the items themselves, the count, and each stated constraint. */
export type Check = 'items' | Aspect

export type Verification = ParsedReply & {
  /** g in [0, 1] per check; a check of an unstated constraint is absent. */
  graded: Partial<Record<Check, number>>
  /** The checks that are not fully met, in the order of `graded`. */
  failed: Check[]
  /** Mean of the graded checks. */
  reward: number
  /** strict(items) x the mean of the strict count and stated constraints. */
  taskScore: number
  /** All checks fully met: a high-reward answer. */
  pass: boolean
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** Verifies a reply against a request (world.md 1.3). */
export function verifyReply(request: Request, reply: string): Verification {
  const parsed = parseReply(reply)
  const { entries } = parsed
  // Good: an item of the category that was not listed before.
  const good = entries.map((entry, i) => itemOfRequest(entry, request) !== undefined && entries.indexOf(entry) === i)
  const share = (meets: (entry: string) => boolean): number => entries.filter((entry, i) => good[i] === true && meets(entry)).length / entries.length

  const graded: Partial<Record<Check, number>> = {
    items: parsed.format === null ? 0 : share(() => true),
    count: Math.max(0, 1 - Math.abs(entries.length - request.n) / request.n),
  }
  if (request.format !== undefined) graded.format = parsed.format === request.format ? 1 : 0
  if (request.tone !== undefined) graded.tone = parsed.tone === request.tone ? 1 : 0
  for (const aspect of ITEM_ASPECTS) {
    if (request[aspect] === undefined) continue
    graded[aspect] = share((entry) => {
      const item = ITEM_BY_NAME.get(entry)
      return item !== undefined && itemFits(item, request, [aspect])
    })
  }

  const checks = Object.keys(graded) as Check[]
  const failed = checks.filter((check) => graded[check] !== 1)
  const constraints = checks.filter((check) => check !== 'items')
  return {
    ...parsed,
    graded,
    failed,
    reward: mean(checks.map((check) => graded[check] ?? 0)),
    taskScore: failed.includes('items') ? 0 : mean(constraints.map((check) => (failed.includes(check) ? 0 : 1))),
    pass: failed.length === 0,
  }
}
