import { constants, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { watchZstdFrames } from './zstd-frames.ts'

test('whole at the end of a frame and nowhere else, however the bytes arrive', () => {
  const content = fc.oneof(fc.uint8Array({ maxLength: 400 }), fc.nat({ max: 300_000 }).map((n) => new Uint8Array(n)))
  fc.assert(
    fc.property(fc.array(content, { minLength: 1, maxLength: 3 }), fc.boolean(), fc.integer({ min: 1, max: 5000 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (contents, checksum, step, share) => {
      const frames = contents.map((bytes) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: checksum ? 1 : 0 } }))
      const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9])
      const whole = Buffer.concat([...frames, skippable])
      const isWhole = (bytes: Uint8Array): boolean => {
        const frames = watchZstdFrames()
        for (let at = 0; at < bytes.length; at += step) frames.push(bytes.subarray(at, at + step))
        return frames.isWhole()
      }
      const pieces = watchZstdFrames().push(whole)
      expect(Buffer.concat(pieces)).toEqual(whole)
      expect(pieces).toHaveLength(frames.length + 1)
      expect(isWhole(whole)).toBe(true)
      const ends = new Set(frames.map((_, i) => Buffer.concat(frames.slice(0, i + 1)).length))
      const cut = Math.floor(whole.length * share)
      if (cut > 0) expect(isWhole(whole.subarray(0, cut))).toBe(ends.has(cut))
    }),
  )
})
