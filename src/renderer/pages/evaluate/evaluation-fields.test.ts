import { expect, it } from 'vitest'
import { filesOf, missingIn, type Form } from './evaluation-fields.ts'

const form = (more: Partial<Form> = {}): Form => ({ benchmark: 'alpacaeval', source: 'files', calibrating: false, files: {}, reference: '', url: '', model: '', ...more })

it('names the first thing that is missing', () => {
  expect(missingIn(form())).toBe('Annotations')
  expect(missingIn(form({ files: { annotations: 'a.json' } }))).toBeNull()
  expect(missingIn(form({ benchmark: 'wb-reward', files: { pairwise: 'p.json' } }))).toBe('Reference')
  expect(missingIn(form({ source: 'judge', files: { outputs: 'o', baseline: 'b' } }))).toBe('Endpoint')
  expect(missingIn(form({ source: 'judge', files: { outputs: 'o', baseline: ' ' }, url: 'u', model: 'm' }))).toBe('Baseline outputs')
  expect(missingIn(form({ source: 'judge', calibrating: true, files: { annotations: 'a' }, url: 'u', model: 'm' }))).toBeNull()
})

it('sends only the files that the form shows', () => {
  expect(filesOf(form({ files: { annotations: ' a.json ', scores: 's.json', difficulty: '' } }))).toEqual({ annotations: 'a.json' })
})
