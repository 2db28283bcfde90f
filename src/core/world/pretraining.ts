/**
 * What the base model is pretrained on. Stage 1 teaches knowledge (listings, perfectly answered requests),
 * stage 2 character: mediocre first replies and good revisions in the same batches, so that the model
 * learns to do better once a user has complained (world.md 3 and 4).
 */
import { makeRng, type Rng } from '../rng.ts'
import { ADJECTIVES, CATEGORIES } from './items.ts'
import { parseReply, verifyReply } from './reply.ts'
import { BUDGETS, budgetPhrase, drawRenderedRequest, mustntPhrase, mustPhrase, validItems, type Request } from './request.ts'
import { IMPROVE_LINES, react, renderComplaint, type Reaction } from './user.ts'
import type { World } from './world.ts'
import { attentionOf, FULL_ATTENTION, REVISED_SLIP, writeFirstReply, writeReply } from './writer.ts'

/** `loss` is true where the model is to learn to write the turn (assistant turns only). */
export type TrainingTurn = { role: 'user' | 'assistant'; content: string; loss: boolean }
export type TrainingDialogue = TrainingTurn[]

const user = (content: string): TrainingTurn => ({ role: 'user', content, loss: false })
const assistant = (content: string, loss = true): TrainingTurn => ({ role: 'assistant', content, loss })

/** `spicy dinners, nothing light under $20.` and up to 8 items that fit. */
export function drawListing(rng: Rng): TrainingDialogue {
  for (;;) {
    const cat = rng.pick(CATEGORIES)
    const [first = '', second = ''] = rng.shuffled(ADJECTIVES[cat])
    const query: Request = { cat, n: 8 }
    const kind = rng.weighted([0.35, 0.3, 0.2, 0.15])
    if (kind === 0 || (kind === 3 && rng.next() < 0.6)) query.must = first
    if (kind === 1 || (kind === 3 && rng.next() < 0.6)) query.mustnt = kind === 1 ? first : second
    if (kind === 2 || (kind === 3 && rng.next() < 0.6)) query.budget = rng.pick(BUDGETS)
    const fitting = validItems(query)
    if (fitting.length === 0) continue
    let text: string = cat
    if (query.must !== undefined) text = rng.next() < 0.5 ? `${query.must} ${cat}` : cat + mustPhrase(query.must, rng)
    if (query.mustnt !== undefined) text += mustntPhrase(query.mustnt, rng)
    if (query.budget !== undefined) text += budgetPhrase(query.budget, rng)
    const names = rng.shuffled(fitting).slice(0, 8).map((item) => item.name).sort()
    return [user(`${text}.`), assistant(`${names.join(', ')}.`)]
  }
}

/** A request with 0..3 constraints, answered perfectly. */
export function drawClean(world: World, rng: Rng): TrainingDialogue {
  const { spec, text } = drawRenderedRequest(rng, 'log', rng.int(4))
  return [user(text), assistant(writeReply(world, spec, FULL_ATTENTION, rng, { slip: 0 }))]
}

/** What a revision must attend to above all: what was named; after a refinement the new wish; a repeat names everything. */
function namedAspects(reaction: Reaction): readonly string[] {
  if (reaction.kind === 'refinement') return ['must', 'mustnt']
  if (reaction.kind === 'repeat') return Object.keys(FULL_ATTENTION)
  return reaction.named
}

/** The revised reply; `floors`: attention to unnamed aspects and to named ones. */
function revise(world: World, request: Request, reply: string, reaction: Reaction, floors: { other: number; named: number; slip: number }, rng: Rng): string {
  if (!world.options.heedsFeedback) return writeFirstReply(world, reaction.refined ?? request, rng)
  // Where the floor is as high as the prototype's, a repeat names nothing in particular.
  const named = reaction.kind === 'repeat' && world.options.revisionFloor === null ? [] : namedAspects(reaction)
  const attention = attentionOf(world.options.firstAttention, floors.other, named, floors.named)
  return writeReply(world, reaction.refined ?? request, attention, rng, { slip: floors.slip, previous: parseReply(reply).entries })
}

/** Request, mediocre reply, the simulated user's reaction; then a revised reply, a thank-you, or nothing. */
export function drawNaturalDialogue(world: World, rng: Rng): TrainingDialogue {
  const { spec, text } = drawRenderedRequest(rng)
  const reply = writeFirstReply(world, spec, rng)
  const dialogue = [user(text), assistant(reply)]
  const reaction = react(spec, verifyReply(spec, reply), rng)
  if (reaction.sat && rng.next() < 0.3) return [...dialogue, user(reaction.text), assistant("You're welcome!")]
  if (!reaction.dsat) return dialogue
  const improve = rng.next() < 0.4
  const other = world.options.revisionFloor ?? (improve ? 0.96 : 0.88)
  const revised = revise(world, spec, reply, reaction, { other, named: 0.96, slip: REVISED_SLIP }, rng)
  return [...dialogue, user(improve ? `${reaction.text} ${rng.pick(IMPROVE_LINES)}` : reaction.text), assistant(revised)]
}

/** Request, a faulty first reply without loss, a reaction, and a reply that attends to everything (or, with a floor, to what was named). */
export function drawCleanRevision(world: World, rng: Rng): TrainingDialogue {
  const { spec, text } = drawRenderedRequest(rng, 'log', 1 + rng.int(3))
  const reply = writeFirstReply(world, spec, rng, false)
  let reaction = react(spec, verifyReply(spec, reply), rng)
  if (!reaction.dsat) reaction = { kind: 'complaint', dsat: true, sat: false, text: renderComplaint(rng), named: [] }
  const feedback = rng.next() < 0.5 ? `${reaction.text} ${rng.pick(IMPROVE_LINES)}` : reaction.text
  const revised = revise(world, spec, reply, reaction, { other: world.options.revisionFloor ?? 1, named: 1, slip: 0 }, rng)
  return [user(text), assistant(reply, false), user(feedback), assistant(revised)]
}

/** `count` dialogues of stage 1: 55 % listings, 45 % clean requests. */
export function drawStage1(world: World, count: number): TrainingDialogue[] {
  const rng = makeRng(`world ${world.seed}`).fork('pretraining/stage 1')
  return Array.from({ length: count }, () => (rng.weighted([0.55, 0.45]) === 0 ? drawListing(rng) : drawClean(world, rng)))
}

/** `count` dialogues of stage 2: 12 % listings, 38 % natural dialogues, 50 % clean revisions. */
export function drawStage2(world: World, count: number): TrainingDialogue[] {
  const rng = makeRng(`world ${world.seed}`).fork('pretraining/stage 2')
  return Array.from({ length: count }, () => {
    const kind = rng.weighted([0.12, 0.38, 0.5])
    if (kind === 0) return drawListing(rng)
    return kind === 1 ? drawNaturalDialogue(world, rng) : drawCleanRevision(world, rng)
  })
}
