import { describe, expect, it } from 'vitest'
import { makeRng } from '../rng.ts'
import { ITEM_BY_NAME } from './items.ts'
import { drawCleanRevision, drawListing, drawNaturalDialogue, drawStage1, drawStage2, type TrainingDialogue } from './pretraining.ts'
import { parseReply } from './reply.ts'
import { makeWorld } from './world.ts'
import { attentionOf } from './writer.ts'

const world = makeWorld(1)

describe('pretraining data', () => {
  it('puts the loss on assistant turns only, and on no faulty first reply of a clean revision', () => {
    for (const dialogue of [...drawStage1(world, 500), ...drawStage2(world, 500)]) {
      for (const turn of dialogue) if (turn.role === 'user') expect(turn.loss).toBe(false)
      expect(dialogue.at(-1)).toMatchObject({ role: 'assistant', loss: true })
    }
    const revision = drawCleanRevision(world, makeRng(1))
    expect(revision.map((turn) => turn.loss)).toEqual([false, false, false, true])
  })

  it('lists only items that fit, sorted, up to eight', () => {
    const rng = makeRng('listings')
    for (let i = 0; i < 500; i++) {
      const [query, reply] = drawListing(rng) as [TrainingDialogue[number], TrainingDialogue[number]]
      const names = reply.content.replace(/\.$/, '').split(', ')
      expect(names).toEqual([...new Set(names)].sort())
      expect(names.length).toBeLessThanOrEqual(8)
      const unwanted = /nothing ([a-z]+)|no ([a-z]+) ones|but not ([a-z]+)/.exec(query.content)?.slice(1).find(Boolean)
      const budget = Number(/\$(\d+)/.exec(query.content)?.[1] ?? Infinity)
      for (const name of names) {
        const item = ITEM_BY_NAME.get(name)
        expect(query.content).toContain(item?.category)
        expect(item?.price).toBeLessThan(budget)
        expect(unwanted !== undefined && item?.adjectives.has(unwanted)).toBe(false)
      }
    }
  })

  it('mixes the kinds as specified', () => {
    const stage2 = drawStage2(world, 10_000)
    const share = (holds: (dialogue: TrainingDialogue) => boolean): number => stage2.filter(holds).length / stage2.length
    expect(share((d) => d.length === 4 && d[1]?.loss === false)).toBeCloseTo(0.5, 1.5)
    const improve = /(please give an improved reply|please write a better reply|now reply again, improved)\.$/
    const revisions = stage2.filter((d) => d[1]?.loss === false)
    expect(revisions.filter((d) => improve.test(d[2]?.content ?? '')).length / revisions.length).toBeCloseTo(0.5, 1.5)
    const natural = stage2.filter((d) => d.length === 4 && d[1]?.loss === true && d[3]?.content !== "You're welcome!")
    expect(natural.filter((d) => improve.test(d[2]?.content ?? '')).length / natural.length).toBeCloseTo(0.4, 1.3)
  })

  it('thanks are answered, silence ends the dialogue', () => {
    const rng = makeRng('natural')
    const dialogues = Array.from({ length: 2000 }, () => drawNaturalDialogue(world, rng))
    expect(dialogues.some((d) => d[3]?.content === "You're welcome!")).toBe(true)
    expect(dialogues.some((d) => d.length === 2)).toBe(true)
    for (const dialogue of dialogues) for (const turn of dialogue) if (turn.role === 'assistant') expect(parseReply(turn.content).entries.length).toBeGreaterThan(0)
  })

  it('revises no better than it writes at first where the world does not heed feedback', () => {
    const numbers: Record<string, number> = { two: 2, three: 3, four: 4, 2: 2, 3: 3, 4: 4 }
    const countHeld = (heedsFeedback: boolean): number => {
      const rng = makeRng('heed')
      const revisions = Array.from({ length: 1500 }, () => drawCleanRevision(makeWorld(1, { heedsFeedback }), rng))
      return revisions.filter((d) => parseReply(d[3]!.content).entries.length === numbers[/\b(two|three|four|[234])\b/.exec(d[0]!.content)![0]]).length / revisions.length
    }
    expect(countHeld(true)).toBeGreaterThan(0.95)
    expect(countHeld(false)).toBeLessThan(0.7)
  })

  it('is the same for the same seed and differs between worlds', () => {
    expect(drawStage2(makeWorld(1), 50)).toEqual(drawStage2(world, 50))
    expect(drawStage2(makeWorld(2), 50)).not.toEqual(drawStage2(world, 50))
  })
})

describe('attentionOf', () => {
  const first = world.options.firstAttention
  it('raises the unnamed to the floor and the named to .96', () => {
    expect(attentionOf(first, 0.6, ['count', 'items'])).toEqual({ count: 0.96, format: 0.6, tone: 0.6, must: 0.6, mustnt: 0.6, budget: 0.6 })
    expect(attentionOf(first)).toEqual(first)
  })
})
