import { expect, test } from 'vitest'
import { fnv1a, FNV_BASIS } from './fnv.ts'

// The authors' test vectors (draft-eastlake-fnv, appendix C): of ASCII texts the UTF-16 units are the bytes.
test.each([['', 0x811c9dc5], ['a', 0xe40c292c], ['foobar', 0xbf9cf968]])('the 32-bit FNV-1a of "%s" is its authors’', (text, hash) => {
  expect(fnv1a(FNV_BASIS, text) >>> 0).toBe(hash)
})

test('a hash goes on from another', () => {
  expect(fnv1a(fnv1a(FNV_BASIS, 'foo'), 'bar')).toBe(fnv1a(FNV_BASIS, 'foobar'))
})
