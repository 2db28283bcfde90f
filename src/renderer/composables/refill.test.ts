import { expect, test } from 'vitest'
import { refill } from './refill.ts'

test('settings that come late fill what nobody typed in, and come again where they changed', () => {
  const empty = { url: '', model: '' }
  const form = { url: 'http://typed', model: '' }
  const first = { url: 'http://kept', model: 'm1' }
  refill(form, empty, first)
  expect(form).toEqual({ url: 'http://typed', model: 'm1' })
  refill(form, first, { url: 'http://kept', model: 'm2' })
  expect(form).toEqual({ url: 'http://typed', model: 'm2' })
})
