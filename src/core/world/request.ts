/**
 * Requests of the built-in world: what a user wants (a small JSON object), the words for it, and the
 * solution space. The prose of `renderRequest` is one of many; the specification is what is verified.
 */
import { hash32, makeRng, type Rng } from '../rng.ts'
import { ADJECTIVES, CATEGORIES, ITEM_BY_NAME, ITEMS_OF, type Category, type Item } from './items.ts'

export const FORMATS = ['bullets', 'numbered', 'sentence'] as const
export type Format = (typeof FORMATS)[number]

export const TONES = ['friendly', 'formal', 'brief'] as const
export type Tone = (typeof TONES)[number]

/** What a reply can be attentive to. `count` is always stated, the others are optional constraints. */
export const ASPECTS = ['count', 'format', 'tone', 'must', 'mustnt', 'budget'] as const
export type Aspect = (typeof ASPECTS)[number]

/** A request as it travels in `metadata.task.spec`: absent keys are unstated constraints. */
export type Request = {
  cat: Category
  n: number
  must?: string
  mustnt?: string
  /** Whole dollars; means price < budget. */
  budget?: number
  format?: Format
  tone?: Tone
}

export type RenderedRequest = { spec: Request; text: string }

export const BUDGETS: readonly number[] = [10, 15, 20, 30, 40]
export const NUMBER_WORDS: Readonly<Record<number, string>> = { 1: 'one', 2: 'two', 3: 'three', 4: 'four', 5: 'five' }

/** Constraints on items; the others constrain the text around them. */
export type ItemAspect = 'must' | 'mustnt' | 'budget'
export const ITEM_ASPECTS: readonly ItemAspect[] = ['must', 'mustnt', 'budget']

/** Whether an item is of the request's category and meets the named constraints (unstated ones are met). */
export function itemFits(item: Item, request: Request, aspects: readonly ItemAspect[] = ITEM_ASPECTS): boolean {
  if (item.category !== request.cat) return false
  for (const aspect of aspects) {
    if (aspect === 'must' && request.must !== undefined && !item.adjectives.has(request.must)) return false
    if (aspect === 'mustnt' && request.mustnt !== undefined && item.adjectives.has(request.mustnt)) return false
    if (aspect === 'budget' && request.budget !== undefined && item.price >= request.budget) return false
  }
  return true
}

/** V(q): the items an answer may consist of. The solution space is exactly its n-subsets. */
export function validItems(request: Request, aspects: readonly ItemAspect[] = ITEM_ASPECTS): Item[] {
  return ITEMS_OF[request.cat].filter((item) => itemFits(item, request, aspects))
}

/** Draws a specification; redraws until at least `minConstraints` of the five optional constraints are stated and |V| >= max(4, n+2). */
export function drawRequest(rng: Rng, minConstraints = 3): Request {
  for (;;) {
    const cat = rng.pick(CATEGORIES)
    const [first, second] = rng.shuffled(ADJECTIVES[cat])
    const request: Request = { cat, n: 2 + rng.int(3) }
    if (rng.next() < 0.6 && first !== undefined) request.must = first
    if (rng.next() < 0.45 && second !== undefined) request.mustnt = second
    if (rng.next() < 0.5) request.budget = rng.pick(BUDGETS)
    if (rng.next() < 0.7) request.format = rng.pick(FORMATS)
    if (rng.next() < 0.4) request.tone = rng.pick(TONES)
    if (Object.keys(request).length - 2 < minConstraints) continue
    if (validItems(request).length < Math.max(4, request.n + 2)) continue
    return request
  }
}

const OPENERS: readonly string[] = [
  'can you suggest ', 'i need ', 'give me ', 'looking for ', 'recommend ',
  'please list ', "i'd like ", 'find me ', 'any ideas for ', 'could you pick ',
]
const QUESTION = /^(can|any|could) /

const FORMAT_PHRASES: Record<Format, readonly string[]> = {
  bullets: [', as bullets', '. use bullet points', '. bulleted list please', '. put them in bullets'],
  numbered: [', numbered', '. number them', '. as a numbered list', '. use 1, 2, 3'],
  sentence: [', in one sentence', '. write it as a sentence', '. no list, just a sentence', '. plain sentence please'],
}
const TONE_PHRASES: Record<Tone, readonly string[]> = {
  friendly: ['. keep it friendly', '. be warm', '. sound cheerful'],
  formal: ['. keep it formal', '. be professional', '. formal tone'],
  brief: ['. no chit-chat', '. just the answer', '. skip the intro'],
}

export const mustPhrase = (adjective: string, rng: Rng): string =>
  rng.pick([` that are ${adjective}`, `, ${adjective} ones only`, `. they must be ${adjective}`, `, all ${adjective}`])
export const mustntPhrase = (adjective: string, rng: Rng): string =>
  rng.pick([`, nothing ${adjective}`, `. no ${adjective} ones`, `, but not ${adjective}`])
export const budgetPhrase = (budget: number, rng: Rng): string =>
  rng.pick([` under $${budget}`, `, max $${budget} each`, `. my budget is $${budget} each`])

/** The number as a word (60 %) or a digit. */
export const renderNumber = (n: number, rng: Rng): string => (rng.next() < 0.6 ? (NUMBER_WORDS[n] ?? String(n)) : String(n))

/** One wording of a request, lower-case. */
export function renderRequest(request: Request, rng: Rng): string {
  const number = renderNumber(request.n, rng)
  const mustBefore = request.must !== undefined && rng.next() < 0.4
  const noun = mustBefore ? `${number} ${request.must} ${request.cat}` : `${number} ${request.cat}`
  let text = rng.pick(OPENERS) + noun
  if (request.must !== undefined && !mustBefore) text += mustPhrase(request.must, rng)
  const rest: string[] = []
  if (request.mustnt !== undefined) rest.push(mustntPhrase(request.mustnt, rng))
  if (request.budget !== undefined) rest.push(budgetPhrase(request.budget, rng))
  if (request.format !== undefined) rest.push(rng.pick(FORMAT_PHRASES[request.format]))
  if (request.tone !== undefined) rest.push(rng.pick(TONE_PHRASES[request.tone]))
  text += rng.shuffled(rest).join('')
  const question = QUESTION.test(text) && !text.includes('.')
  return text + rng.pick(['.', '.', '.', question ? '?' : '.', '', '. thanks.'])
}

/** The splits of requests. `log` serves logs and pretraining; the others are for evaluation only. */
export const SPLITS = ['log', 'test', 'validation', 'sweep', 'heldout'] as const
export type Split = (typeof SPLITS)[number]
export type EvaluationSplit = Exclude<Split, 'log'>

/** One line that names a specification whatever the order of its keys. */
export function requestKey(request: Request): string {
  return [request.cat, request.n, request.must, request.mustnt, request.budget, request.format, request.tone].map((value) => value ?? '-').join('|')
}

/**
 * The split a specification belongs to: a hash of what is asked, not of its wording. So no request of
 * one split is ever asked in another, in any words and in any world; and since a text determines its
 * specification, texts are disjoint too. An eighth for test, a sixteenth for each other evaluation split.
 */
export function splitOf(request: Request): Split {
  const bucket = hash32(`split ${requestKey(request)}`) % 16
  if (bucket < 2) return 'test'
  if (bucket === 2) return 'validation'
  if (bucket === 3) return 'sweep'
  if (bucket === 4) return 'heldout'
  return 'log'
}

/** A request of the split (by rejection), in words. */
export function drawRenderedRequest(rng: Rng, split: Split = 'log', minConstraints = 3): RenderedRequest {
  for (;;) {
    const spec = drawRequest(rng, minConstraints)
    if (splitOf(spec) === split) return { spec, text: renderRequest(spec, rng) }
  }
}

/**
 * `n` evaluation requests of a split, each specification once. The first m of n are the same whatever n.
 * @throws when the split does not hold `n` different requests.
 */
export function drawRequests(options: { worldSeed: number; split: EvaluationSplit; n: number }): RenderedRequest[] {
  const rng = makeRng(`world ${options.worldSeed}`).fork(`requests/${options.split}`)
  const seen = new Set<string>()
  const drawn: RenderedRequest[] = []
  for (let sinceNew = 0; drawn.length < options.n; sinceNew++) {
    if (sinceNew > 1000) {
      throw new Error(`drawRequests: expected ${options.n} different requests in split ${options.split}, found ${drawn.length}; ask for fewer`)
    }
    const request = drawRenderedRequest(rng, options.split)
    const key = requestKey(request.spec)
    if (seen.has(key)) continue
    sinceNew = 0
    seen.add(key)
    drawn.push(request)
  }
  return drawn
}

const isOneOf = <T extends string>(values: readonly T[], value: unknown): value is T => (values as readonly unknown[]).includes(value)

/**
 * Reads a specification out of JSON (`metadata.task.spec`).
 * @throws Error naming the field, what was expected and what was found.
 */
export function parseRequest(value: unknown): Request {
  const fail = (field: string, expected: string, got: unknown): never => {
    throw new Error(`task.spec${field}: expected ${expected}, got ${JSON.stringify(got) ?? String(got)}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return fail('', 'a request object', value)
  const { cat, n, must, mustnt, budget, format, tone, ...others } = value as Record<string, unknown>
  const unknown = Object.keys(others)[0]
  if (unknown !== undefined) return fail(`.${unknown}`, 'one of cat, n, must, mustnt, budget, format, tone', others[unknown])
  if (!isOneOf(CATEGORIES, cat)) return fail('.cat', `one of ${CATEGORIES.join(', ')}`, cat)
  if (typeof n !== 'number' || !Number.isInteger(n) || n < 1) return fail('.n', 'a positive integer', n)
  const request: Request = { cat, n }
  const adjectives = ADJECTIVES[cat]
  if (must !== undefined) request.must = isOneOf(adjectives, must) ? must : fail('.must', `one of ${adjectives.join(', ')}`, must)
  if (mustnt !== undefined) request.mustnt = isOneOf(adjectives, mustnt) ? mustnt : fail('.mustnt', `one of ${adjectives.join(', ')}`, mustnt)
  if (budget !== undefined) request.budget = typeof budget === 'number' ? budget : fail('.budget', 'a number of dollars', budget)
  if (format !== undefined) request.format = isOneOf(FORMATS, format) ? format : fail('.format', `one of ${FORMATS.join(', ')}`, format)
  if (tone !== undefined) request.tone = isOneOf(TONES, tone) ? tone : fail('.tone', `one of ${TONES.join(', ')}`, tone)
  return request
}

/** The item a name stands for, if the request's category has it. */
export function itemOfRequest(name: string, request: Request): Item | undefined {
  const item = ITEM_BY_NAME.get(name)
  return item?.category === request.cat ? item : undefined
}
