/**
 * The simulated user: reacts to a verified reply in natural English. What was violated decides how likely
 * dissatisfaction is and what a correction names; a quarter of the dissatisfied leave without a word.
 */
import type { Rng } from '../rng.ts'
import { ADJECTIVES, ITEM_BY_NAME } from './items.ts'
import type { Check, Verification } from './reply.ts'
import { itemFits, renderNumber, renderRequest, validItems, type Format, type ItemAspect, type Request, type Tone } from './request.ts'

export const REACTION_KINDS = ['silent', 'unspoken', 'thanks', 'correction', 'complaint', 'repeat', 'refinement'] as const
export type ReactionKind = (typeof REACTION_KINDS)[number]

export type Reaction = {
  /** `silent`: content without a word; `unspoken`: dissatisfied without a word. Both write nothing. */
  kind: ReactionKind
  /** A written sign of dissatisfaction or satisfaction. */
  dsat: boolean
  sat: boolean
  /** Empty when nothing was written. */
  text: string
  /** Checks a correction names, right or wrong. */
  named: Check[]
  /** After a refinement: the request with the new wish. */
  refined?: Request
}

export const COMPLAINTS: readonly string[] = [
  "that's not what i asked for.", 'not helpful.', 'try again.', 'this is wrong.', 'you ignored my request.',
  'did you even read it?', "i don't like these.", 'not good.', 'can you do better?', 'read my message again.',
]
export const THANKS: readonly string[] = [
  'thanks!', 'perfect.', 'great, that works.', 'love it, thank you.', 'nice, exactly what i needed.',
  'thank you so much.', 'good list, cheers.', 'that helps a lot.',
]
/** What asks for a better reply; DRIFT's sampling uses the first. */
export const IMPROVE_LINES: readonly [string, ...string[]] = ['please give an improved reply.', 'please write a better reply.', 'now reply again, improved.']

const PREFIXES: readonly string[] = ['', '', '', 'hmm, ', 'no. ', 'sorry, ', 'ugh. ', 'well, ']
const SUFFIXES: readonly string[] = ['', '', '', '', ' please fix it.', ' come on.', ' try again.']

const wrap = (text: string, rng: Rng): string => rng.pick(PREFIXES) + text + rng.pick(SUFFIXES)

/** A vague complaint in its wrapping. */
export const renderComplaint = (rng: Rng): string => wrap(rng.pick(COMPLAINTS), rng)

const FORMAT_NAMES: Record<Format, readonly string[]> = {
  bullets: ['bullets', 'bullet points'],
  numbered: ['a numbered list', 'numbers'],
  sentence: ['a sentence', 'plain text, not a list'],
}
const TONE_CORRECTIONS: Record<Tone, readonly string[]> = {
  friendly: ['that felt cold.', 'a bit warmer please.', 'could you sound nicer?', 'why so stiff?'],
  formal: ['too casual.', 'please be more professional.', 'i need a formal answer.', 'this is for work, be formal.'],
  brief: ['skip the chatter.', 'just the answer please.', 'less talk.', "i don't need the intro."],
}

/** An entry that violates the constraint, else any entry. */
function offender(request: Request, entries: readonly string[], aspect: ItemAspect, rng: Rng): string {
  const offending = entries.filter((entry) => {
    const item = ITEM_BY_NAME.get(entry)
    return item !== undefined && !itemFits(item, request, [aspect])
  })
  return rng.pick(offending.length > 0 ? offending : entries)
}

/** One sentence that names a check, right or wrong. */
function renderCorrection(request: Request, entries: readonly string[], check: Check, rng: Rng): string {
  const given = entries.length
  const { must = '', mustnt = '', budget = 0 } = request
  switch (check) {
    case 'count': {
      const n = renderNumber(request.n, rng)
      const more = given < request.n ? [`only ${given}?`, `i wanted more, ${n} in total.`] : ['too many.', `just ${n} please.`]
      return rng.pick([`i asked for ${n}.`, `that's not ${n}.`, `you gave me ${given}, i wanted ${n}.`, `i need exactly ${n}.`, ...more])
    }
    case 'format': {
      const name = rng.pick(FORMAT_NAMES[request.format ?? 'bullets'])
      return rng.pick([`i wanted ${name}.`, 'wrong format.', `please use ${name}.`, `i asked for ${name}.`, `why isn't this ${name}?`, 'fix the layout.'])
    }
    case 'tone':
      return rng.pick(TONE_CORRECTIONS[request.tone ?? 'brief'])
    case 'must': {
      const entry = offender(request, entries, 'must', rng)
      return rng.pick([`${entry} isn't ${must}.`, `these aren't all ${must}.`, `i said ${must}.`, `they need to be ${must}.`, `is ${entry} really ${must}?`])
    }
    case 'mustnt': {
      const entry = offender(request, entries, 'mustnt', rng)
      return rng.pick([`${entry} is ${mustnt}!`, `i said nothing ${mustnt}.`, `no ${mustnt} ones please.`, `isn't ${entry} ${mustnt}?`, `some of these are ${mustnt}.`])
    }
    case 'budget': {
      const entry = offender(request, entries, 'budget', rng)
      return rng.pick([
        `${entry} costs too much.`, 'too expensive.', `i can't spend over $${budget}.`,
        'those are over my budget.', 'cheaper please.', `${entry} is not under $${budget}.`,
      ])
    }
    case 'items':
      return rng.pick([`these aren't all ${request.cat}.`, 'you repeated yourself or went off topic.', `i asked about ${request.cat}.`])
  }
}

/** The request with one more wish (a free adjective as must, or as mustnt if must is taken), or null if none leaves n items. */
function refine(request: Request, rng: Rng): { refined: Request; adjective: string; negative: boolean } | null {
  const free = ADJECTIVES[request.cat].filter((adjective) => adjective !== request.must && adjective !== request.mustnt)
  for (const adjective of rng.shuffled(free)) {
    const negative = request.must !== undefined
    if (negative && request.mustnt !== undefined) return null
    const refined: Request = negative ? { ...request, mustnt: adjective } : { ...request, must: adjective }
    if (validItems(refined).length >= request.n) return { refined, adjective, negative }
  }
  return null
}

const UNFOUNDED = 0.05
const WRONG_COMPLAINT = 0.05

/** Chance that a user is dissatisfied with a reply that violates so many checks; a quarter of them leave without a word. */
export const chanceOfDissatisfaction = (failed: number): number => (failed > 0 ? 1 - 0.35 ** failed : UNFOUNDED)

/** The user's reaction to a reply that was verified against the request. */
export function react(request: Request, verification: Verification, rng: Rng): Reaction {
  const { failed, entries, graded } = verification
  const nothing = { dsat: false, sat: false, text: '', named: [] }
  const dissatisfied = rng.next() < chanceOfDissatisfaction(failed.length)
  if (!dissatisfied) {
    const thanks = rng.next() < (failed.length === 0 ? 0.3 : 0.12)
    return thanks ? { kind: 'thanks', dsat: false, sat: true, text: rng.pick(THANKS), named: [] } : { kind: 'silent', ...nothing }
  }
  if (rng.next() < 0.25) return { kind: 'unspoken', ...nothing }

  const dsat = { dsat: true, sat: false }
  const complaint = (): Reaction => ({ kind: 'complaint', ...dsat, text: renderComplaint(rng), named: [] })
  const kind = (['correction', 'complaint', 'repeat', 'refinement'] as const)[rng.weighted([0.55, 0.2, 0.15, 0.1])]
  if (kind === 'correction') {
    const wrong = failed.length === 0 || rng.next() < WRONG_COMPLAINT
    const first = rng.pick(wrong ? (Object.keys(graded) as Check[]) : failed)
    const named = [first]
    let text = renderCorrection(request, entries, first, rng)
    const others = failed.filter((check) => check !== first)
    if (others.length > 0 && rng.next() < 0.3) {
      const second = rng.pick(others)
      named.push(second)
      text += ` ${renderCorrection(request, entries, second, rng)}`
    }
    return { kind, ...dsat, text: wrap(text, rng), named }
  }
  if (kind === 'repeat') {
    return { kind, ...dsat, text: rng.pick(['again: ', 'i repeat: ', 'as i said, ', '']) + renderRequest(request, rng), named: [] }
  }
  if (kind === 'refinement') {
    const wish = refine(request, rng)
    if (wish === null) return complaint()
    const { adjective, negative, refined } = wish
    const text = rng.pick(
      negative
        ? [`actually nothing ${adjective}.`, `could you avoid ${adjective} ones?`, `and not ${adjective}.`]
        : [`actually make them ${adjective}.`, `could they be ${adjective}?`, `i would prefer ${adjective} ones.`],
    )
    return { kind, ...dsat, text: wrap(text, rng), named: [], refined }
  }
  return complaint()
}
