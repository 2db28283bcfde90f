/**
 * TensorBoard event files: TFRecord frames (length, masked CRC-32C, payload, masked CRC-32C), each with an `Event`
 * message. Formats: tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto, framework/summary.proto.
 */

/** Scalars of one step. `wallTime` in seconds since 1970. */
export type ScalarEvent = { wallTime: number; step: number; values: readonly (readonly [tag: string, value: number])[] }

/** A whole file: the version record that readers expect first, then the events. */
export function eventFile(events: readonly ScalarEvent[]): Uint8Array<ArrayBuffer> {
  const version = event(events[0]?.wallTime ?? 0, 0, bytesField(3, utf8('brain.Event:2')))
  return concat([version, ...events.map(({ wallTime, step, values }) => event(wallTime, step, bytesField(5, concat(values.map(scalar)))))].map(record))
}

/** A step of 0 is the default and not written. */
function event(wallTime: number, step: number, what: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(1 << 3 | 1), littleEndian(8, (view) => view.setFloat64(0, wallTime, true)), ...(step === 0 ? [] : [Uint8Array.of(2 << 3), varint(step)]), what])
}

/** Summary.Value: tag 1, simple_value 2, a float32. */
function scalar([tag, value]: readonly [string, number]): Uint8Array {
  return bytesField(1, concat([bytesField(1, utf8(tag)), Uint8Array.of(2 << 3 | 5), littleEndian(4, (view) => view.setFloat32(0, value, true))]))
}

function record(data: Uint8Array): Uint8Array {
  const length = littleEndian(8, (view) => view.setBigUint64(0, BigInt(data.length), true))
  return concat([length, checksum(length), data, checksum(data)])
}

/** Masked, because a CRC over data that holds CRCs is weak. */
function checksum(data: Uint8Array): Uint8Array {
  const crc = crc32c(data)
  return littleEndian(4, (view) => view.setUint32(0, (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0, true))
}

/** Castagnoli's, reflected polynomial 0x82f63b78 (RFC 3720, B.4). */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of data) crc = CRC_TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

const bytesField = (field: number, data: Uint8Array): Uint8Array => concat([Uint8Array.of(field << 3 | 2), varint(data.length), data])
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...bytes, rest])
    bytes.push(rest % 128 | 128)
  }
}

function littleEndian(size: number, write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(size)
  write(new DataView(bytes.buffer))
  return bytes
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
