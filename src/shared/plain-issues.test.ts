import { expect, it } from 'vitest'
import { z } from 'zod'
import { issueWords } from './plain-issues.ts'

const schema = z.object({ beta: z.number().positive(), top_p: z.number().max(1), seeds: z.array(z.int()).min(1), name: z.string().min(1), share: z.number().min(0).lt(0.5) })
const said = (given: unknown): string[] => schema.safeParse(given).error?.issues.map((issue) => `${issue.path.join('.')}: ${issueWords(issue, given)}`) ?? []

it('says what was expected and what it got', () => {
  expect(said({ beta: 0, top_p: 2, seeds: [], name: '', share: 0.5 })).toEqual([
    'beta: expected a number above 0, got 0', 'top_p: expected a number up to 1, got 2', 'seeds: expected a list of at least 1 entry, got []', 'name: expected text of at least 1 character, got ""', 'share: expected a number below 0.5, got 0.5',
  ])
  expect(said({ beta: '1', top_p: 1, seeds: [1.5], share: -1 })).toEqual(['beta: expected number, got "1"', 'seeds.0: expected a whole number, got 1.5', 'name: expected string, got nothing', 'share: expected a number from 0, got -1'])
})
