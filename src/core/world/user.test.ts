import { describe, expect, it } from 'vitest'
import { makeRng } from '../rng.ts'
import { verifyReply } from './reply.ts'
import { validItems, type Request } from './request.ts'
import { react, type Reaction, type ReactionKind } from './user.ts'

const request: Request = { cat: 'dinners', n: 3, must: 'vegetarian', format: 'bullets', tone: 'brief' }

function reactions(reply: string, n = 20_000, asked = request): Reaction[] {
  const rng = makeRng(`reactions to ${reply}`)
  const verification = verifyReply(asked, reply)
  return Array.from({ length: n }, () => react(asked, verification, rng))
}
const rate = (all: Reaction[], holds: (reaction: Reaction) => boolean): number => all.filter(holds).length / all.length
const isKind = (...kinds: ReactionKind[]) => (reaction: Reaction): boolean => kinds.includes(reaction.kind)

/** Within four standard errors of a proportion. */
function expectRate(observed: number, expected: number, n: number): void {
  expect(Math.abs(observed - expected)).toBeLessThan(4 * Math.sqrt((expected * (1 - expected)) / n))
}

describe('react', () => {
  it.each([
    ['- curry\n- falafel\n- pizza', 0, 0.05, 0.3],
    ['- curry\n- falafel', 1, 1 - 0.35, 0.12],
    ['curry and falafel.', 2, 1 - 0.35 ** 2, 0.12],
    ['Certainly. curry and pho.', 4, 1 - 0.35 ** 4, 0.12],
  ])('%j fails %i checks: dissatisfied %d, thanks %d of the others', (reply, failed, dissatisfied, thanks) => {
    expect(verifyReply(request, reply).failed.length).toBe(failed)
    const all = reactions(reply)
    const unhappy = (reaction: Reaction): boolean => !isKind('silent', 'thanks')(reaction)
    expectRate(rate(all, unhappy), dissatisfied, all.length)
    const content = all.filter((reaction) => !unhappy(reaction))
    expectRate(rate(content, isKind('thanks')), thanks, content.length)
    const angry = all.filter(unhappy)
    expectRate(rate(angry, isKind('unspoken')), 0.25, angry.length)
    const written = angry.filter((reaction) => reaction.dsat)
    expectRate(rate(written, isKind('correction')), 0.55, written.length)
    expectRate(rate(written, isKind('complaint')), 0.2, written.length)
    expectRate(rate(written, isKind('repeat')), 0.15, written.length)
    expectRate(rate(written, isKind('refinement')), 0.1, written.length)
  })

  it('writes something exactly when it is dissatisfied or satisfied aloud, in lower case', () => {
    for (const reaction of reactions('curry and pho.')) {
      expect(reaction.text !== '').toBe(reaction.dsat || reaction.sat)
      expect(reaction.dsat && reaction.sat).toBe(false)
      expect(reaction.text).toBe(reaction.text.toLowerCase())
    }
  })

  it('names a violated check in 95 % of corrections, a second one in 30 %', () => {
    const corrections = reactions('curry and falafel.').filter(isKind('correction'))
    // Of the 5 % drawn from all five checks, 2 in 5 are right by chance.
    expectRate(rate(corrections, ({ named }) => named[0] === 'count' || named[0] === 'format'), 0.95 + 0.05 * 0.4, corrections.length)
    expectRate(rate(corrections, ({ named }) => named.length === 2), 0.3, corrections.length)
  })

  it('names an entry that really violates the constraint', () => {
    const text = reactions('- curry\n- falafel\n- pho').filter(isKind('correction')).map((reaction) => reaction.text).join('\n')
    expect(text).toContain("pho isn't vegetarian.")
    expect(text).not.toContain("curry isn't vegetarian.")
  })

  it('says too few or too many by the entries given', () => {
    const corrections = (reply: string): string => reactions(reply).filter(isKind('correction')).map((reaction) => reaction.text).join('\n')
    expect(corrections('- curry\n- falafel')).toContain('only 2?')
    expect(corrections('- curry\n- falafel')).not.toContain('too many.')
    expect(corrections('- curry\n- falafel\n- pizza\n- risotto')).toContain('too many.')
  })

  it('repeats the request in new words', () => {
    for (const { text } of reactions('curry and pho.').filter(isKind('repeat'))) {
      expect(text).toMatch(/^(again: |i repeat: |as i said, )?(can|i need|give|looking|recommend|please|i'd|find|any|could)/)
      expect(text).toMatch(/(three|3) (vegetarian )?dinners/)
    }
  })

  it('refines with a wish the request does not have, leaving at least n items', () => {
    for (const { refined, text } of reactions('curry and pho.').filter(isKind('refinement'))) {
      expect(refined).toEqual({ ...request, mustnt: refined?.mustnt })
      expect(refined?.mustnt).not.toBe('vegetarian')
      expect(text).toContain(refined?.mustnt ?? '?')
      expect(validItems(refined ?? request).length).toBeGreaterThanOrEqual(3)
    }
  })

  it('complains where no wish is left to add', () => {
    const full: Request = { ...request, must: 'vegetarian', mustnt: 'spicy' }
    const all = reactions('curry and pho.', 20_000, full)
    const written = all.filter((reaction) => reaction.dsat)
    expect(rate(all, isKind('refinement'))).toBe(0)
    expectRate(rate(written, isKind('complaint')), 0.3, written.length)
  })
})
