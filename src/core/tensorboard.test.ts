import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { crc32c, eventFile, type ScalarEvent } from './tensorboard.ts'

/** Made by scripts/reference_tensorboard.py with TensorBoard's own writer. */
const reference = JSON.parse(readFileSync(new URL('../../tests/reference/tensorboard.json', import.meta.url), 'utf8')) as { events: ScalarEvent[]; base64: string }

describe('an event file', () => {
  it('is byte for byte what TensorBoard writes of the same scalars', () => {
    expect(Buffer.from(eventFile(reference.events)).toString('base64')).toBe(reference.base64)
  })

  it('has checksums with the check values of RFC 3720', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283)
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43)
  })
})
